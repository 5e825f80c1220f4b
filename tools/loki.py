"""Grafana Loki, read-only: log lines of a time window, found by whatever labels this Loki has. HTTP API v1 (`/loki/api/v1`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from core.clock import isoformat, now
from core.errors import QueryRejected, SourceError
from core.redact import redact
from core.vocabulary import Window
from tools import logql
from tools.http import Source
from tools.http_errors import one_line
from tools.logs import LogResult
from tools.loki_discovery import LABELS, VALUES, Discovery
from tools.loki_labels import Labels, display_name, shortest_form
from tools.loki_lines import FoundLine, LineReader
from tools.loki_pages import PAGE, PATH, Page, Pages, Span
from tools.loki_response import moment_of, nanoseconds, read_version, read_volumes

VOLUME, BUILD = "/loki/api/v1/index/volume", "/loki/api/v1/status/buildinfo"
ALLOWED: tuple[tuple[str, str], ...] = (
    ("GET", f"({PATH}|{LABELS}|{VOLUME}|{BUILD})"),
    ("GET", VALUES.format("[a-zA-Z_][a-zA-Z0-9_]*")),
    ("POST", PATH),  # a query too long for a URL; it reads just the same
)
"""Every request that this source may make."""
MAX_PAGES = 6
"""So many pages of one query are read to find the lines that are wanted."""
MAX_GAPS = 20
STEPS = 24
"""A scan goes through its window in so many steps, so that no single request reads all of it."""
SHORTEST_STEP = timedelta(minutes=30)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


class Ask(NamedTuple):
    """One query. Of its lines only those that name one of `own_names` themselves are wanted, when there are any."""

    query: str
    own_names: tuple[str, ...]


class Part(NamedTuple):
    """A `ScanPart`."""

    lines: Sequence[FoundLine]
    gaps: tuple[str, ...] = ()


@dataclass
class _Reading:
    """What could be read so far. `more`: there are older entries that match."""

    matches: list[FoundLine] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    bytes_read: int = 0
    more: bool = False


class Loki:
    """Reads one Loki server. `source` must allow ALLOWED; its headers carry the tenant (X-Scope-OrgID) and the token.

    Times without a zone in a line are in `zone`. A query returns at most `max_lines` entries and ends after `deadline_s` seconds; a
    scan ends after `max_scan_lines` entries read or `scan_deadline_s` seconds. Whatever a bound kept out is a gap.
    """

    def __init__(
        self,
        source: Source,
        *,
        zone: ZoneInfo,
        max_lines: int = 2_000,
        deadline_s: float = 8.0,
        max_scan_lines: int = 1_000_000,
        scan_deadline_s: float = 120.0,
    ) -> None:
        self._source = source
        self._pages = Pages(source)
        self._discovery = Discovery(source, self._pages)
        self._zone = zone
        self._max_lines = max_lines
        self._deadline_s = deadline_s
        self._max_scan_lines = max_scan_lines
        self._scan_deadline_s = scan_deadline_s

    @property
    def name(self) -> str:
        return self._source.name

    async def query(
        self,
        window: Window,
        *,
        entities: Collection[str] = (),
        levels: Collection[str] = (),
        contains: str | None = None,
        limit: int = 500,
    ) -> LogResult:
        """See `LogSource.query`. `available` counts what was found; when there is more, a gap says so. No exception leaves."""
        wanted = frozenset(level.lower() for level in levels)
        limit = max(1, min(limit, self._max_lines))
        reading = _Reading()
        try:
            async with asyncio.timeout(self._deadline_s):
                labels, reading.gaps = await self._discovery.labels(window)
                reader = LineReader(labels, window, self._zone, wanted)
                asks = _asks(labels, entities, wanted, contains)
                await asyncio.gather(*(self._newest(ask, limit, reader, reading) for ask in asks))
        except TimeoutError:
            reading.gaps.append(f"{self.name}: not read to the end within {self._deadline_s:g} s; lines may be missing")
        except SourceError as error:
            reading.gaps.append(_said(error))
        return await asyncio.to_thread(_result, reading, limit, self.name)

    async def scan(
        self, window: Window, *, entities: Collection[str] = (), levels: Collection[str] = ()
    ) -> AsyncGenerator[Part, None]:
        """See `LogSource.scan`. Goes through the window in steps; within a step, from one group of streams to the next."""
        wanted = frozenset(level.lower() for level in levels)
        until, reached, lines_read = time.monotonic() + self._scan_deadline_s, window.start, 0
        try:
            labels, gaps = await self._discovery.labels(window)
            if gaps:
                yield Part((), _stated(gaps))
            reader = LineReader(labels, window, self._zone, wanted)
            asks = _asks(labels, entities, wanted, None)
            for step in _steps(window):
                for ask in asks:
                    async with aclosing(self._pages.read(ask.query, step, forward=True)) as pages:
                        async for page in pages:
                            part = await asyncio.to_thread(_part, page, ask, reader)
                            if part.lines or part.gaps:
                                yield part
                            lines_read += len(page.entries)
                            if len(asks) == 1:
                                reached = moment_of(page.reached)
                            bound = self._scan_bound(lines_read, until)
                            if bound and reached <= window.end:
                                yield Part((), _stated([f"{bound}; {_got_to(reached, window)}"]))
                                return
                reached = moment_of(step.end)
        except SourceError as error:
            yield Part((), _stated([f"{_said(error)}; {_got_to(reached, window)}"]))

    async def entities(self) -> list[str]:
        """The services and hosts that the labels of the last day name, sorted; none when Loki cannot be read."""
        try:
            async with asyncio.timeout(self._deadline_s):
                labels, _ = await self._discovery.labels(Window(start=now() - _DAY, end=now()))
        except (TimeoutError, SourceError):
            return []  # a query says why
        return sorted(redact(name) for name in labels.names())

    async def volume(self, window: Window, *, entities: Collection[str] = ()) -> dict[str, int]:
        """Bytes that each service or host wrote, as the index counts them. Raises a SourceError; older versions count none."""
        labels, _ = await self._discovery.labels(window)
        span, found = _bounds(window), dict[str, int]()
        for each in labels.selectors(entities) if entities else labels.groups():
            if each.own_names:
                continue  # the index knows no words
            asked = {"query": logql.selector(each.matchers), "targetLabels": each.label, "limit": str(PAGE)}
            answer = await self._source.get_json(VOLUME, {**asked, "start": str(span.start), "end": str(span.end)})
            for metric, size in read_volumes(self.name, VOLUME, answer):
                name = redact(display_name(each.label, metric.get(each.label, "")) or metric.get(each.label, ""))
                found[name] = found.get(name, 0) + size
        return found

    async def ready(self) -> str:
        """The server's version. Raises a SourceError when it cannot be asked, or does not let us read."""
        version = read_version(self.name, BUILD, await self._source.get_json(BUILD))
        await self._discovery.names(LABELS, _bounds(Window(start=now() - _HOUR, end=now())))
        return version

    async def _newest(self, ask: Ask, limit: int, reader: LineReader, reading: _Reading) -> None:
        """The newest matches of one query, `limit` and one more, so that it is known whether there is more."""
        found = read = 0
        reached = nanoseconds(reader.window.end)
        pages = self._pages.read(ask.query, _bounds(reader.window), forward=False, limit=_page(limit, ask, reader))
        try:
            async with aclosing(pages):
                async for page in pages:
                    matches = await asyncio.to_thread(reader.wanted, page.entries, ask.own_names)
                    reading.matches += matches
                    reading.bytes_read += page.bytes_read
                    reading.gaps += [page.gap] if page.gap else []
                    found, read, reached = found + len(matches), read + 1, page.reached
                    if found > limit or read == MAX_PAGES:
                        break
        except SourceError as error:
            hint = f" (asked: {ask.query[:100]})" if isinstance(error, QueryRejected) else ""
            reading.gaps.append(f"{_said(error)}{hint}")
            return
        if found <= limit and reached > nanoseconds(reader.window.start):
            since = isoformat(moment_of(reached))
            reading.gaps.append(f"{self.name}: entries before {since} were not looked at; ask for a shorter window")
        reading.more |= found > limit and reached > nanoseconds(reader.window.start)

    def _scan_bound(self, lines_read: int, until: float) -> str | None:
        if lines_read >= self._max_scan_lines:
            return f"{self.name}: stopped after {lines_read} entries"
        if time.monotonic() > until:
            return f"{self.name}: stopped after {self._scan_deadline_s:g} s"
        return None


