"""Lengths of time that follow from what is cited: between two times, since one, or how far was looked back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import combinations

from pipeline.verification.facts import Facts
from pipeline.verification.ground import MAX_EVENTS, Ground
from pipeline.verification.lines import picked
from pipeline.verification.quantities import UNITS, Quantity
from pipeline.verification.reading import Reading

_DURATION = re.compile(
    r"\b(?:ago|for|after|before|later|earlier|since|within|last(?:ed|ing|s)?|took|takes|between|in|into|old|over|during|prior|preced\w+|follow\w+|"
    r"(?:pre|post)dat\w+|elaps\w+|separat\w+|trail\w*|difference|duration|long|span\w*|until|past|by|already|ahead|window|delay|gap|apart|hold\w*|covers?|separates?|to)\b"
)
_APART = re.compile(
    r"\b(?:after\w*|before\w*|later|earlier|between|apart|within|until|gap|delay\w*|prior|preced\w+|follow\w*|then|ahead|lag\w*|lasted|from|to|"
    r"over|span\w*|in between|since|(?:pre|post)dat\w+|elaps\w+|separat\w+|trail\w*|difference)\b"
)
_LAST = re.compile(
    r"\b(?:last|latest|newest|most recent)\s(?!week|night|hour|minute|day|month|year|few|two|three|six|\d)"
)
_FIRST = re.compile(r"(?:\b(?:the|its|their)|['’]s?)\s(?:first|earliest|oldest)\s(?!hour|minute|day|two|three|\d)")
_OTHERS = re.compile(r"\b(?:second|third|fourth|between|other|previous)\b")
_VAGUE = re.compile(r"\bfor (?:many |several |some )?(?P<unit>hours|days|weeks)\b")
_LOOKED = re.compile(
    r"(?<!for the )\b(?:last|past|previous|over|within|during|in|to|history of|recent)\s(?:the\s)?(?:last\s|past\s)?[~(]?$|[(]$"
)
_WATCHED = re.compile(r"\b(?:watched|observed|measured|looked at|covers?|covering|spans?)\b")
_WINDOW = re.compile(r"[\s-]?(?:window|range|period|stretch|of history)\b")


SLACK = 0.02
"""How far "over an hour" may fall short of one."""


def lengths_of_time(quantity: Quantity, reading: Reading, ground: Ground, asked: Ground, facts: Facts) -> bool:
    """Whether a length of time lies between two cited times, or a cited time and now, or is how far was looked back."""
    if quantity.dimension != "seconds" or not _DURATION.search(reading.lower):
        return False
    chosen = picked(reading, ground, _part_of(quantity, reading))
    events = chosen if len(chosen) > 1 else extreme(reading, ground)[:MAX_EVENTS]
    since = [abs((facts.now - event).total_seconds()) for event in events] if len(chosen) < 2 else []
    if reading.lower[quantity.end : quantity.end + 5].strip().startswith("ago"):
        return any(_lasts(quantity, seconds) for seconds in since)
    apart = combinations(events, 2) if _APART.search(reading.lower) else ()
    between = [abs((one - other).total_seconds()) for one, other in apart]
    looked = [
        (item.bounds[1] - item.bounds[0]).total_seconds()
        for item in (*ground.items, *asked.items)
        if len(item.bounds) > 1
    ]
    watched = _WATCHED.search(reading.lower[: quantity.start])
    if (
        not watched
        and not _LOOKED.search(reading.lower[: quantity.start])
        and not _WINDOW.match(reading.lower, quantity.end)
    ):
        looked = []
    return any(_lasts(quantity, seconds) for seconds in (*since, *between, *looked))


def _part_of(quantity: Quantity, reading: Reading) -> str:
    """What stands between the commas around a length: an ordinal beyond them picks no lines for it."""
    before, after = reading.lower[: quantity.start], reading.lower[quantity.end :]
    return (
        re.split(r"[,;]\s", before)[-1] + reading.lower[quantity.start : quantity.end] + re.split(r"[,;]\s", after)[0]
    )


def extreme(reading: Reading, ground: Ground) -> tuple[datetime, ...]:
    """The times of the items; of each the last or the first, where the sentence speaks of that one only."""
    last, first = _LAST.search(reading.lower), _FIRST.search(reading.lower)
    if bool(last) == bool(first) or _OTHERS.search(reading.lower):
        return ground.events
    return tuple((max if last else min)(item.events) for item in ground.items if item.events)


def _lasts(quantity: Quantity, seconds: float) -> bool:
    """Rounded to the nearest, or minutes and less cut off or begun."""
    value, away = quantity.value, abs(quantity.value - seconds)
    if seconds <= 0:
        return False
    if quantity.bound == "over":
        return value * (1 - SLACK) <= seconds <= value * 4 / 3
    if quantity.bound == "under":
        return value * 0.8 <= seconds <= value * (1 + SLACK)
    slack = max(quantity.step / 2, 0.1 * value if quantity.bound == "about" else 0.0)
    return away <= slack or (quantity.step <= 60 and away < quantity.step < value)


def vague_lengths(reading: Reading, ground: Ground, facts: Facts) -> Iterator[str]:
    """ "for hours" of what began some minutes ago."""
    match = _VAGUE.search(reading.lower)
    if match and ground.events:
        longest = max((facts.now - event).total_seconds() for event in ground.events)
        if longest < 1.5 * UNITS[match["unit"]][1]:
            yield match[0]
