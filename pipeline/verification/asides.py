"""Numbers of a claim that measure nothing: counts of what the answer itself lists, labels, and lengths of time to wait."""

from __future__ import annotations

import re

from pipeline.verification.counting import counts_cited, counts_lines, counts_listed
from pipeline.verification.facts import Facts
from pipeline.verification.ground import Ground, Role, counted
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import Reading

_SPANS: dict[float, Role] = {3600.0: "hour ago", 86_400.0: "yesterday", 604_800.0: "last week"}
_SINCE = re.compile(r"\b(?:for at least|in|over|within|since|for) $")
_AGO = re.compile(r"(?:\s(?:and|or|as well as) (?:also )?(?:an?|one) (?:hour|day|week))?\s(?:ago|earlier|before)\b")
""" "a week ago", and the first of "a day and a week ago"."""
_MORE = re.compile(r"\s*(?:more|others?|further)\b", re.IGNORECASE)
_THINGS = re.compile(
    r"\s(?:\w+\s)?(?:things?|steps?|ways?|options?|possibilit\w+|causes?|candidates?|reasons?|points?|facts?|signals?|measurements?|items?|"
    r"findings?|observations?|sources?|pieces?|questions?|pages?|runbooks?|checks?)\b"
)
_PICKED = re.compile(r"\b(?:first|last|next|top|other|these|those|latter|former|largest|biggest|slowest|worst)\s$")
_PATIENCE = re.compile(r"\b(?:wait|watch|observe|look again|check again|give it|try again|ask again)\b")
_LABELLED = re.compile(
    r"\b(?:port|vm|ct|lxc|guest|container|node|id|vmid|code|status|error|http|line|run|job|unit|number|release|version|v)\s(?:was\s|is\s|with\s)?$"
)
MOST_ELSEWHERE = 12
"""Members of a list that are told in another sentence."""


def claims_nothing(quantity: Quantity, reading: Reading, ground: Ground, facts: Facts) -> bool:
    """Whether a number needs no figure of its own."""
    return (
        _is_advice(quantity, reading)
        or _is_label(quantity, reading, ground)
        or _is_role(quantity, reading, ground)
        or _is_structure(quantity, reading, ground, facts)
    )


def _is_structure(quantity: Quantity, reading: Reading, ground: Ground, facts: Facts) -> bool:
    """Counts of what the answer itself lists, and the rest of a list that was cut."""
    if quantity.dimension != "count" or quantity.value != int(quantity.value):
        return False
    count = int(quantity.value)
    if any(counts(quantity, reading, ground) for counts in (counts_cited, counts_listed, counts_lines)):
        return True
    if quantity.spelled and _PICKED.search(reading.lower[: quantity.start]):
        return True
    if count == 2 and quantity.spelled and reading.lower[: quantity.start].endswith("the "):
        return True
    if count == reading.claim.follow > 1 or (quantity.spelled and _THINGS.match(reading.lower, quantity.end)):
        return True
    names = {name.lower() for name in facts.names}
    named = {bare_name(token.lower()) for _, token in reading.tokens} & names
    counts = counted(reading.prose, quantity.end)
    told_otherwise = counts and any(figure.counts == counts for figure in ground.figures)
    if count > 1 and count == len(named) == len(named & ground.tokens) and not told_otherwise:
        return True
    listing = re.search(r"(?:…|\.\.\.|\band)\s*$", reading.lower[: quantity.start])
    if not listing or not _MORE.match(reading.lower, quantity.end):
        return False
    return count <= len(facts.evidence) if reading.links else _is_rest(count, len(named), ground, facts)


def _is_rest(count: int, named: int, ground: Ground, facts: Facts) -> bool:
    """How many of a list are left when `named` were told, and perhaps some others elsewhere."""
    wholes = {int(f.quantity.value) for f in ground.figures if f.quantity.dimension == "count"} | {len(facts.alerts)}
    if not named:
        return count < max(wholes, default=0)
    others = {0} | {whole for whole in wholes if whole <= MOST_ELSEWHERE}
    return count in wholes or any(whole - named - other == count for whole in wholes for other in others)


def _is_advice(quantity: Quantity, reading: Reading) -> bool:
    """ "wait ten minutes", "look again in an hour": a length of time that claims nothing."""
    return quantity.dimension == "seconds" and not reading.claim.cites and bool(_PATIENCE.search(reading.lower))


def _is_role(quantity: Quantity, reading: Reading, ground: Ground) -> bool:
    """ "a week ago", said of a value that an item calls last week's."""
    role = _SPANS.get(quantity.value)
    ago = bool(_AGO.match(reading.lower, quantity.end))
    ago = ago or bool(_SINCE.search(reading.lower[: quantity.start]))
    return (
        quantity.dimension == "seconds" and role is not None and ago and any(role in item.text for item in ground.items)
    )


def _is_label(quantity: Quantity, reading: Reading, ground: Ground) -> bool:
    """ "from 3.4 to 3.5" of a tag that is written v3.4; "port 53", "VM 104", which count nothing."""
    if quantity.unit:
        return False
    labelled = _LABELLED.search(reading.lower[: quantity.start])
    return f"v{quantity.written}" in ground.tokens or bool(labelled and quantity.written in ground.tokens)


def bare_name(name: str) -> str:
    return re.split(r"[’']s$|:", name)[0]
