"""Numbers as people tell them: whether what is said is what is wanted, in another unit, rounded, or derived from what is said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from pipeline.verification.numbers import within
from pipeline.verification.quantities import Quantity, read_quantities
from pipeline.verification.reading import numbers_only

COARSEST = 0.2
"""How far rounding may lead away, as a share of what is wanted: 3 min are said of 2.6, but not 2 TB of 1.5."""
HEDGE = 0.05
"""What a fact that is itself told as "about" leaves open."""
_SPELLED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER = rf"\d{{1,9}}|{'|'.join(_SPELLED)}"
_PARTED = re.compile(
    rf"(?<![\w.,])(?P<part>none|all|{_NUMBER})(?:\s(?:out\s)?of\s|\s?/\s?)(?:the\s|its\s|all\s)?(?P<all>{_NUMBER})\b(?!\s?[%\d])(?![.,]\d)",
    re.IGNORECASE,
)
_WHOLE = re.compile(rf"\ball\s(?:of\s)?(?:the\s)?(?P<all>{_NUMBER})\b(?!\s?%)(?!\.\d)", re.IGNORECASE)
_OF = re.compile(r"\s?(?:/|(?:out\s)?of)\s?(?:its\s|the\s)?")
_BOTH, _NEITHER = re.compile(r"\bboth\b", re.IGNORECASE), re.compile(r"\bneither\b", re.IGNORECASE)
_EVERY, _NONE = re.compile(r"\b(?:all|every|each)\b", re.IGNORECASE), re.compile(r"\b(?:none|no)\b", re.IGNORECASE)
Part = tuple[int, int]
"""So many of so many."""


def amounts(text: str) -> list[Quantity]:
    """The numbers with their units, in order; none that belongs to a time of day, a name, an address or a version."""
    return read_quantities(numbers_only(text))


def alike(wanted: Quantity, said: Quantity) -> bool:
    """Whether one would say `said` of what is `wanted`. The coarser of the two says how exact they are."""
    if not _comparable(wanted, said) or (wanted.signed and said.signed and wanted.value * said.value < 0):
        return False
    value, told = abs(wanted.value), abs(said.value)
    if wanted.bound == "over" and told >= value * (1 - 1e-9):
        return True
    if wanted.bound == "under" and told <= value * (1 + 1e-9):
        return True
    if abs(value - told) > COARSEST * value + 1e-12:
        return False
    if wanted.bound == "about" and abs(value - told) <= HEDGE * value:
        return True
    if "count" in (wanted.dimension, said.dimension) and _is_round(said):
        said = replace(said, bound=said.bound or "about")
    return within(said, replace(wanted, written="")) or within(replace(wanted, bound=""), replace(said, written=""))


def parts(text: str) -> set[Part]:
    """Every "2 of 3", "two out of three", "2/3", "both", "neither", "all three", "none of the 3"."""
    found = set()
    for match in _PARTED.finditer(text):
        whole = _value(match["all"])
        part = match["part"].lower()
        found.add((0 if part == "none" else whole if part == "all" else _value(part), whole))
    found |= {(_value(match["all"]), _value(match["all"])) for match in _WHOLE.finditer(text)}
    found |= {(2, 2)} if _BOTH.search(text) else set()
    return found | ({(0, 2)} if _NEITHER.search(text) else set())


def without_parts(text: str) -> str:
    """Blanks where "2 of 3" stands, so that its numbers are not read once more."""
    return _PARTED.sub(lambda match: " " * len(match[0]), text)


def tells_part(wanted: Part, text: str) -> bool:
    """As it is, as "all" or "none" without a number, or as a share that comes to the same."""
    part, whole = wanted
    if wanted in parts(text) or (part == whole > 0 and _EVERY.search(text)) or (part == 0 and _NONE.search(text)):
        return True
    shares = [said for said in amounts(without_parts(text)) if said.dimension == "ratio"]
    return whole > 0 and any(abs(said.value - part / whole) <= said.step / 2 + 1e-9 for said in shares)


def tells_amount(wanted: Quantity, text: str) -> bool:
    """As it is, or as the share that two numbers of the text make up."""
    said = amounts(text)
    if any(alike(wanted, one) for one in said):
        return True
    if wanted.dimension != "ratio":
        return False
    shares = [part / whole for part, whole in parts(text) if whole]
    shares += [part.value / whole.value for part, whole in of_one_another(said, text)]
    return any(_reads_like(wanted, share) for share in shares)


def tells_rest(wanted: Quantity, text: str) -> bool:
    """Whether the text tells the rest of it: 88 % of a wanted 12 %, 1.8 of 2 TB of wanted 200 GB."""
    if wanted.dimension == "ratio":
        return tells_amount(replace(wanted, value=1 - wanted.value, bound=""), text)
    rests = (whole.value - part.value for part, whole in of_one_another(amounts(text), text))
    return any(_reads_like(wanted, rest) for rest in rests)


def of_one_another(said: Sequence[Quantity], text: str) -> Iterator[tuple[Quantity, Quantity]]:
    """ "1.6 of 2.0 TB", "1.6 TB/2 TB": numbers of one kind, joined."""
    for part, whole in pairwise(said):
        joined = part.dimension == whole.dimension and _OF.fullmatch(text[part.end : whole.start])
        if joined and 0 <= part.value <= whole.value and whole.value > 0:
            yield part, whole


def _reads_like(wanted: Quantity, value: float) -> bool:
    return abs(wanted.value - value) <= max(wanted.step / 2, 0.005 * abs(wanted.value)) + 1e-9


def _comparable(wanted: Quantity, said: Quantity) -> bool:
    if wanted.dimension == said.dimension:
        return True
    if {wanted.dimension, said.dimension} == {"count", "times"}:
        return True
    bare, share = (wanted, said) if wanted.dimension == "count" else (said, wanted)
    return (bare.dimension, share.dimension) == ("count", "ratio") and "." in bare.written and 0 <= bare.value <= 1


def _is_round(said: Quantity) -> bool:
    """1,200 of 1,196: two zeros at the end."""
    return said.value >= 100 and said.step >= 1 and said.value % 100 == 0


def _value(written: str) -> int:
    return int(written) if written.isdigit() else _SPELLED.index(written.lower())
