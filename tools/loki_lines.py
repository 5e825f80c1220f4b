"""How an entry of Loki's becomes a log line: its time, its level, who wrote it, and the words to show."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from core.redact import redact
from core.vocabulary import Window
from tools import logql
from tools.log_entry import level_of, own_names, text_of
from tools.log_names import plain_name, same_name
from tools.log_time import LineClock, Stamped
from tools.logs import Level, LogLine
from tools.loki_labels import FILE, LEVEL, Labelled, Labels
from tools.loki_response import Entry, moment_of

_OWN_TIME_WITHIN = timedelta(minutes=1)
_HEAD = 400
_MAX_MORE = 200
_MAX_PATH = 200
_MESSAGE_KEYS = ("message", "msg", "MESSAGE", "log", "event", "error")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class LineReader:
    """Reads the entries of one query. Times without a zone in a line's words are in `zone`."""

    def __init__(self, labels: Labels, window: Window, zone: ZoneInfo, levels: Collection[str]) -> None:
        self.labels = labels
        self.window = window
        self.levels = frozenset(levels)
        self._zone = zone

    def wanted(self, entries: Collection[Entry], own: Collection[str]) -> list[FoundLine]:
        """Those at the levels asked for, and naming one of `own` themselves, when there are any."""
        streams: dict[tuple[tuple[str, str], ...], tuple[LineClock, Labelled]] = {}
        found = []
        for entry in entries:
            if entry.stream not in streams:
                clock = LineClock(self._zone, self.window.end)
                streams[entry.stream] = (clock, self.labels.of_stream(entry.labels))
            clock, labelled = streams[entry.stream]
            line, more = _stamped(entry, clock)
            level = _level(entry, line)
            if (not self.levels or level in self.levels) and (not own or _names_one_of(line, own)):
                found.append(FoundLine(self, entry, line=line, more=more, level=level, labelled=labelled))
        return found

    def moment(self, entry: Entry, line: Stamped) -> datetime:
        """The line's own time, when it agrees with Loki's to the minute: then Loki's is when the line was collected.

        One that does not agree may be in another zone, or be part of the message.
        """
        loki, own = moment_of(entry.ns), line.at
        agrees = abs(own - loki) <= _OWN_TIME_WITHIN and self.window.start <= own <= self.window.end
        return own if agrees else loki

    def place(self, labels: Mapping[str, str]) -> str:
        """The file, else the stream by its labels (newer versions of Loki put a line's metadata among them)."""
        if file := next((labels[name] for name in FILE if labels.get(name, "").startswith("/")), None):
            return redact(file)[:_MAX_PATH]
        shown = sorted(name for name in labels if name in self.labels.values and name not in LEVEL)
        return redact(logql.selector(logql.one_of(name, (labels[name],)) for name in shown))[:_MAX_PATH]


class FoundLine:
    """An entry that is wanted: a `ScannedLine`, of which most is worked out when it is asked for."""

    __slots__ = ("_entry", "_labelled", "_line", "_more", "_reader", "at", "level")

    def __init__(
        self,
        reader: LineReader,
        entry: Entry,
        *,
        line: Stamped,
        more: tuple[str, ...],
        level: Level,
        labelled: Labelled,
    ) -> None:
        self._reader, self._entry, self._line, self._more, self._labelled = reader, entry, line, more, labelled
        self.level = level
        self.at = reader.moment(entry, line)

    @property
    def ns(self) -> int:
        return self._entry.ns

    @property
    def entity(self) -> str | None:
        """The service that wrote it, else the host; what the kernel and systemd write is about the host."""
        labelled = self._labelled
        service, host, sure = own_names(self._line)
        if service and service.lower() in {"kernel", "systemd", "cron"}:
            service = None
        own = service if sure or not (labelled.perhaps or labelled.about_the_host) else None
        entity = labelled.service or own or labelled.perhaps or labelled.host or host
        return _shown_name(entity) if entity else None

    @property
    def text(self) -> str:
        """The message, without its time and its fields; not redacted."""
        if self._line.fields is None:
            return self._line.rest if self._line.when else f"{self._line.lead}{self._line.rest}"
        said = (self._line.fields.get(key) for key in _MESSAGE_KEYS)
        return next((text for text in said if isinstance(text, str) and text.strip()), self._entry.line)

    def shown(self) -> LogLine:
        return LogLine(
            at=self.at,
            entity=self.entity,
            level=self.level,
            text=text_of(self._line, self._more),
            path=self._reader.place(self._entry.labels),
        )


@lru_cache(maxsize=4096)
def _shown_name(name: str) -> str:
    return redact(plain_name(name))


def _stamped(entry: Entry, clock: LineClock) -> tuple[Stamped, tuple[str, ...]]:
    """The entry with its own time, else Loki's; and the lines that continue its first."""
    text = _ESCAPES.sub("", entry.line) if "\x1b" in entry.line else entry.line
    at = moment_of(entry.ns)
    if text.startswith("{"):
        if stamped := clock.read(text):
            return stamped, ()
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            fields = None
        if isinstance(fields, dict):
            return Stamped(at, None, fields=fields), ()
    first, *more = text.split("\n")
    kept = tuple(each[:2000] for each in more[:_MAX_MORE] if each.strip())
    if len(more) > _MAX_MORE:
        kept = (*kept, f"… {len(more) - _MAX_MORE} more lines")
    return clock.read(first) or Stamped(at, None, lead=first[:_HEAD], rest=first[_HEAD:]), kept


def _level(entry: Entry, line: Stamped) -> Level:
    """What the words say, else what a label does."""
    level = level_of(line)
    if level != "unknown":
        return level
    stated = (logql.stated_level(entry.labels[name]) for name in LEVEL if name in entry.labels)
    return next((each for each in stated if each != "unknown"), "unknown")


def _names_one_of(line: Stamped, wanted: Collection[str]) -> bool:
    service, host, _ = own_names(line)
    return any(same_name(name, entity) for name in (service, host) if name for entity in wanted)
