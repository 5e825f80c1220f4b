"""Expressions of time inside a sentence: clock times, days, parts of days, "2 hours ago", "the last 24h".

Nothing here decides a window; `pipeline.when` puts the pieces together. A number, a port, a version or an ordinary word
("may", "sun", "second") is no time unless it is written like one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from core.clock import EARLIEST
from pipeline.time_lengths import AMOUNT, length

LATEST_AHEAD = timedelta(days=366)
"""A range may end ahead of now; what lies further ahead is no time that anything is asked about."""

MAX_OF_A_KIND = 20
"""Expressions of one kind that are read in one text; the first one counts anyway."""

_WHOLE_UNIT = r"(?:hour|day|week|month|year)"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY = "|".join(_WEEKDAYS)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)"
)
_AMPM = r"(?P<half>[ap])\.?m\b\.?"
_ZONE = r"(?:\s?(?P<zone>utc|gmt|z)\b)?"


@dataclass(frozen=True)
class Clock:
    """A time of day. `vague` is a bare hour ("last night at 2"), whose half of the day only its surroundings tell."""

    at: time
    vague: bool = False
    utc: bool = False


@dataclass(frozen=True)
class Day:
    """A local calendar day. `weekday` marks one named only by weekday, `assumed` one that was taken to lie in the past."""

    date: date
    weekday: bool = False
    assumed: bool = False


@dataclass(frozen=True)
class Span:
    """A stretch between two instants. `rolling` ends now ("the last 24h"), `loose` counts only beside no other time ("for 3 hours")."""

    start: datetime
    end: datetime
    rolling: bool = False
    loose: bool = False


@dataclass(frozen=True)
class Token:
    """One expression, and where it stands in the text."""

    start: int
    end: int
    means: Clock | Day | Span | datetime


class Reader:
    """Reads expressions relative to `now`, days in `zone`."""

    def __init__(self, now: datetime, zone: ZoneInfo) -> None:
        self.now = now.astimezone(UTC)
        self.zone = zone
        self.today = now.astimezone(zone).date()

    def tokens(self, text: str) -> list[Token]:
        """Every expression of time in `text`, none overlapping another; the longer of two wins."""
        found = [
            Token(match.start(), match.end(), means)
            for pattern, read in _READERS
            for match in islice(pattern.finditer(text), MAX_OF_A_KIND)
            if (means := read(self, match)) is not None
        ]
        chosen: list[Token] = []
        for token in sorted(found, key=lambda token: (token.start, -token.end)):
            if not chosen or token.start >= chosen[-1].end:
                chosen.append(token)
        return chosen

    def within(self, day: date) -> bool:
        """Whether something may have been measured on that written day; far beyond, arithmetic with times overflows as well."""
        return EARLIEST.date() < day <= self.today + LATEST_AHEAD

    def local(self, day: date, at: time = time.min, *, last: bool = False) -> datetime:
        """The instant of a local time. Of an hour that comes twice the first is meant, or the second where a stretch ends."""
        return datetime.combine(day, at, tzinfo=self.zone).replace(fold=int(last)).astimezone(UTC)

    def span(self, first: date, start_hour: int, days: int, end_hour: int) -> Span:
        """From an hour of `first` to an hour `days` later, local time."""
        return Span(
            self.local(first, time(start_hour)), self.local(first + timedelta(days=days), time(end_hour), last=True)
        )

    def night(self, evening: date) -> Span:
        """The night that begins on the evening of that day."""
        return self.span(evening, 20, 1, 8)

    def part(self, day: date, name: str) -> Span:
        """The morning, afternoon, evening or night of a day."""
        if name == "night":
            return self.night(day)
        hours = {"morning": (5, 12), "afternoon": (12, 18), "evening": (18, 24)}
        start, end = hours[name]
        return self.span(day, start, end // 24, end % 24)


def _iso(reader: Reader, match: re.Match[str]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(match.group().replace(" ", "T", 1).upper())
    except ValueError:
        return None
    if not reader.within(moment.date()):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=reader.zone)).astimezone(UTC)


def _rolling(reader: Reader, match: re.Match[str]) -> Span | None:
    amount = length(match["amount"])
    return Span(reader.now - amount, reader.now, rolling=True) if amount else None


def _loose(reader: Reader, match: re.Match[str]) -> Span | None:
    amount = length(match["amount"])
    return Span(reader.now - amount, reader.now, rolling=True, loose=True) if amount > timedelta(minutes=1) else None


def _ago(reader: Reader, match: re.Match[str]) -> datetime | Day | None:
    amount = length(match["amount"])
    if not amount:
        return None
    if amount >= timedelta(days=1):
        return Day(reader.today - timedelta(days=round(amount / timedelta(days=1))))
    return reader.now - amount


def _clock(_: Reader, match: re.Match[str]) -> Clock | None:
    groups = match.groupdict()
    hour, minute, second = int(groups["hour"]), int(groups.get("minute") or 0), int(groups.get("second") or 0)
    half = (groups.get("half") or "").lower()
    if groups.get("daytime"):
        half = "p" if groups["daytime"].lower() != "morning" else "a"
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    return Clock(time(hour, minute, second), utc=bool(groups.get("zone"))) if hour < 24 else None


def _clock_before_half(_: Reader, match: re.Match[str]) -> Clock | None:
    """The first hour of "between 2 and 4am": the same half of the day, unless that would run backwards ("11 to 1pm")."""
    hour, later = int(match["hour"]), int(match["later"])
    if not (1 <= hour <= 12 and 1 <= later <= 12):
        return None
    afternoon = (match["half"].lower() == "p") != (hour % 12 > later % 12)
    return Clock(time(hour % 12 + (12 if afternoon else 0)))


def _vague_hour(_: Reader, match: re.Match[str]) -> Clock | None:
    return Clock(time(int(match["hour"])), vague=True) if int(match["hour"]) < 24 else None


def _named_clock(_: Reader, match: re.Match[str]) -> Clock:
    return Clock(time(0 if match.group().lower() == "midnight" else 12))


def _relative_day(reader: Reader, match: re.Match[str]) -> Day | Span:
    words = match["day"].lower()
    days = 2 if "before" in words else int(words == "yesterday")
    day = reader.today - timedelta(days=days)
    return reader.part(day, match["part"].lower()) if match["part"] else Day(day)


def _weekday(reader: Reader, match: re.Match[str]) -> Day | Span:
    number = next(n for n, name in enumerate(_WEEKDAYS) if name.startswith(match["day"].lower()[:3]))
    back = (reader.today.weekday() - number) % 7
    if match["part"]:
        begins = {"morning": 5, "afternoon": 12, "evening": 18, "night": 20}[match["part"].lower()]
        if back == 0 and reader.local(reader.today, time(begins)) >= reader.now:
            back = 7
        return reader.part(reader.today - timedelta(days=back), match["part"].lower())
    return Day(reader.today - timedelta(days=back or 7), weekday=True, assumed=True)


def _date(reader: Reader, match: re.Match[str]) -> Day | Span | None:
    if re.search(r"\bmay\b", match["day"]):  # "3 may fail": only a capital makes it the month
        return None
    # dateparser takes 0.3 s to import, and only a question with a written date needs it.
    from dateparser import parse

    base = reader.now.astimezone(reader.zone).replace(tzinfo=None)
    written = re.sub(r"(\d)(?:st|nd|rd|th)\b|\bof\b|,", r"\1 ", match["day"], flags=re.IGNORECASE)
    moment = parse(
        written,
        languages=["en"],
        settings={"RELATIVE_BASE": base, "PREFER_DATES_FROM": "past", "DATE_ORDER": "YMD" if "-" in written else "DMY"},
    )
    if moment is None or not reader.within(moment.date()):
        return None
    part = match.groupdict().get("part")
    assumed = not re.search(r"\d{4}", written)
    return reader.part(moment.date(), part.lower()) if part else Day(moment.date(), assumed=assumed)


def _named_span(reader: Reader, match: re.Match[str]) -> Span | None:
    name = re.sub(r"\s+", " ", match.group().lower())
    today, yesterday = reader.today, reader.today - timedelta(days=1)
    monday = today - timedelta(days=today.weekday())
    saturday = monday + timedelta(days=5) if today.weekday() >= 5 and "last" not in name else monday - timedelta(days=2)
    first = today.replace(day=1)
    if "weekend" in name:
        return reader.span(saturday, 0, 2, 0)
    if "week" in name:
        return reader.span(monday, 0, 7, 0) if "this" in name else reader.span(monday - timedelta(days=7), 0, 7, 0)
    if "month" in name:
        if "this" in name:
            return Span(reader.local(first), reader.now)
        return Span(reader.local((first - timedelta(days=1)).replace(day=1)), reader.local(first, last=True))
    if name == "tonight":
        early = reader.now < reader.local(today, time(8))
        return reader.night(yesterday) if early else reader.part(today, "evening")
    if "night" in name:
        return reader.night(yesterday)
    if name == "this morning" and reader.now <= reader.local(today, time(5)):
        return reader.span(today, 0, 0, 5)
    day = yesterday if name.startswith("last") else today
    return reader.part(day, name.split()[-1])


def _just_now(reader: Reader, _: re.Match[str]) -> datetime:
    return reader.now


def _patterns() -> Iterator[tuple[str, Callable[[Reader, re.Match[str]], Clock | Day | Span | datetime | None]]]:
    part = r"(?:\s+(?P<part>morning|afternoon|evening|night)\b)?"
    free = r"(?<![\w.:/])(?<![a-z]-)"
    digital = r"(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
    yield r"(?<![\w-])\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:z|[+-]\d\d:?\d\d)?(?![\w:])", _iso
    # "last week" is the calendar's, "in the last week" the last seven days
    yield rf"\b(?:last|past|previous|preceding|trailing)\s+(?P<amount>{AMOUNT})", _rolling
    yield rf"\b(?:past|(?:in|over|for|during|within|throughout)\s+the\s+last)\s+(?P<amount>{_WHOLE_UNIT})\b", _rolling
    yield r"\blast\s+(?P<amount>hour|day)\b", _rolling
    yield r"\bthe\s+(?:last|past)\s+(?P<amount>minute)\b", _rolling
    yield (
        rf"\bbeen\b[^.?!\n]{{0,60}}?\bfor\s+(?:about |around |over |almost |nearly |at least )?(?P<amount>{AMOUNT})",
        _rolling,
    )
    amount_alone = rf"(?P<amount>{AMOUNT})(?!\s+(?:ago|before|after|earlier|later))"
    yield rf"(?:(?<=since )|(?<=since about )|(?<=since around )){amount_alone}", _rolling
    yield rf"(?:(?<=for )|(?<=for about )|(?<=for over )){amount_alone}", _loose
    yield rf"\b(?P<amount>{AMOUNT})\s+ago\b", _ago
    yield r"\bjust now\b|\b(?:a|some) (?:moment|second)s? ago\b|\b(?:moments|seconds) ago\b", _just_now
    yield rf"\b(?P<day>(?:the )?day before yesterday|yesterday|today)\b{part}", _relative_day
    yield rf"\b(?:last\s+|this\s+)?(?P<day>{_WEEKDAY})\b{part}", _weekday
    short = r"(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)"
    yield rf"\b(?P<day>{short})\b\.?,?(?P<part>(?!))?(?=\s+(?:at\s+)?\d{{1,2}}(?::\d\d|\s?[ap]m))", _weekday
    yield rf"(?:(?<=since )|(?<=until )|\blast )(?P<day>{short})(?P<part>(?!))?(?=\s*(?:$|[?.!,;]))", _weekday
    yield rf"(?<![\w-])(?P<day>\d{{4}}-\d\d-\d\d)(?![\w-]){part}", _date
    yield rf"\b(?P<day>\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH}\b\.?(?:,?\s+20\d\d)?){part}", _date
    yield rf"\b(?P<day>{_MONTH}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?(?![\d:.%])(?:,?\s+20\d\d)?)\b(?!\s*[%ap]m){part}", _date
    yield (
        r"\b(?:this\s+(?:morning|afternoon|evening|week|month)|last\s+(?:night|evening|week|month)|previous\s+(?:week|night)|"
        r"tonight|overnight|(?:(?<=during )|(?<=in )|(?<=through ))the\s+night|(?:(?:this|last|the)\s+)weekend)\b"
    ), _named_span  # fmt: skip
    yield rf"{free}{digital}(?:\s?{_AMPM})?{_ZONE}(?![\w:/]|\.\d)", _clock
    yield rf"{free}(?P<hour>\d{{1,2}})\s?{_AMPM}{_ZONE}(?!\w)", _clock
    yield (
        rf"{free}(?P<hour>\d{{1,2}})\s+(?:o'clock\s+)?(?:in the|at)\s+(?P<daytime>morning|afternoon|evening)\b",
        _clock,
    )
    yield rf"{free}(?P<hour>\d{{1,2}})\s*o'clock\b", _clock
    yield (
        rf"{free}(?P<hour>\d{{1,2}})(?=\s*(?:-|–|to|and|until|till)\s*(?P<later>\d{{1,2}})\s?{_AMPM})",
        _clock_before_half,
    )
    yield (
        r"(?:(?<=at )|(?<=around )|(?<=about )|(?<=between )|(?<=from ))(?P<hour>\d{1,2})(?![\w%]|[.:/-]\d)",
        _vague_hour,
    )
    yield r"(?:(?<=\d and )|(?<=\d to ))(?P<hour>\d{1,2})(?![\w%]|[.:/-]\d)", _vague_hour
    yield r"\b(?:noon|midday|midnight)\b", _named_clock


_READERS = tuple((re.compile(pattern, re.IGNORECASE), read) for pattern, read in _patterns())
