"""Every time of day, date and "last night" of a claim must be a time of what it cites."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from pipeline.verification.facts import Facts
from pipeline.verification.ground import Ground
from pipeline.verification.reading import Reading
from pipeline.verification.times import Moment

_WINDOW = re.compile(
    r"\b(?:between|window|from|until|over|looked|during|to|in the|within|through|history|period|range|since)\b|[–—]"
)
_FORECAST = re.compile(
    r"\b(?:will|full|fills?|expires?|reach\w*|by|until|runs? out|forecast|at (?:this|the present) (?:rate|trend|pace))\b"
)


def moments_without_ground(reading: Reading, ground: Ground, asked: Ground, facts: Facts) -> Iterator[str]:
    """As the claim writes them."""
    for moment in reading.moments:
        if not _stands(moment, reading, ground, asked, facts):
            yield moment.written


def _stands(moment: Moment, reading: Reading, ground: Ground, asked: Ground, facts: Facts) -> bool:
    if moment.at is None:
        return _day_stands(moment, ground, asked, facts)
    if any(moment.is_(real) for real in _times(moment, reading, ground, facts)):
        return True
    return any(moment.is_(real) for real in (*asked.events, *asked.bounds))


def _times(moment: Moment, reading: Reading, ground: Ground, facts: Facts) -> Iterator[datetime]:
    yield from ground.events
    if _WINDOW.search(reading.lower):
        yield from ground.bounds
    if _FORECAST.search(reading.lower):
        for figure in ground.figures:
            if figure.quantity.dimension == "seconds" and figure.role != "ago" and figure.quantity.value < 400 * 86_400:
                ahead = facts.now + timedelta(seconds=figure.quantity.value)
                yield ahead
                if moment.about and abs(figure.quantity.step) <= 3600:
                    yield from (ahead + timedelta(seconds=figure.quantity.step * part / 4) for part in (-2, -1, 1, 2))


def _day_stands(moment: Moment, ground: Ground, asked: Ground, facts: Facts) -> bool:
    """A day, or a word for one, of a cited time; a word that the item or the question has itself."""
    said = moment.written.lower()
    if any(said in item.text.lower() for item in (*ground.items, *asked.items)):
        return True
    if said in ("today", "this week") and ground.items:
        return True
    reals = [*ground.events, *ground.bounds, *asked.bounds]
    if moment.on is not None:
        days = ground.days | asked.days | {real.astimezone(moment.zone).date() for real in reals}
        return moment.on in days
    return any(moment.is_(real) for real in reals) or (moment.weekday is not None and moment.is_(facts.now))
