"""Changes that people's own scripts write down: files with one JSON object a line, in the fields of `core.vocabulary.Change`.

    {"at": "2026-11-20T03:10:00Z", "kind": "manual", "entity": "nas", "title": "swapped a disk"}

`at`, `kind` and `title` are needed. Files are appended to, so the newest lines stand at the end, and the last may be half-written.
"""

from __future__ import annotations

import asyncio
import codecs
import glob
import hashlib
import itertools
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from core.redact import redact
from core.vocabulary import Change, Window
from tools.changes.source import ChangeList
from tools.http_errors import one_line
from tools.response import first_wrong_field

MAX_FILES = 100
MAX_BYTES = 4_000_000
"""Of one file, from its end."""
MAX_LINE = 100_000
MAX_GAPS = 20
MAX_TITLE, MAX_TEXT, MAX_LISTED = 200, 20_000, 200


class _Record(Change):
    id: str = ""
    title: str = Field(min_length=1)


class ChangeRecords:
    """Reads the files under `patterns` (`~` and `**` are understood), the last written first, within `deadline_s` seconds."""

    name = "record"

    def __init__(self, patterns: Sequence[str], *, deadline_s: float = 4.0) -> None:
        self._patterns = tuple(os.path.expanduser(pattern) for pattern in patterns)  # noqa: PTH111  a pattern is no path yet
        self._deadline_s = deadline_s

    async def changes(self, window: Window, *, limit: int = 500) -> ChangeList:
        """See `ChangeSource.changes`. A line that is no record is a gap that names it; the others stand."""
        return await asyncio.to_thread(self._read, window, limit)

    def _read(self, window: Window, limit: int) -> ChangeList:
        gaps: list[str] = []
        found: dict[str, Change] = {}
        ends = time.monotonic() + self._deadline_s
        for path in self._files(gaps):
            for number, line in _lines(path, gaps):
                if time.monotonic() > ends:
                    gaps.append(f"{path}: not read further within {self._deadline_s:g} s")
                    break
                try:
                    change = _change(line)
                except (ValueError, OverflowError) as error:
                    wrong = _what_is_wrong(error, half_written=not line.endswith(b"\n"))
                    gaps.append(f"{path}:{number}: {wrong}")
                    continue
                if any(window.start <= at <= window.end for at in (change.at, change.effective_at) if at):
                    found[change.id] = change
        newest = sorted(found.values(), key=lambda change: (change.at, change.id))[-limit:] if limit > 0 else []
        return ChangeList(changes=tuple(newest), available=len(found), gaps=_stated(gaps))

    def _files(self, gaps: list[str]) -> list[Path]:
        found: dict[Path, float] = {}
        for pattern in self._patterns:
            matched = False
            for path in map(Path, glob.iglob(pattern, recursive=True)):  # noqa: PTH207  Path.glob refuses absolute patterns
                matched = True
                try:
                    status = path.stat()
                except OSError as error:
                    gaps.append(f"{path}: cannot be read: {error.strerror}")
                    continue
                if stat.S_ISREG(status.st_mode):
                    found[path.resolve()] = status.st_mtime
                if len(found) > MAX_FILES * 10:
                    break
            if not matched:
                gaps.append(f"no file matches {pattern}; check SRE_CHANGE_FILES")
        newest = sorted(found, key=lambda path: found[path], reverse=True)
        if len(newest) > MAX_FILES:
            gaps.append(f"only the {MAX_FILES} files last written were read; narrow SRE_CHANGE_FILES")
        return newest[:MAX_FILES]


def _lines(path: Path, gaps: list[str]) -> Iterator[tuple[int, bytes]]:
    """Number, from 1, and content of each line that is not empty, of the file's last MAX_BYTES."""
    try:
        with path.open("rb") as file:
            skipped = os.fstat(file.fileno()).st_size - MAX_BYTES
            if skipped > 0:
                gaps.append(
                    f"{path}: only its last {MAX_BYTES // 1_000_000} MB were read; lines are counted from there"
                )
                file.seek(skipped)
                file.readline(MAX_BYTES)  # what is left of a line
            for number in itertools.count(1):
                line = file.readline(MAX_LINE)
                if not line:
                    return
                if len(line) == MAX_LINE and not line.endswith(b"\n"):
                    gaps.append(f"{path}:{number}: the line is longer than {MAX_LINE // 1000} kB")
                    while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                        pass
                elif line.strip():
                    yield number, line
    except OSError as error:
        gaps.append(f"{path}: cannot be read: {error.strerror}")


def _change(line: bytes) -> Change:
    """Raises ValueError, or OverflowError for a time near the year 1, when the line is no record."""
    record = _Record.model_validate_json(line.removeprefix(codecs.BOM_UTF8))
    own = record.id or hashlib.sha256(line.strip()).hexdigest()[:12]
    return Change(
        id=own if own.startswith(f"{ChangeRecords.name}:") else f"{ChangeRecords.name}:{redact(own)[:MAX_TITLE]}",
        at=record.at,
        effective_at=record.effective_at,
        kind=record.kind,
        entity=redact(record.entity) if record.entity else None,
        title=redact(record.title)[:MAX_TITLE],
        detail=redact(record.detail)[:MAX_TEXT],
        files=tuple(redact(name) for name in record.files[:MAX_LISTED]),
        diff=redact(record.diff)[:MAX_TEXT],
        source=redact(record.source)[:MAX_TITLE] or ChangeRecords.name,
        actor=redact(record.actor) if record.actor else None,
    )


def _what_is_wrong(error: Exception, *, half_written: bool) -> str:
    if half_written and isinstance(error, ValidationError) and error.errors()[0]["type"] == "json_invalid":
        return "the last line is only half-written; it counts once it ends"
    wrong = first_wrong_field(error) if isinstance(error, ValidationError) else str(error)
    return one_line(f"no record of a change: {wrong}")


def _stated(gaps: list[str]) -> tuple[str, ...]:
    """One line each, the first MAX_GAPS of them."""
    lines = [f"{ChangeRecords.name}: {redact(gap)}" for gap in gaps]
    rest = len(lines) - MAX_GAPS
    return (*lines[:MAX_GAPS], f"{ChangeRecords.name}: {rest} more problems") if rest > 0 else tuple(lines)
