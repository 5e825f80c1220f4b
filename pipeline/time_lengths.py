"""Lengths of time in words: "90 minutes", "1h30m", "a couple of hours"."""

from __future__ import annotations

import re
from datetime import timedelta

from core.errors import InvalidInput

LONGEST = timedelta(days=400)
"""No homelab keeps raw samples for longer; "the last 5000 days" is cut to this."""

_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "sixty": 60, "half": 0.5, "half a": 0.5, "half an": 0.5,
    "few": 3, "a few": 3, "several": 3, "couple": 2, "couple of": 2, "a couple": 2, "a couple of": 2,
}  # fmt: skip
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000, "y": 31_536_000}
_NUMBER = r"(?:\d{1,6}(?:\.\d+)?|" + "|".join(sorted(_NUMBERS, key=len, reverse=True)) + ")"
_UNIT = r"(?:seconds?|secs?|s|minutes?|mins?|months?|m|hours?|hrs?|h|days?|d|weeks?|wks?|w|years?)"
AMOUNT = rf"(?:{_NUMBER}[\s-]*{_UNIT}\b|(?:\d+[hmd])+\b)"
LENGTH_AHEAD = re.compile(rf"(?P<amount>{AMOUNT})\s*$", re.IGNORECASE)


def parse_length(text: str, *, field: str) -> timedelta:
    """Of "90m", "2h", "1h30m"; raises InvalidInput naming the field, for what is no length, is zero, or is longer than LONGEST."""
    if not re.fullmatch(r"(?:\d{1,6}(?:\.\d+)?\s*(?:s|m|h|d|w))+", text.strip(), re.IGNORECASE):
        raise InvalidInput(f"{field}: {text[:40]!r} is no length of time; write it like 90m, 2h or 1d")
    found = length(text)
    if not timedelta(0) < found < LONGEST:
        raise InvalidInput(f"{field}: {text[:40]!r} is not between 1s and {LONGEST.days}d")
    return found


def length(text: str) -> timedelta:
    """Of "90 minutes", "1h30m", "a couple of hours", "half an hour" or just "hour"; at most LONGEST."""
    parts = re.findall(rf"({_NUMBER})[\s-]*({_UNIT})", text.lower()) or [("1", text.lower())]
    seconds = 0.0
    for number, unit in parts:
        count = _NUMBERS[number] if number in _NUMBERS else float(number)
        seconds += count * _SECONDS["mo" if unit.startswith("mo") else unit[0]]
    return timedelta(seconds=min(seconds, LONGEST.total_seconds()))
