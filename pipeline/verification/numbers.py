"""Every number of a claim must stand in what it cites, as it is written or derived by what the claim's own words say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from core.vocabulary import Cause
from pipeline.verification.asides import bare_name, claims_nothing
from pipeline.verification.counting import members_counted
from pipeline.verification.derived import derives
from pipeline.verification.facts import Facts
from pipeline.verification.ground import PARTED, REFERENCES, STATES, SUBSETS, WHOLE_LIST, Figure, Ground, Role, counted
from pipeline.verification.lengths import lengths_of_time, vague_lengths
from pipeline.verification.multiples import multiples_in_words
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import Reading

HEDGE = 0.02
"""How far "about" reaches, as a share of the number."""
ROUGHLY = 0.05
"""How far it reaches for a number that is as round as "about 300"."""
BEYOND = 0.1
"""How far "over two months" may fall short of it."""
BOUND = 0.15
"""How far "over 80 %" may lie from what it speaks of."""
_ROLE = r"(?P<role>yesterday|last week|(?:an?|one) (?:hour|day|week) (?:ago|earlier|before)|ago)\b"
_ROLE_BEHIND = re.compile(
    rf"[\s,(]{{0,2}}(?:at (?:this|the same) time )?{_ROLE}(?![\s:(]{{1,3}}(?:it was |was )?[\d~])"
)
_ROLE_BEFORE = re.compile(rf"(?<!than ){_ROLE}[\s:]{{1,3}}(?:it was |was |at )?$")
_ROLE_AHEAD = re.compile(rf"^\W*(?:at (?:this|the same) time )?{_ROLE}")
_NOT_NOW = REFERENCES | {"minimum", "mean", "maximum"}
_ARRIVED = re.compile(
    r"\b(?:back|has \w+|have \w+|is now|now)(?: down| up| back)? (?:to|at) (?:about |around |roughly |only )?$"
)
""" "has gone back to": what follows is of now."""
_MULTIPLE = re.compile(
    r"\s(?:as (?:many|much|long|high|large|big|often|fast|slow|busy|full)|what|more|less|higher|lower|larger|slower|faster|longer)\b"
)
_CONFIDENCE = re.compile(r"confiden(?:ce|t)[\s:(]*(?:of |is |at |level )*[\s:(]*$", re.IGNORECASE)
_CONFIDENT = re.compile(r"\s*(?:confiden(?:ce|t)|sure|certain)\b", re.IGNORECASE)


def numbers_without_ground(
    reading: Reading, ground: Ground, asked: Ground, facts: Facts, cause: Cause | None
) -> Iterator[str]:
    """As the claim writes them. `asked` is what needs no citation."""
    quantities = reading.quantities
    direct = [any(fits(quantity, figure, reading, ground) for figure in ground.figures) for quantity in quantities]
    members = members_counted(reading, ground)
    shown = [quantity for quantity, stands in zip(quantities, direct, strict=True) if stands]
    for quantity, stands in zip(quantities, direct, strict=True):
        if members.get(quantity.start) is False:
            yield quantity.written
            continue
        if stands or quantity.start in members or claims_nothing(quantity, reading, ground, facts):
            continue
        if _is_confidence(quantity, reading):
            if cause is None or abs(quantity.value - cause.confidence) > quantity.step / 2 + 1e-9:
                yield quantity.written
            continue
        if _is_asked(quantity, reading, asked) or lengths_of_time(quantity, reading, ground, asked, facts):
            continue
        if derives(quantity, reading, ground, shown):
            shown.append(quantity)
        else:
            yield quantity.written
    yield from _parts_of_another(reading, ground)
    yield from vague_lengths(reading, ground, facts)
    yield from multiples_in_words(reading, ground, shown)


_LIMIT = re.compile(
    r"\b(?:thresholds?|limits?|marks?|over|above|below|under|beyond|exceed\w*|more than|less than|within|at which|counts? as|alerts?|alarms?|fires?|due|allow\w*)\b"
)
_OF_SO_MANY = re.compile(r"\s(?:out )?of (?:the |these |those |all )?(?:\d+|[a-z]+)(?= alerts?\b)")
_ALL_OR_NONE = re.compile(r"\b(?P<which>none|all)\s(?:of\s)?(?:the\s)?(?P<all>\d{1,9})\b(?!\s?[%.\d])", re.IGNORECASE)
_NONE_OF = re.compile(r"\b(?:none of|not one of|no|not all|of|out of)(?: the)?\s$")
_ONE_OF_THE = re.compile(r"\bone of the (?P<thing>resolver|service|node|guest|host)s\b")
_SPELLED_PARTED = re.compile(
    r"\b(?P<part>one|two|three|four|five|six|seven|eight|nine|ten)\s(?:out )?of\s(?:the\s)?(?P<all>two|three|four|five|six|seven|eight|nine|ten)\b",
    re.IGNORECASE,
)
_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _parts_of_another(reading: Reading, ground: Ground) -> Iterator[str]:
    """ "3 of 4 down" where an item tells of 2 of 4."""
    told = [(m[0], int(m["part"]), int(m["all"])) for m in PARTED.finditer(reading.prose)]
    told += [
        (m[0], _NUMBERS.index(m["part"].lower()), _NUMBERS.index(m["all"].lower()))
        for m in _SPELLED_PARTED.finditer(reading.prose)
    ]
    told += [
        (m[0], int(m["all"]) if m["which"].lower() == "all" else 0, int(m["all"]))
        for m in _ALL_OR_NONE.finditer(reading.prose)
    ]
    for match in _ONE_OF_THE.finditer(reading.lower):
        known = [
            m
            for item in ground.items
            for m in PARTED.finditer(item.text)
            if match["thing"] in item.text[m.end() : m.end() + 30]
        ]
        if known and all(m["part"] != "1" for m in known):
            yield match[0]
    for written, part, whole in told:
        alike = [known for known, all_ in ground.parted if all_ == whole]
        if part > whole or (
            alike and all(part not in (known, whole - known if 0 < part < whole else known) for known in alike)
        ):
            yield written


def fits(quantity: Quantity, figure: Figure, reading: Reading, ground: Ground) -> bool:
    """Whether the figure is what the claim writes: the unit, the value within its rounding, the time and the owner."""
    known = figure.quantity
    if not _same_kind(quantity, figure, reading) or not within(quantity, known):
        return False
    if figure.role == "threshold" and not _LIMIT.search(reading.lower):
        return False
    if quantity.dimension == "count" and not _counts_the_same(quantity, figure, reading, ground):
        return False
    if figure.item.startswith("C") and ground.replaced and reading.lower[: quantity.start].endswith(" by "):
        return False
    if figure.role in _NOT_NOW and _ARRIVED.search(reading.lower[: quantity.start]):
        return False
    role = role_of(quantity, reading)
    if role == "ago":
        return figure.role == "ago"
    if role and figure.role != role and _has_role(role, quantity, ground):
        return False
    if not role and figure.role == "ago" and quantity.dimension == "seconds":
        return True
    return owned(quantity, figure, reading, ground)


def _counts_the_same(quantity: Quantity, figure: Figure, reading: Reading, ground: Ground) -> bool:
    """ "5 alerts firing" is not borne out by "5 alerts" where "4 firing" stands as well."""
    parted = _OF_SO_MANY.match(reading.lower, quantity.end)
    said = counted(reading.prose, parted.end() if parted else quantity.end)
    if _NONE_OF.search(reading.lower[max(0, quantity.start - 14) : quantity.start]):
        said -= STATES
    things = said - STATES
    if any(f.counts & things for f in ground.figures) and not figure.counts & (things | {WHOLE_LIST}):
        return False
    said &= STATES
    counts = [f.counts & STATES for f in ground.figures if f.counts >= said]
    others = SUBSETS - said if said in counts else frozenset[str]()
    return not said or not counts or (figure.counts >= said and not figure.counts & others)


def role_of(quantity: Quantity, reading: Reading) -> Role:
    """What the words right behind a number, or at the head of a sentence with one number, say of its time."""
    match = _ROLE_BEFORE.search(reading.lower[max(0, quantity.start - 40) : quantity.start])
    match = match or _ROLE_BEHIND.match(reading.lower, quantity.end)
    if match is None and len([other for other in reading.quantities if other.dimension != "seconds"]) == 1:
        match = _ROLE_AHEAD.match(reading.lower)
    if match is None:
        return ""
    said = match["role"]
    for word, role in (("hour", "hour ago"), ("day ", "yesterday"), ("week", "last week")):
        if word in said:
            return role  # type: ignore[return-value]  # one of the three
    return "yesterday" if said == "yesterday" else "ago"


def _has_role(role: Role, quantity: Quantity, ground: Ground) -> bool:
    return any(f.role == role and f.quantity.dimension == quantity.dimension for f in ground.figures)


def _same_kind(quantity: Quantity, figure: Figure, reading: Reading) -> bool:
    known = figure.quantity
    if quantity.dimension == known.dimension:
        return True
    if quantity.unit == "times" and _MULTIPLE.match(reading.lower, quantity.end):
        return False
    pair = {quantity.dimension, known.dimension}
    if pair == {"count", "times"}:
        return True
    bare_share = 0 <= known.value <= 1 and ("." in known.written or (not known.written and figure.role != "count"))
    if quantity.dimension == "ratio" and known.dimension == "count":
        return bare_share
    if quantity.dimension == "count" and known.dimension == "ratio":
        return "." in quantity.written and quantity.value <= 1
    return quantity.dimension == "count" and _is_bare_copy(quantity, known)


def _is_bare_copy(quantity: Quantity, known: Quantity) -> bool:
    """A decimal that is copied without its unit, as in a table whose head has the unit."""
    return "." in quantity.written and not quantity.unit and known.written.startswith(quantity.written)


def within(quantity: Quantity, known: Quantity) -> bool:
    """Whether `known`, rounded as `quantity` is written, reads like it; "over" and "under" may be a little off on their side."""
    value, real = abs(quantity.value), abs(known.value)
    if quantity.dimension == "count" and known.dimension == "ratio" and not quantity.unit and value > 1:
        real = real * 100
    tolerance = quantity.step / 2 + real * 1e-9 + 1e-12
    if quantity.unit != known.unit and known.written:
        tolerance += known.step / 2
    if quantity.bound == "over" and real < value * (1 - BEYOND):
        return False
    if quantity.bound == "about":
        tolerance = max(
            tolerance,
            (0.1 if quantity.spelled and quantity.dimension == "ratio" else HEDGE) * value,
            0.0 if quantity.dimension == "ratio" else min(_grain(quantity) / 2, ROUGHLY * value),
        )
    if abs(value - real) <= tolerance:
        return True
    if quantity.spelled and quantity.dimension == "ratio":
        return _near_fraction(value, real, quantity.bound)
    if quantity.spelled and quantity.dimension != "seconds":
        return False
    grain = _grain(quantity)
    if quantity.bound == "over":
        return value <= real <= value * (1 + BOUND) and real - value < grain * (1 - 1e-9)
    return quantity.bound == "under" and value * (1 - BOUND) <= real <= value and value - real < grain * (1 - 1e-9)


def _near_fraction(value: float, real: float, bound: str) -> bool:
    """ "more than half", "less than a quarter": up to a third off on that side."""
    return value < real <= value * 4 / 3 if bound == "over" else bound == "under" and value * 2 / 3 <= real < value


def _grain(quantity: Quantity) -> float:
    """How round a number is, as a value: of 90 it is 10, of 95 it is 5, of 9.5 it is 0.5; who says "over 90" does not mean 101."""
    digits = re.sub(r"\D", "", re.split(r"[eE]", quantity.written)[0]).lstrip("0")
    zeros = len(digits) - len(digits.rstrip("0"))
    return float(quantity.step * 10**zeros * (5 if digits.rstrip("0").endswith("5") else 1))


def owned(quantity: Quantity, figure: Figure, reading: Reading, ground: Ground) -> bool:
    """Not another's number: told of `a`, with a number that only `b` has, while `a` has one of that kind itself."""
    if not figure.owner or figure.role == "count":
        return True
    before = [(at, name.lower()) for at, name in reading.tokens]
    names = {f.owner for f in ground.figures if f.owner}
    told = [(at, name) for at, name in ((at, bare_name(name)) for at, name in before) if name in names]
    if not told:
        return True
    beside = [
        name for at, name in told if at < quantity.start and _is_beside(reading.lower, at + len(name), quantity.start)
    ]
    if beside and beside[-1] != figure.owner:
        return not _has_one(beside[-1], quantity, ground)
    subject = _subject(quantity, told, reading)
    if subject and subject != figure.owner and not _named_behind(quantity, figure, reading):
        return not _has_one(subject, quantity, ground)
    if figure.owner in {name for _, name in told}:
        return True
    return not any(_has_one(name, quantity, ground) for _, name in told)


