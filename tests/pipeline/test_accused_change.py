"""Which change a question means when it blames one."""

from datetime import UTC, datetime, timedelta

import pytest

from core.vocabulary import Change
from pipeline.accused_change import accused_change, with_accused
from pipeline.ranking.changes import RankedChange

ONSET = datetime(2026, 11, 20, 12, tzinfo=UTC)


def change(number: str, title: str, entity: str, minutes: int = 5, kind: str = "config_commit") -> Change:
    return Change(id=number, at=ONSET - timedelta(minutes=minutes), kind=kind, entity=entity, title=title, source="git")


GPU = change("C1", "qm set 112 --delete hostpci0, then VM 112 rebooted", "nvr", kind="guest_lifecycle")
PUMP = change("C2", "Add automation for the heat pump", "homeassistant", minutes=-4)
GO2RTC = change("C3", "go2rtc 1.9.10 → 1.9.11", "go2rtc", kind="image_update")
SAMBA = change("C4", "smb : shares (changed)", "nas", kind="ansible_task")
TYPO = change("C5", "Fix a typo", "homeassistant")
ALL = [GPU, PUMP, GO2RTC, SAMBA, TYPO]


@pytest.mark.parametrize(
    ("text", "subjects", "meant"),
    [
        ("I bet it's the heat pump automation I pushed. Right?", (), PUMP),
        ("go2rtc 1.9.11 broke it, didn't it", (), GO2RTC),
        ("did the update of go2rtc do that?", (), GO2RTC),
        ("is nvr slow because of the typo fix?", ("nvr",), TYPO),
        ("why is nvr slow?", ("nvr",), None),
        ("why is homeassistant slow?", ("homeassistant",), None),
        ("homeassistant changed twice, was that it?", (), None),
        ("what changed before it?", (), None),
        ("which change came right before it, and is it the heat pump one?", (), None),
        ("timeline of changes before it, the heat pump one first", (), None),
    ],
)
def test_the_change_that_is_meant(text: str, subjects: tuple[str, ...], meant: Change | None) -> None:
    assert accused_change(text, subjects, ALL) == meant


def ranked(own: Change, *, clears: bool = False) -> RankedChange:
    return RankedChange(own, 0.5, clears_bar=clears, reasons=("on it",))


def test_the_accused_one_stands_behind_the_one_that_explains() -> None:
    first, accused = with_accused([ranked(GPU, clears=True), ranked(SAMBA), ranked(GO2RTC)], GO2RTC, ONSET, shown=2)
    assert [each.change for each in first] == [GPU, GO2RTC]
    assert accused == GO2RTC


def test_one_that_explains_is_not_acquitted() -> None:
    first, accused = with_accused([ranked(GPU, clears=True), ranked(SAMBA)], GPU, ONSET, shown=2)
    assert (accused, [each.change for each in first]) == (None, [GPU, SAMBA])


def test_one_that_came_too_late_is_told_so() -> None:
    first, accused = with_accused([ranked(SAMBA)], PUMP, ONSET, shown=3)
    assert accused == PUMP
    assert first[0].reasons == ("it came after the symptom began",)
