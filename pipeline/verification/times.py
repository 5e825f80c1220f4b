"""Times of day, dates and days in words in a text, and whether a real time is what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_OFFSETS = {
    "UTC": 0.0, "GMT": 0.0, "Z": 0.0, "WET": 0.0, "BST": 1.0, "CET": 1.0, "WEST": 1.0, "CEST": 2.0, "EET": 2.0, "EEST": 3.0, "MSK": 3.0,
    "IST": 5.5, "JST": 9.0, "EST": -5.0, "EDT": -4.0, "CST": -6.0, "CDT": -5.0, "MST": -7.0, "MDT": -6.0, "PST": -8.0, "PDT": -7.0,
    "AKST": -9.0, "AKDT": -8.0, "HST": -10.0, "BRT": -3.0, "ART": -3.0, "SAST": 2.0, "SGT": 8.0, "HKT": 8.0, "KST": 9.0, "AWST": 8.0,
    "ACST": 9.5, "ACDT": 10.5, "AEST": 10.0, "AEDT": 11.0, "NZST": 12.0, "NZDT": 13.0,
}  # fmt: skip
"""Hours ahead of UTC. A zone that the reader's own clock calls so comes first."""
_ZONE = r"(?:\s?(?P<zone>[+-]\d\d:?\d\d(?!\d)|(?:" + "|".join(_OFFSETS) + r")(?![A-Za-z])))?"
_MONTH = r"(?P<{0}>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))(?:[a-z]{{1,6}}|\.(?=\s))?"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:[.,]\d{1,9})?(?:\s?(?P<half>[apAP])(?:\.[mM]\.|[mM]\b))?"
WRITTEN = re.compile(
    rf"(?<![\w.:/-])(?:"
    rf"(?:(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)"
    rf"|(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH.format('month2')}(?![a-z])(?:,?\s(?P<year2>\d{{4}})(?!\d))?"
    rf"|{_MONTH.format('month3')}\s(?P<day3>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:])(?:,?\s(?P<year3>\d{{4}})(?!\d))?)"
    rf"(?:(?:T|,?\s(?:at\s)?){_CLOCK.replace('?P<', '?P<d_')}{_ZONE.replace('?P<', '?P<d_')})?"
    rf"|{_CLOCK}{_ZONE}"
    rf"|(?P<bare>\d{{1,2}})\s?(?P<bare_half>[apAP])(?:\.[mM]\.|[mM]\b){_ZONE.replace('?P<', '?P<b_')})(?![\w:])"
)
SAID = re.compile(
    r"\b(?:(?P<named>midnight|noon)|(?P<range>yesterday(?: (?:morning|afternoon|evening|night))?|last night|overnight|"
    r"this (?:morning|afternoon|evening|week)|tonight|today|last week|earlier today)|(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day))\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"(?:\babout|\baround|\broughly|\bapprox\w*\.?|~|≈|\bcirca|\bshortly (?:after|before)|\bjust (?:after|before)|\bnear|\btowards?)\s*$",
    re.IGNORECASE,
)
_JOINED = re.compile(r"\s?(?:and|to|until|–|—|-)\s?")
_BESIDE = re.compile(r",?\s(?:(?:on|at|around|about)\s)?")
_SLACK = timedelta(minutes=5)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Moment:
    """A written time. `on` and `at` are None where it does not tell the day or the time of day; `precision` is its last written unit.

    `spoken` moments ("last night") are ranges: `on` is None, and `first` to `last` is what they may mean.
    """

    start: int
    end: int
    written: str
    zone: tzinfo
    on: date | None = None
    at: time | None = None
    precision: timedelta = _MINUTE
    about: bool = False
    first: datetime | None = None
    last: datetime | None = None
    weekday: int | None = None

    def is_(self, real: datetime) -> bool:
        """Whether `real` would be written like this."""
        if self.first is not None and self.last is not None and not self.first <= real <= self.last:
            return False
        local = real.astimezone(self.zone)
        if self.weekday is not None and local.weekday() != self.weekday:
            return False
        if self.at is None:
            return self.on is None or local.date() == self.on
        meant = datetime.combine(self.on or local.date(), self.at, self.zone)
        away = real - meant
        if self.on is None:  # just before or after midnight
            away = min(away, away - _DAY, away + _DAY, key=abs)
        if self.about:
            return abs(away) <= _SLACK
        return -self.precision / 2 <= away < self.precision


def read_moments(text: str, now: datetime, zone: ZoneInfo) -> list[Moment]:
    """In the order of the text. A time without a zone has that of the next ("02:10 to 03:10 UTC"), else the reader's."""
    written = list(_written(text, zone, now))
    for number in range(len(written) - 2, -1, -1):
        bare, after = written[number], written[number + 1]
        if bare.zone is zone and _JOINED.fullmatch(text[bare.end : after.start]):
            written[number] = replace(bare, zone=after.zone)
    return list(_merged(sorted([*written, *_said(text, zone, now)], key=lambda moment: moment.start), text))


