"""Numbers that follow from what is cited: only from figures of the right kind, and only where the sentence says that it derives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

from pipeline.verification.ground import MAX_EVENTS, RANKED, REFERENCES, Figure, Ground, Role, ranked
from pipeline.verification.lines import places
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import Reading

MAX_POOL = 40
"""Figures of one kind that are combined."""
BEYOND = 0.02
"""How far "over 80 %" may fall short of it."""
NEAR = 60
"""Characters on either side of a number in which the words that tell how it was derived stand."""
Range = tuple[float, float]
_CHANGE = (
    r"increases?|ris(?:e|es|en|ing)|rose|grow(?:s|n|ing|th)?|grew|gain(?:s|ed)?|drop(?:s|ped|ping)?|f[ae]ll(?:s|en|ing)?|jump(?:s|ed)?|gap|differences?|"
    r"decreased?|decreases|increased|loss|lost|surged?|swing|change[ds]?|climb(?:s|ed)?|margin|plus|minus|up|down|add(?:s|ed)?|shr[aiu]nk|cooled|warmed|"
    r"fill(?:s|ed)|declined?|spike[ds]?|extra|additional|another|further|slid|sank|collapsed|plunged|plummeted|soared|ballooned|halved|reduced|cut"
)
_BY_BEFORE = re.compile(
    rf"(?:\bby|\b(?:{_CHANGE})(?:\s(?:of|by|another))?)\s(?:(?:about|around|roughly|some|nearly|almost|more than|over|another|a further|well over|only|just)\s){{0,2}}[~≈]?$"
)
_BY_AFTER = re.compile(
    rf"^[\s-]?(?:[\w/’']+\s){{0,3}}?(?:{_CHANGE}|more|less|fewer|higher|lower|above|below|over|under|beyond|larger|smaller|hotter|cooler|warmer|faster|slower|"
    r"longer|shorter|busier|greater|than|against|compared|ahead|behind|short of|away|between|in excess|apart|off|before|after|earlier|later|sooner|until|of each other|of one another|separates?|passed|went by)\b"
)
_COUNTED_REST = re.compile(r"\band \d+ more\b")
_LEFT = re.compile(r"\b(?:free|empty|left|available|remain\w*|headroom|spare|short of|until full|unused|idle|rest|missing|other)\b")  # fmt: skip
_OF_A_SHARE = re.compile(r"\b(?:yesterday|last week|usual|normal|rise|growth|increase)")
_SHARE = re.compile(r"\b(?:of|share|portion|accounts?|fraction|part|makes? up|out of)\b")
_TIMES = re.compile(
    r"\s(?:as|what|the|that|those|its|their|more|less|higher|lower|larger|smaller|bigger|greater|faster|slower|busier|hotter|longer|over|compared|"
    r"yesterday\S*|last|normal|usual|of|so)\b"
)
_SUM = re.compile(
    r"\b(?:together|total\w*|combined|sum|altogether|overall|jointly|both|all (?:of them|in all)|between them|in all|add up|largest|biggest|top|all)\b"
)
_NORMAL = re.compile(r"\b(?:normal\w*|usual\w*|average\w*|typical\w*|mean|baseline|ordinar\w+)\b")
_REST = re.compile(
    r"\b(?:other|others|remaining|rest|left|not|without|healthy|still|only|except|more|fewer|less|difference|missing|up)\b"
)
_LIMIT = re.compile(r"\b(?:threshold|limit)s?\b")
_EXTREMES: tuple[tuple[re.Pattern[str], Role], ...] = (
    (re.compile(r"\b(?:min\w*|lowest|trough|floor|dip\w*)\b"), "minimum"),
    (re.compile(r"\b(?:max\w*|highest|peak\w*|top\w*)\b"), "maximum"),
    (re.compile(r"\b(?:mean|average\w*)\b"), "mean"),
)


def derives(quantity: Quantity, reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> bool:
    """Whether a difference, share, change, multiple, sum or mean of cited figures reads like `quantity`.

    `shown` are the claim's other numbers that stand as they are: where there are any of the right kind, one of them takes part.
    """
    return any(_reads_like(quantity, result) for result in _results(quantity, reading, ground, shown))


def _reads_like(quantity: Quantity, result: Range) -> bool:
    """People and models compute with what is shown, code with what was measured: a little of the operands' rounding is left open."""
    low, high = result
    middle, value = abs(low + high) / 2, abs(quantity.value)
    slack = quantity.step / 2 + min((high - low) / 2, quantity.step / 4) + middle * 1e-9
    if quantity.spelled and quantity.dimension == "ratio" and quantity.bound in ("over", "under"):
        return value < middle <= value * 1.4 if quantity.bound == "over" else value * 0.6 <= middle < value
    if quantity.bound == "about":
        slack = max(slack, 0.05 * value)
    elif quantity.bound == "over":
        return value * (1 - BEYOND) <= middle <= value * 1.15 + slack
    elif quantity.bound == "under":
        return value * 0.85 - slack <= middle <= value * (1 + BEYOND)
    return abs(value - middle) <= slack


