"""An answer is taken apart into claims with their citations, and put together again without some of them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.verification.claims import cited, read_claims
from pipeline.verification.cutting import cut


def claims(answer: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(claim.text, claim.cites) for claim in read_claims(answer)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("x [E1].", ("E1",)),
        ("x [E1, E2] [K1]", ("E1", "E2", "K1")),
        ("x [E1][C1]", ("E1", "C1")),
        ("x (E1)", ("E1",)),
        ("x [E1 and E2]", ("E1", "E2")),
        ("x [E1–E3]", ("E1", "E3", "E2")),
        (r"x \[E1]", ()),
        ("x [E1](http://e)", ("E1",)),
        ("the EC2 [x]", ()),
    ],
)
def test_citations_are_read_as_people_write_them(text: str, ids: tuple[str, ...]) -> None:
    assert cited(text) == ids


def test_a_sentence_has_its_own_citation_or_that_of_its_paragraph() -> None:
    assert claims(
        "It rose. It is 96.3 % now [E1]. E.g. `a. b` grew (see below. Really.) by v1.2. **Bold. Text.** too [E2]."
    ) == [
        ("It rose.", ("E1", "E2")),
        ("It is 96.3 % now [E1].", ("E1",)),
        ("E.g. `a. b` grew (see below. Really.) by v1.2.", ("E1", "E2")),
        ("**Bold. Text.** too [E2].", ("E2",)),
    ]


def test_a_citation_behind_the_full_stop_belongs_to_the_sentence_before_it() -> None:
    assert claims("One. [E1] Two. [E2]") == [("One. [E1]", ("E1",)), ("Two. [E2]", ("E2",))]


def test_bullets_and_code_have_the_citation_of_what_introduces_them() -> None:
    answer = "Steps [K1]:\n\n1. One.\n\n   ```\n   ls\n   ```\n2. Two [E1].\n   - nested"
    assert [(claim.kind, claim.cites) for claim in read_claims(answer)] == [
        ("sentence", ("K1",)), ("sentence", ("K1",)), ("code", ("K1",)), ("sentence", ("E1",)), ("sentence", ("E1",)),
    ]  # fmt: skip


def test_an_introduction_has_the_citations_of_its_list_and_counts_it() -> None:
    head, *_ = read_claims("Two things moved:\n- a [E1]\n- b [E2]")
    assert (head.cites, head.follow) == (("E1", "E2"), 2)


def test_a_line_that_looks_like_a_link_definition_is_a_sentence() -> None:
    assert claims("[E1]: memory is 99 %") == [("[E1]: memory is 99 %", ("E1",))]


def test_rows_and_headings_are_claims() -> None:
    kinds = [claim.kind for claim in read_claims("# A\n\n| h | m |\n|---|---|\n| a | 1 [E1] |")]
    assert kinds == ["heading", "heading", "row"]


@pytest.mark.parametrize(
    ("answer", "bad", "left"),
    [
        ("One. Bad. Two.", ["Bad."], "One. Two."),
        ("- one\n- Bad.\n- two", ["Bad."], "- one\n- two"),
        ("Intro:\n\n- Bad.\n\nEnd.", ["Bad."], "End."),
        ("- Bad.\n  - child\n- two", ["Bad."], "- two"),
        ("1. Bad.\n   ```\n   ls\n   ```\n2. two", ["Bad."], "2. two"),
        ("# H\n\nBad.\n\n## I\n\ntwo", ["Bad."], "# H\n\n## I\n\ntwo"),
        ("## H\n\nBad.\n\n## I\n\ntwo", ["Bad."], "## I\n\ntwo"),
        ("**Cause**: Bad.\n\ntwo", ["**Cause**: Bad."], "two"),
        ("| a |\n|---|\n| Bad. |\n\ntwo", ["| Bad. |"], "two"),
        ("> Bad.\n\ntwo", ["Bad."], "two"),
        ("one\n\n```\n- \n```\n\nBad.", ["Bad."], "one\n\n```\n- \n```"),
    ],
)
def test_what_is_cut_leaves_no_hole(answer: str, bad: list[str], left: str) -> None:
    found = read_claims(answer)
    assert cut(answer, found, [n for n, claim in enumerate(found) if claim.text in bad]) == left


MARKDOWN = st.lists(
    st.sampled_from(["word", "A. B", "[E1]", "**b**", "`c`", "```", "\n", "\n\n", "\n- ", "\n  1. ", "\n| a | b |\n|---|---|\n| 1 | 2 |\n", "\n# ", "\n> ", " "]),
    max_size=40,
).map("".join)  # fmt: skip


@given(MARKDOWN)
def test_claims_stand_in_their_order_and_do_not_overlap(answer: str) -> None:
    found = read_claims(answer)
    assert [claim.text for claim in found] == [answer[claim.start : claim.end] for claim in found]
    assert all(one.end <= other.start for one, other in pairwise(found))


@given(MARKDOWN)
def test_all_cut_leaves_no_claim(answer: str) -> None:
    found = read_claims(answer)
    assert [
        claim.text for claim in read_claims(cut(answer, found, range(len(found)))) if claim.kind == "sentence"
    ] == []
