"""The highest, what is beyond a threshold, and what never happened: comparisons that a claim makes without repeating the numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.ground import RANKED, Ground, Item, ranked
from pipeline.verification.reading import Reading

_MOST = re.compile(
    r"\b(?:highest|largest|biggest|most (?:memory|cpu|disk|space|time|of)|fullest|slowest|busiest|hottest|leads|leader|heaviest|greediest|longest|(?:expires?|ends?|runs? out) last|last to (?:expire|run out|end))\b|\b(?:more|higher|larger|bigger|fuller|longer)\b[^,;.]{0,40} than (?:any|all|every|everyone|anyone|everything|anything)\b"
)
_LEAST = re.compile(
    r"\b(?:lowest|smallest|least|emptiest|quickest|shortest|(?:first|next|soonest|earliest) (?:one )?to (?:expire|run out|end)|expires (?:first|next|soonest))\b|\b(?:less|lower|smaller|fewer|shorter|earlier|sooner)\b[^,;.]{0,40} than (?:any|all|every|everyone|anyone|everything|anything)\b"
)
_NOT_THE_FIRST = re.compile(
    r"\b(?:second|third|one of|among|(?<!any )(?<!all )(?<!every )other|after|followed|follows|next \w+est|next most|not the|no other|no longer|never|than the(?! other))\b"
)
_NOBODY = re.compile(r"\b(?:no|none|nobody|nothing|not|neither|never|without|if|when|fires?)\b|n['’]t\b")
_COUNTED_EVENTS = re.compile(r"\b(?:kills|killed|restarts|restarted)\b")
_HAPPENED = re.compile(
    r"\b(?:(?:happened|occurred) (?:again|several|many|multiple|repeatedly)|(?:was|were|been|got|is|being) (?:oom-?)?(?:killed|restarted)|has restarted|restarted (?:once|twice|again)|(?:has|have|had|kernel|killer) killed|killed (?:a|an|one|some|several|many|\d+)|keeps restarting|crash-?loop\w*)\b"
)
_THAN = re.compile(
    r"(?P<one>[\w-]+)(?:['’]s)?\s[^,;.:]{0,50}?\b(?:(?P<more>more|higher|larger|bigger|fuller|slower|longer|greater|busier|hotter|later)|"
    r"(?P<less>less|lower|smaller|fewer|shorter|emptier|faster|cooler|earlier|sooner))\b[^,;.:]{0,30}?\bthan\s(?:that of\s|the one of\s|the\s)?(?P<other>[\w-]+)"
)
_SOONER = re.compile(
    r"(?P<one>[\w-]+)(?:['’]s)?\s[^,;.:]{0,50}?\b(?:expires?|ends?|runs? out)\b[^,;.:]{0,30}?\b(?:(?P<less>before)|(?P<more>after))\s"
    r"(?:that of\s|the one of\s)?(?P<other>[\w-]+)"
)
_OFTEN = re.compile(
    r"\b(?:(?:several|many|multiple|a few|two|three|four|five) times|repeatedly|over and over|again and again|keeps|twice)\b"
)
_OFTEN_IN_WORDS = {"once": 1, "twice": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_OUTDOES = re.compile(
    r"(?P<one>[\w-]+)(?:['’]s)?\s[^,;.:]{0,40}?\b(?P<more>outlasts?|outlives?|exceeds?|surpasses|outranks?|tops)\s(?:that of\s|the one of\s)?(?P<other>[\w-]+)"
)
_NOT_IN_USE = re.compile(r"\b(?:free|left|spare|available|headroom|unused|remaining)\b")
_TIMES_FIRED = re.compile(r"(?P<name>[a-z]\w+) × (?P<count>\d+)")


def comparisons_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """What the cited numbers do not bear out."""
    text = reading.lower
    yield from _superlatives(reading, ground)
    happened = _HAPPENED.search(text)
    if happened and not _NOBODY.search(text):
        counted = [item for item in ground.items if _COUNTED_EVENTS.search(item.text.partition("\n")[0])]
        often = 2 if _OFTEN.search(text) else 1
        if counted and len(counted) == len(ground.items) and all(_count_now(item) < often for item in counted):
            yield happened[0]
    yield from _alerts_counted(reading, ground)
    yield from _compared(reading, ground)


def _superlatives(reading: Reading, ground: Ground) -> Iterator[str]:
    most, least = _MOST.search(reading.lower), _LEAST.search(reading.lower)
    if bool(most) == bool(least) or _NOT_THE_FIRST.search(reading.lower):
        return
    found = most or least
    named = {token.lower().removesuffix("'s").removesuffix("’s") for _, token in reading.tokens}
    for item in ground.items:
        values = ranked(item)
        if len({figure.owner for figure in values}) < RANKED or not named & reading_names(ground, reading):
            continue
        first = (max if most else min)(values, key=lambda figure: figure.quantity.value).owner
        if first not in named and found:
            yield found[0]


def reading_names(ground: Ground, reading: Reading) -> set[str]:
    """Whom the claim speaks of: the owners of cited numbers, and words that follow like one ("media has the highest")."""
    owners = {figure.owner for figure in ground.figures if figure.owner}
    subject = re.match(r"\W*([\w-]+)(?:['’]s)?\s", reading.lower)
    return owners | ({subject[1]} if subject and not reading.prose.strip()[:1].isupper() else set())


def _count_now(item: Item) -> float:
    """How often it happened, as the item counts; infinite when it does not."""
    title = len(item.text.partition(": ")[0])
    counts = (f.quantity for f in item.figures if f.role == "" and f.quantity.dimension == "count")
    return next((count.value for count in counts if count.start > title), float("inf"))


def _alerts_counted(reading: Reading, ground: Ground) -> Iterator[str]:
    """ "ServiceDown fires for 88 services" where 86 of them do."""
    told = {m["name"]: int(m["count"]) for part in ground.parts for m in _TIMES_FIRED.finditer(part.text)}
    for name, count in told.items():
        for match in re.finditer(
            rf"\b{re.escape(name)} (?:has |was )?fired (?P<often>once|twice|\w+ times)\b", reading.lower
        ):
            often = _OFTEN_IN_WORDS.get(match["often"].removesuffix(" times"))
            if often is not None and often != count:
                yield match[0]
        for match in re.finditer(
            rf"\b{re.escape(name)}\b[^.;,\d]{{0,30}}?\b(?:for|on|of|×)\s(?P<count>\d+)\s(?!min|h\b|hour|s\b|sec|day|%)",
            reading.lower,
        ):
            if int(match["count"]) != count:
                yield match[0].strip()
        for match in re.finditer(
            rf"\b(?P<count>\d+)\s(?:of (?:the|these|those|them|all) (?:\w+ )?are |× |x )?{re.escape(name)}\b",
            reading.lower,
        ):
            if int(match["count"]) != count:
                yield match[0]


def _compared(reading: Reading, ground: Ground) -> Iterator[str]:
    """ "a uses more than b" where an item tells the numbers of both."""
    for match in (*_THAN.finditer(reading.lower), *_SOONER.finditer(reading.lower), *_OUTDOES.finditer(reading.lower)):
        for item in ground.items:
            values = {figure.owner: figure.quantity.value for figure in reversed(ranked(item))}
            one, other = values.get(match["one"]), values.get(match["other"])
            more = bool(match["more"]) != (_NOT_IN_USE.search(match[0]) is not None and "in use" in item.text)
            if one is not None and other is not None and one != other and (one > other) != more:
                yield match[0].strip()
                return
        one, other = (_measured(match[side], ground) for side in ("one", "other"))
        if one is not None and other is not None and one != other and (one > other) != bool(match["more"]):
            yield match[0].strip()
            return


def _measured(word: str, ground: Ground) -> float | None:
    """The present share of the one item whose title has the word: "memory" of "dns1: memory in use"."""
    titled = [item for item in ground.items if word in " ".join(item.text.split(": ")[:2]).lower().split()]
    shares = [
        f.quantity.value
        for item in titled
        for f in item.figures
        if f.role == "" and f.quantity.dimension == "ratio" and f.quantity.written
    ]
    return shares[0] if len(titled) == 1 and len(shares) == 1 else None
