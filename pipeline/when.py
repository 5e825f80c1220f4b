"""The stretch of time that a question is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from core.vocabulary import Frozen, UtcDatetime, Window
from pipeline.time_lengths import LENGTH_AHEAD, length
from pipeline.time_words import Clock, Day, Reader, Span, Token

AROUND_A_POINT = timedelta(minutes=30)
"""How far the window reaches to either side of a point ("at 03:10")."""
BEFORE_A_POINT = timedelta(hours=6)
"""How far "before 03:10" looks back."""

_BESIDE = re.compile(
    r"^\s*,?\s*(?:(?:at|on|of|around|about|circa|approximately|roughly|@|~|the|in|during)\s+)*$", re.IGNORECASE
)
_JOINS = re.compile(r"^\s*(?:-|–|—|to|and|until|till|through|up to)\s*(?:about|around|the|on)?\s*$", re.IGNORECASE)
_LEAD = re.compile(
    r"(?:\b(?P<word>since|after|from|before|until|till|between|starting|beginning|at|on|in|over|for|during|within|around|about|by)\s+"
    r"(?:(?:about|around|the|at|on|last|in|late|early)\s+)*)$",
    re.IGNORECASE,
)
_CLOSE_BY = re.compile(r"\b(?:right|just|shortly|soon|immediately)\s+$", re.IGNORECASE)
_COMPARED = re.compile(
    r"\b(?:than|compared\s+(?:to|with)|versus|vs\.?|same|same\s+time(?:\s+as)?|like|relative\s+to|unlike|every|each|next|per|as)\s+"
    r"(?:(?:the|it\s+was|on|at|in|from)\s+)*$",
    re.IGNORECASE,
)
_OPEN_END = re.compile(r"^\s*(?:onwards?|on\b|until\s+now|till\s+now|to\s+now|up\s+to\s+now)", re.IGNORECASE)
_REACH = 80
_ORDERED = re.compile(r"\b(?:silence|mute|snooze|pause|suppress|inhibit|wait|hold|keep|retain)\b", re.IGNORECASE)
"""What is to last "for 2 hours" lies ahead."""
_FUTURE = re.compile(r"\b(?:will|won't|going\s+to|gonna|tomorrow)\b", re.IGNORECASE)


class TimePhrase(Frozen):
    """What a question said of time. `phrase` is its own words; `at` the instant when it named one, not a stretch."""

    window: Window
    phrase: str
    at: UtcDatetime | None = None

    @property
    def explicit_point(self) -> bool:
        return self.at is not None


@dataclass(frozen=True)
class _Moment:
    """Neighbouring tokens read as one: a day, a stretch or an instant, and a time of day, either of which may be missing."""

    start: int
    end: int
    base: Day | Span | datetime | None = None
    clock: Clock | None = None


def parse_window(text: str, *, now: datetime, zone: ZoneInfo) -> TimePhrase | None:
    """The window that `text` names, in the past of `now`; local words ("last night", "18:00") are of `zone`.

    A point becomes half an hour to either side. Nothing reaches beyond `now`, and what lies ahead of it altogether, is only
    compared with ("higher than yesterday"), or is no time at all, gives None. When several times are named the first counts.
    """
    reader = Reader(now, zone)
    tokens = [t for t in reader.tokens(text) if not _just_before(_COMPARED, text, t.start)]
    moments = _without_future(text, _without_loose(text, _moments(text, tokens)))
    for place in _ranges_first(text, moments):
        moment, follower = moments[place], moments[place + 1] if place + 1 < len(moments) else None
        word, begin = _lead(text, moment)
        if follower and _is_range(text, moment, follower):
            found, end = _range(reader, moment, follower, _elsewhere(moments, {place, place + 1})), follower.end
        else:
            whole = _completed(moment, _elsewhere(moments, {place}))
            found, end = _single(reader, whole, text, begin, word), moment.end
        if found and (window := _until_now(found[0], found[1], reader.now)):
            at = found[2] if found[2] and found[2] <= reader.now else None
            return TimePhrase(window=window, phrase=text[begin:end].strip(" ,"), at=at)
    return None


def _ranges_first(text: str, moments: Sequence[_Moment]) -> list[int]:
    """In "yesterday between 2am and 4am" the day only completes the range."""
    ranges = [n for n, pair in enumerate(pairwise(moments)) if _is_range(text, *pair)]
    return [*ranges, *(n for n in range(len(moments)) if n not in ranges)]


def _just_before(pattern: re.Pattern[str], text: str, end: int) -> re.Match[str] | None:
    """Where `pattern` ends at `end`; it need not begin far before."""
    return pattern.search(text, max(0, end - _REACH), end)


def _lead(text: str, moment: _Moment) -> tuple[str, int]:
    """The preposition before a moment, and where the phrase begins with it."""
    lead = _just_before(_LEAD, text, moment.start)
    return (lead["word"].lower(), lead.start()) if lead else ("", moment.start)


_Found = tuple[datetime, datetime, datetime | None]
"""Start, end, and the instant if one was named."""


def _moments(text: str, tokens: Sequence[Token]) -> list[_Moment]:
    """Tokens side by side that complete each other become one moment. A bare hour counts only where something tells its half."""
    moments: list[_Moment] = []
    for token in tokens:
        base, clock = (None, token.means) if isinstance(token.means, Clock) else (token.means, None)
        last = moments[-1] if moments else None
        beside = last is not None and _BESIDE.match(text[last.end : token.start])
        rolling = isinstance(base, Span) and base.rolling
        if last and beside and not rolling and ((last.clock is None and clock) or (last.base is None and base)):
            moments[-1] = replace(last, end=token.end, base=last.base or base, clock=last.clock or clock)
        else:
            moments.append(_Moment(token.start, token.end, base, clock))
    has_span = any(isinstance(m.base, Span) and not m.base.rolling for m in moments)
    return [m for m in moments if has_span or m.base is not None or not (m.clock and m.clock.vague)]


def _without_loose(text: str, moments: list[_Moment]) -> list[_Moment]:
    """In "yesterday for 2 hours" yesterday counts; in "silence it for 2 hours" and "will it last for 2 hours" nothing does."""
    firm = [m for m in moments if not (isinstance(m.base, Span) and m.base.loose)]
    return firm if firm or _ORDERED.search(text) or _FUTURE.search(text) else moments


def _without_future(text: str, moments: list[_Moment]) -> list[_Moment]:
    """In "will it be full by Friday" Friday lies ahead; days that cannot ("yesterday") stay."""
    if not _FUTURE.search(text):
        return moments
    return [m for m in moments if not (m.base is None or (isinstance(m.base, Day) and m.base.assumed))]


def _elsewhere(moments: Sequence[_Moment], used: set[int]) -> list[_Moment]:
    return [moment for place, moment in enumerate(moments) if place not in used]


def _completed(moment: _Moment, others: Sequence[_Moment]) -> _Moment:
    """In "Why was X slow at 03:10, on Tuesday?" the missing half stands elsewhere in the question."""
    if moment.base is None:
        base = next((o.base for o in others if o.clock is None and _is_day(o.base)), None)
        return replace(moment, base=base)
    if moment.clock is None and _is_day(moment.base):
        clock = next((o.clock for o in others if o.base is None and o.clock), None)
        return replace(moment, clock=clock)
    return moment


def _is_day(base: Day | Span | datetime | None) -> bool:
    return isinstance(base, Day) or (
        isinstance(base, Span) and not base.rolling and base.end - base.start <= timedelta(days=1)
    )


def _is_range(text: str, first: _Moment, second: _Moment) -> bool:
    gap = text[first.end : second.start]
    both_spans = isinstance(first.base, Span) and isinstance(second.base, Span)
    if not _JOINS.match(gap) or (both_spans and second.clock is None):
        return False
    return _lead(text, first)[0] == "between" or not gap.strip().lower().startswith("and")


def _range(reader: Reader, first: _Moment, second: _Moment, others: Sequence[_Moment]) -> _Found | None:
    """From the first moment to the second; the day that only one of them names is the day of both."""
    if first.base is None and second.base is None:
        base = next((o.base for o in others if o.clock is None and _is_day(o.base)), None)
        first = replace(first, base=base)
    if first.base is None and second.base is not None:
        first, second = replace(first, base=second.base), replace(second, base=None)
    begin = _anchor(reader, first)
    if begin is None:
        return None
    if second.base is None and second.clock is not None:
        end = _next_occurrence(reader, begin[0], second.clock)
        return begin[0], end, None
    close = _anchor(reader, second)
    if close is None:
        return None
    start, end = begin[0], close[0] if second.clock or isinstance(second.base, datetime) else close[1]
    while start >= end:  # "from Friday to Monday", asked on a Sunday: the Friday before
        start -= timedelta(days=7)
    return start, end, None


def _single(reader: Reader, moment: _Moment, text: str, begin: int, word: str) -> _Found | None:
    anchor = _anchor(reader, moment)
    if anchor is None:
        return None
    start, end, at = anchor
    close_by = _just_before(_CLOSE_BY, text, begin)
    rolling = isinstance(moment.base, Span) and moment.base.rolling
    if word in ("since", "starting", "beginning") or (word == "from" and _OPEN_END.match(text[moment.end :])):
        return start, reader.now, None
    if word == "after" and not close_by and not rolling:
        return (start if at else end), reader.now, None
    if word in ("before", "until", "till") and not close_by and not rolling:
        ahead = _just_before(LENGTH_AHEAD, text, begin)  # "10 minutes before 03:10"
        return start - (length(ahead["amount"]) if ahead else BEFORE_A_POINT), start, None
    if at is None:
        return start, end, None
    return start - AROUND_A_POINT, end + AROUND_A_POINT, at


def _anchor(reader: Reader, moment: _Moment) -> _Found | None:
    """The moment as start and end (of a point the same, save in an hour that comes twice), and the point if it is one."""
    base, clock = moment.base, moment.clock
    if isinstance(base, datetime):
        return base, base, base
    if isinstance(base, Span):
        if clock is None or not _is_day(base):
            return base.start, base.end, None
        return _clock_within(reader, base, clock)
    if isinstance(base, Day):
        if clock is None or clock.vague:  # "yesterday at 3" may be either half of the day
            return reader.local(base.date), reader.local(base.date + timedelta(days=1)), None
        # "Friday 03:10", asked on a Friday at ten, is this morning
        if base.weekday and _on(reader, clock, base, days=7)[0] <= reader.now:
            return _on(reader, clock, base, days=7)
        return _on(reader, clock, base)
    if clock is None or clock.vague:
        return None
    today = _on(reader, clock, Day(reader.today))
    return today if today[0] <= reader.now else _on(reader, clock, Day(reader.today - timedelta(days=1)))


def _on(reader: Reader, clock: Clock, day: Day, *, days: int = 0) -> _Found:
    date = day.date + timedelta(days=days)
    if clock.utc:
        moment = datetime.combine(date, clock.at, tzinfo=reader.now.tzinfo)
        return moment, moment, moment
    first = reader.local(date, clock.at)
    return first, reader.local(date, clock.at, last=True), first


def _clock_within(reader: Reader, span: Span, clock: Clock) -> _Found:
    """The time of day inside a stretch such as last night; of a bare hour the half that falls inside it."""
    days = [span.start.astimezone(reader.zone).date(), span.end.astimezone(reader.zone).date()]
    hours = [clock.at.hour, (clock.at.hour + 12) % 24] if clock.vague and clock.at.hour <= 12 else [clock.at.hour]
    options = [
        _on(reader, replace(clock, at=clock.at.replace(hour=hour)), Day(day))
        for hour in hours
        for day in dict.fromkeys(days)
    ]
    return next((option for option in options if span.start <= option[0] <= span.end), options[0])


def _next_occurrence(reader: Reader, after: datetime, clock: Clock) -> datetime:
    """The first time that the clock shows this after `after`; of a bare hour, in whichever half of the day that is."""
    day = after.astimezone(reader.zone).date()
    hours = [clock.at.hour, (clock.at.hour + 12) % 24] if clock.vague else [clock.at.hour]
    times = [
        _on(reader, replace(clock, at=time(hour, clock.at.minute, clock.at.second)), Day(day), days=days)[1]
        for hour in hours
        for days in (0, 1)
    ]
    return min(moment for moment in times if moment > after)


def _until_now(start: datetime, end: datetime, now: datetime) -> Window | None:
    return Window(start=start, end=min(end, now)) if start < now and start < end else None
