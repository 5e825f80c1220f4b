"""Loki's log lines page by page, forward or backward in time, within what one request may ask for."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any, NamedTuple

from core.clock import isoformat
from core.errors import BadResponse, QueryRejected
from tools.http import Source
from tools.loki_response import Entry, moment_of, read_entries

PATH = "/loki/api/v1/query_range"
PAGE = 5_000
"""Lines of one request: Loki's `max_entries_limit_per_query`, unless set otherwise."""
LONGEST = timedelta(days=30)
"""Of one request: Loki's `max_query_length` is an hour more, unless set otherwise."""
_LONGEST_URL_QUERY = 2_000
_SMALLEST_PAGE = 200
_LIMITED_TO = re.compile(r"max_entries_limit\w* \(\d+ > (\d+)\)")


class Span(NamedTuple):
    """Nanoseconds since 1970, the end not included, as Loki takes them."""

    start: int
    end: int


class Page(NamedTuple):
    """Entries in the order of reading. `reached` is how far everything is read; `gap` what is missing up to there."""

    entries: list[Entry]
    reached: int
    bytes_read: int
    gap: str | None = None


class Pages:
    """Reads one Loki. What it said of its own limits is remembered."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._most = PAGE

    async def read(self, query: str, span: Span, *, forward: bool, limit: int = PAGE) -> AsyncGenerator[Page, None]:
        """Every entry of `span`, each once, `limit` at most a page. Raises a SourceError.

        A page that is full ends amid the lines of one moment; the next one begins there again, and leaves out what was seen.
        """
        start, end = span
        length = LONGEST // timedelta(microseconds=1) * 1000
        seen: set[Any] = set()
        while start < end:
            asked = Span(start, min(end, start + length)) if forward else Span(max(start, end - length), end)
            entries, full, bytes_read = await self._ask(query, asked, forward=forward, limit=limit)
            fresh = [entry for entry in entries if entry.identity not in seen]
            gap, seen = None, seen if full else set()
            if not full:
                border = asked.end if forward else asked.start
            elif not fresh:
                border = entries[-1].ns + 1 if forward else entries[-1].ns
                moment = isoformat(moment_of(entries[-1].ns))
                gap = f"{self._source.name}: it serves {len(entries)} of the lines at {moment}; more of that moment may be missing"
            else:
                border = entries[-1].ns if forward else entries[-1].ns + 1
                seen = {entry.identity for entry in entries if entry.ns == entries[-1].ns} | (
                    seen if entries[0].ns == entries[-1].ns else set()
                )
            start, end = (border, end) if forward else (start, border)
            yield Page(fresh, border, bytes_read, gap)

    async def _ask(self, query: str, span: Span, *, forward: bool, limit: int) -> tuple[list[Entry], bool, int]:
        """The entries in order, whether there may be more, and the bytes that Loki read. Asks for fewer when told to."""
        while True:
            limit = min(limit, self._most)
            try:
                answer = await self._answer(query, span, forward=forward, limit=limit)
            except QueryRejected as error:
                stated = _LIMITED_TO.search(str(error))
                if stated is None or not 0 < int(stated[1]) < limit:
                    raise
                self._most = int(stated[1])
            except BadResponse:
                if limit <= _SMALLEST_PAGE:
                    raise
                limit = max(_SMALLEST_PAGE, limit // 5)  # long lines make a large answer
            else:
                entries, bytes_read = read_entries(self._source.name, PATH, answer)
                inside = [entry for entry in entries if span.start <= entry.ns < span.end]
                inside.sort(key=lambda entry: entry.ns, reverse=not forward)
                return inside, len(inside) >= limit, bytes_read

    async def _answer(self, query: str, span: Span, *, forward: bool, limit: int) -> Any:
        asked = {
            "query": query,
            "start": str(span.start),
            "end": str(span.end),
            "limit": str(limit),
            "direction": "forward" if forward else "backward",
        }
        if len(query) > _LONGEST_URL_QUERY:
            return await self._source.post_form_json(PATH, asked)
        return await self._source.get_json(PATH, asked)
