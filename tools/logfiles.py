"""Log files as a source: plain text, JSON lines and logfmt, found by globs, rotated and gzipped ones among them.

A file is read only around the window asked for (`tools.log_window`), off the event loop, and within bounds of bytes and time.
"""

from __future__ import annotations

import asyncio
import glob
import heapq
import itertools
import stat
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from core.redact import redact
from core.vocabulary import Window
from tools.log_entry import own_names
from tools.log_filter import Wanted, line_of, stated
from tools.log_names import PathNames, names_of, plain_name
from tools.log_newest import newest_entry
from tools.log_scan import FileScan, Part, Work
from tools.log_window import Entry, WindowReader
from tools.logs import LogResult

MAX_FILES = 500
T = TypeVar("T")


class _Match(NamedTuple):
    """An entry kept for the result; its first two parts order it."""

    at: datetime
    order: int
    entry: Entry
    file: PathNames


class LogFiles:
    """Reads the files under `globs` (`~` and `**` are understood). Times without a zone are taken to be in `zone`.

    A query reads at most `max_bytes_per_file` of one file, returns at most `max_lines` entries, and ends after `deadline_s`
    seconds; a scan has bounds of its own. Whatever a bound kept out is a gap.
    """

    def __init__(
        self,
        globs: Sequence[str],
        *,
        zone: ZoneInfo,
        max_bytes_per_file: int = 16 * 1024 * 1024,
        max_lines: int = 2_000,
        deadline_s: float = 5.0,
        max_scan_bytes_per_file: int = 256 * 1024 * 1024,
        max_scan_lines: int = 1_000_000,
        scan_deadline_s: float = 120.0,
    ) -> None:
        self._globs = tuple(str(Path(pattern).expanduser()) for pattern in globs)
        self._zone = zone
        self._max_bytes = max_bytes_per_file
        self._max_lines = max_lines
        self._deadline_s = deadline_s
        self._max_scan_bytes_per_file = max_scan_bytes_per_file
        self._max_scan_lines = max_scan_lines
        self._scan_deadline_s = scan_deadline_s

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
        wanted = Wanted(window, entities, levels, contains)
        limit = max(1, min(limit, self._max_lines))
        return await self._off_the_loop(lambda work: self._read(wanted, limit, work))

    async def scan(
        self, window: Window, *, entities: Collection[str] = (), levels: Collection[str] = ()
    ) -> AsyncGenerator[Part, None]:
        """See `LogSource.scan`. Reads on in a thread when the next part is asked for, so that nothing piles up."""
        work = Work(self._scan_deadline_s)
        gaps: list[str] = []
        parts: Generator[Part, None, None] | None = None
        try:
            files = await asyncio.to_thread(self._files, gaps)
            scan = FileScan(
                files,
                Wanted(window, entities, levels),
                self._zone,
                work=work,
                gaps=gaps,
                max_bytes_per_file=self._max_scan_bytes_per_file,
                max_lines=self._max_scan_lines,
            )
            parts = scan.parts()
            while (part := await asyncio.to_thread(next, parts, None)) is not None:
                yield part
        finally:
            work.cancel()  # a thread cannot be cancelled; it looks here
            if parts is not None:
                with suppress(ValueError):  # the thread is reading just now, and closes it when it has noticed
                    parts.close()

    async def entities(self) -> list[str]:
        """Services and hosts: from the paths (`<host>/<service>.log`), and as the newest entries name themselves."""
        return await self._off_the_loop(self._entities)

    async def _off_the_loop(self, run: Callable[[Work], T]) -> T:
        work = Work(self._deadline_s)
        try:
            return await asyncio.to_thread(run, work)
        finally:
            work.cancel()  # a thread cannot be cancelled; it looks here

    def _read(self, wanted: Wanted, limit: int, work: Work) -> LogResult:
        gaps: list[str] = []
        newest: list[_Match] = []
        available = bytes_read = unread = 0
        order = itertools.count()
        for file in self._files(gaps):
            if work.stopped():
                unread += 1
                continue
            reader = WindowReader(file.path, wanted.window, self._zone, max_bytes=self._max_bytes, stopped=work.stopped)
            named = wanted.is_named_by(file)
            for entry in reader.entries(wanted=partial(wanted.may_hold, file)):
                if wanted.level_of(entry, named=named) is not None:
                    available += 1
                    match = _Match(entry.at, next(order), entry, file)
                    (heapq.heappush if len(newest) < limit else heapq.heappushpop)(newest, match)
            if wanted.may_concern(file):
                gaps += reader.gaps
            bytes_read += reader.bytes_read
        if unread:
            gaps.append(f"{unread} files were not read within {self._deadline_s:g} s; ask for a shorter window")
        lines = tuple(line_of(match.entry, match.file) for match in sorted(newest, key=lambda match: match[:2]))
        if available > len(lines):
            gaps.append(f"the newest {len(lines)} of {available} matching entries are shown")
        return LogResult(
            lines=lines, returned=len(lines), available=available, gaps=stated(gaps), bytes_read=bytes_read
        )

    def _entities(self, work: Work) -> list[str]:
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
