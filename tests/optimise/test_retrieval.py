"""Pairs files as people write them, and what counts as a hit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from optimise.retrieval import DEPTH, Outcome, Pair, ask_all, figures, load_pairs, misses, without_their_page

DNS = Pair(question="restart dns", expected="dns.md", also_accept=("roles/unbound/*", "adguard.md"))
NOBODY = Pair(question="lasagne", expected=None)


def pairs_file(directory: Path, content: Any) -> Path:
    path = directory / "pairs.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def outcome(pair: Pair, rank: int | None, *found: str, seconds: float = 0.001) -> Outcome:
    return Outcome(pair, rank, found, seconds)


def test_pairs_are_read_with_somebodys_notes_ignored(tmp_path: Path) -> None:
    content = [
        {"question": "restart dns", "expected": "dns.md", "also_accept": ["a.md"], "why": "a note", "id": 7},
        {"question": "lasagne", "expected": None},
    ]
    assert load_pairs(pairs_file(tmp_path, content)) == [
        Pair(question="restart dns", expected="dns.md", also_accept=("a.md",)),
        NOBODY,
    ]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ([{"question": "a", "expected": "b"}, {"question": "c"}], r"1\.expected: Field required"),
        ([{"expected": "b"}], r"0\.question: Field required"),
        ([{"question": 3, "expected": "b"}], r"0\.question: "),
        ([{"question": "a", "expected": ["b"]}], r"0\.expected: "),
        ([{"question": "a", "expected": "b", "also_accept": "c.md"}], r"0\.also_accept: "),
        ([{"question": "a", "expected": "b", "also_accept": ["c", 4]}], r"0\.also_accept\.1: "),
        (["a"], r": 0: "),
        ({"question": "a", "expected": "b"}, "list"),
        ("[{", "is not JSON"),
        ("[]", "holds no pair"),
    ],
)
def test_a_wrong_pairs_file_is_named_with_its_field(tmp_path: Path, content: Any, named: str) -> None:
    path = pairs_file(tmp_path, content)
    with pytest.raises(InvalidInput, match=named) as caught:
        load_pairs(path)
    assert str(caught.value).startswith(f"pairs: {path}")
    assert "\n" not in str(caught.value)


def test_a_pairs_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.json", tmp_path, tmp_path / "binary.json"):
        with pytest.raises(InvalidInput, match=re.escape(f"pairs: {path} cannot be read")):
            load_pairs(path)


@pytest.mark.parametrize("document", ["dns.md", "adguard.md", "roles/unbound/tasks/main.yml"])
def test_the_page_and_what_is_as_good_are_accepted(document: str) -> None:
    assert DNS.accepts(document)


@pytest.mark.parametrize("document", ["DNS.md", "sub/dns.md", "roles/unbound-exporter/tasks/main.yml", ""])
def test_other_pages_are_not(document: str) -> None:
    assert not DNS.accepts(document)
    assert not NOBODY.accepts(document)


def test_each_question_is_asked_once_in_order_and_the_first_right_page_counts() -> None:
    asked: list[tuple[str, int]] = []
    answers = {"restart dns": ["ups.md", "adguard.md", "dns.md", "x.md"], "lasagne": []}

    def search(question: str, k: int) -> list[str]:
        asked.append((question, k))
        return answers[question]

    calls: list[tuple[int, int]] = []
    found = ask_all([DNS, NOBODY], search, lambda done, total: calls.append((done, total)))
    assert asked == [("restart dns", DEPTH), ("lasagne", DEPTH)]
    assert [(one.pair, one.rank, one.found) for one in found] == [
        (DNS, 2, ("ups.md", "adguard.md", "dns.md")),
        (NOBODY, None, ()),
    ]
    assert all(one.seconds >= 0 for one in found)
    assert calls == [(1, 2), (2, 2)]


def test_figures_over_a_hand_counted_set() -> None:
    outcomes = [
        outcome(DNS, 1, "dns.md", seconds=0.004),
        outcome(DNS, 3, "a", "b", "dns.md", seconds=0.001),
        outcome(DNS, 5, "a", "b", "c", seconds=0.002),
        outcome(DNS, None, "a", seconds=0.003),
        outcome(DNS, None, seconds=0.010),
        outcome(NOBODY, None, seconds=0.005),
        outcome(NOBODY, None, "a", seconds=0.006),
    ]
    result = figures(outcomes)
    assert (result.questions, result.without_page) == (7, 2)
    assert (result.hit_at_1, result.hit_at_3) == (1 / 5, 2 / 5)
    assert result.mrr == pytest.approx((1 + 1 / 3 + 1 / 5) / 5)
    assert (result.abstained, result.false_abstentions) == (1, 1)
    assert result.query_ms_median == pytest.approx(4.0)
    assert result.query_ms_p95 == pytest.approx(10.0)


def test_figures_without_any_question_that_has_a_page() -> None:
    result = figures([outcome(NOBODY, None)])
    assert (result.hit_at_1, result.mrr, result.abstained, result.false_abstentions) == (0, 0, 1, 0)


def test_pairs_that_no_page_of_the_corpus_can_answer_are_known_and_counted() -> None:
    other = Pair(question="nas", expected="nas.md")
    assert without_their_page([DNS, other, NOBODY], ["dns.md", "ups.md"]) == [other]
    assert without_their_page([DNS], ["roles/unbound/tasks/main.yml"]) == [], "another page is as good"
    assert without_their_page([DNS, other, NOBODY], []) == [DNS, other]
    outcomes = [outcome(DNS, 1, "dns.md"), outcome(other, None, "dns.md")]
    assert (figures(outcomes, page_missing=1).page_missing, figures(outcomes).page_missing) == (1, 0)
    assert figures(outcomes, page_missing=1).hit_at_1 == 0.5, "they still count as misses"


def test_misses_are_what_was_not_right_at_once() -> None:
    right = [outcome(DNS, 1, "dns.md"), outcome(NOBODY, None)]
    wrong = [outcome(DNS, 2, "a", "dns.md"), outcome(DNS, None), outcome(NOBODY, None, "a")]
    assert misses([*right, *wrong]) == wrong
