"""Judged sentences as they stand in files, and what is counted of a verifier's objections."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import InvalidInput
from optimise.verification import Case, Split, load_cases, measure
from pipeline.verify import Facts

SHIPPED = Path(__file__).parents[2] / "evalsets" / "verification"
FACTS: dict[str, Any] = {
    "evidence": [{"id": "E1", "source": "prometheus", "title": "media: memory in use", "summary": "96.5 %"}],
    "passages": [],
    "changes": [],
    "names": ["media", "jellyfin"],
    "alerts": [],
    "question": "how is media doing?",
    "now": "2026-11-23T02:49:32Z",
    "zone": "Europe/Berlin",
}
LINE: dict[str, Any] = {"id": "V1", "kind": "verbatim", "true": True, "sentence": "96.5 % [E1].", "facts": "F01"}


def written(directory: Path, *lines: Any, facts: Any = None) -> Path:
    (directory / "facts.json").write_text(json.dumps({"F01": FACTS} if facts is None else facts))
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    (directory / "dev.jsonl").write_text("".join(f"{text}\n" for text in texts))
    return directory


def case(name: str, kind: str, true: bool, facts: Facts) -> Case:
    return Case(name, kind, true, f"sentence {name}", facts)


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return load_cases(written(tmp_path, LINE), "dev")[0].facts


def test_a_case_carries_its_sentence_and_its_facts(tmp_path: Path) -> None:
    (only,) = load_cases(written(tmp_path, LINE), "dev")
    assert (only.id, only.kind, only.true, only.sentence) == ("V1", "verbatim", True, "96.5 % [E1].")
    assert only.facts.evidence[0].summary == "96.5 %"
    assert only.facts.names == frozenset({"media", "jellyfin"})
    assert only.facts.now == datetime(2026, 11, 23, 2, 49, 32, tzinfo=UTC)
    assert only.facts.zone.key == "Europe/Berlin"


@pytest.mark.parametrize(
    ("lines", "facts", "complaint"),
    [
        (["not json"], None, "dev.jsonl:1: Invalid JSON"),
        ([LINE, {**LINE, "id": "V2", "true": "perhaps"}], None, "dev.jsonl:2: true: "),
        ([LINE, LINE], None, "dev.jsonl:2: id: 'V1' is there twice"),
        ([{**LINE, "facts": "F09"}], None, "dev.jsonl:1: facts: 'F09' is not in facts.json"),
        ([{**LINE, "sentence": ""}], None, "dev.jsonl:1: sentence: "),
        ([], None, "dev.jsonl holds no sentence"),
        ([LINE], {"F01": {**FACTS, "now": "2026-11-23T02:49:32"}}, "facts.json: F01.now: "),
        ([LINE], {"F01": {**FACTS, "zone": "Middle/Earth"}}, "facts.json: 'No time zone found"),
    ],
)
def test_a_wrong_file_is_named_with_the_place(tmp_path: Path, lines: list[Any], facts: Any, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(complaint)):
        load_cases(written(tmp_path, *lines, facts=facts), "dev")


def test_a_missing_half_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"frozen\.jsonl cannot be read"):
        load_cases(written(tmp_path, LINE), "frozen")


def test_recall_and_false_alarms_are_counted_by_kind(facts: Facts) -> None:
    cases = [
        case("t1", "rounded", True, facts),
        case("t2", "rounded", True, facts),
        case("t3", "derived", True, facts),
        case("t4", "derived", True, facts),
        case("f1", "wrong_unit", False, facts),
        case("f2", "wrong_unit", False, facts),
        case("f3", "wrong_time", False, facts),
    ]
    objected = {"sentence t2", "sentence f1", "sentence f3"}
    seen = measure(cases, lambda sentence, _: sentence in objected)
    assert (seen.true_cases, seen.false_cases) == (4, 3)
    assert seen.recall == pytest.approx(2 / 3)
    assert seen.false_alarms == pytest.approx(1 / 4)
    assert [(one.kind, one.true, one.cases, one.flagged) for one in seen.kinds] == [
        ("derived", True, 2, 0),
        ("rounded", True, 2, 1),
        ("wrong_time", False, 1, 1),
        ("wrong_unit", False, 2, 1),
    ]
    assert seen.misses == ("t2", "f2")


def test_the_verifier_is_given_the_facts_of_the_case(facts: Facts) -> None:
    cases = [case("f1", "wrong_unit", False, facts)]
    assert measure(cases, lambda _, given: given is facts).recall == 1.0


def test_shares_over_no_cases_are_zero() -> None:
    nothing = measure([], lambda *_: True)
    assert (nothing.recall, nothing.false_alarms, nothing.kinds, nothing.misses) == (0.0, 0.0, (), ())


def test_the_shipped_halves_share_kinds_and_facts_but_no_sentence() -> None:
    dev, frozen = load_cases(SHIPPED, "dev"), load_cases(SHIPPED, "frozen")
    assert {(one.kind, one.true) for one in dev} == {(one.kind, one.true) for one in frozen}
    assert not {one.id for one in dev} & {one.id for one in frozen}
    assert not {one.sentence for one in dev} & {one.sentence for one in frozen}


@pytest.mark.parametrize("split", ["dev", "frozen"])
def test_the_true_sentences_of_a_shipped_half_cite_items_that_are_there(split: Split) -> None:
    for one in load_cases(SHIPPED, split):
        there = {item.id for item in one.facts.evidence} | {item.id for item in one.facts.passages}
        there |= {item.id for item in one.facts.changes}
        cited = set(re.findall(r"\[([EKC]\d+)\]", one.sentence))
        assert not one.true or (cited and cited <= there), one.id
