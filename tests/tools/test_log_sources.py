"""Several sources of logs as one: log files on disk and two Lokis."""

import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from loki_server import LokiServer

from core.clock import now
from core.vocabulary import Window
from tools.http import Source
from tools.log_sources import LogSources, merge
from tools.logfiles import LogFiles
from tools.logs import LogLine, LogResult, LogSource
from tools.loki import ALLOWED, Loki

AT = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)
WINDOW = Window(start=AT, end=AT + timedelta(minutes=10))
ZONE = ZoneInfo("UTC")


def ns(seconds: float, at: datetime = AT) -> int:
    return int((at + timedelta(seconds=seconds)).timestamp() * 1_000_000) * 1000


@pytest.fixture
def server() -> Iterator[LokiServer]:
    with LokiServer() as server:
        yield server


@pytest.fixture
def other() -> Iterator[LokiServer]:
    with LokiServer() as server:
        yield server


@pytest.fixture
async def sources(server: LokiServer, other: LokiServer) -> AsyncIterator[LogSource]:
    opened = [
        Source(name, each.url, allowed=ALLOWED, timeout_s=20) for name, each in (("loki", server), ("loki2", other))
    ]
    yield LogSources([Loki(source, zone=ZONE) for source in opened])
    for source in opened:
        await source.aclose()


def texts(result: LogResult) -> list[str]:
    return [line.text for line in result.lines]


async def test_lines_of_all_are_merged_in_order(server, other, sources) -> None:
    server.write({"container": "a"}, (ns(1), "error 1"), (ns(3), "error 3"))
    other.write({"container": "b"}, (ns(2), "error 2"), (ns(4), "fine"))
    result = await sources.query(WINDOW, levels=["error"])
    assert texts(result) == ["error 1", "error 2", "error 3"]
    assert (result.returned, result.available, result.gaps) == (3, 3, ())
    assert result.bytes_read == len("error 1error 3" + "error 2fine")
    assert texts(await sources.query(WINDOW, entities=["b"], contains="FINE")) == ["fine"]


async def test_the_newest_of_all_are_given(server, other, sources) -> None:
    server.write({"container": "a"}, *((ns(place), f"a {place}") for place in range(4)))
    other.write({"container": "b"}, *((ns(place + 0.5), f"b {place}") for place in range(3)))
    result = await sources.query(WINDOW, limit=5)
    assert texts(result) == ["a 1", "b 1", "a 2", "b 2", "a 3"]
    assert (result.returned, result.available) == (5, 7)
    assert result.gaps == ("logs: of all sources together, the newest 5 matching entries are shown",)


async def test_what_one_cannot_read_is_a_gap_beside_what_the_other_gives(server, other, sources) -> None:
    server.write({"container": "a"}, (ns(1), "one"))
    other.instead["/loki/api/v1/labels"] = (500, "down")
    result = await sources.query(WINDOW)
    assert texts(result) == ["one"]
    [gap] = result.gaps
    assert gap.startswith("loki2: ")


async def test_a_line_that_files_and_loki_have_is_given_once(tmp_path: Path, server: LokiServer) -> None:
    lines = [
        "2026-11-20T03:10:01.200Z ERROR boom",
        "2026-11-20T03:10:01.300Z ERROR boom",
        "2026-11-20T03:10:09Z ERROR late",
    ]
    log = tmp_path / "jellyfin.log"
    log.write_text("\n".join(lines) + "\n")
    os.utime(log, (AT.timestamp() + 60,) * 2)
    server.write(
        {"job": "files", "filename": "/var/log/jellyfin.log"},
        *((ns(1.9 + place), line) for place, line in enumerate(lines)),
    )
    server.write({"container": "other"}, (ns(1.2), "ERROR boom"))
    source = Source("loki", server.url, allowed=ALLOWED)
    both = LogSources([LogFiles([str(log)], zone=ZONE), Loki(source, zone=ZONE)])
    result = await both.query(WINDOW)
    assert sorted((line.entity, line.text) for line in result.lines) == [
        ("jellyfin", "ERROR boom"),
        ("jellyfin", "ERROR boom"),
        ("jellyfin", "ERROR late"),
        ("other", "ERROR boom"),
    ]
    assert (result.returned, result.available) == (4, 4)
    await source.aclose()


def line(seconds: float, text: str = "x", entity: str | None = "a", path: str = "") -> LogLine:
    return LogLine(at=AT + timedelta(seconds=seconds), entity=entity, text=text, path=path)


def test_the_same_line_is_of_the_same_second_entity_and_text() -> None:
    first = [line(10, path="first")]
    for same in (line(9), line(10), line(11)):
        assert merge([first, [same]]) == first
    for another in (line(8.9), line(11.1), line(10, "y"), line(10, entity="b"), line(10, entity=None)):
        assert len(merge([first, [another]])) == 2


def test_a_line_stands_for_one_of_another_source_only() -> None:
    repeated = [line(1), line(1), line(1.5)]
    assert merge([repeated]) == repeated
    assert merge([repeated, repeated]) == repeated
    assert len(merge([[line(1)], repeated])) == 3
    assert len(merge([repeated, [line(1)], repeated])) == 3
    assert [each.at for each in merge([[line(5), line(7)], [line(6.5), line(1)]])] == [line(s).at for s in (1, 5, 7)]


async def test_a_scan_goes_through_all(server, other, sources) -> None:
    server.write({"container": "a"}, (ns(1), "error 1"), (ns(3), "fine"))
    other.write({"container": "b"}, (ns(2), "error 2"))
    parts = [part async for part in sources.scan(WINDOW, levels=["error"])]
    assert [each.shown().text for part in parts for each in part.lines] == ["error 1", "error 2"]
    assert [gap for part in parts for gap in part.gaps] == []


async def test_a_scan_that_is_closed_asks_no_more(server, other, sources) -> None:
    server.max_entries = 1
    server.write({"container": "a"}, *((ns(place), f"line {place}") for place in range(50)))
    scan = sources.scan(WINDOW)
    await anext(scan)
    await scan.aclose()
    assert len(server.queries) < 10
    assert other.queries == []


async def test_entities_of_all(server, other, sources) -> None:
    recent = ns(-60, now())
    server.write({"container": "a", "host": "h"}, (recent, "x"))
    other.write({"container": "b", "host": "h"}, (recent, "x"))
    assert await sources.entities() == ["a", "b", "h"]


async def test_no_sources_give_nothing() -> None:
    assert await LogSources([]).query(WINDOW) == LogResult()
