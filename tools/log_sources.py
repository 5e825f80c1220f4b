"""Several sources of logs behind the interface of one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from contextlib import aclosing
from datetime import timedelta

from core.vocabulary import Window
from tools.logs import LogLine, LogResult, LogSource, ScanPart

SAME_INSTANT = timedelta(seconds=1)
"""A collector stamps a line when it reads it, which is a little later than the line itself says."""


class LogSources:
    """Asks all of `sources` at once. A line that two of them have is given once; one that a source has twice, twice."""

    def __init__(self, sources: Sequence[LogSource]) -> None:
        self._sources = tuple(sources)

    async def query(
        self,
        window: Window,
        *,
        entities: Collection[str] = (),
        levels: Collection[str] = (),
        contains: str | None = None,
        limit: int = 500,
    ) -> LogResult:
        """See `LogSource.query`. Of lines that a source counts but does not give, it is not known whether others have them, too."""
        results = await asyncio.gather(
            *(
                source.query(window, entities=entities, levels=levels, contains=contains, limit=limit)
                for source in self._sources
            )
        )
        merged = merge(result.lines for result in results)
        lines = tuple(merged[-max(1, limit) :])
        gaps = dict.fromkeys(gap for result in results for gap in result.gaps)
        if len(lines) < len(merged):
            gaps[f"logs: of all sources together, the newest {len(lines)} matching entries are shown"] = None
        twice = sum(len(result.lines) for result in results) - len(merged)
        return LogResult(
            lines=lines,
            returned=len(lines),
            available=sum(result.available for result in results) - twice,
            gaps=tuple(gaps),
            bytes_read=sum(result.bytes_read for result in results),
        )

    async def scan(
        self, window: Window, *, entities: Collection[str] = (), levels: Collection[str] = ()
    ) -> AsyncGenerator[ScanPart, None]:
        """See `LogSource.scan`. One source after the other, each from the window's start: a line that two have is given twice."""
        for source in self._sources:
            async with aclosing(source.scan(window, entities=entities, levels=levels)) as parts:
                async for part in parts:
                    yield part

    async def entities(self) -> list[str]:
        """See `LogSource.entities`."""
        found = await asyncio.gather(*(source.entities() for source in self._sources))
        return sorted({name for names in found for name in names})


def merge(sources: Iterable[Sequence[LogLine]]) -> list[LogLine]:
    """Lines of several sources, oldest first, without those that an earlier source has: same entity and text, same instant."""
    merged: list[LogLine] = []
    for lines in sources:
        known: defaultdict[tuple[str | None, str], list[LogLine]] = defaultdict(list)
        for line in sorted(merged, key=lambda line: line.at, reverse=True):
            known[line.entity, line.text].append(line)
        for line in sorted(lines, key=lambda line: line.at):
            alike = known[line.entity, line.text]
            while alike and alike[-1].at < line.at - SAME_INSTANT:
                alike.pop()
            if alike and alike[-1].at <= line.at + SAME_INSTANT:
                alike.pop()  # it stands for one line only
            else:
                merged.append(line)
    return sorted(merged, key=lambda line: line.at)
