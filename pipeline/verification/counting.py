"""Counts of what an item lists: how many are beyond a value, how many lines are of a kind, how many items are cited."""

from __future__ import annotations

import re

from pipeline.verification.english import content_words
from pipeline.verification.ground import RANKED, Ground, ranked
from pipeline.verification.lines import quoted
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import Reading

_CITED = re.compile(r"\s(?:\w+\s)?(?:changes?|updates?|commits?|deployments?)\b")
_BEYOND = re.compile(
    r"\b(?:(?P<over>above|over|more than|beyond|exceed\w*|at least)|(?P<under>below|under|less than|within|fewer than|at most))\s(?:\w+\s)?$"
)
_NOUN = re.compile(r"(?:\s(?!\d|and\b|of\b|or\b)[A-Za-z-]+){1,4}")
_OF_A_LOG = frozenset(content_words("quoted logged log line entry"))


def counts_cited(quantity: Quantity, reading: Reading, ground: Ground) -> bool:
    """ "the three changes" of a claim that cites three."""
    changes = sum(item.id.startswith("C") for item in ground.items)
    return quantity.value == changes > 1 and bool(_CITED.match(reading.lower, quantity.end))


def counts_lines(quantity: Quantity, reading: Reading, ground: Ground) -> bool:
    """ "two cache hit ratios" of a log with two lines that speak of one."""
    behind = _NOUN.match(reading.lower, quantity.end)
    words = behind[0].split() if behind else []
    wanted = [content_words(" ".join(words[: count + 1])) - _OF_A_LOG for count in range(len(words))]
    for item in ground.items:
        lines = [content_words(line.text) for line in quoted(item)]
        if any(each and sum(each <= line for line in lines) == quantity.value for each in wanted):
            return True
    return False


def members_counted(reading: Reading, ground: Ground) -> frozenset[int]:
    """Where the numbers of "seven of the twelve are above 40 %" begin, when so many of a list are."""
    limits = [(q, m) for q in reading.quantities if (m := _BEYOND.search(reading.lower[: q.start]))]
    if len(limits) != 1:
        return frozenset()
    limit, beyond = limits[0]
    for item in ground.items:
        values = [f.quantity.value for f in ranked(item) if f.quantity.dimension == limit.dimension]
        many = sum((value > limit.value) == (beyond["over"] is not None) and value != limit.value for value in values)
        for count in reading.quantities:
            counts = count.dimension == "count" and not count.unit and count.start < limit.start
            if counts and len(values) >= RANKED and count.value == many:
                return frozenset({count.start, limit.start})
    return frozenset()