def _merged(moments: list[Moment], text: str) -> Iterator[Moment]:
    """A time of day and the day beside it ("yesterday at 03:55", "03:55 on 19 November") are one moment."""
    waiting: Moment | None = None
    for moment in moments:
        if waiting is None:
            waiting = moment
            continue
        beside = _BESIDE.fullmatch(text[waiting.end : moment.start])
        if beside and (waiting.at is None) != (moment.at is None):
            clock, day = (moment, waiting) if waiting.at is None else (waiting, moment)
            waiting = replace(
                clock, start=waiting.start, end=moment.end, written=text[waiting.start : moment.end],
                on=clock.on or day.on, first=day.first, last=day.last, weekday=day.weekday,
            )  # fmt: skip
        else:
            yield waiting
            waiting = moment
    if waiting is not None:
        yield waiting


def real_times(text: str, now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The times that a source's own text writes, each at its latest possible day until now."""
    for moment in _written(text, zone, now):
        if moment.at is None:
            continue
        on = moment.on or now.astimezone(moment.zone).date()
        real = datetime.combine(on, moment.at, moment.zone)
        yield real - _DAY if moment.on is None and real > now + _MINUTE else real


def dates(text: str, now: datetime, zone: ZoneInfo) -> Iterator[date]:
    """The days that a source's own text writes."""
    yield from (moment.on for moment in _written(text, zone, now) if moment.on)


def without_times(text: str) -> str:
    """The text with blanks where times stand, so that no number is read out of them."""
    return WRITTEN.sub(lambda match: " " * len(match[0]) if _is_time(match) else match[0], text)


def _is_time(match: re.Match[str]) -> bool:
    """Not a ratio such as 16:90, and no date such as 2026-13-45."""
    hour = match["hour"] or match["d_hour"] or match["bare"]
    minute = match["minute"] or match["d_minute"]
    if (
        (hour and int(hour) > 23)
        or (minute and int(minute) > 59)
        or (match["bare"] and not 1 <= int(match["bare"]) <= 12)
    ):
        return False
    return _day(match, 2000) is not None or not (match["day"] or match["day2"] or match["day3"])


def _written(text: str, zone: ZoneInfo, now: datetime) -> Iterator[Moment]:
    for match in WRITTEN.finditer(text):
        if not _is_time(match):
            continue
        on = _day(match, now.astimezone(zone).year)
        prefix = "d_" if match["d_hour"] else ""
        hour, minute, second = (
            match[f"{prefix}hour"] or match["bare"],
            match[f"{prefix}minute"],
            match[f"{prefix}second"],
        )
        half = match[f"{prefix}half"] or match["bare_half"]
        at = None
        if hour is not None:
            clock = int(hour) % 12 + (12 if half.lower() == "p" else 0) if half else int(hour)
            at = time(clock, int(minute or 0), min(59, int(second or 0)))
        precision = timedelta(seconds=1) if second else _MINUTE
        named = match[f"{prefix}zone"] or match["b_zone"]
        about = bool(match["bare"] or _ABOUT.search(text[max(0, match.start() - 20) : match.start()]))
        yield Moment(match.start(), match.end(), match[0], _zone(named, zone, now), on, at, precision, about)


def _day(match: re.Match[str], year: int) -> date | None:
    month = next((match[name] for name in ("month", "month2", "month3") if match[name]), None)
    day = next((match[name] for name in ("day", "day2", "day3") if match[name]), None)
    written = next((match[name] for name in ("year", "year2", "year3") if match[name]), None)
    if month is None or day is None:
        return None
    try:
        return date(
            int(written or year), int(month) if month.isdigit() else _MONTHS.index(month[:3].lower()) + 1, int(day)
        )
    except ValueError:
        return None


def _zone(named: str | None, own: ZoneInfo, now: datetime) -> tzinfo:
    if not named:
        return own
    name = named.upper()
    if name[0] in "+-":
        minutes = int(name[1:3]) * 60 + int(name[-2:])
        return timezone(timedelta(minutes=minutes if name[0] == "+" else -minutes)) if minutes < 24 * 60 else own
    for season in (now, now + timedelta(days=182)):
        local = season.astimezone(own)
        if local.tzname() == name:
            return timezone(local.utcoffset() or timedelta(), name)
    return timezone(timedelta(hours=_OFFSETS[name]), name)


def _said(text: str, zone: ZoneInfo, now: datetime) -> Iterator[Moment]:
    local = now.astimezone(zone)
    for match in SAID.finditer(text):
        place = (match.start(), match.end(), match[0], zone)
        if match["named"]:
            yield Moment(*place, at=time(0 if match["named"].lower() == "midnight" else 12), about=True)
        elif match["weekday"]:
            yield Moment(*place, weekday=_WEEKDAYS.index(match["weekday"].lower()))
        else:
            first, last = _range(match["range"].lower(), local)
            yield Moment(*place, first=first, last=last)


def _range(said: str, local: datetime) -> tuple[datetime, datetime]:
    """Generous: "last night" is from six in the evening until nine in the morning."""
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    hours = {
        "yesterday": (-24, 0), "yesterday morning": (-20, -12), "yesterday afternoon": (-13, -5), "yesterday evening": (-8, 0.5),
        "yesterday night": (-6, 9), "last night": (-6, 9), "overnight": (-6, 9), "this morning": (0, 13), "this afternoon": (11, 19),
        "this evening": (16, 24), "tonight": (-6, 24), "today": (0, 24), "earlier today": (0, 24), "this week": (-168, 24),
        "last week": (-336, -96),
    }  # fmt: skip
    first, last = hours[said]
    return midnight + timedelta(hours=first), midnight + timedelta(hours=last)
