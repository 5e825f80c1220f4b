"""Promotion: dev decides, test confirms and is read once, and every refusal says why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from evaluation_reports import case, report

from core.errors import InvalidInput, LabError
from optimise.comparison import KindChange
from optimise.promotion import MARGIN, RESULTS_FILE, Decision, decide, regresses
from optimise.report import Report

OLD, NEW = "0.1.0+aaa", "0.1.0+bbb"


def split(
    passing: int, of: int = 10, *, program: str = OLD, name: str = "dev", kind: str = "dns", **fields: object
) -> Report:
    cases = [case(f"{name}-{index}", index < passing, split=name, kind=kind) for index in range(of)]
    return report(*cases, program=program, **fields)


class TestSplit:
    """The held-out evaluations, and how often they were asked for."""

    __test__ = False

    def __init__(self, before: Report, after: Report) -> None:
        self.reports = {"before": before, "after": after}
        self.read: list[str] = []

    def of(self, side: str) -> Report:
        self.read.append(side)
        return self.reports[side]


def held_out(before: int = 5, after: int = 6) -> TestSplit:
    return TestSplit(split(before, name="test"), split(after, name="test", program=NEW))


def decided(before: Report, after: Report, test: TestSplit, data_dir: Path, **kwargs: float) -> Decision:
    return decide(before, after, lambda: test.of("before"), lambda: test.of("after"), data_dir=data_dir, **kwargs)


def reads(data_dir: Path) -> Sequence[dict[str, str]]:
    path = data_dir / "test-reads.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_better_on_dev_and_confirmed_on_test_is_promoted(tmp_path) -> None:
    test = held_out()
    decision = decided(split(5), split(7, program=NEW), test, tmp_path)
    assert decision.promote
    assert decision.reasons[0].startswith("dev: 5 of 10 pass with 0.1.0+aaa, 7 with 0.1.0+bbb")
    assert decision.reasons[1].startswith("test confirms: 5 of 10 pass")
    assert test.read == ["before", "after"]


def test_the_same_on_test_confirms_and_worse_does_not(tmp_path) -> None:
    assert decided(split(5), split(7, program=NEW), held_out(5, 5), tmp_path / "same").promote
    decision = decided(split(5), split(7, program=NEW), held_out(5, 4), tmp_path / "worse")
    assert not decision.promote
    assert decision.reasons[1].startswith("test does not confirm: 5 of 10 pass with 0.1.0+aaa, 4 with")


@pytest.mark.parametrize("after", [5, 4])
def test_what_does_not_improve_dev_never_reads_test(tmp_path, after) -> None:
    test = held_out()
    decision = decided(split(5), split(after, program=NEW), test, tmp_path)
    assert not decision.promote
    assert decision.reasons[0].startswith("dev does not improve: 5 of 10")
    assert (test.read, reads(tmp_path), decision.test) == ([], [], None)


def test_only_dev_counts_of_what_was_asked(tmp_path) -> None:
    """Train got better, dev did not."""
    before = report(*split(5).cases, *split(0, name="train").cases)
    after = report(*split(5).cases, *split(10, name="train").cases, program=NEW)
    assert decided(before, after, held_out(), tmp_path).reasons[0].startswith("dev does not improve: 5 of 10")


@pytest.mark.parametrize(
    ("before", "after", "total", "worse"),
    [(4, 3, 4, False), (4, 2, 4, True), (60, 57, 60, False), (60, 56, 60, True), (5, 9, 10, False), (1, 0, 1, False)],
)
def test_a_kind_may_lose_one_case_or_the_margin(before, after, total, worse) -> None:
    assert regresses(KindChange(before=before, after=after, total=total), MARGIN) is worse


def test_a_kind_that_gets_much_worse_refuses_and_names_what_was_lost(tmp_path) -> None:
    before = report(*split(2).cases, *(case(f"cpu-{index}") for index in range(5)))
    after = report(*split(9).cases, *(case(f"cpu-{index}", False) for index in range(5)), program=NEW)
    test = held_out()
    decision = decided(before, after, test, tmp_path)
    assert not decision.promote
    (reason,) = decision.reasons
    assert reason == (
        "high_cpu gets worse: 0 of 5 pass, 5 did; 1 fewer would be borne; "
        "lost are cpu-0 (facts: cpu-0), cpu-1 (facts: cpu-1), cpu-2 (facts: cpu-2) and 2 more"
    )
    assert test.read == []
    assert decided(before, after, test, tmp_path, margin=1.0).promote


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (split(7), "both reports are of the program 0.1.0+aaa"),
        (split(7, program=NEW, data_hash="d2"), "the cases differ"),
        (split(7, program=NEW, git_revision="def"), "the code differs (git abc123 and def)"),
        (split(7, program=NEW, name="train"), "the report after has no case of the split dev"),
        (split(7, 11, program=NEW), "1 dev cases were asked on one side only"),
    ],
)
def test_reports_that_cannot_be_set_against_each_other(tmp_path, after, told) -> None:
    test = held_out()
    decision = decided(split(5), after, test, tmp_path)
    assert not decision.promote
    assert told in decision.reasons[0]
    assert test.read == []


def test_every_read_is_recorded_and_a_recorded_result_is_not_read_again(tmp_path) -> None:
    test = held_out()
    first = decided(split(5), split(7, program=NEW), test, tmp_path)
    again = decided(split(5), split(7, program=NEW), test, tmp_path)
    assert (again.promote, again.test) == (first.promote, first.test)
    assert "read earlier, at git abc123" in again.reasons[1]
    assert "earlier" not in first.reasons[1]
    assert test.read == ["before", "after"]
    (read,) = reads(tmp_path)
    assert read["why"] == "promotion of 0.1.0+bbb over 0.1.0+aaa"
    assert {"at", "git_revision"} <= read.keys()


@pytest.mark.parametrize("fields", [{"program": "0.1.0+ccc"}, {"data_hash": "d2"}])
def test_another_program_or_set_is_read_anew(tmp_path, fields) -> None:
    decided(split(5), split(7, program=NEW), held_out(), tmp_path)
    both = {name: value for name, value in fields.items() if name != "program"}
    after = {"program": NEW} | fields
    test = TestSplit(split(5, name="test"), split(6, name="test", program=after["program"]))
    decided(split(5, **both), split(7, **after), test, tmp_path)
    assert test.read == ["before", "after"]
    assert len(reads(tmp_path)) == 2


def test_an_earlier_result_holds_at_another_revision_and_is_told_as_such(tmp_path) -> None:
    decided(split(5), split(7, program=NEW), held_out(5, 4), tmp_path)
    test = held_out(0, 10)
    decision = decided(split(5, git_revision="def"), split(7, program=NEW, git_revision="def"), test, tmp_path)
    assert not decision.promote
    assert "read earlier, at git abc123" in decision.reasons[1]
    assert test.read == []


def test_a_read_that_fails_is_recorded_all_the_same(tmp_path) -> None:
    def fails() -> Report:
        raise LabError("no Prometheus")

    with pytest.raises(LabError):
        decide(split(5), split(7, program=NEW), fails, fails, data_dir=tmp_path)
    assert len(reads(tmp_path)) == 1
    assert not (tmp_path / RESULTS_FILE).exists()


def test_a_torn_line_of_results_is_passed_over(tmp_path) -> None:
    (tmp_path / RESULTS_FILE).write_text('{"at": "2026-\n')
    assert decided(split(5), split(7, program=NEW), held_out(), tmp_path).promote
    assert decided(split(5), split(7, program=NEW), held_out(9, 0), tmp_path).promote, "the good line after it counts"


def test_test_reports_of_other_programs_or_cases_are_refused(tmp_path) -> None:
    wrong = TestSplit(split(5, name="test"), split(6, name="test", program="0.1.0+zzz"))
    with pytest.raises(InvalidInput, match=r"answered by 0\.1\.0\+zzz, dev by 0\.1\.0\+bbb"):
        decided(split(5), split(7, program=NEW), wrong, tmp_path)
    uneven = TestSplit(split(5, name="test"), split(6, 9, name="test", program=NEW))
    decision = decided(split(5), split(7, program=NEW), uneven, tmp_path)
    assert decision.reasons[1:] == (
        "the test reports are not of the same cases; evaluate both on the same set with the same seeds",
    )