_WHERE = re.compile(r"\b(?:on|of|for|behind|than|by|from|at|in|to|against|with|and|or)\s(?:the\s)?$")
_BETWEEN = re.compile(
    r"(?:['’]s)?[\s(:,–—-]{1,3}(?:\([^)]{0,40}\)\s)?(?:(?:is|was|uses|used|has|had|at|with|takes|holds|reached|now|about|by)\s){0,3}\(?"
)


def _subject(quantity: Quantity, told: list[tuple[int, str]], reading: Reading) -> str:
    """The one name before a number in its part of the sentence, unless it only says where: "home has the fullest disk with 49 %"."""
    begin = max(reading.lower.rfind(mark, 0, quantity.start) for mark in (", ", "; ", ": ", "("))
    near = [(at, name) for at, name in told if begin < at < quantity.start]
    if len(near) != 1 or _WHERE.search(reading.lower[max(0, near[0][0] - 12) : near[0][0]]):
        return ""
    return near[0][1]


def _named_behind(quantity: Quantity, figure: Figure, reading: Reading) -> bool:
    return figure.owner in reading.lower[quantity.end : quantity.end + 30]


def _is_beside(text: str, start: int, end: int) -> bool:
    """Nothing but a verb between a name and a number: "jellyfin uses 9.0 GiB", "jellyfin (9.0 GiB)"."""
    return end - start < 50 and _BETWEEN.fullmatch(text[start:end]) is not None


def _has_one(name: str, quantity: Quantity, ground: Ground) -> bool:
    return any(f.owner == name and f.quantity.dimension == quantity.dimension for f in ground.figures)


def _is_confidence(quantity: Quantity, reading: Reading) -> bool:
    if quantity.dimension not in ("ratio", "count"):
        return False
    before, after = reading.prose[: quantity.start][-30:], reading.prose[quantity.end :]
    return bool(_CONFIDENCE.search(before) or _CONFIDENT.match(after))


def _is_asked(quantity: Quantity, reading: Reading, asked: Ground) -> bool:
    """The question's own stretch of time and numbers, repeated; everything where code said it itself."""
    if not reading.claim.cites or quantity.dimension == "seconds":
        plain = replace(quantity, bound="")
        return any(_same_kind(plain, figure, reading) and within(plain, figure.quantity) for figure in asked.figures)
    return False
