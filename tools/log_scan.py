"""Every wanted entry of many log files in the order of time, for counting: a million of them, a few thousand at once.

The files are read side by side, so that a scan which has to stop knows all of them up to the same moment. Redacting a line and
making a `LogLine` of it is most of what a line costs; that waits until somebody asks to show it.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from core.clock import isoformat
from tools.log_filter import Wanted, entity_of, line_of, stated
from tools.log_names import PathNames
from tools.log_window import CHECK_EVERY, Entry, WindowReader
from tools.logs import Level, LogLine

LINES_A_PART = 2_000
SECONDS_A_PART = 0.2
"""So often a part is given, however few its lines: who counts them has a deadline of its own."""
FILES_AT_ONCE = 64
"""Open side by side; further files come after these."""
GRACE_S = 1.0
"""A reader that finds no line to give stops itself so much later than the scan would."""
_AFTER_TIME = " \t])\"'|-"
_MESSAGE_KEYS = ("message", "msg", "MESSAGE", "log", "event", "error")


class Work:
    """What a thread works on: it is over at its deadline, or when nobody waits any more."""

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self._until = time.monotonic() + deadline_s
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        self._cancelled.set()

    def stopped(self, *, grace_s: float = 0.0) -> bool:
        return self._cancelled.is_set() or time.monotonic() > self._until + grace_s


class ScannedEntry:
    """An entry of a file as a `ScannedLine`. Its text is the first line, of JSON the message."""

    __slots__ = ("_entry", "_file", "at", "entity", "level", "text")

    def __init__(self, entry: Entry, file: PathNames, level: Level) -> None:
        self._entry = entry
        self._file = file
        self.at: datetime = entry.at
        self.entity = entity_of(entry, file)
        self.level: Level = level
        line = entry.line
        words = line.rest.lstrip(_AFTER_TIME) or line.lead
        self.text: str = _message(line.fields) if line.fields is not None else words

    def shown(self) -> LogLine:
        return line_of(self._entry, self._file)


class Part(NamedTuple):
    """A `ScanPart` of entries."""

    lines: Sequence[ScannedEntry]
    gaps: tuple[str, ...] = ()


class FileScan:
    """One scan of `files`; `gaps` are those known before. `parts` blocks: it is pulled from a thread."""

    def __init__(
        self,
        files: Sequence[PathNames],
        wanted: Wanted,
        zone: ZoneInfo,
        *,
        work: Work,
        gaps: Sequence[str] = (),
        max_bytes_per_file: int,
        max_lines: int,
    ) -> None:
        self._files = files
        self._wanted = wanted
        self._zone = zone
        self._work = work
        self._gaps = list(gaps)
        self._max_bytes = max_bytes_per_file
        self._max_lines = max_lines
        self._given = 0
        self._due = time.monotonic() + SECONDS_A_PART

    def parts(self) -> Generator[Part, None, None]:
        """Parts, each oldest first. The last one carries the gaps: what could not be read, and where a bound ended it."""
        for place in range(0, len(self._files), FILES_AT_ONCE):
            together = self._files[place : place + FILES_AT_ONCE]
            ended_at = yield from self._side_by_side(together)
            if ended_at is not None:
                unread = len(self._files) - place - len(together)
                self._gaps.append(f"{self._bound()}; entries after {isoformat(ended_at)} were not read")
                self._gaps += [f"{unread} files were not read at all"] if unread else []
                break
        yield Part((), stated(self._gaps))

    def _bound(self) -> str:
        if self._given >= self._max_lines:
            return f"the scan ended after {self._given} lines"
        return f"the scan ended after {self._work.deadline_s:g} s"

    def _side_by_side(self, files: Sequence[PathNames]) -> Generator[Part, None, datetime | None]:
        """Parts of these files; gives the moment that was got to when a bound ends it before they do."""
        readers = [self._reader(file) for file in files]
        lines: list[ScannedEntry] = []
        with ExitStack() as opened:
            opened.callback(self._note_gaps, readers, files)
            streams = [opened.enter_context(closing(self._entries(*each))) for each in zip(readers, files, strict=True)]
            for count, (at, line) in enumerate(heapq.merge(*streams, key=itemgetter(0))):
                full = self._given + len(lines) >= self._max_lines and line is not None
                if line is not None and not full:
                    lines.append(line)
                due = (line is None or count % CHECK_EVERY == 0) and self._is_due()
                if due or full or len(lines) >= LINES_A_PART:
                    yield self._part(lines)
                    lines = []
                    if full or self._work.stopped():
                        return at
        yield self._part(lines)
        return None

    def _reader(self, file: PathNames) -> WindowReader:
        stopped = partial(self._work.stopped, grace_s=GRACE_S)
        return WindowReader(file.path, self._wanted.window, self._zone, max_bytes=self._max_bytes, stopped=stopped)

    def _entries(
        self, reader: WindowReader, file: PathNames
    ) -> Generator[tuple[datetime, ScannedEntry | None], None, None]:
        """The wanted entries of a file, each with its time; and now and then the time alone, to say how far it got."""
        named = self._wanted.is_named_by(file)
        for count, entry in enumerate(reader.entries(wanted=partial(self._wanted.may_hold, file)), 1):
            level = self._wanted.level_of(entry, named=named)
            if level is not None:
                yield entry.at, ScannedEntry(entry, file, level)
            elif count % CHECK_EVERY == 0:
                yield entry.at, None

    def _part(self, lines: list[ScannedEntry]) -> Part:
        self._given += len(lines)
        self._due = time.monotonic() + SECONDS_A_PART
        lines.sort(key=attrgetter("at"))  # within a file, writers are a little out of order
        return Part(lines)

    def _is_due(self) -> bool:
        return time.monotonic() > self._due or self._work.stopped()

    def _note_gaps(self, readers: Sequence[WindowReader], files: Sequence[PathNames]) -> None:
        for reader, file in zip(readers, files, strict=True):
            if self._wanted.may_concern(file):
                self._gaps += reader.gaps


def _message(fields: Mapping[str, Any]) -> str:
    """The message of a JSON entry; of one without, everything that it says."""
    for key in _MESSAGE_KEYS:
        if isinstance(fields.get(key), str) and fields[key].strip():
            return str(fields[key]).strip()
    return " ".join(f"{key}={value}" for key, value in fields.items())
