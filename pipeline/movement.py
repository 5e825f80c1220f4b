"""What moved around the onset: the courses of the signals that are out of the ordinary, over all entities, as ranked shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from core.vocabulary import Alert, Window
from pipeline.brief import Brief, Movement
from pipeline.measure import Courses, Measurer
from pipeline.rank import SeriesKind, Shift, rank_entities
from pipeline.ranking.entities import WEIGHTS, EntityWeights
from pipeline.ranking.shifts import CLEAR_SHIFT, shifts_of
from pipeline.signals import Signal
from tools.alerts import AlertRule
from tools.inventory import Inventory

NORMAL_STEPS = 180
"""What is taken as the normal of a series, before the onset: three hours in steps of a minute."""
LONGEST_AFTER = timedelta(hours=1)
FINEST_S, COARSEST_S = 15.0, 60.0
MAX_SIGNALS = 16
UNREMARKABLE = 0.25
LONG_LOOK, LONG_NORMAL, LONG_STEP_S = timedelta(hours=24), timedelta(hours=6), 300.0
"""For what grows slowly: its normal is the first part of the day before the onset."""


def onset_of(brief: Brief, rules: Sequence[AlertRule]) -> datetime:
    """When the first of the explained alerts became active (`for` taken off), else when the chain began to move, else the moment."""
    began = [alert.starts_at - _for(alert, rules) for alert, _ in brief.explained]
    moved = [f.series.onset for f in brief.chain if f.series and f.series.onset and f.abnormal]
    return min([*began, *([] if began else moved), brief.question.at])


def _for(alert: Alert, rules: Sequence[AlertRule]) -> timedelta:
    """The longest `for` of the rules of that name: two severities may share one."""
    return timedelta(seconds=max((rule.duration_s for rule in rules if rule.name == alert.name), default=0.0))


async def movement(brief: Brief, measurer: Measurer, onset: datetime, weights: EntityWeights = WEIGHTS) -> Movement:
    """Ask for the courses of what is abnormal and rank them; empty when nothing is."""
    signals = _abnormal(brief)
    if not signals:
        return Movement(onset)
    end = min(brief.question.at, onset + LONGEST_AFTER)
    step_s = min(max((end - onset).total_seconds() / 15, FINEST_S), COARSEST_S)
    window = Window(start=onset - timedelta(seconds=NORMAL_STEPS * step_s), end=end)
    courses = await measurer.courses(signals, window, step_s=step_s)
    by_name = {signal.name: signal for signal in signals}
    kinds = {name: SeriesKind(bad=by_name[name.rpartition(":")[2]].bad) for name in courses.names}
    shifts = shifts_of(courses.names, courses.times, courses.values, onset.timestamp(), kinds=kinds)
    shifts = beyond_usual(shifts, courses)
    shifts = await _since_when(brief, measurer, onset, end, [_told_apart(shift, brief) for shift in shifts])
    ranked = rank_entities(shifts, entity_of=entity_of, topology=topology_of(brief.inventory), weights=weights)
    return Movement(onset, tuple(shifts), tuple(ranked))


def beyond_usual(shifts: Sequence[Shift], courses: Courses) -> list[Shift]:
    """The shifts, counted by how much of each lies beyond what is usual at its hours; a nightly backup is none.

    One that began as the usual does is dated by when it left that.
    """
    rows = {name: row for row, name in enumerate(courses.names)}
    return [left for shift in shifts if (left := _beyond(shift, rows[shift.series], courses)) is not None]


def _beyond(shift: Shift, row: int, courses: Courses) -> Shift | None:
    sign = 1 if shift.direction == "up" else -1
    since = courses.times >= shift.at.timestamp() - 0.001  # a datetime is rounded to microseconds
    times, values = courses.times[since], sign * courses.values[row, since]
    near, far = (courses.low, courses.high) if sign > 0 else (courses.high, courses.low)
    near, far = sign * near[row, since], sign * far[row, since]
    if not np.isfinite(far).any() or sign * shift.after not in values:
        return shift  # it was not learnt; or it was read as a counter, and moved in rates
    away = values - np.where(np.isfinite(far), far, sign * shift.before)
    share = min(np.nanmax(away) / abs(shift.after - shift.before), 1.0)
    if share <= 0:
        return None
    began_as_usual = near[0] > sign * shift.before and not away[0] > 0
    at = datetime.fromtimestamp(times[away > 0][0], UTC) if began_as_usual else shift.at
    return replace(shift, score=round(shift.score * share, 4), at=at)


def _told_apart(shift: Shift, brief: Brief) -> Shift:
    """The shift, counted less where its size is nothing to mention: one failed request where there was none is no event."""
    odd = any(f"{f.entity}:{f.signal.name}" == shift.series and f.abnormal for f in brief.findings)
    return shift if odd else replace(shift, score=shift.score * UNREMARKABLE)


async def _since_when(
    brief: Brief, measurer: Measurer, onset: datetime, end: datetime, shifts: list[Shift]
) -> list[Shift]:
    """The shifts, those of the chain that accumulate dated by the whole day before: a leak of ten hours has no normal in the last three."""
    slow = {f"{f.entity}:{f.signal.name}": f.signal for f in brief.chain if f.signal.accumulates}
    if not slow:
        return shifts
    window = Window(start=onset - LONG_LOOK, end=end)
    signals = list({signal.name: signal for signal in slow.values()}.values())
    courses = await measurer.courses(signals, window, step_s=LONG_STEP_S)
    rows = [row for row, name in enumerate(courses.names) if name in slow]
    early = courses.times < (window.start + LONG_NORMAL).timestamp()
    if not rows or not early.any():
        return shifts
    names, values = [courses.names[row] for row in rows], courses.values[rows]
    kinds = {name: SeriesKind(bad=slow[name].bad) for name in names}
    past = courses.times[early], values[:, early]
    slowly = shifts_of(names, courses.times, values, onset.timestamp(), past=past, kinds=kinds)
    found = {shift.series: shift for shift in beyond_usual(slowly, courses)}
    known = {shift.series: shift for shift in shifts}
    for name, shift in found.items():
        if shift.score >= CLEAR_SHIFT and (name not in known or shift.at < known[name].at):
            known[name] = replace(shift, score=max(shift.score, known[name].score if name in known else 0.0))
    return sorted(known.values(), key=lambda shift: -shift.score)


def entity_of(series: str) -> str:
    return series.rpartition(":")[0]


def topology_of(inventory: Inventory) -> dict[str, list[str]]:
    """What each entity depends on, its machine included."""
    return {
        name: list(dict.fromkeys([*inventory.topology.get(name, ()), *([entity.host] if entity.host else [])]))
        for name, entity in inventory.entities.items()
    }


def _abnormal(brief: Brief) -> list[Signal]:
    """The signals of which anything is newly abnormal, those of the chain first; at most MAX_SIGNALS."""
    found = [f.signal for f in brief.chain]
    found += [f.signal for f in sorted(brief.findings, key=lambda f: -f.severity) if f.abnormal and not f.chronic]
    unique = {signal.name: signal for signal in found}
    return list(unique.values())[:MAX_SIGNALS]
