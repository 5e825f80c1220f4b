"""Every time of day, date and "last night" of a claim must be a time of what it cites."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from pipeline.verification.belonging import of_another
from pipeline.verification.facts import Facts
from pipeline.verification.ground import Ground
from pipeline.verification.lengths import extreme
from pipeline.verification.reading import Reading
from pipeline.verification.times import Moment

_WINDOW = re.compile(r"\b(?:window|looked|period|history|range|measured)\b")
_BOUND = re.compile(r"(?:\b(?:between|from|and|to|until|till|through)|[–—-])\s?$")
_SIDE_OF = re.compile(r"(?<!shortly )(?<!just )(?<!right )(?<!soon )\b(before|after)\s$")
""" "before midnight" tells on which side of it something was."""
LONGEST_S = 400 * 86_400
_FORECAST = re.compile(
    r"\b(?:will|runs|full|fills?|expires?|reach\w*|by|until|runs? out|forecast|at (?:this|the present) (?:rate|trend|pace))\b"
)


def moments_without_ground(reading: Reading, ground: Ground, asked: Ground, facts: Facts) -> Iterator[str]:
    """As the claim writes them."""
    for moment in reading.moments:
        if not _stands(moment, reading, ground, asked, facts):
            yield moment.written


def _stands(moment: Moment, reading: Reading, ground: Ground, asked: Ground, facts: Facts) -> bool:
    if moment.at is None:
        return _day_stands(moment, reading, ground, asked, facts)
    side = _SIDE_OF.search(reading.lower[: moment.start])
    if side and moment.written.lower() in ("midnight", "noon"):
        return any(_is_before(real, moment) == (side[1] == "before") for real in ground.events)
    alone = len(reading.moments) == 1
    if any(
        moment.is_(real) and not (alone and of_another(real, reading, ground))
        for real in _times(moment, reading, ground, facts)
    ):
        return True
    return any(moment.is_(real) for real in (*asked.events, *asked.bounds))


def _is_before(real: datetime, moment: Moment) -> bool:
    """Whether a time is on the earlier side of the nearest midnight or noon."""
    hour = real.astimezone(moment.zone).hour
    return hour >= 12 if moment.written.lower() == "midnight" else hour < 12


def _times(moment: Moment, reading: Reading, ground: Ground, facts: Facts) -> Iterator[datetime]:
    yield from extreme(reading, ground) if len(reading.moments) == 1 else ground.events
    if _WINDOW.search(reading.lower) or (len(reading.moments) > 1 and _BOUND.search(reading.lower[: moment.start])):
        yield from ground.bounds
    if _FORECAST.search(reading.lower):
        yield from _ahead(ground, facts, about=moment.about)


def _ahead(ground: Ground, facts: Facts, *, about: bool = False) -> Iterator[datetime]:
    """When a cited length of time from now is over; with the times around it that the length's own rounding leaves open."""
    for figure in ground.figures:
        length = figure.quantity
        if length.dimension == "seconds" and figure.role != "ago" and length.value < LONGEST_S:
            yield facts.now + timedelta(seconds=length.value)
            if about and length.step <= 3600:
                yield from (
                    facts.now + timedelta(seconds=length.value + length.step * part / 4) for part in (-2, -1, 1, 2)
                )


def _day_stands(moment: Moment, reading: Reading, ground: Ground, asked: Ground, facts: Facts) -> bool:
    """A day, or a word for one, of a cited time; a word that the item or the question has itself."""
    said = moment.written.lower()
    if any(said in item.text.lower() for item in (*ground.items, *asked.items)):
        return True
    if said in ("today", "this week") and ground.items:
        return True
    reals = [*ground.events, *ground.bounds, *asked.bounds]
    if moment.on is not None:
        days = ground.days | asked.days | {real.astimezone(moment.zone).date() for real in reals}
        ahead = (
            {real.astimezone(moment.zone).date() for real in _ahead(ground, facts)}
            if _FORECAST.search(reading.lower)
            else set()
        )
        return moment.on in days | ahead
    return any(moment.is_(real) for real in reals) or (moment.weekday is not None and moment.is_(facts.now))
