"""What stands in one item may still belong to something else in it: an alert to another host, a time to another alert."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from pipeline.verification.diffs import sides
from pipeline.verification.ground import CAMEL, Ground, tokens_of
from pipeline.verification.reading import Reading, trimmed

_ON = re.compile(r"[^.;]{0,40}?\b(?:on|at|for|of)\s(?:the\s)?(?P<name>[\w-]+)")
_FROM = re.compile(r"\bfrom (?:about )?(?P<value>[\w./:-]{1,80})(?= (?:\w+ )?to )")
_FORMERLY = re.compile(r"\b(?:no longer|not|instead of|used to|before|until|expects?|nothing)\b|n['’]t\b")
_IS = re.compile(r"\b(?:listens?|is listening|listening) (?:again |now |only )?on (?P<value>[\w./:-]{1,80})")
_RAISED = re.compile(
    r"\b(?:(?P<setting>raised|raising|lengthened|extended|prolonged)|increas(?:ed|ing)|doubled|tripled|quadrupled|enlarged)\b"
)
_LOWERED = re.compile(
    r"\b(?:(?P<setting>lowered|lowering|shortened|shortening)|reduc(?:ed|ing)|halved|decreased|cut|trimmed)\b"
)
_TO = re.compile(
    r"\b(?:from [\w./:-]{1,80}(?: \w+)?|updated?|upgraded?|downgraded?|went|changed|set|raised|lowered|reduced|increased|switched|bumped|back|listens?|down|up)"
    r"(?: on)? to (?:version )?(?P<value>[\w./:-]{1,80})"
)


def misplaced_alerts(reading: Reading, ground: Ground) -> Iterator[str]:
    """ "X on h", where no part of an item has both, although they have each."""
    for alert in CAMEL.finditer(reading.prose):
        parts = [part for part in ground.parts if alert[0].lower() in part.names]
        place = _ON.match(reading.prose, alert.end())
        if not parts or not place or CAMEL.search(reading.prose, alert.end(), place.start("name")):
            continue
        host = place["name"].lower()
        elsewhere = any(host in part.names for part in ground.parts)
        if (
            elsewhere
            and not any(host in part.names for part in parts)
            and any(part.names - {alert[0].lower()} for part in parts)
        ):
            yield f"{alert[0]} on {place['name']}"


def of_another(real: datetime, reading: Reading, ground: Ground) -> bool:
    """Whether a time stands only beside names that the claim does not mention, while those it mentions have others."""
    if any(series.onset == real for item in ground.items for series in item.series):
        return False
    beside = [part.names for part in ground.parts if real in part.events and part.names]
    if not beside or any(
        real in item.events and not any(real in part.events for part in item.parts) for item in ground.items
    ):
        return False
    told = {token.lower() for _, token in reading.tokens} | {name.lower() for name in CAMEL.findall(reading.prose)}
    mentioned = set().union(*(part.names for part in ground.parts)) & told
    with_times = set().union(*(part.names for part in ground.parts if part.events))
    return bool(mentioned & with_times) and not any(names & told for names in beside)


def reversed_changes(reading: Reading, ground: Ground) -> Iterator[str]:
    """ "from 4 to 2", "down to 2", of a change whose removed line has the 2 and whose added line has the 4."""
    for item in ground.items:
        old, new = (
            _values("\n".join(lines)) for lines in (sides(item.raw.lower()) if item.id.startswith("C") else ((), ()))
        )
        for match in _told_of(reading) if old and new else ():
            wrong, right = (new, old) if match.re is _FROM else (old, new)
            if trimmed(match["value"]) in wrong - right:
                yield match[0]
                return


def _told_of(reading: Reading) -> Iterator[re.Match[str]]:
    patterns = (_FROM, _TO) if _FORMERLY.search(reading.lower) else (_FROM, _TO, _IS)
    return (match for pattern in patterns for match in pattern.finditer(reading.lower))


def adjusted_otherwise(reading: Reading, ground: Ground) -> Iterator[str]:
    """A number called raised that a change lowered, or the other way round."""
    moves = {new.value > old.value for old, new in ground.replaced}
    raised, lowered = _RAISED.search(reading.lower), _LOWERED.search(reading.lower)
    found = raised or lowered
    alone = all(item.id.startswith("C") for item in ground.items)
    one_way = bool(raised) != bool(lowered) and len(moves) == 1
    if found and one_way and (alone or found["setting"]) and moves != {bool(raised)}:
        yield found[0]


def _values(text: str) -> set[str]:
    """Its words, and the bare number of one with a unit: 30s is 30."""
    found = set(tokens_of(text))
    return found | {match[0] for token in found if (match := re.match(r"\d+(?=[a-z]+$)", token))}
