"""Log files as a source: plain text, JSON lines and logfmt, found by globs, rotated and gzipped ones among them.

A file is read only around the window asked for (`tools.log_window`), off the event loop, and within bounds of bytes and time.
"""

from __future__ import annotations

import asyncio
import glob
import heapq
import itertools
import stat
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from core.redact import redact
from core.vocabulary import Window
from tools.log_entry import level_of, own_names, text_of
from tools.log_names import PathNames, names_of, plain_name, same_name
from tools.log_time import Stamped
from tools.log_window import Entry, WindowReader, newest_entry
from tools.logs import LogLine, LogResult

MAX_FILES = 500
MAX_GAPS = 20
_SYSTEM = frozenset(("kernel", "systemd", "CRON", "cron"))
"""What these write is about the host."""
T = TypeVar("T")


class _Query(NamedTuple):
    window: Window
    entities: frozenset[str]
    levels: frozenset[str]
    contains: str
    limit: int


class _Match(NamedTuple):
    """An entry kept for the result; its first two parts order it."""

    at: datetime
    order: int
    entry: Entry
    file: PathNames


class _Work:
    """What one query runs on: it stops at its deadline, or when nobody waits any more."""

    def __init__(self, deadline_s: float) -> None:
        self._until = time.monotonic() + deadline_s
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        self._cancelled.set()

    def stopped(self) -> bool:
        return self._cancelled.is_set() or time.monotonic() > self._until


class LogFiles:
    """Reads the files under `globs` (`~` and `**` are understood). Times without a zone are taken to be in `zone`.

    A query reads at most `max_bytes_per_file` of one file, returns at most `max_lines` entries, and ends after `deadline_s`
    seconds; whatever a bound kept out is a gap.
    """

    def __init__(
        self,
        globs: Sequence[str],
        *,
        zone: ZoneInfo,
        max_bytes_per_file: int = 16 * 1024 * 1024,
        max_lines: int = 2_000,
        deadline_s: float = 5.0,
    ) -> None:
        self._globs = tuple(str(Path(pattern).expanduser()) for pattern in globs)
        self._zone = zone
        self._max_bytes = max_bytes_per_file
        self._max_lines = max_lines
        self._deadline_s = deadline_s

    async def query(
        self,
        window: Window,
        *,
        entities: Collection[str] = (),
        levels: Collection[str] = (),
        contains: str | None = None,
        limit: int = 500,
    ) -> LogResult:
        """See `LogSource.query`. A file that cannot be read, or has no times, is a gap; no exception leaves."""
        levels_wanted = frozenset(level.lower() for level in levels)
        limit = max(1, min(limit, self._max_lines))
        wanted = _Query(window, frozenset(entities), levels_wanted, (contains or "").casefold(), limit)
        return await self._off_the_loop(lambda work: self._read(wanted, work))

    async def entities(self) -> list[str]:
        """Services and hosts: from the paths (`<host>/<service>.log`), and as the newest entries name themselves."""
        return await self._off_the_loop(self._entities)

    async def _off_the_loop(self, run: Callable[[_Work], T]) -> T:
        work = _Work(self._deadline_s)
        try:
            return await asyncio.to_thread(run, work)
        finally:
            work.cancel()  # a thread cannot be cancelled; it looks here

    def _read(self, query: _Query, work: _Work) -> LogResult:
        gaps: list[str] = []
        newest: list[_Match] = []
        available = bytes_read = unread = 0
        order = itertools.count()
        for file in self._files(gaps):
            if work.stopped():
                unread += 1
                continue
            reader = WindowReader(file.path, query.window, self._zone, max_bytes=self._max_bytes, stopped=work.stopped)
            for entry in reader.entries(wanted=lambda first, file=file: _may_hold(file, first, query)):  # type: ignore[misc]
                if _matches(entry, file, query):
                    available += 1
                    match = _Match(entry.at, next(order), entry, file)
                    (heapq.heappush if len(newest) < query.limit else heapq.heappushpop)(newest, match)
            if _may_concern(file, query):
                gaps += reader.gaps
            bytes_read += reader.bytes_read
        if unread:
            gaps.append(f"{unread} files were not read within {self._deadline_s:g} s; ask for a shorter window")
        lines = tuple(_shown(match) for match in sorted(newest, key=lambda match: match[:2]))
        if available > len(lines):
            gaps.append(f"the newest {len(lines)} of {available} matching entries are shown")
        return LogResult(
            lines=lines, returned=len(lines), available=available, gaps=_stated(gaps), bytes_read=bytes_read
        )

    def _entities(self, work: _Work) -> list[str]:
        names: set[str] = set()
        for file in self._files([]):
            names |= file.names
            if work.stopped():
                continue
            if line := newest_entry(file.path, self._zone):
                service, host, sure = own_names(line)
                names |= {plain_name(each) for each in (service, host) if each and (sure or file.service is None)}
        return sorted(redact(name) for name in names)

    def _files(self, gaps: list[str]) -> list[PathNames]:
        """Every file once, last written first; at most MAX_FILES."""
        found: dict[tuple[int, int], tuple[float, PathNames]] = {}
        for pattern in self._globs:
            matched = False
            for path in map(Path, glob.iglob(pattern, recursive=True)):  # noqa: PTH207  Path.glob refuses absolute patterns
                matched = True
                try:
                    status = path.stat()
                except OSError as error:
                    gaps.append(f"{path}: cannot be read: {error.strerror}")
                    continue
                if stat.S_ISDIR(status.st_mode) and pattern.endswith("*"):
                    continue  # `logs/**` names directories too
                found[status.st_dev, status.st_ino] = (status.st_mtime, names_of(path, pattern))
                if len(found) > MAX_FILES * 20:
                    break
            if not matched:
                gaps.append(f"no file matches {pattern}; check SRE_LOG_FILES")
        newest = sorted(found.values(), key=lambda each: each[0], reverse=True)
        if len(newest) > MAX_FILES:
            gaps.append(
                f"{len(newest) - MAX_FILES} files beyond the {MAX_FILES} newest were not read; narrow SRE_LOG_FILES"
            )
        return [file for _, file in newest[:MAX_FILES]]


