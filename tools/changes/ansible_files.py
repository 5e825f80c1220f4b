"""Files in which Ansible's runs were recorded: `log_path` texts and what the JSON callbacks print, told apart by what they hold."""

from __future__ import annotations

import asyncio
import glob
import gzip
import os
import re
import stat
import time
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core.redact import redact
from core.vocabulary import Window
from tools.changes.ansible_callbacks import Reading, read_callbacks
from tools.changes.ansible_log import looks_like_a_log, read_log
from tools.changes.ansible_task import TaskResult, to_change, with_ids
from tools.changes.source import ChangeList

MAX_FILES, MAX_GAPS = 200, 20
_CLOCKS_DIFFER = timedelta(minutes=5)
_NEAR = timedelta(days=1)
"""What could not be read this far from the window may belong into it."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class _Text(NamedTuple):
    """What was read of a file. `is_cut` when that is only its end, or of a compressed one its beginning."""

    text: str
    is_cut: bool
    modified: datetime


class AnsibleFiles:
    """Reads the files under `patterns` (`~` and `**` are understood), the last written first, within `deadline_s` seconds.

    The times of logs are in `zone`. Of one file at most `max_bytes` are read, from its end where it is not compressed.
    """

    name = "ansible"

    def __init__(
        self, patterns: Sequence[str], zone: ZoneInfo, *, max_bytes: int = 8_000_000, deadline_s: float = 4.0
    ) -> None:
        self._patterns = tuple(os.path.expanduser(pattern) for pattern in patterns)  # noqa: PTH111  a pattern is no path yet
        self._zone = zone
        self._max_bytes = max_bytes
        self._deadline_s = deadline_s

    async def changes(self, window: Window, *, limit: int = 500) -> ChangeList:
        """See `ChangeSource.changes`."""
        return await asyncio.to_thread(self._read, window, limit)

    def _read(self, window: Window, limit: int) -> ChangeList:
        gaps: list[str] = []
        found: dict[str, TaskResult] = {}
        unread, ends = 0, time.monotonic() + self._deadline_s
        for path in self._files(window, gaps):
            if time.monotonic() > ends:
                unread += 1
                continue
            try:
                reading = self._read_file(path, window, gaps)
            except (OSError, EOFError, zlib.error) as error:
                gaps.append(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}")
                continue
            within = (result for result in reading.results if window.start <= result.at <= window.end)
            for change_id, result in with_ids(within):
                # A run recorded in two files is told by the one that knows more.
                found[change_id] = max(found.get(change_id, result), result, key=_told)
        if unread:
            gaps.append(f"{unread} files were not read within {self._deadline_s:g} s; ask for a shorter window")
        newest = sorted(found.items(), key=lambda each: (each[1].at, each[0]))[-limit:] if limit > 0 else []
        changes = (to_change(result, change_id=change_id, source=self.name) for change_id, result in newest)
        return ChangeList(changes=tuple(changes), available=len(found), gaps=_stated(gaps))

    def _files(self, window: Window, gaps: list[str]) -> list[Path]:
        """Every file once, the last written first, without those that were written last before the window."""
        found: dict[tuple[int, int], tuple[float, Path]] = {}
        for pattern in self._patterns:
            matched = False
            for path in map(Path, glob.iglob(pattern, recursive=True)):  # noqa: PTH207  Path.glob refuses absolute patterns
                matched = True
                try:
                    status = path.stat()
                except OSError as error:
                    gaps.append(f"{path}: cannot be read: {error.strerror}")
                    continue
                if not stat.S_ISDIR(status.st_mode):
                    found[status.st_dev, status.st_ino] = status.st_mtime, path
                if len(found) > MAX_FILES * 20:
                    break
            if not matched:
                gaps.append(f"no file matches {pattern}; check SRE_ANSIBLE_LOGS")
        since = (window.start - _CLOCKS_DIFFER).timestamp()
        newest = sorted((each for each in found.values() if each[0] >= since), reverse=True)
        if len(newest) > MAX_FILES:
            gaps.append(f"{len(newest) - MAX_FILES} files beyond the {MAX_FILES} newest were not read")
        return [path for _, path in newest[:MAX_FILES]]

    def _read_file(self, path: Path, window: Window, gaps: list[str]) -> Reading:
        """Raises OSError, EOFError or zlib.error."""
        read = _text(path, self._max_bytes)
        if not read.text.strip():
            return Reading()
        if looks_like_a_log(read.text):
            reading = read_log(read.text, self._zone, read.modified)
        else:
            reading = read_callbacks(read.text)
        size = f"{self._max_bytes / 1e6:g} MB"
        if not reading.known:
            hint = (
                f"; it is larger than {size}"
                if read.is_cut
                else "".join(f"; {text}" for _, text in reading.problems[:1])
            )
            gaps.append(f"{path}: neither a log nor JSON of Ansible could be read in it{hint}")
        else:
            near = (
                text for at, text in reading.problems if at is None or window.start - _NEAR <= at <= window.end + _NEAR
            )
            gaps += (f"{path}: {text}" for text in near)
            if read.is_cut and (path.suffix == ".gz" or reading.first is None or reading.first > window.start):
                gaps.append(f"{path}: only {size} of it were read; other changes of the time asked for may be missing")
        return reading


def _text(path: Path, max_bytes: int) -> _Text:
    """Raises OSError for what is no file of text, EOFError or zlib.error for a broken compressed one."""
    # Without O_NONBLOCK, opening a FIFO that nobody writes to would wait for ever.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        status = os.fstat(file.fileno())
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        if file.read(2) == b"\x1f\x8b":
            file.seek(0)
            with gzip.GzipFile(fileobj=file) as plain:
                data = plain.read(max_bytes + 1)
            is_cut = len(data) > max_bytes
        else:
            is_cut = status.st_size > max_bytes
            file.seek(max(0, status.st_size - max_bytes))
            data = file.read(max_bytes)
            if is_cut:
                data = data[data.find(b"\n") + 1 :]
    if b"\0" in data[:4096]:
        raise OSError("it is not text")
    return _Text(_COLOURS.sub("", data[:max_bytes].decode("utf-8", "replace")), is_cut, modified)


def _told(result: TaskResult) -> tuple[int, int]:
    return len(result.content), len(result.printed)


def _stated(gaps: list[str]) -> tuple[str, ...]:
    """One line each, the first MAX_GAPS of them."""
    lines = [f"ansible: {redact(' '.join(gap.split()))}" for gap in dict.fromkeys(gaps)]
    rest = len(lines) - MAX_GAPS
    return (*lines[:MAX_GAPS], f"ansible: {rest} more problems") if rest > 0 else tuple(lines)
