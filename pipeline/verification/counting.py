"""Counts of what an item lists: how many are beyond a value, how many lines are of a kind, how many items are cited."""

from __future__ import annotations

import re

from pipeline.verification.english import content_words
from pipeline.verification.ground import RANKED, Ground, ranked
from pipeline.verification.lines import quoted
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import Reading

_CITED = re.compile(r"\s(?:\w+\s)?(?:changes?|updates?|commits?|deployments?)\b")
_LISTED = re.compile(r"\s(?:\w+\s){0,5}(?:listed|shown|named)\b")
LISTED = re.compile(r"((?:[\w./() -]{1,60}, ){1,40}[\w./() -]{1,60}?) and (\d{1,6}) more\b")
""" "a, b and 84 more"."""
_BEYOND = re.compile(
    r"\b(?:(?P<over>above|over|more than|beyond|exceed\w*|at least)|(?P<under>below|under|less than|within|fewer than|at most))\s(?:\w+\s)?$"
)
_OF = re.compile(r"\bof (?:the |these |those |all )?$")
_LIMIT = re.compile(r"\s(?:threshold|limit)\b")
_NOUN = re.compile(r"(?:\s(?!\d|and\b|of\b|or\b)[A-Za-z-]+){1,4}")
_OF_A_LOG = frozenset(content_words("quoted logged log line entry"))


def counts_cited(quantity: Quantity, reading: Reading, ground: Ground) -> bool:
    """ "the three changes" of a claim that cites three."""
    changes = sum(item.id.startswith("C") for item in ground.items)
    return quantity.value == changes > 1 and bool(_CITED.match(reading.lower, quantity.end))


def counts_listed(quantity: Quantity, reading: Reading, ground: Ground) -> bool:
    """ "the three listed containers" of an item that tells of three."""
    listed = _LISTED.match(reading.lower, quantity.end)
    return bool(listed) and any(
        quantity.value in (len(ranked(item)), *(m[1].count(",") + 1 for m in LISTED.finditer(item.text)))
        for item in ground.items
    )


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


def members_counted(reading: Reading, ground: Ground) -> dict[int, bool]:
    """Where the numbers of "seven of the twelve are above 40 %" begin, and whether so many of a list are."""
    limits = [(q, m) for q in reading.quantities if (m := _BEYOND.search(reading.lower[: q.start]))]
    if len(limits) != 1:
        return {}
    limit, beyond = limits[0]
    over = beyond["over"] is not None
    counts = [q for q in reading.quantities if q.dimension == "count" and not q.unit and q.start < limit.start]
    counts = [q for q in counts if not _OF.search(reading.lower[: q.start])]
    for item in ground.items:
        values = [f.quantity.value for f in ranked(item) if f.quantity.dimension == limit.dimension]
        if len(values) < RANKED or len(counts) != 1 or _LIMIT.match(reading.lower, limit.end):
            continue
        many = sum((value > limit.value) == over and value != limit.value for value in values)
        whole = many < len(values) and (values[0] >= values[-1]) == over
        if counts[0].value == many:
            return {counts[0].start: True, limit.start: True}
        return {counts[0].start: False} if whole else {}
    return {}
