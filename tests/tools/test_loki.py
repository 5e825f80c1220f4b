"""Loki over its real protocol, from a local server: labels of any layout, levels, limits, errors, and scans."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from loki_server import LokiServer

from core.clock import now
from core.errors import SourceRefused
from core.vocabulary import Window
from tools import logql
from tools.http import Source
from tools.log_entry import level_of
from tools.log_time import LineClock, Stamped
from tools.logs import LogResult, LogSource, ScanPart
from tools.loki import ALLOWED, Loki

AT = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)
WINDOW = Window(start=AT, end=AT + timedelta(minutes=10))
UTC_ZONE = ZoneInfo("UTC")
BAD = ("error", "warning")
RANGE = "/loki/api/v1/query_range"


def ns(seconds: float, at: datetime = AT) -> int:
    return int((at + timedelta(seconds=seconds)).timestamp() * 1_000_000) * 1000


@pytest.fixture
def server() -> Iterator[LokiServer]:
    with LokiServer() as server:
        yield server


@pytest.fixture
async def source(server: LokiServer) -> AsyncIterator[Source]:
    source = Source("loki", server.url, allowed=ALLOWED, timeout_s=20)
    yield source
    await source.aclose()


@pytest.fixture
def loki(source: Source) -> Loki:
    return Loki(source, zone=UTC_ZONE)


def texts(result: LogResult) -> list[str]:
    return [line.text for line in result.lines]


async def scanned(loki: LogSource, window: Window = WINDOW, **wanted) -> tuple[list[ScanPart], list[str], list[str]]:
    parts = [part async for part in loki.scan(window, **wanted)]
    lines = [line.shown().text for part in parts for line in part.lines]
    return parts, lines, [gap for part in parts for gap in part.gaps]


# --- labels

PROMTAIL = [
    ({"job": "varlogs", "filename": "/var/log/jellyfin/jellyfin.log", "host": "media"}, "started jellyfin"),
    ({"job": "varlogs", "filename": "/var/log/nginx/error.log", "host": "media"}, "started nginx"),
    ({"job": "varlogs", "filename": "/var/log/kern.log", "host": "nas"}, "scrubbed"),
]
ALLOY_DOCKER = [
    ({"service_name": "jellyfin", "container": "jellyfin", "instance": "media"}, "started jellyfin"),
    ({"service_name": "nginx", "container": "nginx", "instance": "media"}, "started nginx"),
    ({"service_name": "zfs", "container": "zfs", "instance": "nas"}, "scrubbed"),
]
COMPOSE = [
    ({"job": "docker", "container_name": "/media-jellyfin-1", "host": "media:9080"}, "started jellyfin"),
    ({"job": "docker", "container_name": "/media-nginx-1", "host": "media:9080"}, "started nginx"),
    ({"job": "docker", "container_name": "/storage-zfs-1", "host": "nas:9080"}, "scrubbed"),
]
JOURNAL = [
    ({"service_name": "journal", "job": "journal", "unit": "jellyfin.service", "hostname": "media.home.lan"}, "started jellyfin"),
    ({"service_name": "journal", "job": "journal", "unit": "nginx.service", "hostname": "media.home.lan"}, "started nginx"),
    ({"service_name": "journal", "job": "journal", "unit": "init.scope", "hostname": "nas.home.lan"}, "scrubbed"),
]  # fmt: skip
OWN = [
    ({"tier": "home", "workload": "jellyfin", "box": "media"}, "started jellyfin"),
    ({"tier": "home", "workload": "nginx", "box": "media"}, "started nginx"),
    ({"tier": "home", "workload": "zfs", "box": "nas"}, "scrubbed"),
]
LAYOUTS = {"promtail": PROMTAIL, "alloy": ALLOY_DOCKER, "compose": COMPOSE, "journal": JOURNAL, "own labels": OWN}


def lay_out(server: LokiServer, layout: str) -> None:
    for place, (labels, line) in enumerate(LAYOUTS[layout]):
        server.write(labels, (ns(place), line))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("entities", "expected"),
    [
        (["jellyfin"], ["started jellyfin"]),
        (["media"], ["started jellyfin", "started nginx"]),
        (["jellyfin", "nas"], ["started jellyfin", "scrubbed"]),
        (["jellyfin", "media", "nginx"], ["started jellyfin", "started nginx"]),
        (["nobody"], []),
        ([], ["started jellyfin", "started nginx", "scrubbed"]),
    ],
)
async def test_entities_are_found_in_any_layout(server, loki, layout, entities, expected) -> None:
    lay_out(server, layout)
    result = await loki.query(WINDOW, entities=entities)
    assert (texts(result), result.gaps) == (expected, ())
    assert (result.returned, result.available) == (len(expected), len(expected))


@pytest.mark.parametrize(
    ("layout", "entities"),
    [
        ("promtail", ["jellyfin", "nginx", "nas"]),
        ("alloy", ["jellyfin", "nginx", "zfs"]),
        ("compose", ["media-jellyfin-1", "media-nginx-1", "storage-zfs-1"]),
        ("journal", ["jellyfin", "nginx", "nas.home.lan"]),
        ("own labels", [None, None, None]),
    ],
)
async def test_a_line_is_of_its_service_else_of_its_host(server, loki, layout, entities) -> None:
    lay_out(server, layout)
    assert [line.entity for line in (await loki.query(WINDOW)).lines] == entities


async def test_what_an_entity_wrote_to_several_streams_is_all_given_once(server, loki) -> None:
    server.write({"container": "kea", "app": "kea", "host": "a"}, (ns(1), "in a container"))
    server.write({"unit": "kea.service", "host": "b"}, (ns(2), "as a unit"))
    server.write({"filename": "/var/log/kea.log", "host": "c"}, (ns(3), "to a file"))
    server.write({"container": "other", "host": "kea"}, (ns(4), "on a host of that name"))
    server.write({"container": "other", "host": "b"}, (ns(5), "somebody else"))
    result = await loki.query(WINDOW, entities=["kea"])
    assert texts(result) == ["in a container", "as a unit", "to a file", "on a host of that name"]
    assert result.bytes_read == len("".join(texts(result)))


async def test_lines_that_name_themselves_are_found(server, loki) -> None:
    labels = {"job": "syslog", "filename": "/var/log/syslog", "host": "media"}
    server.write(
        labels, (ns(1), "Nov 20 03:10:01 media kea[12]: lease"), (ns(2), "Nov 20 03:10:02 media sshd[1]: kea logs in")
    )
    server.write({"job": "syslog", "host": "nas"}, (ns(3), '{"service": "kea.service", "msg": "hello"}'))
    result = await loki.query(WINDOW, entities=["kea"])
    assert texts(result) == ["media kea[12]: lease", "hello service=kea.service"]
    assert [line.entity for line in result.lines] == ["kea", "kea"]
    assert (await scanned(loki, entities=["kea"]))[1] == texts(result)


async def test_the_kernel_speaks_for_its_host(server, loki) -> None:
    server.write({"syslog_identifier": "kernel", "host": "media"}, (ns(1), "oops"))
    server.write({"syslog_identifier": "dockerd", "unit": "docker.service", "host": "media"}, (ns(2), "pulled"))
    server.write(
        {"job": "varlogs", "filename": "/var/log/syslog", "host": "nas"}, (ns(3), "Nov 20 03:10:03 nas kernel: oops")
    )
    assert [line.entity for line in (await loki.query(WINDOW)).lines] == ["media", "docker", "nas"]


async def test_streams_that_share_no_label_are_all_read(server, loki) -> None:
    for place, labels in enumerate([{"job": "a"}, {"host": "b"}, {"container": "c"}, {"stream": "stdout"}]):
        server.write(labels, (ns(place), f"line {place}"))
    result = await loki.query(WINDOW)
    assert texts(result) == [f"line {place}" for place in range(4)]
    assert result.gaps == ()


async def test_entities_are_services_and_hosts(server, loki) -> None:
    recent = int(now().timestamp()) * 10**9 - 10**9
    server.write({"container": "/jellyfin", "job": "docker", "instance": "media:9100"}, (recent, "x"))
    server.write({"unit": "zfs-zed.service", "job": "systemd-journal", "host": "nas"}, (recent, "x"))
    server.write({"filename": "/var/log/unbound.log", "job": "varlogs", "host": "dns"}, (recent, "x"))
    server.write({"filename": "/var/log/syslog", "job": "varlogs", "service_name": "unknown_service"}, (recent, "x"))
    server.write({"container": "password=hunter2"}, (recent, "x"))
    found = await loki.entities()
    assert found == sorted(["jellyfin", "media", "zfs-zed", "nas", "unbound", "dns", "password=[redacted]"])


async def test_labels_are_asked_for_once_in_a_while(server, loki) -> None:
    lay_out(server, "alloy")
    await loki.query(WINDOW)
    asked = len(server.requests)
    await loki.query(WINDOW, entities=["nginx"])
    assert {path for path, _ in server.requests[asked:]} == {RANGE}
    await loki.query(Window(start=WINDOW.start - timedelta(days=1), end=WINDOW.end))
    assert sum(path == "/loki/api/v1/labels" for path, _ in server.requests) == 2


# --- quoting

ODD = ['a"b', "a\\b", "a.b*c", "a|b", "a{b}", "a[b](c)+?", "a^b$", "a'b`c", "naïve ☃", "a b", "a\tb", "a\\d", "(?i)x"]


@pytest.mark.parametrize("name", ODD)
async def test_odd_names_are_taken_literally(server, loki, name) -> None:
    server.write({"container": name}, (ns(1), "wanted"))
    server.write({"container": "b"}, (ns(2), "not"))
    server.write({"container": "axbxc"}, (ns(3), "not"))
    server.write({"container": "other"}, (ns(4), "wanted, too"))
    assert texts(await loki.query(WINDOW, entities=[name])) == ["wanted"]
    assert texts(await loki.query(WINDOW, entities=[name, "other"])) == ["wanted", "wanted, too"]
    assert texts(await loki.query(WINDOW, contains=name)) == []


@pytest.mark.parametrize("text", ODD)
async def test_odd_texts_are_taken_literally(server, loki, text) -> None:
    server.write({"job": "x"}, (ns(1), f"it says {text.upper()} there"), (ns(2), "axbxc b 5 x"))
    assert len(texts(await loki.query(WINDOW, contains=text))) == 1


async def test_text_is_found_in_json(server, loki) -> None:
    server.write({"job": "x"}, (ns(1), '{"msg": "open \\"C:\\\\x\\" failed"}'), (ns(2), '{"msg": "fine"}'))
    assert texts(await loki.query(WINDOW, contains='open "c:\\')) == ['open "C:\\x" failed']


async def test_half_a_character_is_no_error(server, loki) -> None:
    server.write({"job": "x"}, (ns(1), "fine"))
    result = await loki.query(WINDOW, contains="\ud83d")
    assert (result.lines, result.gaps) == ((), ())


async def test_a_query_too_long_for_a_url_is_sent_as_a_form(server, loki) -> None:
    names = [f"service-with-quite-a-long-name-{number}" for number in range(200)]
    for place, name in enumerate(names):
        server.write({"container": name}, (ns(place), name))
    result = await loki.query(WINDOW, entities=names)
    assert (texts(result), result.gaps) == (names, ())


# --- levels

LINES = {
    "[ERR] boom": "error",
    "level=warn msg=x": "warning",
    "ERROR: x": "error",
    "all fine": "unknown",
    "INFO error rate is 0": "info",
    '{"level":"E","msg":"x"}': "error",
    '{"level":50,"msg":"x"}': "error",
    '{"level":40,"msg":"x"}': "warning",
    '{"level":30,"msg":"x"}': "info",
    '{"PRIORITY":"3","MESSAGE":"x"}': "error",
    '{"msg":"x","severity" : "W"}': "warning",
    '10.0.0.1 - - [20/Nov/2026:03:10:01 +0000] "GET / HTTP/1.1" 502 12': "error",
    "E1120 03:10:01.123456       1 main.go:12] boom": "error",
    "W1120 03:10:01.123456       1 main.go:12] hm": "warning",
    "<27>Nov 20 03:10:01 media app: x": "error",
    "<27>no time": "error",
    "killed: Out of memory": "error",
    "upstream timed out": "warning",
    "\x1b[31mFTL\x1b[0m x": "error",
    "TRACE x": "debug",
}


@pytest.mark.parametrize("levels", [["error"], ["warning"], BAD, ["info"], ["unknown", "debug"], ["Error"], []])
async def test_levels_by_words(server, loki, levels) -> None:
    server.write({"job": "x"}, *((ns(place), line) for place, line in enumerate(LINES)))
    wanted = [each.lower() for each in levels]
    expected = sorted(level for level in LINES.values() if not wanted or level in wanted)
    result = await loki.query(WINDOW, levels=levels)
    assert sorted(line.level for line in result.lines) == expected
    parts, _, gaps = await scanned(loki, levels=levels)
    assert (sorted(line.level for part in parts for line in part.lines), gaps) == (expected, [])


async def test_lines_that_are_surely_fine_stay_with_loki(server, source) -> None:
    server.write(
        {"job": "x"},
        *((ns(place / 10), f"INFO request {place} served") for place in range(4_000)),
        (ns(500), "ERROR x"),
    )
    loki = Loki(source, zone=UTC_ZONE)
    assert texts(await loki.query(WINDOW, levels=BAD, limit=5)) == ["ERROR x"]
    assert [each["limit"] for path, each in server.requests if path == RANGE][1:] == ["1000"]


FRAGMENTS = st.sampled_from(
    [
        *("err", "ERR", "Error", "[e]", "level=e", "lvl=W", "|warn|", "WARNING ", "fatal:", "Panic", "crit", "eror", "severe", "alert"),
        *("emerg", "FTL", "wrn", "failed", "failure", "exception", "oom-kill", "segfault", "i/o error", "unhandled", "timed out"),
        *("retrying", "unreachable", "refused", '" 503 ', '" 200 ', "E1120 03:10:01.1 ", "<11>", '{"level":', '"severity":"', '"', "3"),
        *("50", "4", "}", " ", ":", "[", "]", "x", "info", "INFO ", "debug", "2026-11-20T03:10:01Z ", ",", "\t", "PRIORITY", "="),
    ]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=8).map("".join), st.sampled_from([("error",), ("warning",), BAD]))
@example("level=e3", ("error",))
def test_the_filter_loses_no_line(line: str, levels: tuple[str, ...]) -> None:
    stamped = LineClock(UTC_ZONE, AT).read(line) or Stamped(AT, None, lead=line)
    words = logql.perhaps_at(levels)
    assert words is not None
    assert level_of(stamped) not in levels or len(line) < 2 or re.search(words, line)


@given(
    st.sampled_from(
        ["level", "lvl", "severity", "levelname", "loglevel", "log_level", "log.level", "PRIORITY", "priority"]
    ),
    st.one_of(
        st.integers(-5, 10_000),
        st.integers(0, 99).map(str),
        st.sampled_from(["emerg", "err", "E", "f", "C", "w", "WRN", "Warn", "notice"]),
    ),
    st.sampled_from([("error",), ("warning",), BAD]),
)
def test_the_filter_knows_levels_in_json(key, value, levels) -> None:
    words = logql.perhaps_at(levels)
    stamped = Stamped(AT, None, fields={key: value})
    for form in (json.dumps({key: value}), json.dumps({key: value}, separators=(",", ":"))):
        assert level_of(stamped) not in levels or re.search(words or "", form), form


@pytest.mark.parametrize("how", ["label", "metadata", "metadata by category"])
async def test_levels_that_only_labels_say(server, loki, how) -> None:
    server.categorize = how == "metadata by category"
    for place, (name, value) in enumerate(
        [("level", "error"), ("level", "warning"), ("level", "info"), ("detected_level", "critical"), ("priority", "3")]
    ):
        line = f"degraded {place}"
        said = {name: value}
        server.write({"job": "x"} | (said if how == "label" else {}), (ns(place), line, {} if how == "label" else said))
    server.write({"job": "x", "level": "error"}, (ns(9), "INFO all is well again"))
    assert texts(await loki.query(WINDOW, levels=["error"])) == ["degraded 0", "degraded 3", "degraded 4"]
    found = await loki.query(WINDOW, levels=BAD)
    assert [line.level for line in found.lines] == ["error", "warning", "error", "error"]
    assert {line.path for line in found.lines} == {'{job="x"}'}
    assert found.gaps == ()


async def test_a_line_of_which_words_and_label_say_the_level_is_given_once(server, loki) -> None:
    server.write({"job": "x", "level": "error"}, (ns(1), "ERROR boom"), (ns(2), "degraded"))
    assert texts(await loki.query(WINDOW, levels=["error"])) == ["ERROR boom", "degraded"]
    assert sorted((await scanned(loki, levels=["error"]))[1]) == ["ERROR boom", "degraded"]


# --- lines


async def test_a_line_is_redacted_and_bounded(server, loki) -> None:
    server.write({"job": "x", "filename": "/srv/password=hunter2/x.log"}, (ns(1), "login with password=hunter2"))
    server.write({"job": "x"}, (ns(2), '{"msg": "hi", "api_key": "abcdef123456"}'), (ns(3), "x" * 20_000))
    result = await loki.query(WINDOW, entities=[])
    assert "hunter2" not in result.model_dump_json()
    assert "abcdef" not in result.model_dump_json()
    assert texts(result)[:2] == ["login with password=[redacted]", "hi api_key=[redacted]"]
    assert len(texts(result)[2]) < 10_000


async def test_lines_that_continue_an_entry_stay_with_it(server, loki) -> None:
    trace = "2026-11-20T03:10:01Z ERROR boom\n  at Main.java:12\n" + "  at x\n" * 300
    server.write({"job": "x"}, (ns(1), trace), (ns(2), "\x1b[33mWARN\x1b[0m coloured"))
    first, second = texts(await loki.query(WINDOW))
    assert first.startswith("ERROR boom\n  at Main.java:12\n  at x\n")
    assert first.endswith("more lines")
    assert second == "WARN coloured"


async def test_a_lines_own_time_counts_when_it_agrees_with_lokis(server, source) -> None:
    server.write(
        {"job": "x"},
        (ns(5), "2026-11-20T03:10:04.5Z read half a second later"),
        (ns(6), "2026-11-20 04:10:05 in the zone of the homelab"),
        (ns(7), "2026-11-20 03:10:07 in another zone"),
        (ns(8), "2026-11-19T03:10:00Z backup of yesterday"),
        (ns(0), "2026-11-20T03:09:59Z before the window"),
    )
    found = await Loki(source, zone=ZoneInfo("Europe/Amsterdam")).query(WINDOW)
    assert [(line.at - AT).total_seconds() for line in found.lines] == [0, 4.5, 5, 7, 8]


async def test_the_window_includes_both_ends(server, loki) -> None:
    server.write({"job": "x"}, *((ns(seconds), f"at {seconds}") for seconds in (-0.001, 0, 599.9, 600, 600.001)))
    expected = ["at 0", "at 599.9", "at 600"]
    assert texts(await loki.query(WINDOW)) == expected
    assert (await scanned(loki))[1] == expected
    assert texts(await loki.query(Window(start=AT, end=AT))) == ["at 0"]


# --- limits


async def test_the_newest_are_given_oldest_first(server, loki) -> None:
    for container in ("a", "b"):
        server.write({"container": container}, *((ns(place), f"{container} {place}") for place in range(30)))
    server.write({"host": "c"}, (ns(28.5), "c"))
    result = await loki.query(WINDOW, limit=5)
    assert texts(result) == ["a 28", "b 28", "c", "a 29", "b 29"]
    assert (result.returned, result.available) == (5, 7)
    assert result.gaps == ("loki: the newest 5 matching entries are shown; there are more",)
    result = await loki.query(WINDOW, limit=60)
    assert result.available == 61
    assert result.gaps == ("loki: the newest 60 of 61 matching entries are shown",)


async def test_a_smaller_limit_of_the_server_is_kept_to(server, loki) -> None:
    server.max_entries = 100
    server.write({"job": "x"}, *((ns(place), f"line {place}") for place in range(250)))
    result = await loki.query(WINDOW)
    assert (len(result.lines), result.available, result.gaps) == (250, 250, ())
    assert (await scanned(loki))[1] == [f"line {place}" for place in range(250)]
    limits = [int(each["limit"]) for path, each in server.requests if path == RANGE]
    assert sum(limit > 100 for limit in limits) == 1


async def test_what_was_not_looked_at_is_said(server, loki) -> None:
    server.max_entries = 10
    server.write({"job": "x"}, *((ns(place), f"INFO error {place}") for place in range(1, 400)), (ns(0), "ERROR first"))
    result = await loki.query(WINDOW, levels=BAD)
    assert result.lines == ()
    [gap] = result.gaps
    assert re.fullmatch(
        r"loki: entries before 2026-11-20T03:15:\d\dZ were not looked at; ask for a shorter window", gap
    )


async def test_a_window_longer_than_loki_serves_is_read_in_parts(server, loki) -> None:
    window = Window(start=AT - timedelta(days=70), end=AT)
    server.write({"job": "x"}, *((ns(-days * 86_400), f"{days} days ago") for days in (69, 40, 20, 1)))
    result = await loki.query(window)
    assert (texts(result), result.gaps) == (["69 days ago", "40 days ago", "20 days ago", "1 days ago"], ())
    assert (await scanned(loki, window))[1:] == (texts(result), [])


async def test_an_answer_too_large_is_asked_for_in_smaller_pages(server) -> None:
    source = Source("loki", server.url, allowed=ALLOWED, timeout_s=5, max_bytes=400_000)
    server.write({"job": "x"}, *((ns(place / 10), f"{place} {'x' * 500}") for place in range(2_000)))
    _, found, gaps = await scanned(Loki(source, zone=UTC_ZONE))
    assert ([int(text.split()[0]) for text in found], gaps) == (list(range(2_000)), [])
    await source.aclose()


# --- scans


@pytest.mark.parametrize("page", [7, 10, 11, 100])
async def test_lines_of_one_moment_at_a_page_border_are_given_once(server, loki, page) -> None:
    server.max_entries = page
    seconds = [1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 5, 5, 6, 6, 6, 6, 6, 6, 7]
    for number in range(2):
        server.write(
            {"container": f"c{number}"},
            *((ns(at), f"{number} {place}") for place, at in enumerate(seconds) if place % 2 == number),
        )
    expected = sorted(f"{place % 2} {place}" for place in range(len(seconds)))
    _, found, gaps = await scanned(loki)
    assert (sorted(found), gaps) == (expected, [])
    result = await loki.query(WINDOW)
    assert sorted(texts(result)) == expected
    assert [line.at for line in result.lines] == sorted(line.at for line in result.lines)


async def test_more_lines_of_one_moment_than_a_page_holds_end_in_a_gap(server, loki) -> None:
    server.max_entries = 10
    server.write({"job": "x"}, *((ns(5), f"burst {place}") for place in range(25)), (ns(1), "before"), (ns(9), "after"))
    queried = await loki.query(WINDOW)
    for found, gaps in [(await scanned(loki))[1:], (texts(queried), list(queried.gaps))]:
        assert {"before", "after"} < set(found)
        assert len(found) == len(set(found)) >= 11
        assert gaps == ["loki: it serves 10 of the lines at 2026-11-20T03:10:05Z; more of that moment may be missing"]


async def test_a_scan_gives_everything_in_parts(server) -> None:
    patient = Source(
        "loki", server.url, allowed=ALLOWED, timeout_s=30
    )  # 5,000 lines take a busy machine more than a second
    lines = [(ns(place / 100), f"error {place}") for place in range(12_000)]
    server.write({"container": "a"}, *lines)
    server.write({"container": "b"}, (ns(1), "error of another"))
    parts, found, gaps = await scanned(Loki(patient, zone=UTC_ZONE), entities=["a"], levels=BAD)
    await patient.aclose()
    assert (found, gaps) == ([line for _, line in lines], [])
    assert len(parts) == 3
    assert all(1 < len(part.lines) <= 5_000 for part in parts)


async def test_a_scan_stops_at_its_bound_and_says_where(server, source) -> None:
    server.max_entries = 100
    server.write({"job": "x"}, *((ns(place), f"line {place}") for place in range(600)))
    parts, found, gaps = await scanned(Loki(source, zone=UTC_ZONE, max_scan_lines=150))
    assert found == [f"line {place}" for place in range(199)]
    assert gaps == [
        "loki: stopped after 199 entries; entries from 2026-11-20T03:13:18Z to 2026-11-20T03:20:00Z were not read"
    ]
    assert len(parts[-1].lines) == 0
    _, found, gaps = await scanned(
        Loki(source, zone=UTC_ZONE, max_scan_lines=600), Window(start=AT, end=AT + timedelta(seconds=99))
    )
    assert (len(found), gaps) == (100, [])
    _, found, gaps = await scanned(
        Loki(source, zone=UTC_ZONE, max_scan_lines=3), Window(start=AT, end=AT + timedelta(seconds=2))
    )
    assert (len(found), gaps) == (3, [])
    _, found, gaps = await scanned(Loki(source, zone=UTC_ZONE, scan_deadline_s=0))
    assert len(found) == 100
    assert gaps == ["loki: stopped after 0 s; entries from 2026-11-20T03:11:39Z to 2026-11-20T03:20:00Z were not read"]


async def test_a_scan_that_fails_midway_says_where(server, loki) -> None:
    window = Window(start=AT, end=AT + timedelta(hours=24))
    server.write({"job": "x"}, *((ns(hour * 3600 + 1800), f"hour {hour}") for hour in range(24)))
    await loki.query(window)
    server.fail_from_ns = ns(5 * 3600 + 1800)
    _, found, [gap] = await scanned(loki, window)
    assert found == [f"hour {hour}" for hour in range(5)]
    assert gap.startswith("loki: ")
    assert "500: context deadline exceeded" in gap
    assert gap.endswith("entries from 2026-11-20T08:10:00Z to 2026-11-21T03:10:00Z were not read")


async def test_what_a_scan_counts_is_the_message(server, loki) -> None:
    server.write(
        {"container": "kea"},
        (ns(1), '{"level": "error", "msg": "lease lost", "n": 3, "token": "abc123"}'),
        (ns(2), "2026-11-20T03:10:02Z ERROR lease lost"),
        (ns(3), "no time of its own"),
    )
    [part], shown, _ = await scanned(loki)
    assert [line.text for line in part.lines] == ["lease lost", " ERROR lease lost", "no time of its own"]
    assert shown == ["lease lost n=3 token=[redacted]", "ERROR lease lost", "no time of its own"]
    assert [(line.entity, line.level) for line in part.lines] == [
        ("kea", "error"),
        ("kea", "error"),
        ("kea", "unknown"),
    ]


# --- when it does not answer

ERRORS = {
    "rejected": (400, "parse error at line 1, col 5: syntax error\npassword=hunter2", "loki: parse error at line 1, col 5: syntax error"),
    "too long": (400, "the query time range exceeds the limit (query length: 48h, limit: 24h)", "limit: 24h"),
    "not let in": (401, "no org id", "no org id; check its credentials; set SRE_LOKI_TENANT"),
    "not found": (404, "404 page not found", "a path prefix may be missing"),
    "too many": (429, "too many outstanding requests", "429: too many outstanding requests"),
    "failed": (500, "context deadline exceeded", "500: context deadline exceeded"),
    "not json": (200, "<html>sign in</html>", "not JSON"),
    "not loki": (200, '{"alerts": []}', "the answer is not that of Loki's API"),
    "matrix": (200, '{"status": "success", "data": {"resultType": "matrix", "result": []}}', "and not log lines"),
    "odd values": (200, '{"status": "success", "data": {"resultType": "streams", "result": [{"values": [["x", "y"]]}]}}', "values"),
}  # fmt: skip


@pytest.mark.parametrize("at", ["/loki/api/v1/labels", "/loki/api/v1/label/job/values", RANGE])
@pytest.mark.parametrize("case", [name for name in ERRORS if name not in {"matrix", "odd values"}])
async def test_errors_are_gaps(server, loki, case, at) -> None:
    status, body, said = ERRORS[case]
    server.write({"job": "x"}, (ns(1), "never read"))
    server.instead[at] = (status, body)
    result = await loki.query(WINDOW, entities=["x"])
    _, found, gaps = await scanned(loki)
    assert (result.lines, found) == ((), [])
    for gap in (*result.gaps, *gaps):
        assert said in gap
        assert "\n" not in gap
        assert "hunter2" not in gap
    assert (len(result.gaps), len(gaps)) == (1, 1)
    assert await loki.entities() == []


@pytest.mark.parametrize("case", ERRORS)
async def test_errors_of_a_query_after_the_labels_were_read_are_gaps(server, loki, case) -> None:
    status, body, said = ERRORS[case]
    server.write({"job": "x"}, (ns(1), "first"))
    assert texts(await loki.query(WINDOW)) == ["first"]
    server.instead[RANGE] = (status, body)
    result = await loki.query(WINDOW, contains="password=hunter2")
    assert result.lines == ()
    [gap] = result.gaps
    assert said in gap
    assert "hunter2" not in gap
    assert ("asked: {" in gap) == (status == 400)


async def test_a_loki_that_takes_long_is_cut_off(server) -> None:
    source = Source("loki", server.url, allowed=ALLOWED, timeout_s=0.3)
    server.write({"job": "x"}, (ns(1), "first"))
    await Loki(source, zone=UTC_ZONE).query(WINDOW)
    server.instead[RANGE] = (200, "stall")
    result = await Loki(source, zone=UTC_ZONE).query(WINDOW)
    [gap] = result.gaps
    assert "gave no complete answer within 0.3 s" in gap
    result = await Loki(source, zone=UTC_ZONE, deadline_s=0.1).query(WINDOW)
    assert result.gaps == ("loki: not read to the end within 0.1 s; lines may be missing",)
    assert await Loki(source, zone=UTC_ZONE, deadline_s=0.1).entities() == []
    await source.aclose()


async def test_what_was_read_before_the_deadline_is_given(server, source) -> None:
    server.write({"container": "kea"}, (ns(1), "read in time"))
    loki = Loki(source, zone=UTC_ZONE, deadline_s=0.4)
    assert texts(await loki.query(WINDOW, entities=["kea"])) == ["read in time"]
    server.stall_on = "unheard-of"
    result = await loki.query(WINDOW, entities=["kea", "unheard-of"])
    assert texts(result) == ["read in time"]
    assert result.gaps == ("loki: not read to the end within 0.4 s; lines may be missing",)


async def test_an_empty_loki_is_said(server, loki) -> None:
    said = "loki: it has no streams between 2026-11-20T03:10:00Z and 2026-11-20T03:20:00Z"
    assert await loki.query(WINDOW) == LogResult(gaps=(said,))
    assert (await scanned(loki))[1:] == ([], [said])


async def test_the_tenant_and_the_token_are_sent(server) -> None:
    server.tenant = "home"
    server.write({"job": "x"}, (ns(1), "first"))
    headers = {"X-Scope-OrgID": "home", "Authorization": "Bearer t0ken"}
    source = Source("loki", server.url, allowed=ALLOWED, headers=headers)
    assert texts(await Loki(source, zone=UTC_ZONE).query(WINDOW)) == ["first"]
    assert {each["authorization"] for each in server.headers} == {"Bearer t0ken"}
    await source.aclose()


# --- about the server


async def test_ready_says_the_version_and_tries_to_read(server, loki) -> None:
    assert await loki.ready() == "3.4.2"
    server.tenant = "home"
    with pytest.raises(SourceRefused, match="no org id"):
        await loki.ready()


async def test_volume_counts_bytes_by_who_wrote_them(server, loki) -> None:
    server.write({"container": "/jellyfin", "host": "media", "job": "docker"}, (ns(1), "12345"))
    server.write({"container": "/jellyfin", "host": "nas", "job": "docker"}, (ns(1), "123"))
    server.write({"unit": "zed.service", "host": "nas", "job": "journal"}, (ns(1), "12"))
    server.write({"host": "nas", "job": "journal"}, (ns(1), "1"))
    assert await loki.volume(WINDOW) == {"jellyfin": 8, "zed": 2, "journal": 1}
    assert await loki.volume(WINDOW, entities=["jellyfin"]) == {"jellyfin": 8}
    assert await loki.volume(WINDOW, entities=["nas"]) == {"nas": 6}


async def test_only_reading_is_allowed(source) -> None:
    for path in ("/loki/api/v1/push", "/loki/api/v1/delete", "/flush", "/loki/api/v1/label/a/b/values", "/config"):
        with pytest.raises(SourceRefused):
            await source.get_json(path)
    with pytest.raises(SourceRefused):
        await source.post_form_json("/loki/api/v1/labels", {})
