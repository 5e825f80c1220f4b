"""What came first: a change and what is blamed on it, and the steps of a page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.english import content_words
from pipeline.verification.ground import Ground, Item
from pipeline.verification.lines import picked
from pipeline.verification.reading import Reading

_ORDER = re.compile(r"\b(?P<word>before|after)\b")
_LATER = re.compile(
    r"\b(?:(?P<after>(?:followed(?! by)|follows|came after|happened after|(?:is|was) (?:\w+ ){0,3}(?:later|newer|younger) than|postdates))|(?P<before>preceded(?! by)|precedes|predates|came before|"
    r"happened before|(?:is|was) (?:\w+ ){0,3}(?:earlier|older) than))\b"
)
""" "a came after b", "a preceded b"."""
_CHANGE = re.compile(
    r"\b(?:updated?|upgraded?|change[ds]?|rewritten|rewrote|committed?|image|rollout|rolled out|deployed|deployment|raised|lowered|version)\b"
)
_FIRST = re.compile(r"\b(?P<one>[\w-]+)(?: home)? before (?P<other>[\w-]+)\b")
_AT_ONCE = re.compile(r"\b(?:at the same (?:time|moment)|simultaneously|in parallel|at once|all together)\b")
_ONE_BY_ONE = re.compile(r"\b(?:one (?:\w+ )?at a time|serial: 1\b|one after (?:the other|another)|never both)")
_NOT = re.compile(r"\b(?:not?|never|neither|avoid|instead of|rather than|without)\b|n['’]t\b")


def sequence_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """ "updated after the first warning", of an update before all of them; "b before a" where a page says "a before b"."""
    yield from _change_on_the_wrong_side(reading, ground)
    yield from _two_the_other_way_round(reading, ground)
    pages = [item for item in ground.items if item.id.startswith("K")]
    said = {(m["one"], m["other"]): m[0] for item in pages for m in _FIRST.finditer(item.squeezed)}
    for match in _FIRST.finditer(reading.lower):
        pair = (match["one"], match["other"])
        if pair not in said and pair[::-1] in said:
            yield match[0]
    at_once = _AT_ONCE.search(reading.lower)
    if (
        at_once
        and pages
        and not _NOT.search(reading.lower)
        and any(_ONE_BY_ONE.search(item.squeezed) for item in pages)
    ):
        yield at_once[0]


def _change_on_the_wrong_side(reading: Reading, ground: Ground) -> Iterator[str]:
    changed = [at for item in ground.items if item.id.startswith("C") for at in item.events]
    seen = picked(reading, ground) or [at for item in ground.items if item.id.startswith("E") for at in item.events]
    orders = list(_ORDER.finditer(reading.lower))
    if not changed or not seen or len(orders) != 1:
        return
    (order,) = orders
    sides = reading.lower[: order.start()], reading.lower[order.end() :]
    told = [bool(_CHANGE.search(side)) for side in sides]
    if told[0] == told[1]:
        return
    change_first = told[0] == (order["word"] == "before")
    if (change_first and min(changed) > max(seen)) or (not change_first and max(changed) < min(seen)):
        yield order[0]


def _two_the_other_way_round(reading: Reading, ground: Ground) -> Iterator[str]:
    """ "a came after b" of two cited items with one time each, told apart by the words on either side."""
    said = _LATER.search(reading.lower)
    dated = [item for item in ground.items if item.id[0] in "EC" and item.events]
    if not said or len(dated) != 2:
        return
    one, other = (content_words(side) for side in (reading.lower[: said.start()], reading.lower[said.end() :]))
    own = [_words_of(item) - _words_of(rest) for item, rest in (dated, dated[::-1])]
    straight = len(one & own[0]) + len(other & own[1])
    crossed = len(one & own[1]) + len(other & own[0])
    if straight == crossed:
        return
    first, second = dated if straight > crossed else dated[::-1]
    if min(first.events) > max(second.events) if said["before"] else max(first.events) < min(second.events):
        yield said[0]


def _words_of(item: Item) -> set[str]:
    return content_words(item.text)
