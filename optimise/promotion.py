"""Whether a program may take the place of another one: better on dev, no kind much worse, and the test split agrees.

Test is looked at only when dev has decided, and once for two programs. Every look is recorded before it is taken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from core.clock import now
from core.errors import InvalidInput
from core.vocabulary import Frozen, UtcDatetime
from optimise.comparison import Comparison, KindChange, compare
from optimise.held_out import record_test_read
from optimise.report import Report

LOG = logging.getLogger(__name__)
MARGIN = 0.05
"""The share of a kind's pairs by which it may get worse. One pair is always allowed: of a small kind it would be more than the share."""
RESULTS_FILE = "test-results.jsonl"
"""In the data directory, a line per pair of programs, beside the reads in test-reads.jsonl."""
LOST_NAMED = 3
Evaluate = Callable[[], Report]


class TestResult(Frozen):
    """What the test split said of two programs. `data_hash` is of the dev cases that went before: another set has another test split."""

    __test__ = False  # for pytest, which takes the name for a class of tests

    at: UtcDatetime
    git_revision: str
    data_hash: str
    comparison: Comparison


class Decision(Frozen):
    """`reasons` say why, or why not. `test` is None when dev had decided already."""

    promote: bool
    reasons: tuple[str, ...]
    dev: Comparison | None = None
    test: Comparison | None = None


def decide(
    before: Report,
    after: Report,
    test_before: Evaluate,
    test_after: Evaluate,
    *,
    data_dir: Path,
    margin: float = MARGIN,
) -> Decision:
    """`before` and `after` are of the same cases; of them, dev counts. The callables evaluate the test split, and are called at most once each.

    A result that is recorded for the same two programs (`Report.program`, which holds the hash of the state) and dev cases is used
    instead, and told to be an earlier one. Raises InvalidInput when another program answers the test split.
    """
    if unfit := _unfit(before, after):
        return Decision(promote=False, reasons=unfit)
    dev = compare(_dev(before), _dev(after))
    if against := _against(dev, margin):
        return Decision(promote=False, reasons=against, dev=dev)
    result = _recorded(data_dir, (before.program, after.program, after.data_hash))
    earlier = f" (read earlier, at git {result.git_revision}; {data_dir / RESULTS_FILE} holds it)" if result else ""
    test = result.comparison if result else _on_test(before, after, test_before, test_after, data_dir)
    if test.only_before or test.only_after or not test.same_data:
        confirmed, said = (
            False,
            "the test reports are not of the same cases; evaluate both on the same set with the same seeds",
        )
    elif test.difference < 0:
        confirmed, said = False, f"test does not confirm: {test.summary()}{earlier}"
    else:
        confirmed, said = True, f"test confirms: {test.summary()}{earlier}"
    reasons = (f"dev: {dev.summary()}", said)
    return Decision(promote=confirmed, reasons=reasons, dev=dev, test=test)


def _unfit(before: Report, after: Report) -> tuple[str, ...]:
    """Why the two reports cannot be set against each other."""
    found = []
    if before.program == after.program:
        found.append(f"both reports are of the program {after.program}; name another candidate")
    if before.data_hash != after.data_hash:
        found.append(f"the cases differ (data {before.data_hash} and {after.data_hash}); evaluate both on the same set")
    if before.git_revision != after.git_revision:
        found.append(
            f"the code differs (git {before.git_revision} and {after.git_revision}); evaluate both at the same revision"
        )
    for side, report in (("before", before), ("after", after)):
        if not _dev(report).cases:
            found.append(f"the report {side} has no case of the split dev; promotion is decided there")
    keys = [{(case.id, case.seed) for case in _dev(report).cases} for report in (before, after)]
    if all(keys) and keys[0] != keys[1]:
        found.append(
            f"{len(keys[0] ^ keys[1])} dev cases were asked on one side only; evaluate both with the same seeds"
        )
    return tuple(found)


def _against(dev: Comparison, margin: float) -> tuple[str, ...]:
    found = []
    if dev.difference <= 0:
        found.append(f"dev does not improve: {dev.summary()}")
    for name, change in dev.kinds.items():
        if regresses(change, margin):
            lost = [each for each in dev.lost if each.kind == name]
            named = ", ".join(f"{each.id} ({each.reason})" for each in lost[:LOST_NAMED])
            found.append(
                f"{name} gets worse: {change.after} of {change.total} pass, {change.before} did; {allowed(change, margin):g} fewer would "
                f"be borne; lost are {named}"
                + (f" and {len(lost) - LOST_NAMED} more" if len(lost) > LOST_NAMED else "")
            )
    return tuple(found)


def allowed(change: KindChange, margin: float) -> float:
    """So many pairs fewer are borne."""
    return max(1.0, margin * change.total)


def regresses(change: KindChange, margin: float) -> bool:
    return change.before - change.after > allowed(change, margin)


def _on_test(before: Report, after: Report, test_before: Evaluate, test_after: Evaluate, data_dir: Path) -> Comparison:
    record_test_read(data_dir, f"promotion of {after.program} over {before.program}")
    found = compare(_answered_by(before.program, test_before()), _answered_by(after.program, test_after()))
    line = TestResult(
        at=now(), git_revision=after.git_revision, data_hash=after.data_hash, comparison=found
    ).model_dump_json()
    with (data_dir / RESULTS_FILE).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    return found


def _answered_by(program: str, report: Report) -> Report:
    if report.program != program:
        raise InvalidInput(
            f"promotion: the test split was answered by {report.program}, dev by {program}; evaluate anew"
        )
    return report


def _recorded(data_dir: Path, key: tuple[str, str, str]) -> TestResult | None:
    """The first result of the two programs, in this order, with the hash of those dev cases."""
    path = data_dir / RESULTS_FILE
    if not path.exists():
        return None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found = TestResult.model_validate_json(line)
        except ValidationError:
            LOG.warning("%s: line %d is not a result; it is passed over", path, number)
            continue
        if (found.comparison.before, found.comparison.after, found.data_hash) == key:
            return found
    return None


def _dev(report: Report) -> Report:
    return report.model_copy(update={"cases": tuple(case for case in report.cases if case.split == "dev")})
