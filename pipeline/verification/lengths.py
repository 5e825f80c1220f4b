"""Lengths of time that follow from what is cited: between two times, since one, or how far was looked back."""

from __future__ import annotations

import re
from itertools import combinations

from pipeline.verification.facts import Facts
from pipeline.verification.ground import MAX_EVENTS, Ground
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import Reading

_DURATION = re.compile(
    r"\b(?:ago|for|after|before|later|earlier|since|within|last(?:ed|ing|s)?|took|takes|between|in|into|old|over|during|prior|preced\w+|follow\w+|"
    r"duration|long|span\w*|until|past|by|already|ahead|window|delay|gap|apart|hold\w*|to)\b"
)
_LOOKED = re.compile(
    r"(?<!for the )\b(?:last|past|previous|over|within|during|in|to|history of|recent)\s(?:the\s)?(?:last\s|past\s)?[~(]?$|[(]$"
)
_WINDOW = re.compile(r"[\s-]?(?:window|range|period|stretch|of history)\b")


def lengths_of_time(quantity: Quantity, reading: Reading, ground: Ground, asked: Ground, facts: Facts) -> bool:
    """Whether a length of time lies between two cited times, or a cited time and now, or is how far was looked back."""
    if quantity.dimension != "seconds" or not _DURATION.search(reading.lower):
        return False
    events = ground.events[:MAX_EVENTS]
    since = [abs((facts.now - event).total_seconds()) for event in events]
    if reading.lower[quantity.end : quantity.end + 5].strip().startswith("ago"):
        return any(_lasts(quantity, seconds) for seconds in since)
    between = [abs((one - other).total_seconds()) for one, other in combinations(events, 2)]
    looked = [
        (item.bounds[1] - item.bounds[0]).total_seconds()
        for item in (*ground.items, *asked.items)
        if len(item.bounds) > 1
    ]
    if not _LOOKED.search(reading.lower[: quantity.start]) and not _WINDOW.match(reading.lower, quantity.end):
        looked = []
    return any(_lasts(quantity, seconds) for seconds in (*since, *between, *looked))


def _lasts(quantity: Quantity, seconds: float) -> bool:
    """Rounded to the nearest, or minutes and less cut off or begun."""
    value, away = quantity.value, abs(quantity.value - seconds)
    if seconds <= 0:
        return False
    if quantity.bound == "over":
        return value - quantity.step / 2 <= seconds <= value * 1.25
    if quantity.bound == "under":
        return value * 0.8 <= seconds <= value + quantity.step / 2
    slack = max(quantity.step / 2, 0.1 * value if quantity.bound == "about" else 0.0)
    return away <= slack or (quantity.step <= 60 and away < quantity.step)
