"""The lines of a log that an item quotes: those that are alike but for their numbers, and which of them a claim means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline.verification.english import content_words
from pipeline.verification.ground import Ground, Item, Part
from pipeline.verification.quantities import Quantity, read_quantities
from pipeline.verification.reading import Reading, numbers_only

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ORDINAL = re.compile(rf"\b(?P<which>{'|'.join(_ORDINALS)}|earliest|last|latest)\b(?P<two>\stwo\b)?")


@dataclass(frozen=True)
class Alike:
    """Lines of one kind in the order of time, each with its number. `words` are their stems."""

    words: frozenset[str]
    values: tuple[tuple[datetime, Quantity], ...]


def quoted(item: Item) -> list[Part]:
    """The lines with their time, earliest first."""
    return sorted((part for part in item.parts if part.events and "“" in part.text), key=lambda part: part.events[0])


def alike(item: Item) -> Iterator[Alike]:
    """Each kind of line that stands there twice or more with one number that has a unit."""
    kinds: dict[str, list[tuple[datetime, Quantity]]] = {}
    for part in quoted(item):
        line = part.text.partition("“")[2]
        measured = [quantity for quantity in read_quantities(numbers_only(line)) if quantity.unit]
        if len(measured) == 1:
            kinds.setdefault(re.sub(r"\d+", "#", line), []).append((part.events[0], measured[0]))
    for skeleton, values in kinds.items():
        if len(values) > 1:
            yield Alike(frozenset(content_words(skeleton)), tuple(values))


def meant(reading: Reading, item: Item) -> list[Alike]:
    """The kinds of line that the claim speaks of: those that share the most words with it."""
    said = content_words(reading.lower)
    shared = [(len(kind.words & said), kind) for kind in alike(item)]
    most = max((count for count, _ in shared), default=0)
    return [kind for count, kind in shared if count == most > 0]


def picked(reading: Reading, ground: Ground, said: str = "") -> tuple[datetime, ...]:
    """When the lines were written that the claim, or the part `said` of it, picks out by their place: "the second and the third warning"."""
    for item in ground.items if _ORDINAL.search(said or reading.lower) else ():
        lines = quoted(item)
        words = content_words(reading.lower)
        shared = [len(content_words(line.text) & words) for line in lines]
        lines = [line for line, count in zip(lines, shared, strict=True) if count == max(shared)]
        if len(lines) > 1 and (chosen := places(reading, len(lines))):
            return tuple(lines[place].events[0] for place in chosen)
    return ()


def places(reading: Reading, count: int) -> list[int]:
    """Which of so many the claim picks out, from 0; none when there are not so many."""
    chosen = [place for match in _ORDINAL.finditer(reading.lower) for place in _places(match, count)]
    return list(dict.fromkeys(chosen)) if chosen and max(chosen) < count else []


def _places(match: re.Match[str], count: int) -> list[int]:
    if match["which"] not in ("last", "latest"):
        place = _ORDINALS.index(match["which"].replace("earliest", "first"))
        return [place, place + 1] if match["two"] else [place]
    return [count - 2, count - 1] if match["two"] else [count - 1]