def _asks(labels: Labels, entities: Collection[str], levels: Collection[str], contains: str | None) -> list[Ask]:
    """Queries that share no line and together have every line that is wanted, and others: each line is looked at again.

    Where a level can be told from words, one query asks for lines that hold such words, and one for those that only a label speaks for.
    """
    asks = []
    for streams in labels.selectors(entities):
        parts = [logql.selector(streams.matchers)]
        if streams.own_names:
            parts.append(logql.holding(*(shortest_form(name) for name in streams.own_names)))
        if contains:
            parts.append(logql.holding(contains))
        words = logql.perhaps_at(levels)
        if words is None:
            asks.append(Ask(" ".join(parts), streams.own_names))
            continue
        asks.append(Ask(" ".join((*parts, f"|~ {logql.quote(words)}")), streams.own_names))
        if labels.levels:
            labelled = (f"!~ {logql.quote(words)}", logql.labelled_at(labels.levels, levels))
            asks.append(Ask(" ".join((*parts, *labelled)), streams.own_names))
    return asks


def _page(limit: int, ask: Ask, reader: LineReader) -> int:
    """Lines to ask for: more when not all of them will be wanted."""
    return max(1_000, 4 * limit) if reader.levels or ask.own_names else limit + 1


def _bounds(window: Window) -> Span:
    """Both ends included, to the microsecond."""
    return Span(nanoseconds(window.start), nanoseconds(window.end) + 1000)


