"""What a source of logs gives, whichever it is: files, or Loki."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from datetime import datetime
from typing import Literal, Protocol, Self, get_args

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

    def shown(self) -> Self:
        """Itself: what a `ScannedLine` becomes to be shown."""
        return self


class LogResult(Frozen):
    """The newest `returned` of `available` matching entries, oldest first. `bytes_read` is what the source had to read."""

    lines: tuple[LogLine, ...] = ()
    returned: int = 0
    available: int = 0
    gaps: tuple[str, ...] = ()
    bytes_read: int = 0


class ScannedLine(Protocol):
    """An entry as a scan gives it. Its `text` is for counting only: it may hold secrets; what `shown` gives may leave."""

    @property
    def at(self) -> datetime: ...

    @property
    def entity(self) -> str | None: ...

    @property
    def level(self) -> Level: ...

    @property
    def text(self) -> str: ...

    def shown(self) -> LogLine: ...


class ScanPart(Protocol):
    """A few thousand lines of a scan, oldest first. A `LogResult` is one, too; a source may give lines that cost less to make."""

    @property
    def lines(self) -> Sequence[ScannedLine]: ...

    @property
    def gaps(self) -> Sequence[str]: ...


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
    ) -> AsyncGenerator[ScanPart, None]:
        """Every matching entry, for counting rather than quoting: parts of a few thousand lines, each oldest first, none kept.

        Nothing is read ahead of the reader, and closing the generator ends the reading.
        A part's `gaps` are what became known with it; a source that stops early (bytes, lines, time) says so in its last part,
        with the moment that it got to.
        """
        ...

    async def entities(self) -> list[str]:
        """The services and hosts that write logs here, sorted."""
        ...
