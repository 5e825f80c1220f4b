"""Well or not, firing or over, warning or critical: a claim's words must agree with the state of what it cites, now and earlier."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.verification.ground import CAMEL, Ground, Item
from pipeline.verification.reading import Reading

_SEVERITIES = ("critical", "warning")
_STATE = re.compile(r"\b(firing|pending|suppressed|resolved)\b")
_FIRES = re.compile(r"\b(?:fir(?:es|ing|ed(?! and ended))|active)\b")
_OVER = re.compile(
    r"\b(?:resolved|cleared|ended|no longer (?:fires|firing)|stopped firing|is over|has gone|not firing|inactive)\b"
)
_SILENCED = re.compile(r"\b(?:silenced|suppressed|muted|inhibited|acknowledged|snoozed)\b")
_STILL = re.compile(r"\b(?:still|(?:is|are) (?:now |currently |still )?)\s?(?:firing|active)\b")
_PENDING = re.compile(r"\b(?:pending|not yet firing)\b")
_ENDED = re.compile(r"\b(?P<all>\d+) alerts? fired, (?P<ended>\d+) ended\b")
_EARLIER = re.compile(r"\b(?P<state>\w+) (?P<role>yesterday|last week)\b")
_ALREADY = re.compile(
    r"\b(?:since|already|as|like|also) (?:(?:it|they) (?:was|were|did|had) )?(?:at least )?(?P<role>yesterday|last week|(?:one|a) week ago)\b"
)
_THEN = re.compile(
    r"\b(?P<state>failing|failed|unreachable|down|broken|succeeding|passing|working|reachable)\b(?: \w+){0,3}? (?:at (?:this|the same) (?:time|hour) )?(?P<role>yesterday|last week|a week ago)\b"
)
""" "was failing its probe yesterday"."""
_NOT = re.compile(r"\b(?:not?|none|nothing|nobody|never|neither|nor|without|hardly|yet to|no longer|cannot)\b|n['’]t\b")
_NOT_SAID = re.compile(
    r"\b(?:should|must|will|would|could|may|might|until|unless|once|if|whether|when|make sure|so that)\b"
)
_PAST = re.compile(
    r"\b(?:yesterday|last week|an hour ago|before|until|earlier|previously|formerly|had been|was|were|used to|at first|ended|began)\b"
)
_WELL = re.compile(
    r"\b(?:succeed\w*|pass(?:es|ed|ing)?|can be reached|reachable|running|healthy|answers|answering|recover(?:ed|ing|s)?|(?:is|are|came|come|now|back|still) up|(?:coming|come|comes|came|are|is) back(?! to)|back online|online|works|working|fine|"
    r"normal again|ok|responds|responding|on mains|back to normal)\b"
)
_UNWELL = re.compile(
    r"\b(?:fail(?:s|ed|ing|ure)?|unreachable|stopped|offline|dead|broken|unhealthy|crashed|(?:is|are|went|gone|now) down|down|on battery|unresponsive|"
    r"outage|refus\w+|cannot be reached|can not be reached|can['’]t be reached|does not answer|do not answer|not answering)\b"
)
_ERRORS = re.compile(r"(?<!\b0 )(?<!for )(?<!to )\b(?:an error|errors)\b")
_NO_LINES = re.compile(
    r"\b(?:no|without (?:any|an?|a single)|not (?:an?|one|a single)|zero|free of) (?P<level>error|warning)s?\b"
)
"""A level of log lines that is said to be missing."""
_UNSTEADY = re.compile(
    r"\b(?:flap(?:s|ped|ping)?|unstable|intermittent\w*|on and off|fluctuat\w*|erratic\w*|up and down|sporadic\w*|now and then|briefly|momentarily|for a (?:moment|short (?:time|while)))\b"
)
_GOOD = re.compile(r"\b(?:succeeding|passed|reachable|running|mains|online)\b")
_NOT_GOOD = re.compile(rf"\bnot {_GOOD.pattern}")
_BAD = re.compile(r"\b(?:failing|failed|unreachable|stopped|battery|offline|down)\b")


def severities_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """A warning called critical, or the other way round."""
    said = {severity for severity in _SEVERITIES if re.search(rf"(?<!not )\b{severity}\b", reading.lower)}
    told = {word for part in ground.parts if _STATE.search(part.text) for word in _SEVERITIES if word in part.text}
    if len(said) == 1 and told and not said & told:
        yield next(iter(said))


def alerts_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """An alert that fires is not over nor silenced, and one that is over does not fire."""
    text = reading.lower
    over, fires, silenced = _OVER.search(text), _FIRES.search(text), _SILENCED.search(text)
    states = {match[1] for part in ground.parts if (match := _STATE.search(part.text))}
    for word, state in ((silenced, "suppressed"), (_PENDING.search(text), "pending")):
        if word and states and state not in states and not _is_denied(text, word.start()):
            yield word[0]
    counts = [(int(m["all"]), int(m["ended"])) for item in ground.items for m in _ENDED.finditer(item.text)]
    if over and counts and not any(ended for _, ended in counts) and not _is_denied(text, over.start()):
        yield over[0]
        return
    listed = [item for item in ground.items if item.text.startswith("alerts firing")]
    for name in CAMEL.findall(reading.prose) if _STILL.search(text) and listed else ():
        if not any(name.lower() in part.names and "firing" in part.text for part in ground.parts):
            yield f"{name} … firing"
    if bool(over) == bool(fires):
        return
    for alert in {name.lower() for name in CAMEL.findall(reading.prose)} or {""}:
        states = {
            match[1]
            for part in ground.parts
            if (alert in part.names or (not alert and " is " in part.text)) and (match := _STATE.search(part.text))
        }
        if over and states and "resolved" not in states and not any("ended" in part.text for part in ground.parts):
            yield over[0]
        elif fires and states == {"resolved"}:
            yield fires[0]


def steadiness_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """What never changed in the window is not on and off."""
    said = _UNSTEADY.search(reading.lower)
    series = [one for item in ground.items for one in item.series]
    if (
        said
        and series
        and all(one.minimum == one.maximum for one in series)
        and not _is_denied(reading.lower, said.start())
    ):
        yield said[0]


def errors_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """Errors in a log that has none."""
    said = _ERRORS.search(reading.lower)
    if (
        said
        and ground.items
        and all("(0 errors" in item.text for item in ground.items)
        and not _NOT.search(reading.lower)
    ):
        yield said[0]
    for none in _NO_LINES.finditer(reading.lower):
        counts = [
            int(m[1])
            for item in ground.items
            for m in re.finditer(rf"\b(\d+) {none['level']}s?\b", item.text)
            if "log lines" in item.text
        ]
        if counts and all(counts):
            yield none[0]


def health_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """What fails now is not well, and what was well yesterday has not been failing since."""
    text = reading.lower
    if _NOT_SAID.search(text):
        return
    well, unwell = _WELL.search(text), _UNWELL.search(text)
    found = well or unwell
    if found is None or (well and unwell and not (unwell.start() <= well.start() < unwell.end())):
        return
    said = 1 if well and not unwell else -1
    if _is_denied(text, found.start()):
        said = -said
    already = _ALREADY.search(text)
    role = already["role"].replace("one week ago", "last week").replace("a week ago", "last week") if already else ""
    for told in _THEN.finditer(text):
        then = -1 if _UNWELL.fullmatch(told["state"]) else 1
        before = {_earlier(item, told["role"].replace("a week ago", "last week")) for item in ground.items}
        if before == {-then} and not _is_denied(text, told.start()):
            yield told[0]
    polarity = {sign for item in ground.items if (sign := _state(item)) is not None}
    if role and {_earlier(item, role) for item in ground.items} == {-said}:
        yield f"{found[0]} … {already[0] if already else ''}"
    elif len(polarity) == 1 and said not in polarity and not _PAST.search(text):
        yield found[0]
    elif said > 0 and not _PAST.search(text):
        yield from (f"{name} … {found[0]}" for name in _ailing(reading, ground, found.start()))


def _ailing(reading: Reading, ground: Ground, end: int) -> set[str]:
    """Those of the names before the words that only stand where an item lists what fires or is down."""
    told = {token.lower() for at, token in reading.tokens if at < end}
    bad = {name for part in ground.parts if _is_bad(part.text) for name in part.names}
    return (told & bad) - {name for part in ground.parts if not _is_bad(part.text) for name in part.names}


def _is_bad(text: str) -> bool:
    return bool(re.search(r"\bfiring\b|\bdown \(", text))


def _is_denied(text: str, place: int) -> bool:
    return bool(_NOT.search(re.split(r"[,;:.]\s", text[:place])[-1]))


def _earlier(item: Item, role: str) -> int | None:
    told = {match["role"]: match["state"] for match in _EARLIER.finditer(item.text.lower())}
    return _sign(told.get(role, ""))


def _state(item: Item) -> int | None:
    """+1 when the present state that an item tells is good, -1 when it is bad."""
    present = re.split(r"\(at this time|\(no earlier|; it began", item.text.partition("\n")[0].lower())[0]
    return None if "log lines" in present or "alert" in present else _sign(present)


def _sign(text: str) -> int | None:
    text = _NOT_GOOD.sub("failed", text)
    good, bad = bool(_GOOD.search(text)), bool(_BAD.search(text))
    return None if good == bad else 1 if good else -1
