"""When what is written: which stretches of the past the lab backfills, and how finely.

Everything before the scenario can be written while nobody yet knows when the lab will be ready (`long_past`, the slow part). What is
left, from a little before the scenario until now, is written last (`recent`, a second or two), once its start is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from scenarios.backfill import Stretch
from scenarios.schema import Scenario

HISTORY = timedelta(hours=26)
"""A day, and two hours to compare with yesterday's."""
WEEK = timedelta(days=7)
AROUND_LAST_WEEK = timedelta(hours=1.5)
"""On either side of the same time a week ago."""
FINE = timedelta(hours=1)
COARSE_STEP_S = 60
"""As most homelabs scrape."""
FINE_STEP_S = 15
FIRST_SHARE = 0.6
"""Of the coarse past, for the process that also writes last week; the other one writes the fine past."""
MARGIN = timedelta(minutes=2)
"""Between the last of the long past and the first that the scenario does."""
LONGEST_LEAD_IN = timedelta(hours=24)
"""What a scenario does earlier than this is not shown."""


@dataclass(frozen=True)
class Timetable:
    """`long_past` is balanced into parts for as many processes; it ends at `split`, where `recent` takes over."""

    begin: datetime
    split: datetime
    long_past: tuple[tuple[Stretch, ...], ...]

    @classmethod
    def plan(cls, now: datetime, scenario: Scenario | None, *, history: timedelta = HISTORY) -> Timetable:
        """For a scenario whose fault is to begin soon after `now`. A history of less than a day has no last week either."""
        split = _whole_minutes(now - min(_lead_in(scenario), LONGEST_LEAD_IN) - MARGIN)
        begin = min(split, _whole_minutes(now - history))
        fine = max(begin, min(split, _whole_minutes(now - FINE)))
        middle = _whole_minutes(begin + (fine - begin) * FIRST_SHARE)
        first = [_stretch(begin, middle, COARSE_STEP_S)]
        if history >= timedelta(days=1):
            week = _whole_minutes(now - WEEK)
            first.append(_stretch(week - AROUND_LAST_WEEK, week + AROUND_LAST_WEEK, COARSE_STEP_S))
        second = [_stretch(middle, fine, COARSE_STEP_S), _stretch(fine, split, FINE_STEP_S)]
        parts = (tuple(stretch for stretch in part if stretch.start < stretch.end) for part in (first, second))
        return cls(begin, split, tuple(part for part in parts if part))

    def recent(self, now: datetime) -> Stretch:
        """From the split up to now; the last sample is of this very second, so that scraping follows without a gap."""
        last, split = int(now.timestamp()), int(self.split.timestamp())
        return Stretch(last - (last - split) // FINE_STEP_S * FINE_STEP_S, last + 1, FINE_STEP_S)


def fault_offset(scenario: Scenario | None) -> timedelta:
    """How long the scenario has run when its fault begins; nothing, when it has none."""
    return scenario.fault.at if scenario and scenario.fault else timedelta(0)


def _lead_in(scenario: Scenario | None) -> timedelta:
    """From the first thing that the scenario does or logs to its fault."""
    logged = [log.at for log in scenario.logs] if scenario else []
    return fault_offset(scenario) - min([timedelta(0), *logged])


def _stretch(start: datetime, end: datetime, step: int) -> Stretch:
    return Stretch(int(start.timestamp()), int(end.timestamp()), step)


def _whole_minutes(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
