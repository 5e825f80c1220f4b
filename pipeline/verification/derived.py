"""Numbers that follow from what is cited: only from figures of the right kind, and only where the sentence says that it derives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from pipeline.verification.facts import Facts
from pipeline.verification.ground import REFERENCES, Figure, Ground, Role
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import Reading

MAX_POOL = 40
"""Figures of one kind that are combined."""
MAX_EVENTS = 16
WIDEST = 0.06
"""Operands that are rounded more coarsely than this share of the result prove nothing, and count by their middle."""
Range = tuple[float, float]

_BY = re.compile(
    r"\b(?:ris\w+|rose|gr[eo]w\w*|fell|fall\w*|drop\w*|climb\w*|jump\w*|increas\w+|decreas\w+|gain\w*|lost|shr[aiu]nk\w*|up|down|more|less|fewer|"
    r"higher|lower|above|below|over|under|beyond|larger|smaller|faster|slower|longer|shorter|warmer|hotter|cooler|differ\w*|gap|growth|surge\w*|"
    r"swing|added|adds?|extra|exceed\w*|spik\w+|change[ds]?|ahead|behind|gained|slid\w*|sank|went|short of|away from|between|later|earlier|margin)\b"
)
_LEFT = re.compile(
    r"\b(?:free|left|available|remain\w*|headroom|spare|short of|until full|unused|idle|rest|missing|other)\b"
)
_SHARE = re.compile(r"\b(?:of|share|portion|accounts?|fraction|part|makes? up|out of)\b")
_TIMES = re.compile(r"\b(?:times|fold|factor|multiple|ratio)\b|[x×]|-fold")
_SUM = re.compile(
    r"\b(?:together|total\w*|combined|sum|altogether|overall|jointly|both|all (?:of them|in all)|between them|in all|add up|largest|biggest|top|all)\b"
)
_NORMAL = re.compile(r"\b(?:normal\w*|usual\w*|average\w*|typical\w*|mean|baseline|ordinar\w+)\b")
_REST = re.compile(
    r"\b(?:other|others|remaining|rest|left|not|without|healthy|still|only|except|more|fewer|less|difference|missing|up)\b"
)
_EXTREMES: tuple[tuple[re.Pattern[str], Role], ...] = (
    (re.compile(r"\b(?:min\w*|lowest|trough|floor|dip\w*)\b"), "minimum"),
    (re.compile(r"\b(?:max\w*|highest|peak\w*|top\w*)\b"), "maximum"),
    (re.compile(r"\b(?:mean|average\w*)\b"), "mean"),
)
_DURATION = re.compile(
    r"\b(?:ago|for|after|before|later|earlier|since|within|last(?:ed|ing|s)?|took|takes|between|in|into|old|over|during|prior|preced\w+|follow\w+|"
    r"duration|long|span\w*|until|past|by|already|ahead|window|delay|gap|apart|hold\w*|to)\b"
)
_WINDOW = re.compile(r"\b(?:window|last|past|over|within|looked|during|history|range|between|period|in|to)\b")
_WORDS: tuple[tuple[str, float], ...] = (
    (r"doubled|doubling|doubles|double(?!-)|twofold|two-fold|twice", 2.0), (r"tripled|tripling|triples?|threefold|three-fold|thrice", 3.0),
    (r"quadrupled|quadrupl\w+|fourfold|four-fold", 4.0), (r"fivefold|five-fold", 5.0), (r"tenfold|ten-fold", 10.0),
    (r"halved|halving|halves", 0.5),
)  # fmt: skip
_MULTIPLE = re.compile(
    r"(?P<bound>more than |over |nearly |almost |about |roughly |at least |close to )?\b(?:"
    + "|".join(f"(?P<w{place}>{words})" for place, (words, _) in enumerate(_WORDS))
    + r")\b"
)


def derives(quantity: Quantity, reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> bool:
    """Whether a difference, share, change, multiple, sum or mean of cited figures reads like `quantity`.

    `shown` are the claim's other numbers that stand as they are: where there are any of the right kind, one of them takes part.
    """
    return any(_reads_like(quantity, result) for result in _results(quantity, reading, ground, shown))


def _reads_like(quantity: Quantity, result: Range) -> bool:
    low, high = sorted((abs(result[0]), abs(result[1])))
    middle = (low + high) / 2
    if high - low > WIDEST * max(middle, 1e-12):
        low = high = middle
    value, slack = abs(quantity.value), quantity.step / 2 + middle * 1e-9
    if quantity.bound == "about":
        slack = max(slack, 0.05 * value)
    elif quantity.bound == "over":
        return value - slack <= high <= value * 1.15 + slack
    elif quantity.bound == "under":
        return value * 0.85 - slack <= low <= value + slack
    return low - slack <= value <= high + slack


def _results(quantity: Quantity, reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> Iterator[Range]:
    text, dimension = reading.lower, quantity.dimension
    if dimension == "points":
        yield from (_difference(a, b) for a, b in _pairs("ratio", reading, ground, shown))
        return
    if dimension in ("ratio", "times"):
        yield from _proportions(quantity, reading, ground, shown)
    if dimension not in ("ratio", "times") and (_BY.search(text) or quantity.signed):
        yield from (_difference(a, b) for a, b in _pairs(dimension, reading, ground, shown))
    if dimension.endswith("/s") and dimension != "count/s":
        yield from _rates(dimension, reading, ground, shown)
    if _LEFT.search(text):
        if dimension == "ratio":
            yield from ((1 - f.quantity.high, 1 - f.quantity.low) for f in _pool("ratio", reading, ground))
        elif dimension != "count":
            yield from (_difference(a, b) for a, b in _pairs(dimension, reading, ground, shown, anything=True))
    if dimension == "count" and not quantity.unit and _REST.search(text):
        yield from (_difference(a, b) for a, b in _pairs(dimension, reading, ground, shown, anything=True))
    if _SUM.search(text):
        yield from _sums(dimension, reading, ground, shown)
    if _NORMAL.search(text):
        yield from _means(dimension, reading, ground)


def _proportions(quantity: Quantity, reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> Iterator[Range]:
    text = reading.lower
    kinds = {figure.quantity.dimension for figure in ground.figures if figure.role != "ago"} - {"points", "times"}
    for kind in sorted(kinds):
        if kind == "count" and not any(
            figure.role != "count" for figure in ground.figures if figure.quantity.dimension == kind
        ):
            continue
        for now, before in _pairs(kind, reading, ground, shown):
            if before.value == 0:
                continue
            ratio = _divided(now, before)
            if quantity.dimension == "times":
                if _TIMES.search(text) or quantity.unit == "×":
                    yield ratio
                    if ratio[0] > 0:
                        yield 1 / ratio[1], 1 / ratio[0]
                continue
            if _BY.search(text) or quantity.signed:
                yield ratio[0] - 1, ratio[1] - 1
            if _SHARE.search(text[quantity.end : quantity.end + 40]) and ratio[0] <= 1.0:
                yield ratio


def _pairs(
    dimension: str, reading: Reading, ground: Ground, shown: Sequence[Quantity], *, anything: bool = False
) -> Iterator[tuple[Quantity, Quantity]]:
    """Two figures that the sentence may set against each other, the later or larger one first."""
    mine = [quantity for quantity in shown if quantity.dimension == dimension]
    pool = _pool(dimension, reading, ground)
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
        if (apart or rivals or anything) and _comparable({one.owner}, other.owner, reading):
            now, then = (other, one) if one.role in REFERENCES else (one, other)
            yield now.quantity, then.quantity
            if rivals or anything:
                yield then.quantity, now.quantity


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
    pool = []
    for figure in ground.figures:
        role = figure.role
        if figure.quantity.dimension != dimension or role in ("ago", "trend", "count"):
            continue
        if role in ("minimum", "mean", "maximum") and role not in wanted:
            continue
        if named and role in REFERENCES and role not in named:
            continue
        if any(
            _is_same(figure.quantity, other.quantity) and other.role == role and other.item == figure.item
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
    for a, b in _pairs(dimension.removesuffix("/s"), reading, ground, shown):
        low, high = _difference(a, b)
        yield from ((low / length, high / length) for length in lengths if length >= 60)


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
    if not _WINDOW.search(reading.lower):
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
    slack = quantity.step / 2
    if quantity.bound == "about" or quantity.spelled:
        slack = max(slack, 0.1 * value) if quantity.bound else slack
    return away <= slack or (quantity.step <= 60 and away < quantity.step)


def multiples_in_words(reading: Reading, ground: Ground, shown: Sequence[Quantity]) -> Iterator[str]:
    """ "doubled", "almost tripled": those that no two cited figures bear out."""
    for match in _MULTIPLE.finditer(reading.lower):
        factor = next(factor for place, (_, factor) in enumerate(_WORDS) if match[f"w{place}"])
        counted = any(f.quantity.dimension in ("count", "times") and f.quantity.value == factor for f in ground.figures)
        if (match["w0"] == "twice" and counted) or match[0].strip() in ground.tokens:
            continue
        low, high = _spread(factor, (match["bound"] or "").strip())
        kinds = {figure.quantity.dimension for figure in ground.figures} - {"times", "points"}
        pairs = ((a, b) for kind in sorted(kinds) for a, b in _pairs(kind, reading, ground, shown) if b.value)
        if not any(low <= abs(a.value / b.value) <= high for a, b in pairs):
            yield match[0].strip()


def _spread(factor: float, bound: str) -> Range:
    low, high = (0.85, 1.15) if not bound or bound in ("about", "roughly", "close to") else (0.8, 1.02)
    if bound in ("more than", "over", "at least"):
        low, high = 0.99, 1.6
    return factor * low, factor * high
