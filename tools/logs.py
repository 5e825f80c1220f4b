"""What a source of logs gives, whichever it is: files, or Loki."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Literal, Protocol, get_args

from core.vocabulary import Frozen, UtcDatetime, Window

Level = Literal["error", "warning", "info", "debug", "unknown"]
LEVELS: tuple[str, ...] = get_args(Level)


class LogLine(Frozen):
    """One entry, redacted. Lines that continue it (a stack trace) are part of `text`, joined by newlines.

    `entity` is the service that wrote it, else the host, else None; `path` is the file or stream it came from.
    """

    at: UtcDatetime
    entity: str | None = None
    level: Level = "unknown"
    text: str
    path: str = ""


class LogResult(Frozen):
    """The newest `returned` of `available` matching entries, oldest first. `bytes_read` is what the source had to read."""

    lines: tuple[LogLine, ...] = ()
    returned: int = 0
    available: int = 0
    gaps: tuple[str, ...] = ()
    bytes_read: int = 0


class LogSource(Protocol):
    """Reads logs of a time window. What cannot be read is a gap of the result, never an exception."""

    async def query(
        self,
        window: Window,
        *,
        entities: Collection[str] = (),
        levels: Collection[str] = (),
        contains: str | None = None,
        limit: int = 500,
    ) -> LogResult:
        """Entries of any of `entities` (services or hosts; none: all) at any of `levels`, holding `contains` in any case."""
        ...

    def scan(
        self, window: Window, *, entities: Collection[str] = (), levels: Collection[str] = ()
    ) -> AsyncIterator[LogResult]:
        """Every matching entry, for counting rather than quoting: parts of a few thousand lines, each oldest first, none kept.

        A part's `gaps` are what became known with it; a source that stops early (bytes, lines, time) says so in its last part,
        with the moment that it got to.
        """
        ...

    async def entities(self) -> list[str]:
        """The services and hosts that write logs here, sorted."""
        ...
