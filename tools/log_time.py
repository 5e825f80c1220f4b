"""When a log line was written: the time formats that homelab software uses, and which span of the line holds the time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

_MONTHS = {name: number for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}  # noqa: SIM905  the calendar
_MON = "(?P<mon>" + "|".join(_MONTHS) + ")"
_CLOCK = r"(?P<h>\d{2}):(?P<m>\d{2}):(?P<s>\d{2})(?:[.,:](?P<f>\d{1,9}))?"
_ZONE = r"(?:\s?(?P<z>Z|UTC|GMT|[+-]\d{2}:?\d{2})(?![\d:]))?"
_LOGFMT = r"\b(?:time|ts|t|timestamp)=\"?"
_ISO_LEAD = r"(?:<\d{1,3}>\d? ?)?(?:[\w./-]{1,40} +\| ?)?(?:[\[(]?[A-Za-z]{1,10}[\])]?:? {1,6})?[\[(\"']?"
"""What may stand before an ISO time: a priority, a container's name, a level, a bracket. Elsewhere it is part of the message."""
# In each, the first group is the first part of the time.
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # ISO 8601, Python logging, nginx errors, RFC 5424, logfmt
        rf"^(?:{_ISO_LEAD}|(?=\S).{{0,200}}?{_LOGFMT})(?P<y>\d{{4}})[-/](?P<mo>\d{{2}})[-/](?P<d>\d{{2}})[T _]{_CLOCK}{_ZONE}",
        # RFC 3164, without a year, or with one as Cisco writes it
        rf"^(?:<\d{{1,3}}>)?{_MON} {{1,2}}(?P<d>\d{{1,2}}) (?:(?P<y>\d{{4}}) )?{_CLOCK}",
        # common log format: nginx, Apache, Traefik; Django
        rf"^(?=\S).{{0,300}}?\[(?P<d>\d{{2}})/{_MON}/(?P<y>\d{{4}})[: ]{_CLOCK}{_ZONE}\]",
        # Apache errors: [Sun Nov 22 03:10:01.123456 2026]
        rf"^\[?[A-Z][a-z]{{2}} {_MON} {{1,2}}(?P<d>\d{{1,2}}) {_CLOCK} (?P<y>\d{{4}})",
        # Redis: 1:M 22 Nov 2026 03:10:01.123
        rf"^(?=\S).{{0,40}}?(?<!\w)(?P<d>\d{{1,2}}) {_MON} (?P<y>\d{{4}}) {_CLOCK}",
        # klog: E1122 03:10:01.123456
        rf"^[IWEF](?P<mo>\d{{2}})(?P<d>\d{{2}}) {_CLOCK}",
        # unix time, first on the line, in logfmt, or as auditd writes it
        rf"^(?=\S)(?:|type=\w{{1,30}} msg=audit\(|.{{0,200}}?{_LOGFMT})(?P<unix>\d{{10}}(?:\.\d{{1,9}})?|\d{{13}})(?=[\s\":]|$)",
    )
)
_JSON_KEYS = ("@timestamp", "timestamp", "time", "ts", "t", "datetime", "asctime", "__REALTIME_TIMESTAMP", "StartUTC")


class Stamped(NamedTuple):
    """A line that begins an entry. `later` is the other reading of a local time that happens twice, when clocks go back.

    `fields` is the line's JSON object, if it is one; `lead`, `when` and `rest` are the line: before its time, the time, and after it.
    """

    at: datetime
    later: datetime | None
    fields: Mapping[str, Any] | None = None
    lead: str = ""
    when: str = ""
    rest: str = ""


class LineClock:
    """Reads the time of the lines of one file. Naive times are in `zone`; a year left out is that of the last writing."""

    def __init__(self, zone: ZoneInfo, modified: datetime) -> None:
        self._zone = zone
        self._latest = modified + timedelta(days=1)
        self._patterns = list(_PATTERNS)

    def read(self, line: str) -> Stamped | None:
        """None for a line that continues the one before."""
        if line.startswith("{"):
            return self._read_json(line)
        for place, pattern in enumerate(self._patterns):
            match = pattern.match(line)
            moments = match and self._moments(match.groupdict())
            if match and moments:
                if place:  # a file keeps to its format
                    self._patterns.insert(0, self._patterns.pop(place))
                start, end = match.start(1), match.end()
                return Stamped(*moments, lead=line[:start], when=line[start:end], rest=line[end:])
        return None

    def near_transition(self, moment: datetime) -> bool:
        """Whether the zone's offset changes within three hours: local times are then out of order, or twofold."""
        hours = timedelta(hours=3)
        before, after = (moment + shift for shift in (-hours, hours))
        return before.astimezone(self._zone).utcoffset() != after.astimezone(self._zone).utcoffset()

    def _read_json(self, line: str) -> Stamped | None:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(fields, dict):
            return None
        for key in _JSON_KEYS:
            moments = self._value(fields[key]) if key in fields else None
            if moments:
                return Stamped(*moments, fields=fields)
        return None

    def _value(self, value: Any) -> tuple[datetime, datetime | None] | None:
        if isinstance(value, str) and not re.fullmatch(r"[0-9]{9,20}(?:\.[0-9]{1,9})?", value):
            match = _PATTERNS[0].match(value) or _PATTERNS[2].match(f"- [{value}]")
            return self._moments(match.groupdict()) if match else None
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        return _from_unix(float(value))

    def _moments(self, found: Mapping[str, str | None]) -> tuple[datetime, datetime | None] | None:
        if unix := found.get("unix"):
            return _from_unix(float(unix))
        month = _MONTHS[found["mon"] or ""] if found.get("mon") else int(found.get("mo") or 0)
        micros = int((found.get("f") or "0").ljust(6, "0")[:6])
        clock = (int(found["h"] or 0), int(found["m"] or 0), min(int(found["s"] or 0), 59), micros)  # 59: leap seconds
        day = int(found["d"] or 0)
        if year := found.get("y"):
            return self._located(_naive(int(year), month, day, clock), found.get("z"))
        for candidate in range(self._latest.year, self._latest.year - 5, -1):  # five: 29 February
            moments = self._located(_naive(candidate, month, day, clock), None)
            if moments and moments[0] <= self._latest:
                return moments
        return None

    def _located(self, naive: datetime | None, zone: str | None) -> tuple[datetime, datetime | None] | None:
        if naive is None:
            return None
        try:
            if zone in {"Z", "UTC", "GMT"}:
                return naive.replace(tzinfo=UTC), None
            if zone:
                return datetime.fromisoformat(f"{naive.isoformat()}{zone}").astimezone(UTC), None
            first, second = (naive.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        except (ValueError, OverflowError):
            return None
        return first, second if second > first else None


def _naive(year: int, month: int, day: int, clock: tuple[int, int, int, int]) -> datetime | None:
    try:
        return datetime(year, month, day, *clock)  # noqa: DTZ001  its zone comes next
    except ValueError:
        return None


def _from_unix(value: float) -> tuple[datetime, datetime | None] | None:
    """Seconds, or by their size milli-, micro- or nanoseconds, since 1970."""
    for limit, unit in ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (1e20, 1e9)):
        if 1e8 < value < limit:
            return datetime.fromtimestamp(value / unit, UTC), None
    return None
