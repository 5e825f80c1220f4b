"""The entries of one log file that fall into a time window, without reading the rest of the file.

A file in time order is searched by halving: a few kilobytes are read at each probe, then the window's own bytes. Reading is
bounded in bytes, and asks `stopped` as it goes on.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal
from zoneinfo import ZoneInfo

from core.vocabulary import Window
from tools.log_time import LineClock, Stamped

HEAD = 65_536
"""Bytes looked at to tell what a file is, and the size of a read."""
PROBE = 4_096
"""Bytes looked at to find a time."""
GRAIN = 512
"""How closely a window's ends are found, in bytes."""
MAX_PROBE = WHOLE = 262_144
"""A file of up to WHOLE bytes is read at once: that is cheaper than a few probes."""
MAX_LINE = 65_536
MAX_CONTINUATION = 200
DISORDER = timedelta(seconds=5)
"""Several writers of one file are this far out of order at most."""
CHECK_EVERY = 512
SURELY_BEYOND = 200
"""So many entries in a row after the window are its end; a single one may be a line with a wrong time."""
BEYOND_FOUND_END = 8
"""The same where the end of the window was found by halving."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Entry:
    """A line with a time, and those that follow it without one."""

    line: Stamped
    at: datetime
    more: list[str] = field(default_factory=list)
    dropped: int = 0

    def add(self, text: str) -> None:
        if len(self.more) < MAX_CONTINUATION:
            self.more.append(text[:2000])
        else:
            self.dropped += 1

    def continuation(self) -> tuple[str, ...]:
        return (*self.more, f"… {self.dropped} more lines") if self.dropped else tuple(self.more)


@dataclass(frozen=True)
class _Span:
    """Bytes to read. `stop` None: to the end, within the bound. Entries beyond the window end an `ordered` span."""

    start: int
    stop: int | None
    mid_line: bool = False
    ordered: bool = True


class WindowReader:
    """Reads one file. After `entries`, `gaps` says what could not be read and `bytes_read` what it cost."""

    def __init__(
        self, path: Path, window: Window, zone: ZoneInfo, *, max_bytes: int, stopped: Callable[[], bool]
    ) -> None:
        self.path = path
        self.gaps: list[str] = []
        self.bytes_read = 0
        self._window = window
        self._zone = zone
        self._max_bytes = max_bytes
        self._stopped = stopped

    def entries(self, *, wanted: Callable[[Stamped], bool] = lambda _: True) -> Iterator[Entry]:
        """Entries inside the window, in the file's order; none when `wanted` refuses the file's first entry."""
        try:
            yield from self._entries(wanted)
        except (OSError, EOFError, zlib.error) as error:
            self._gap(f"cannot be read: {getattr(error, 'strerror', None) or error}")

    def _entries(self, wanted: Callable[[Stamped], bool]) -> Iterator[Entry]:
        # Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb", buffering=0) as raw:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                self._gap("is not a regular file")
                return
            modified = datetime.fromtimestamp(status.st_mtime, UTC)
            if status.st_size == 0 or modified < self._window.start - timedelta(days=1):
                return
            self._clock = LineClock(self._zone, modified)
            self._size = status.st_size
            head = self._read(raw, PROBE)
            if head.startswith(b"\x1f\x8b"):
                raw.seek(0)
                with closing(gzip.GzipFile(fileobj=raw)) as plain:
                    yield from self._stream(plain, _Span(0, None), wanted)  # type: ignore[arg-type]
                return
            if b"\0" in head or head.startswith((b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh")):
                self._gap("is not text (binary, or compressed other than gzip)")
                return
            if self._size <= WHOLE:
                rest = self._read(raw, self._size - len(head)) if len(head) < self._size else b""
                yield from self._search(io.BytesIO(head + rest), head, wanted)
            else:
                yield from self._search(raw, head, wanted)

    def _search(self, raw: BinaryIO, head: bytes, wanted: Callable[[Stamped], bool]) -> Iterator[Entry]:
        first = self._first_stamp(raw, 0, head)
        if first is None:
            self._gap(f"no time found in its first {MAX_PROBE // 1024} KiB; lines without a time cannot be placed")
            return
        if not wanted(first[1]):
            return
        slack = self._slack()
        last = self._last_stamp(raw)
        if last and last[1].at < first[1].at - slack:
            self._gap(f"is not in time order; only its last {self._max_bytes // 1024} KiB were searched")
            start = max(0, self._size - self._max_bytes)
            span = _Span(start, None, mid_line=start > 0, ordered=False)
        elif first[1].at > self._window.end + slack or (last and last[1].at < self._window.start - slack):
            return
        else:
            start, _ = self._offsets_around(raw, self._window.start - slack, timeless="after")
            _, stop = self._offsets_around(raw, self._window.end + slack, timeless="before")
            span = _Span(start, stop)
            if stop - start > self._max_bytes:
                span = _Span(stop - self._max_bytes, stop, mid_line=True)
                self._gap(f"only the last {self._max_bytes // 1024} KiB of the window were read")
        raw.seek(span.start)
        yield from self._stream(raw, span, lambda _: True)

    def _slack(self) -> timedelta:
        """How far outside the window a line's time may seem to lie that belongs into it."""
        ends = (self._window.start, self._window.end)
        return DISORDER + timedelta(hours=2 if any(map(self._clock.near_transition, ends)) else 0)

    def _offsets_around(
        self, raw: BinaryIO, moment: datetime, *, timeless: Literal["before", "after"]
    ) -> tuple[int, int]:
        """(low, high): what stands before `low` is older than `moment`, and from `high` on nothing is.

        A long stretch without times is taken to lie before or after, whichever reads more.
        """
        low, high = 0, self._size
        while high - low > GRAIN and not self._stopped():
            middle = (low + high) // 2
            found = self._first_stamp(raw, middle, None)
            if found is None and timeless == "before":
                low = middle
            elif found is None or found[0] >= high or found[1].at >= moment:
                high = middle
            else:
                low = found[0]
        return low, high

    def _last_stamp(self, raw: BinaryIO) -> tuple[int, Stamped] | None:
        """The last line with a time in the last 64 KiB, and where it begins; of a longer stretch without, the first further up."""
        offset = max(0, self._size - HEAD)
        raw.seek(offset)
        data = self._read(raw, HEAD)
        end = len(data)
        while end > 0:
            begin = data.rfind(b"\n", 0, end - 1) + 1
            if begin == 0 and offset > 0:
                break  # a line that began before
            if stamped := self._clock.read(decode(data[begin:end].rstrip(b"\n")[:MAX_LINE])):
                return offset + begin, stamped
            end = begin
        return self._first_stamp(raw, offset, None)

    def _first_stamp(self, raw: BinaryIO, offset: int, data: bytes | None) -> tuple[int, Stamped] | None:
        """The first line with a time that begins after `offset`, within MAX_PROBE bytes, and where it begins."""
        size = PROBE
        data = data or b""
        while True:
            if not data:
                raw.seek(offset)
                data = self._read(raw, size)
            place = 0 if offset == 0 else data.find(b"\n") + 1 or len(data)
            while place < len(data):
                end = data.find(b"\n", place)
                if end < 0 and offset + len(data) < self._size and size < MAX_PROBE:
                    break  # cut off: a longer read decides
                line = data[place : end if end >= 0 else len(data)]
                if stamped := self._clock.read(decode(line[:MAX_LINE])):
                    return offset + place, stamped
                place += len(line) + 1
            if size >= MAX_PROBE or offset + len(data) >= self._size:
                return None
            size, data = size * 4, b""

    def _stream(self, source: BinaryIO, span: _Span, wanted: Callable[[Stamped], bool]) -> Iterator[Entry]:
        current: Entry | None = None
        unseen = True
        beyond, place = 0, span.start
        last = self._window.end + self._slack()
        enough = SURELY_BEYOND if span.stop is None else BEYOND_FOUND_END
        for count, raw_line in enumerate(self._lines(source, span)):
            if count % CHECK_EVERY == 0 and self._stopped():
                self._gap("reading was stopped before the end of the window")
                break
            place += len(raw_line) + 1
            line = decode(raw_line)
            stamped = self._clock.read(line)
            if stamped is None:
                if current and line.strip():
                    current.add(line)
                continue
            if unseen and not wanted(stamped):
                return
            unseen = False
            if current and self._inside(current.at):
                yield current
            at = self._resolve(stamped, current)
            current = Entry(stamped, at)
            beyond = beyond + 1 if at > last and place > (span.stop or 0) else 0
            if span.ordered and beyond > enough:
                break
        if unseen and span.stop is None:
            self._gap("no time found; lines without a time cannot be placed")
        if current and self._inside(current.at):
            yield current

    def _lines(self, source: BinaryIO, span: _Span) -> Iterator[bytes]:
        """The lines of the span; what is longer than MAX_LINE is cut."""
        budget = (self._max_bytes if span.stop is None else span.stop - span.start) + 2 * HEAD
        rest, skipping = b"", span.mid_line
        while budget > 0:
            data = self._read(source, min(HEAD, budget))
            if not data:
                break
            budget -= len(data)
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                if not skipping:
                    yield line[:MAX_LINE]
                skipping = False
            if len(rest) > MAX_LINE:
                if not skipping:
                    yield rest[:MAX_LINE]
                rest, skipping = b"", True
        else:
            if span.stop is None and self._read(source, 1):
                self._gap(f"only its first {self._max_bytes // 1024} KiB were read")
        if rest and not skipping:
            yield rest

    def _resolve(self, stamped: Stamped, before: Entry | None) -> datetime:
        """Of the two readings of an hour that happens twice, the one that does not go back."""
        if stamped.later and before and stamped.at < before.at - DISORDER:
            return stamped.later
        return stamped.at

    def _inside(self, at: datetime) -> bool:
        return self._window.start <= at <= self._window.end

    def _read(self, source: BinaryIO, size: int) -> bytes:
        data = source.read(size)
        self.bytes_read += len(data)
        return data

    def _gap(self, what: str) -> None:
        self.gaps.append(f"{self.path}: {what}")


def decode(line: bytes) -> str:
    """Without the escapes that colour it."""
    text = line.rstrip(b"\r").decode("utf-8", errors="replace")
    return _ESCAPES.sub("", text) if "\x1b" in text else text