def _names_a_wanted(names: Collection[str | None], query: _Query) -> bool:
    return any(same_name(name, entity) for name in names if name for entity in query.entities)


def _may_concern(file: PathNames, query: _Query) -> bool:
    """Whether a question about the wanted entities misses something when the file cannot be read."""
    return not query.entities or file.service is None or _names_a_wanted(file.names, query)


def _may_hold(file: PathNames, first: Stamped, query: _Query) -> bool:
    """Whether a file can hold entries of the wanted entities: by its path, or because its entries name themselves."""
    if not query.entities or _names_a_wanted(file.names, query):
        return True
    service, host, _ = own_names(first)
    return bool(service or host)


def _matches(entry: Entry, file: PathNames, query: _Query) -> bool:
    if query.entities and not _names_a_wanted(file.names, query):
        service, host, _ = own_names(entry.line)
        if not _names_a_wanted((service, host), query):
            return False
    if query.levels and level_of(entry.line) not in query.levels:
        return False
    return not query.contains or query.contains in _haystack(entry).casefold()


def _haystack(entry: Entry) -> str:
    line = entry.line
    first = f"{line.lead}{line.rest}" if line.fields is None else " ".join(map(str, line.fields.values()))
    return "\n".join((first, *entry.more))


def _shown(match: _Match) -> LogLine:
    service, host, sure = own_names(match.entry.line)
    own = service if (sure or match.file.service is None) and service not in _SYSTEM else None
    entity = own or match.file.service or host or match.file.host
    return LogLine(
        at=match.at,
        entity=redact(plain_name(entity)) if entity else None,
        level=level_of(match.entry.line),
        text=text_of(match.entry.line, match.entry.continuation()),
        path=redact(str(match.file.path)),
    )


def _stated(gaps: list[str]) -> tuple[str, ...]:
    """One line each, the first MAX_GAPS of them."""
    lines = [f"logs: {redact(gap)}" for gap in dict.fromkeys(gaps)]
    rest = len(lines) - MAX_GAPS
    return (*lines[:MAX_GAPS], f"logs: {rest} more problems") if rest > 0 else tuple(lines)