def _results(quantity: Quantity, reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> Iterator[Range]:
    text, dimension = _around(quantity, reading), quantity.dimension
    if dimension == "points":
        yield from (_difference(a, b) for a, b in pairs("ratio", reading, ground, shown))
    elif dimension in ("ratio", "times"):
        yield from _proportions(quantity, reading, ground, shown)
    else:
        yield from _differences(quantity, reading, ground, shown)
        if dimension.endswith("/s") and dimension != "count/s":
            yield from _rates(dimension, reading, ground, shown)
    if dimension == "ratio" and _LEFT.search(reading.lower):
        yield from ((1 - f.quantity.high, 1 - f.quantity.low) for f in _pool("ratio", reading, ground))
    if _SUM.search(reading.lower):
        yield from _sums(dimension, reading, ground, shown)
    if _NORMAL.search(text):
        yield from _means(dimension, reading, ground)


def _is_change(quantity: Quantity, reading: Reading) -> bool:
    """Whether the words beside a number make it a change or a distance: "by 5 GiB", "5 GiB more", "+5 GiB"."""
    before = re.split(r"[;:(,]\s", reading.lower[max(0, quantity.start - NEAR) : quantity.start])[-1]
    after = _COUNTED_REST.sub(" ", re.split(r"[;:,)]", reading.lower[quantity.end : quantity.end + NEAR])[0])
    return quantity.signed or bool(_BY_BEFORE.search(before) or _BY_AFTER.search(after))


def _around(quantity: Quantity, reading: Reading) -> str:
    """The words that a number stands among, as far as the next comma: what is said of another number says nothing of this one."""
    before = re.split(r"[;:(,]\s", reading.lower[max(0, quantity.start - NEAR) : quantity.start])[-1]
    after = re.split(r"[;:,)]", reading.lower[quantity.end : quantity.end + NEAR])[0]
    return f"{before} # {_COUNTED_REST.sub(' ', after)}"


def _differences(quantity: Quantity, reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> Iterator[Range]:
    """Of what the sentence sets side by side; of any two figures where it speaks of what is left, or of how many are left."""
    text, dimension = _around(quantity, reading), quantity.dimension
    rest = _REST if dimension == "count" and not quantity.unit else _LEFT
    anything = bool(rest.search(text))
    if anything or _is_change(quantity, reading):
        yield from (_difference(a, b) for a, b in pairs(dimension, reading, ground, shown, anything=anything))


def _proportions(quantity: Quantity, reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> Iterator[Range]:
    kinds = {figure.quantity.dimension for figure in ground.figures if figure.role != "ago"} - {"points", "times"}
    for kind in sorted(kinds):
        if quantity.dimension == "times" and kind != "count" and _SUM.search(reading.lower):
            named = [f.quantity for f in _pool(kind, reading, ground) if f.owner and f.owner in reading.lower]
            yield from (
                (one.low / high, one.high / low)
                for one in named
                for low, high in _sums(kind, reading, ground, shown)
                if low > 0
            )
        for now, before in set_side_by_side(kind, reading, ground, shown):
            if before.value == 0:
                continue
            ratio = _divided(now, before)
            if quantity.dimension == "times":
                if quantity.unit != "times" or _TIMES.match(reading.lower, quantity.end):
                    yield ratio
                    if ratio[0] > 0:
                        yield 1 / ratio[1], 1 / ratio[0]
                continue
            if _is_change(quantity, reading):
                yield ratio[0] - 1, ratio[1] - 1
            if (kind != "ratio" or quantity.spelled or _OF_A_SHARE.search(reading.lower)) and _is_share(
                quantity, reading, ratio
            ):
                yield ratio


def set_side_by_side(
    kind: str, reading: Reading, ground: Ground, shown: Sequence[Quantity]
) -> Iterator[tuple[Quantity, Quantity]]:
    """Measured values as the sentence names them; mere counts only where they belong together."""
    if kind != "count":
        yield from pairs(kind, reading, ground, shown)
        return
    yield from _counted_pairs(ground, shown)
    yield from ((new, old) for old, new in ground.replaced if old.dimension == "count")
    for one, other in pairs(kind, reading, ground, shown):
        if not (one.value.is_integer() and other.value.is_integer()):
            yield one, other


def _is_share(quantity: Quantity, reading: Reading, ratio: Range) -> bool:
    return ratio[0] <= 1.0 and (
        quantity.spelled or bool(_SHARE.search(reading.lower[quantity.end : quantity.end + 40]))
    )


def _counted_pairs(ground: Ground, shown: Sequence[Quantity]) -> Iterator[tuple[Quantity, Quantity]]:
    """Counts that belong together: "174 of 935" of an item, and the claim's own."""
    yield from permutations([quantity for quantity in shown if quantity.dimension == "count"], 2)
    told = [figure.quantity for figure in ground.figures if figure.quantity.dimension == "count" and figure.role == ""]
    for part, whole in ground.parted:
        yield (
            next((q for q in told if q.value == part), Quantity(part, "count", 0.0)),
            next((q for q in told if q.value == whole), Quantity(whole, "count", 0.0)),
        )
    for figure in ground.figures:
        if figure.quantity.dimension == "count" and figure.role in REFERENCES:
            yield from ((other, figure.quantity) for other in told[:1])


def pairs(
    dimension: str, reading: Reading, ground: Ground, shown: Sequence[Quantity], *, anything: bool = False
) -> Iterator[tuple[Quantity, Quantity]]:
    """Two figures that the sentence may set against each other, the later or larger one first."""
    mine = [quantity for quantity in shown if quantity.dimension == dimension]
    pool = _pool(dimension, reading, ground)
    yield from ((new, old) for old, new in ground.replaced if old.dimension == dimension)
    yield from _by_place(dimension, reading, ground)
    for first, second in combinations(mine, 2):
        yield from ((first, second), (second, first))
    if len(mine) >= 2 and re.search(r"\bfrom\b.+\bto\b", reading.lower):
        return
    for own in mine:
        owners = {figure.owner for figure in pool if _is_same(figure.quantity, own)}
        for figure in pool:
            if _comparable(owners, figure.owner, reading):
                yield from ((own, figure.quantity), (figure.quantity, own))
    if mine:
        return
    for one, other in combinations(pool, 2):
        apart = one.role != other.role and {one.role, other.role} & REFERENCES
        rivals = one.owner != other.owner and not {one.role, other.role} & REFERENCES
        if (apart or rivals or anything or len(pool) == 2) and _comparable({one.owner}, other.owner, reading):
            now, then = (other, one) if one.role in REFERENCES else (one, other)
            yield now.quantity, then.quantity
            if rivals or anything or not apart:
                yield then.quantity, now.quantity


def _by_place(dimension: str, reading: Reading, ground: Ground) -> Iterator[tuple[Quantity, Quantity]]:
    """ "the first and the last of the listed", where an item ranks them."""
    for item in ground.items:
        values = [figure.quantity for figure in ranked(item) if figure.quantity.dimension == dimension]
        chosen = places(reading, len(values)) if len(values) >= RANKED else []
        yield from ((values[one], values[other]) for one, other in combinations(chosen, 2))


def _is_same(one: Quantity, other: Quantity) -> bool:
    return abs(one.value - other.value) <= max(one.step, other.step) / 2 + 1e-9


def _comparable(owners: set[str], owner: str, reading: Reading) -> bool:
    """Of one owner, or of two that the sentence names."""
    if not owner or owner in owners or "" in owners or not owners:
        return True
    return owner in reading.lower and any(other in reading.lower for other in owners)


def _pool(dimension: str, reading: Reading, ground: Ground) -> list[Figure]:
    """What may take part: the present value and what the sentence compares it with; extremes only where it speaks of them."""
    text = reading.lower
    wanted = {role for pattern, role in _EXTREMES if pattern.search(text)}
    named = {role for role in ("yesterday", "last week", "hour ago") if role.replace("hour", "an hour") in text}
    pool: list[Figure] = []
    for figure in ground.figures:
        role = figure.role
        if figure.quantity.dimension != dimension or role in ("ago", "trend", "count"):
            continue
        if role == "threshold" and not _LIMIT.search(text):
            continue
        if role in ("minimum", "mean", "maximum") and role not in wanted:
            continue
        if named and role in REFERENCES and role not in named:
            continue
        if any(
            _is_same(figure.quantity, other.quantity)
            and (other.role, other.item, other.owner) == (role, figure.item, figure.owner)
            for other in pool
        ):
            continue
        pool.append(figure)
    return pool[:MAX_POOL]


def _difference(one: Quantity, other: Quantity) -> Range:
    return one.low - other.high, one.high - other.low


def _divided(one: Quantity, other: Quantity) -> Range:
    low, high = max(other.low, 1e-12), max(other.high, 1e-12)
    return one.low / high, one.high / low


def _sums(dimension: str, reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> Iterator[Range]:
    mine = [quantity for quantity in shown if quantity.dimension == dimension]
    pool = [figure for figure in _pool(dimension, reading, ground) if figure.role in ("", "now")]
    groups: list[Sequence[Quantity]] = [mine] if len(mine) > 1 else []
    by_item: dict[str, list[Quantity]] = {}
    for figure in pool:
        if figure.quantity.written:
            by_item.setdefault(figure.item, []).append(figure.quantity)
    groups += [numbers for numbers in by_item.values() if len(numbers) > 1]
    named = [
        figure.quantity for figure in pool if figure.owner and figure.owner in reading.lower and figure.quantity.written
    ]
    groups += [named, *combinations(named[:8], 2)]
    for group in groups:
        yield sum(each.low for each in group), sum(each.high for each in group)


def _means(dimension: str, reading: Reading, ground: Ground) -> Iterator[Range]:
    past = [figure for figure in _pool(dimension, reading, ground) if figure.role in REFERENCES]
    for one, other in combinations(past, 2):
        if one.item == other.item:
            yield (one.quantity.low + other.quantity.low) / 2, (one.quantity.high + other.quantity.high) / 2


def _rates(dimension: str, reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> Iterator[Range]:
    """What changed since an event, by the time since then."""
    now = max((*ground.bounds, *ground.events), default=None)
    if now is None:
        return
    lengths = [(now - event).total_seconds() for event in ground.events[:MAX_EVENTS] if event < now]
    for a, b in pairs(dimension.removesuffix("/s"), reading, ground, shown):
        low, high = _difference(a, b)
        yield from ((low / length, high / length) for length in lengths if length >= 60)
