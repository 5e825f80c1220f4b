"""Rising, falling, steady, full: a claim's words must agree with the course of what it cites."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from pipeline.verification.ground import REFERENCES, Figure, Ground, Item, Role
from pipeline.verification.levels import NEARLY_FULL
from pipeline.verification.lines import Alike, meant
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import Reading

SMALL = 0.03
"""A change below this share of the larger value is none."""
TINY = 0.002
"""A trend of less in an hour is no trend."""
STEADY = 0.2
"""A change above this share is not "unchanged"."""

_IT_WAS = r"(?:(?:it|they|at|its|the|was|were|did|had|be|this|time|used|to) )"
_THAN_BEFORE = (
    rf"(?:[^,;.]{{0,40}} than (?={_IT_WAS}{{0,4}}(?:yesterday|last week|before\b|usual|normal))"
    rf"|(?: than (?={_IT_WAS}+)|(?: [^\s,;.]+){{1,6}} than (?={_IT_WAS}*))(?=(?:\w+ ){{0,4}}(?:a|one) (?:week|day) (?:ago|before)))"
)
"""Not "less than a week ago", which is a length of time."""
_UP = re.compile(
    r"\b(?:ris(?:es?|en|ing)|rose|grew|grow(?:s|n|ing|th)?|increas(?:e|es|ed|ing)|climb(?:s|ed|ing)?|jump(?:s|ed|ing)?|surg(?:e|es|ed|ing)|spik(?:e|es|ed|ing)|"
    r"went up|going up|goes up|gone up|filling(?: up)?|filled up|fills up|doubled|tripled|quadrupled|higher than|more than (?=yesterday|last week|an hour|usual|"
    r"normal|before)|upwards?|upward trend|up (?:from|on|since|compared (?:to|with)) (?!to\b)|(?:slower and slower|longer and longer|higher and higher|larger and larger|bigger and bigger)|soar(?:s|ed|ing)?|balloon(?:s|ed|ing)?|swell(?:s|ed|ing)?|swollen|escalat\w+|more and more|leak(?:s|ed|ing)|accelerat\w+|mounting|worsen\w*|deteriorat\w*|(?:get|gets|getting|got|become\w*|became) (?:\w+ )?(?:worse|slower|longer|higher|larger|bigger|fuller|hotter|busier))\b"
    r"|\b(?:more|higher|larger|greater|busier|bigger|fuller|hotter)" + _THAN_BEFORE
)
_DOWN = re.compile(
    r"\b(?:fell(?! over| back on)|fall(?:s|en|ing)(?! over)|dropp?(?:s|ed|ing)?(?! by to)|decreas(?:e|es|ed|ing)|declin(?:e|es|ed|ing)|shr[aiu]nk(?:s|ing|en)?|"
    r"went down(?! to earth)|going down|goes down|gone down|sank|sinks?|sinking|halved|less and less|lower than|less than (?=yesterday|last week|an hour|usual|normal|"
    r"before)|downwards?|downward trend|down (?:from|on|since|compared (?:to|with)) |(?:faster and faster|quicker and quicker|shorter and shorter|lower and lower|smaller and smaller)|plung\w+|collaps\w+|crater\w*|plummet\w*|subsid\w+|eas(?:ed|ing)|dwindl\w+|reced\w+|improv(?:ed|ing|es)|(?:get|gets|getting|got|become\w*|became) (?:\w+ )?(?:better|faster|quicker|shorter|lower|smaller|cooler)|(?:come|comes|came|coming) (?:back )?down)\b"
    r"|\b(?:less|lower|smaller|fewer|emptier|cooler)" + _THAN_BEFORE
)
_STRONG = re.compile(
    r"\b(?:quickly|fast|rapid\w*|sharp\w*|strong\w*|dramatic\w*|massive\w*|significant\w*|considerabl\w*|much|far|by leaps|steep\w*)\b"
)
_STOPPED = re.compile(
    r"\b(?:growth|rise|increase|climb) (?:has |is )?(?:stopped|over|ended)\b|\b(?:stopped|no longer) (?:grow\w*|ris\w*|climb\w*|increas\w*|leak\w*)\b"
)
_FLAT = re.compile(
    r"\b(?:back to normal|back to (?:its|their|the) (?:usual|normal|ordinary)|return(?:ed|ing|s) to normal|(?:stay(?:s|ed)|remain(?:s|ed)) (?:about |roughly |practically )?(?:the same|level|flat|put)|the same as (?=yesterday|last week|a week ago)|normal again|recovered|normali[sz]ed|settled|plateaued|within (?:its|their|the) (?:normal|ordinary|usual)|steady|stable|unchanged|flat|constant|has not changed|did not change|no change|not moved|as usual|level(?:led)? (?:off|out))\b"
)
_NOT_SAID = re.compile(
    r"\b(?:should|must|will|would|could|may|might|can|expect\w*|until|unless|once|if|whether|when|to see|watch (?:that|whether|if)|wait (?:until|for it)|make sure|so that|after (?:a|the) restart)\b"
)
_BETTER_WHEN_HIGH = re.compile(r"\b(?:hit (?:ratio|rate)|success rate|throughput|availability|uptime|battery charge)\b")
_BETTER = re.compile(r"\b(?:improv(?:ed|es|ing)|(?:get|gets|getting|got|become\w*|became) better)\b")
_WORSE = re.compile(r"\b(?:worsen\w*|deteriorat\w*|(?:get|gets|getting|got|become\w*|became) worse)\b")
"""What is good is low, but for these."""
_GUESS = re.compile(r",? (?:which|that|this|and|so it|what) (?:may|might|could|would)\b.*$")
"""What a trend is taken for, behind it: "has climbed, which may be a leak"."""
_NEGATED = re.compile(
    r"\b(?:not|hardly|barely|scarcely|n't|never|no longer|stopped|without|instead of|rather than|neither|nor|cannot)\b|n['’]t\b"
)
_NOBODY = re.compile(r"\b(?:none|nothing|nobody|neither|no)\b")
_FLIPPED = re.compile(r"\b(?:free|available|left|headroom|remaining|spare|unused|idle|days? until|expir\w+|lifetime)\b")
_SPOKEN: dict[Role, re.Pattern[str]] = {
    "yesterday": re.compile(r"\b(?:yesterday|the day before|a day ago)\b"),
    "last week": re.compile(r"\b(?:last week|(?:a|one|the|last|past) week(?: ago| before)?)\b"),
}
_SLOWER = re.compile(rf"\b(?:slower|more slowly|longer){_THAN_BEFORE}|\b(?:slower|longer)$")
_FASTER = re.compile(rf"\b(?:faster|quicker|more quickly|sooner){_THAN_BEFORE}")
_FROM_TO = re.compile(
    r"\b(?:from|between)\b(?P<first>[^;]{1,60}?)\b(?:to|and)\b(?P<second>[^;]{1,40})|(?P<a>[^;→]{1,40})→(?P<b>[^;→]{1,40})"
)

_THEN = re.compile(r",? (?:and )?(?:then|later|finally) ")


def trends_against_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """What the words say and the cited items do not."""
    text = reading.lower
    if _NOT_SAID.search(_GUESS.sub("", text)):
        return
    yield from _direction(reading, ground)
    yield from _order(reading, ground)


def _direction(reading: Reading, ground: Ground) -> Iterator[str]:
    text = _risen_or_fallen(reading.lower)
    takes_time = any(f.quantity.dimension == "seconds" and f.role == "" and f.quantity.written for f in ground.figures)
    slower, faster = _SLOWER.search(text), _FASTER.search(text)
    up = _UP.search(text) or (slower if takes_time else faster)
    down, flat = _DOWN.search(text) or (faster if takes_time else slower), _FLAT.search(text)
    if stopped := _STOPPED.search(text):
        up = down = None
    found, flat = up or down, stopped or flat
    if _FLIPPED.search(text) or (up and down):
        return
    courses = [course for item in ground.items if (course := _courses(item, reading))]
    if _STRONG.search(text):
        courses = [course - {-1, 1} if 0 in course else course for course in courses]
    borne_out = set().union(*courses)
    if not courses:
        return
    if found:
        said = 1 if up else -1
        near = text[max(0, found.start() - 25) : found.start()]
        negated = _NEGATED.search(near) or _NOBODY.search(near)
        if negated and borne_out == {said}:
            yield f"{negated[0]} {found[0]}"
        elif not negated and said not in borne_out:
            yield found[0]
    elif flat and 0 not in borne_out:
        denied = _NEGATED.search(text[max(0, flat.start() - 15) : flat.start()])
        if not denied and all(_moves(item) for item in ground.items if _courses(item, reading)):
            yield flat[0]


def _risen_or_fallen(text: str) -> str:
    """Where high is good, "better" is higher."""
    return _WORSE.sub("falling", _BETTER.sub("rising", text)) if _BETTER_WHEN_HIGH.search(text) else text


def _courses(item: Item, reading: Reading) -> set[int]:
    """The directions (+1, 0, -1) that may be told of an item: that of its series and that against its earlier values.

    A sentence that speaks of yesterday or last week means only the latter. Empty when the item tells none, or of several series.
    """
    kinds = meant(reading, item)
    if kinds:
        return set().union(*(_course_of(kind) for kind in kinds))
    now, past = _compared(item)
    said = {role for role, pattern in _SPOKEN.items() if pattern.search(reading.lower)}
    wanted = [f for f in past if f.role in said]
    compared: set[int] = set()
    if now is not None:
        for figure in wanted or past:
            compared |= _signs(now.quantity.value - figure.quantity.value, now.quantity.value)
    if wanted or len(item.series) != 1:
        return compared if not {-1, 1} <= compared else set()
    (series,) = item.series
    after = series.after if series.after is not None else series.last
    if series.before is not None:
        return _signs(after - series.before, max(abs(after), abs(series.before)))
    level = max(abs(series.last), abs(series.mean))
    return compared | ({0} if abs(series.trend_per_hour) < TINY * level else _signs(series.trend_per_hour, level))


def _course_of(kind: Alike) -> set[int]:
    """Of lines that are alike: the direction of their number, if it has one."""
    values = [quantity.value for _, quantity in kind.values]
    steps = {(after > before) - (after < before) for before, after in pairwise(values)}
    return steps if len(steps) == 1 else {-1, 0, 1}


def _signs(change: float, value: float) -> set[int]:
    """A small change may be called one as well as none."""
    sign = {(change > 0) - (change < 0)}
    return sign | {0} if abs(change) <= SMALL * value else sign


def _compared(item: Item) -> tuple[Figure | None, list[Figure]]:
    """The present value of an item that tells of one, and its earlier ones."""
    past = [f for f in item.figures if f.role in REFERENCES and f.quantity.written]
    if not past:
        return None, []
    kind = past[0].quantity.dimension
    now = [f for f in item.figures if f.role == "" and f.quantity.written and f.quantity.dimension == kind]
    first = next((f for f in now if f.quantity.start < past[0].quantity.start), None)
    return first, [f for f in past if f.quantity.dimension == kind]


def _moves(item: Item) -> bool:
    now, past = _compared(item)
    if now is None:
        values = [(s.last, s.before) for s in item.series if s.before is not None]
        return any(abs(a - b) > STEADY * max(abs(a), abs(b)) for a, b in values if b is not None)
    return all(
        abs(now.quantity.value - f.quantity.value) > STEADY * max(now.quantity.value, f.quantity.value) for f in past
    )


def is_ordinary(item: Item) -> bool:
    """Whether a measurement is what it was yesterday and last week, and far from its end."""
    now, _ = _compared(item)
    if now is None or _moves(item) or any(series.onset for series in item.series):
        return False
    return now.quantity.dimension != "ratio" or now.quantity.value < NEARLY_FULL


def _order(reading: Reading, ground: Ground) -> Iterator[str]:
    """ "from A to B" against the words and against the course of the one item that has both."""
    text = reading.prose
    for first, second in pairwise(reading.quantities):
        joined = _THEN.fullmatch(reading.lower[first.end : second.start])
        if (
            joined
            and first.dimension == second.dimension
            and any(_stand_the_other_way_round(item, first, second) for item in ground.items)
        ):
            yield text[first.start : second.end]
            return
    for match in _FROM_TO.finditer(text):
        group = "first" if match["first"] is not None else "a"
        other = "second" if group == "first" else "b"
        numbers = [q for q in reading.quantities if match.start(group) <= q.start < match.end(other)]
        old = [q for q in numbers if q.start < match.end(group)]
        new = [q for q in numbers if q.start >= match.start(other)]
        if (
            not old
            or not new
            or old[-1].dimension != new[0].dimension
            or old[-1].value == new[0].value
            or match[0].startswith("between")
            or (group == "a" and text[old[-1].end : new[0].start].strip() != "→")  # a chain of findings, no course
        ):
            continue
        if any(_stand_the_other_way_round(item, old[-1], new[0]) for item in ground.items):
            yield match[0].strip()
            return
        said = 1 if new[0].value > old[-1].value else -1
        lower = text.lower()
        up, down = _UP.search(lower), _DOWN.search(lower)
        if (up and not down and said < 0) or (down and not up and said > 0):
            yield (up or down)[0] if (up or down) else ""  # type: ignore[index]  # one of them matched
            return
        courses = set().union(*(_courses(item, reading) for item in ground.items))
        if courses == {-said} and old[-1].dimension != "seconds" and not _FLIPPED.search(lower):
            yield match[0].strip()
            return


def _stand_the_other_way_round(item: Item, old: Quantity, new: Quantity) -> bool:
    """Whether the parts of an item with their times (lines of a log) have the two numbers in the other order."""
    times = [
        [
            part.events[0]
            for part in item.parts
            if part.events and wanted.written.replace(" ", "") in part.text.replace(" ", "")
        ]
        for wanted in (old, new)
    ]
    return len(times[0]) == len(times[1]) == 1 and times[0] > times[1]
