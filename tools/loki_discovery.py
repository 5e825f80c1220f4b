"""Which labels a Loki has in a stretch of time, with their values: asked for once in five minutes."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import aclosing
from datetime import timedelta

from core.clock import isoformat
from core.vocabulary import Window
from tools import logql
from tools.http import Source
from tools.loki_labels import LEVEL, MAX_VALUES, Labels, Selector, worth_reading
from tools.loki_pages import LONGEST, Pages, Span
from tools.loki_response import read_names

LABELS, VALUES = "/loki/api/v1/labels", "/loki/api/v1/label/{}/values"
KEPT_S = 300
MAX_KEPT = 16
SAMPLE = 200
"""So many lines show whether metadata says the level; no endpoint of all versions lists the names of metadata."""


class Discovery:
    """Asks one Loki. The window is widened to whole five minutes, so that questions asked at the same time share an answer."""

    def __init__(self, source: Source, pages: Pages) -> None:
        self._source = source
        self._pages = pages
        self._kept: dict[Span, tuple[float, Labels]] = {}

    async def labels(self, window: Window) -> tuple[Labels, list[str]]:
        """The labels, and what is missing of them. Of a window longer than Loki serves, those of its end. Raises a SourceError."""
        start = max(window.start, window.end - LONGEST + timedelta(seconds=KEPT_S))
        first, last = (math.floor(each.timestamp() / KEPT_S) for each in (start, window.end))
        span = Span(first * KEPT_S * 10**9, (last + 1) * KEPT_S * 10**9)
        read_at, labels = self._kept.pop(span, (-math.inf, Labels({})))
        if time.monotonic() - read_at > KEPT_S:
            read_at, labels = time.monotonic(), await self._discover(span)
        self._kept[span] = (read_at, labels)
        while len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return labels, self._gaps(labels, window)

    async def names(self, path: str, span: Span) -> list[str]:
        """Names of labels, or values of one. Raises a SourceError."""
        answer = await self._source.get_json(path, {"start": str(span.start), "end": str(span.end)})
        return read_names(self._source.name, path, answer)

    async def _discover(self, span: Span) -> Labels:
        names = await self.names(LABELS, span)
        read = worth_reading(names)
        listed = await asyncio.gather(*(self.names(VALUES.format(name), span) for name in read))
        values = {name: tuple(values) for name, values in zip(read, listed, strict=True) if values}
        likely = Labels(values).likely_anchors
        sampled = await asyncio.gather(
            *(self._sampled(each, span) for each in Labels(values, tuple(likely)).everything())
        )
        anchors = [label for label, seen in zip(likely, sampled, strict=True) if seen] or likely[:1]
        levels = {*names, *(name for seen in sampled for name in seen)}
        return Labels(values, tuple(anchors), tuple(name for name in LEVEL if name in levels))

    async def _sampled(self, streams: Selector, span: Span) -> set[str]:
        """The names of labels and metadata of the newest lines; none when there are no lines."""
        query = logql.selector(streams.matchers)
        async with aclosing(self._pages.read(query, span, forward=False, limit=SAMPLE)) as pages:
            async for page in pages:
                return {name for entry in page.entries for name in entry.labels}
        return set()

    def _gaps(self, labels: Labels, window: Window) -> list[str]:
        name = self._source.name
        if not labels.values:
            return [f"{name}: it has no streams between {isoformat(window.start)} and {isoformat(window.end)}"]
        return [
            f"{name}: the label {label} has {len(values)} values, of which the first {MAX_VALUES} were looked at"
            for label, values in labels.values.items()
            if len(values) > MAX_VALUES
        ]
