import itertools
from datetime import UTC, datetime, timedelta

import pytest

from scenarios.backfill import Stretch
from scenarios.schema import Fault, Scenario, ScenarioLog
from scenarios.timetable import Timetable

NOW = datetime(2026, 11, 20, 3, 10, 42, 123456, tzinfo=UTC)


def scenario(at: timedelta, *logged: timedelta) -> Scenario:
    return Scenario(
        name="rehearsal",
        summary="a rehearsal",
        fault=Fault(kind="cpu_hog", entity="media", at=at),
        logs=tuple(ScenarioLog(at=moment, entity="jellyfin", line="hello") for moment in logged),
    )


def yesterday(timetable: Timetable) -> list[Stretch]:
    """The long past without last week, in order."""
    stretches = sorted((stretch for part in timetable.long_past for stretch in part), key=lambda each: each.start)
    return stretches[1:]


@pytest.mark.parametrize("at", [timedelta(0), timedelta(minutes=20), timedelta(hours=3), timedelta(days=3)])
def test_the_past_is_covered_once_and_without_a_hole(at: timedelta) -> None:
    timetable = Timetable.plan(NOW, scenario(at))
    stretches = yesterday(timetable)
    for earlier, later in itertools.pairwise(stretches):
        assert earlier.end == later.start
    assert stretches[0].start == int(timetable.begin.timestamp())
    assert stretches[-1].end == int(timetable.split.timestamp())
    recent = timetable.recent(NOW)
    assert 0 <= recent.start - stretches[-1].end < recent.step
    assert recent.times()[-1] == int(NOW.timestamp())


def test_nothing_of_the_long_past_lies_in_the_scenario() -> None:
    timetable = Timetable.plan(NOW, scenario(timedelta(minutes=20), timedelta(minutes=-50)))
    assert timetable.split < NOW - timedelta(minutes=70)


def test_the_same_time_last_week_is_there() -> None:
    timetable = Timetable.plan(NOW, None)
    week = min((stretch for part in timetable.long_past for stretch in part), key=lambda each: each.start)
    assert week.start < (NOW - timedelta(days=7)).timestamp() < week.end
    assert week.end < yesterday(timetable)[0].start


def test_a_short_history_is_only_what_was_asked_for() -> None:
    timetable = Timetable.plan(NOW, None, history=timedelta(minutes=30))
    stretches = [stretch for part in timetable.long_past for stretch in part]
    assert [stretch.step for stretch in stretches] == [15]
    assert stretches[0].start == int(datetime(2026, 11, 20, 2, 40, tzinfo=UTC).timestamp())