def _steps(window: Window) -> Iterator[Span]:
    start, end = _bounds(window)
    length = max((end - start) // STEPS, SHORTEST_STEP // timedelta(microseconds=1) * 1000)
    for first in range(start, end, length):
        yield Span(first, min(first + length, end))


def _result(reading: _Reading, limit: int, name: str) -> LogResult:
    newest = sorted(reading.matches, key=lambda match: match.ns, reverse=True)[:limit]
    newest.reverse()  # those of one moment then stand as they were written
    lines = sorted((match.shown() for match in newest), key=lambda line: line.at)
    available = len(reading.matches)
    gaps = list(reading.gaps)
    if reading.more:
        gaps.append(f"{name}: the newest {len(lines)} matching entries are shown; there are more")
    elif available > len(lines):
        gaps.append(f"{name}: the newest {len(lines)} of {available} matching entries are shown")
    return LogResult(
        lines=tuple(lines),
        returned=len(lines),
        available=available,
        gaps=_stated(gaps),
        bytes_read=reading.bytes_read,
    )


def _part(page: Page, ask: Ask, reader: LineReader) -> Part:
    lines = sorted(reader.wanted(page.entries, ask.own_names), key=lambda line: line.at)
    return Part(lines, _stated([page.gap] if page.gap else []))


def _said(error: SourceError) -> str:
    tenant = "; set SRE_LOKI_TENANT" if "no org id" in str(error) else ""
    return f"{error}{tenant}"


def _got_to(reached: datetime, window: Window) -> str:
    return f"entries from {isoformat(reached)} to {isoformat(window.end)} were not read"


def _stated(gaps: list[str]) -> tuple[str, ...]:
    """One line each, without secrets, the first MAX_GAPS of them."""
    lines = [one_line(redact(gap)) for gap in dict.fromkeys(gaps)]
    rest = len(lines) - MAX_GAPS
    return (*lines[:MAX_GAPS], f"{rest} more problems") if rest > 0 else tuple(lines)
