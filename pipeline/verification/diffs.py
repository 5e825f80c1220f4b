"""What a change took away and what it put there: the lines of its diff, and both ends of "a → b"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.quantities import Quantity, read_quantities
from pipeline.verification.reading import numbers_only

_HUNK = re.compile(r"^@@[^\n]*\n?", re.MULTILINE)
_SETTING = re.compile(
    r"(?<=_)(?P<unit>days|hours|minutes|seconds|bytes|percent)[\"']?\s?[:=]\s?[\"']?(?P<value>\d{1,15}(?:\.\d{1,6})?)\b"
)
""" "query_log_days: 7": the unit stands in the name."""
_MEMORY = re.compile(
    r"\b(?:qm|pct)\s(?:set|create)\b[^\n]{0,200}?\s-{1,2}(?:memory|balloon|swap)\s(?P<value>\d{1,9})\b"
)
"""Proxmox counts the memory of a guest in MiB."""
MAX_LINES = 400
Replaced = tuple[Quantity, Quantity]
"""A number and the one that a change put in its place."""


def without_hunks(diff: str) -> str:
    """Without the line numbers of the diff, which nobody means."""
    return _HUNK.sub("", diff)


def sides(text: str) -> tuple[list[str], list[str]]:
    """The removed and the added lines, in order."""
    old, new = list[str](), list[str]()
    for line in text.split("\n")[:MAX_LINES]:
        if line.startswith("-"):
            old.append(line[1:])
        elif line.startswith("+"):
            new.append(line[1:])
        elif "→" in line:
            before, _, after = line.partition("→")
            old.append(before)
            new.append(after)
    return old, new


def replaced(text: str) -> Iterator[Replaced]:
    """The numbers of lines that differ in nothing but one number."""
    old, new = sides(text)
    added = {_skeleton(line): line for line in reversed(new)}
    for line in old:
        instead = added.get(_skeleton(line))
        if instead is None:
            continue
        before, after = _numbers(line), _numbers(instead)
        moved = [
            (one, other)
            for one, other in zip(before, after, strict=False)
            if one.value != other.value and one.dimension == other.dimension
        ]
        if len(before) == len(after) and len(moved) == 1:
            yield moved[0]


def settings_in(text: str) -> Iterator[Quantity]:
    """The numbers whose unit stands in the setting's name."""
    for match in _SETTING.finditer(text):
        yield from read_quantities(f"{match['value']} {match['unit']}")
    for match in _MEMORY.finditer(text):
        yield from read_quantities(f"{match['value']} MiB")


def _numbers(line: str) -> list[Quantity]:
    return list(settings_in(line)) or read_quantities(numbers_only(line))


def _skeleton(line: str) -> str:
    return re.sub(r"\d+(?:\.\d+)?", "#", " ".join(line.split()))
