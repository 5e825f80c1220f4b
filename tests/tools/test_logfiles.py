"""Log files on disk: formats, zones, windows, rotation, bounds, and files that cannot be read."""

import asyncio
import contextlib
import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Window
from tools.logfiles import LogFiles
from tools.logs import LEVELS, LogSource

AT = datetime(2025, 11, 22, 3, 10, 1, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MINUTES = timedelta(minutes=1)
AROUND = Window(start=AT - 30 * MINUTES, end=AT + 30 * MINUTES)


def put(directory, name, text, *, written=AT + 2 * MINUTES):
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (written.timestamp(), written.timestamp()))
    return path


def logs(directory, pattern="**/*", zone="UTC", **bounds):
    return LogFiles([str(directory / pattern)], zone=ZoneInfo(zone), **bounds)


def iso(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- formats

FORMATS = {
    "iso": ("2025-11-22T03:10:01.250Z ERROR disk full", "error", "ERROR disk full"),
    "iso with offset": ("2025-11-22T04:10:01+01:00 warning: slow", "warning", "warning: slow"),
    "iso without zone": ("2025-11-22T04:10:01 debug: x", "debug", "debug: x"),
    "python logging": ("2025-11-22 04:10:01,123 - root - WARNING - slow", "warning", "root - WARNING - slow"),
    "nginx error": ("2025/11/22 04:10:01 [error] 12#0: *5 open() failed", "error", "[error] 12#0: *5 open() failed"),
    "rfc 3164": ("Nov 22 04:10:01 media sshd[12]: Accepted key", "unknown", "media sshd[12]: Accepted key"),
    "rfc 3164 priority": ("<27>Nov 22 04:10:01 media kernel: oops", "error", "media kernel: oops"),
    "rfc 5424": ("<30>1 2025-11-22T03:10:01.003Z media su 12 ID47 - hi", "info", "media su 12 ID47 - hi"),
    "common log format": ('10.0.0.1 - - [22/Nov/2025:03:10:01 +0000] "GET / HTTP/1.1" 502 12', "error", None),
    "common log format, fine": ('10.0.0.1 - - [22/Nov/2025:04:10:01 +0100] "GET /error HTTP/1.1" 200 12', "info", None),
    "apache error": ("[Sat Nov 22 04:10:01.123456 2025] [core:warn] [pid 1] x", "warning", None),
    "redis": ("1:M 22 Nov 2025 04:10:01.123 * Ready", "unknown", None),
    "klog": ("E1122 04:10:01.123456       1 main.go:12] boom", "error", None),
    "serilog": ("[2025-11-22 04:10:01.123 +01:00] [ERR] [12] boom", "error", "[ERR] [12] boom"),
    "arr": ("2025-11-22 04:10:01.1|Info|Scheduler|Starting", "info", "Info|Scheduler|Starting"),
    "postgres": ("2025-11-22 03:10:01.123 UTC [12] LOG:  checkpoint", "info", "[12] LOG:  checkpoint"),
    "unix seconds": ("1763781001.5 out of memory: killed process 12", "error", "out of memory: killed process 12"),
    "auditd": ("type=SYSCALL msg=audit(1763781001.123:456): arch=1", "unknown", None),
    "compose": ("jellyfin  | 2025-11-22T03:10:01Z [INF] started", "info", None),
    "logfmt": ('time="2025-11-22T03:10:01Z" level=warning msg="x y"', "warning", 'level=warning msg="x y"'),
    "logfmt, level first": ("level=info ts=2025-11-22T03:10:01.1Z msg=hello", "info", None),
    "json": ('{"ts":1763781001.5,"level":"error","msg":"boom","n":3}', "error", "boom n=3"),
    "json millis": ('{"level":50,"time":1763781001123,"msg":"pino"}', "error", "pino"),
    "json iso": ('{"@timestamp":"2025-11-22T03:10:01Z","log.level":"WARN","message":"x"}', "warning", "x"),
    "json clf": ('{"time":"22/Nov/2025:03:10:01 +0000","msg":"x"}', "unknown", "x"),
    "docker": ('{"log":"[ERROR] bad\\n","stream":"stderr","time":"2025-11-22T03:10:01.5Z"}', "error", "[ERROR] bad"),
    "journal": ('{"__REALTIME_TIMESTAMP":"1763781001000000","PRIORITY":"4","MESSAGE":"m"}', "warning", "m"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
async def test_formats(tmp_path, name):
    line, level, text = FORMATS[name]
    put(tmp_path, "media/jellyfin.log", line + "\n")
    result = await logs(tmp_path, zone="Europe/Amsterdam").query(AROUND)
    assert result.gaps == ()
    [found] = result.lines
    assert abs(found.at - AT) < timedelta(seconds=1)
    assert found.at.tzinfo is UTC
    assert (found.level, found.entity) == (level, "jellyfin")
    assert found.text == (text or line)
    assert found.path.endswith("media/jellyfin.log")
    assert (result.returned, result.available) == (1, 1)


async def test_one_file_may_mix_formats(tmp_path):
    put(tmp_path, "mixed.log", "\n".join(line for line, _, _ in FORMATS.values()))
    result = await logs(tmp_path, zone="Europe/Amsterdam").query(AROUND)
    assert result.available == len(FORMATS)
    assert {line.level for line in result.lines} == set(LEVELS)


async def test_it_is_a_log_source(tmp_path):
    source: LogSource = logs(tmp_path)
    assert await source.entities() == []


# --- times


async def test_a_naive_time_is_in_the_configured_zone(tmp_path):
    put(tmp_path, "a.log", "2025-07-01 12:00:00 x\n", written=datetime(2025, 7, 1, 12, tzinfo=UTC))
    noon = Window(start=datetime(2025, 7, 1, 9, tzinfo=UTC), end=datetime(2025, 7, 1, 13, tzinfo=UTC))
    for zone, hour in (("UTC", 12), ("Europe/Amsterdam", 10)):
        [line] = (await logs(tmp_path, zone=zone).query(noon)).lines
        assert line.at.hour == hour


async def test_the_year_is_that_of_the_last_writing(tmp_path):
    put(
        tmp_path,
        "syslog",
        "Dec 31 23:59:00 a x: old\nJan  1 00:01:00 a x: new\n",
        written=datetime(2025, 1, 1, 1, tzinfo=UTC),
    )
    eve = Window(start=datetime(2024, 12, 31, tzinfo=UTC), end=datetime(2025, 1, 2, tzinfo=UTC))
    result = await logs(tmp_path).query(eve)
    assert [line.at.year for line in result.lines] == [2024, 2025]


async def test_an_hour_that_happens_twice_is_told_apart(tmp_path):
    """Amsterdam, 26 October 2025: 02:30 comes at 00:30 and again at 01:30 UTC."""
    local = ["01:30", "02:10", "02:50", "02:10", "02:50", "03:30"]
    text = "".join(f"2025-10-26 {clock}:00 line {number}\n" for number, clock in enumerate(local))
    put(tmp_path, "a.log", text, written=datetime(2025, 10, 26, 3, tzinfo=UTC))
    second = Window(start=datetime(2025, 10, 26, 1, tzinfo=UTC), end=datetime(2025, 10, 26, 2, tzinfo=UTC))
    result = await logs(tmp_path, zone="Europe/Amsterdam").query(second)
    assert [line.text for line in result.lines] == ["line 3", "line 4"]


async def test_both_ends_belong_to_the_window(tmp_path):
    put(tmp_path, "a.log", "".join(f"{iso(AT + n * MINUTES)} {n}\n" for n in range(-3, 4)))
    result = await logs(tmp_path).query(Window(start=AT - MINUTES, end=AT + MINUTES))
    assert [line.text for line in result.lines] == ["-1", "0", "1"]


async def test_lines_of_several_files_come_in_time_order(tmp_path):
    put(tmp_path, "one.log", f"{iso(AT)} a\n{iso(AT + 2 * MINUTES)} c\n")
    put(tmp_path, "two.log", f"{iso(AT + MINUTES)} b\n")
    assert [line.text for line in (await logs(tmp_path).query(AROUND)).lines] == ["a", "b", "c"]


# --- entries


async def test_a_stack_trace_belongs_to_the_line_before(tmp_path):
    trace = "Traceback (most recent call last):\n  File x, line 2026-11-22 04:10:01\nValueError: 2\n"
    put(tmp_path, "a.log", f"{iso(AT)} ERROR boom\n{trace}{iso(AT + MINUTES)} INFO next\n")
    first, second = (await logs(tmp_path).query(AROUND)).lines
    assert first.text == "ERROR boom\n" + trace.strip()
    assert second.text == "INFO next"


async def test_an_endless_trace_is_cut_and_says_so(tmp_path):
    put(tmp_path, "a.log", f"{iso(AT)} ERROR boom\n" + "  at x\n" * 1000)
    [line] = (await logs(tmp_path).query(AROUND)).lines
    assert line.text.endswith("… 800 more lines")


async def test_a_line_without_end_is_cut(tmp_path):
    put(tmp_path, "a.log", f"{iso(AT)} " + "x" * 3_000_000 + f"\n{iso(AT + MINUTES)} next\n")
    first, second = (await logs(tmp_path).query(AROUND)).lines
    assert len(first.text) < 10_000
    assert first.text.endswith("…")
    assert second.text == "next"


async def test_colours_and_control_characters_leave(tmp_path):
    put(tmp_path, "a.log", f"{iso(AT)} \x1b[31mERROR\x1b[0m a\x07b\n")
    [line] = (await logs(tmp_path).query(AROUND)).lines
    assert line.text == "ERROR ab"
    assert line.level == "error"


async def test_not_utf8_is_read_all_the_same(tmp_path):
    put(tmp_path, "a.log", iso(AT).encode() + b" caf\xe9\n")
    [line] = (await logs(tmp_path).query(AROUND)).lines
    assert line.text == "caf\N{REPLACEMENT CHARACTER}"


async def test_every_line_is_redacted(tmp_path):
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE" + "aB3" * 20 + "\n-----END RSA PRIVATE KEY-----"
    put(tmp_path, "a.log", f"{iso(AT)} login password=hunter2 by bob\n{iso(AT)} loaded\n{key}\n")
    put(tmp_path, "b.log", json.dumps({"ts": iso(AT), "msg": "x", "db": {"password": "hunter2", "host": "db"}}) + "\n")
    result = await logs(tmp_path).query(AROUND)
    everything = result.model_dump_json()
    assert "hunter2" not in everything
    assert "aB3aB3" not in everything
    assert "password=[redacted] by bob" in everything
    assert result.available == 3


async def test_the_lines_of_a_key_that_became_entries_are_redacted(tmp_path):
    body = ("MIIEpAIBAAKCAQEA7v5hV1bV0m9cTn2z" * 2)[:64]
    put(tmp_path, "a.log", f"{iso(AT)} {body}\n")
    [line] = (await logs(tmp_path).query(AROUND)).lines
    assert line.text == "[redacted]"


# --- filters


@pytest.fixture
def homelab(tmp_path):
    put(tmp_path, "media/jellyfin.log", f"{iso(AT)} ERROR transcoding failed\n{iso(AT)} INFO ok\n")
    put(tmp_path, "media/sonarr.log", f"{iso(AT)} WARN slow\n")
    put(tmp_path, "dns1/adguard.log", f"{iso(AT)} INFO ok\n")
    put(tmp_path, "proxy/access.log", f'1.1.1.1 - - [{AT:%d/%b/%Y:%H:%M:%S} +0000] "GET / HTTP/1.1" 200 1\n')
    put(tmp_path, "apps/docker.log", "".join(
        json.dumps({"time": iso(AT), "container": name, "msg": f"from {name}"}) + "\n"
        for name in ("immich-server", "homelab-paperless-1")
    ))  # fmt: skip
    put(tmp_path, "db/syslog", f"{AT:%b %d %H:%M:%S} db postgres[12]: FATAL: no more connections\n")
    put(tmp_path, "all/journal", json.dumps({
        "__REALTIME_TIMESTAMP": str(int(AT.timestamp() * 1e6)), "PRIORITY": "3", "MESSAGE": "stopped",
        "_SYSTEMD_UNIT": "vaultwarden.service", "_HOSTNAME": "apps2",
    }) + "\n")  # fmt: skip
    return logs(tmp_path, "*/*")


@pytest.mark.parametrize(
    ("entity", "texts"),
    [
        ("jellyfin", {"ERROR transcoding failed", "INFO ok"}),
        ("Jellyfin.service", {"ERROR transcoding failed", "INFO ok"}),
        ("media", {"ERROR transcoding failed", "INFO ok", "WARN slow"}),
        ("immich-server", {"from immich-server container=immich-server"}),
        ("paperless", {"from homelab-paperless-1 container=homelab-paperless-1"}),
        ("postgres", {"db postgres[12]: FATAL: no more connections"}),
        ("db.home.lan", {"db postgres[12]: FATAL: no more connections"}),
        ("vaultwarden", {"stopped"}),
        ("apps2", {"stopped"}),
        ("plex", set()),
    ],
)
async def test_entities_are_found_by_path_and_by_what_lines_say(homelab, entity, texts):
    result = await homelab.query(AROUND, entities=[entity])
    assert {line.text for line in result.lines} == texts
    assert result.gaps == ()


async def test_lines_carry_their_entity(homelab):
    by_text = {line.text: line.entity for line in (await homelab.query(AROUND)).lines}
    assert by_text["WARN slow"] == "sonarr"
    assert by_text["stopped"] == "vaultwarden"
    assert by_text["from immich-server container=immich-server"] == "immich-server"
    assert by_text["db postgres[12]: FATAL: no more connections"] == "postgres"


async def test_levels_and_contents_narrow(homelab):
    errors = await homelab.query(AROUND, levels=["error"])
    assert {line.entity for line in errors.lines} == {"jellyfin", "postgres", "vaultwarden"}
    assert (await homelab.query(AROUND, levels=["error", "WARNING"])).available == 4
    assert [line.entity for line in (await homelab.query(AROUND, contains="TRANSCODING")).lines] == ["jellyfin"]
    assert (await homelab.query(AROUND, contains="from immich")).available == 1
    assert (await homelab.query(AROUND, levels=["error"], contains="ok")).lines == ()


async def test_entities_lists_services_and_hosts(homelab):
    names = await homelab.entities()
    assert names == sorted(names)
    assert {"jellyfin", "sonarr", "media", "adguard", "dns1", "proxy", "vaultwarden", "apps2", "postgres", "db"} <= set(
        names
    )
    assert not {"access", "syslog", "docker", "journal"} & set(names)


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("media/jellyfin.log.1", "jellyfin"),
        ("media/jellyfin-20251122.log", "jellyfin"),
        ("media/jellyfin.log.2025-11-22", "jellyfin"),
        ("jellyfin/log/log_20251122.log", "jellyfin"),
        ("containers/" + "ab" * 32 + "/" + "ab" * 32 + "-json.log", "abababababab"),
        ("immich_server.txt", "immich_server"),
    ],
)
async def test_the_service_in_a_path(tmp_path, name, entity):
    put(tmp_path, name, f"{iso(AT)} x\n")
    [line] = (await logs(tmp_path).query(AROUND)).lines
    assert line.entity == entity


# --- rotation


async def test_rotated_and_gzipped_files_are_read(tmp_path):
    put(tmp_path, "a.log", f"{iso(AT + MINUTES)} three\n")
    put(tmp_path, "a.log.1", f"{iso(AT)} two\n")
    put(tmp_path, "a.log.2.gz", gzip.compress(f"{iso(AT - MINUTES)} one\n  more\n".encode()))
    result = await logs(tmp_path, "a.log*").query(AROUND)
    assert [(line.text, line.entity) for line in result.lines] == [("one\n  more", "a"), ("two", "a"), ("three", "a")]
    assert result.gaps == ()


async def test_a_gzipped_file_is_bounded_and_says_so(tmp_path):
    text = "".join(f"{iso(AT - 20 * MINUTES + timedelta(milliseconds=n))} line {n}\n" for n in range(60_000))
    put(tmp_path, "a.log.gz", gzip.compress(text.encode()))
    result = await logs(tmp_path, max_bytes_per_file=1_000_000).query(AROUND)
    assert result.bytes_read < 1_300_000
    assert any("only its first 976 KiB were read" in gap for gap in result.gaps)


async def test_a_file_last_written_before_the_window_is_not_opened(tmp_path):
    put(tmp_path, "old.log", f"{iso(AT - timedelta(days=9))} x\n" * 1000, written=AT - timedelta(days=9))
    result = await logs(tmp_path).query(AROUND)
    assert (result.lines, result.gaps, result.bytes_read) == ((), (), 0)


# --- large files


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """50 MB: eight lines a second for nearly a day."""
    directory = tmp_path_factory.mktemp("large")
    filler = "request served from cache in a little while " * 2
    begin = AT - timedelta(hours=12)
    with (directory / "big.log").open("w") as out:
        for second in range(56_000):
            stamp = iso(begin + timedelta(seconds=second))
            out.write("".join(f"{stamp} INFO {filler}{second}-{n}\n" for n in range(8)))
    assert (directory / "big.log").stat().st_size > 50_000_000
    return directory


@pytest.mark.parametrize("hours", [-11.9, -6, 0, 3])
async def test_only_the_windows_part_of_a_large_file_is_read(large, hours):
    middle = AT + timedelta(hours=hours)
    result = await logs(large).query(Window(start=middle, end=middle + timedelta(seconds=9)))
    assert result.available == 80
    assert result.lines[0].at == middle
    assert result.lines[-1].at == middle + timedelta(seconds=9)
    assert result.bytes_read < 1_000_000, "of 50 MB"
    assert result.gaps == ()


@pytest.mark.parametrize("days", [-2, 2])
async def test_a_window_beside_a_large_file_costs_next_to_nothing(large, days):
    start = AT + timedelta(days=days)
    os.utime(large / "big.log", ((AT + timedelta(days=3)).timestamp(),) * 2)
    result = await logs(large).query(Window(start=start, end=start + MINUTES))
    assert result.lines == ()
    assert result.bytes_read < 200_000


async def test_the_newest_part_of_a_large_window_is_read_and_the_rest_stated(large):
    result = await logs(large, max_bytes_per_file=2_000_000).query(
        Window(start=AT - timedelta(hours=12), end=AT), limit=10
    )
    assert result.bytes_read < 3_000_000
    assert [line.at for line in result.lines[-8:]] == [AT] * 8
    assert result.returned == len(result.lines) == 10
    assert result.available > 10_000
    assert any("only the last 1953 KiB of the window were read" in gap for gap in result.gaps)
    assert any(f"the newest 10 of {result.available} matching entries are shown" in gap for gap in result.gaps)


async def test_the_limit_is_clamped(tmp_path):
    put(tmp_path, "a.log", "".join(f"{iso(AT)} {n}\n" for n in range(50)))
    source = logs(tmp_path, max_lines=20)
    assert (await source.query(AROUND, limit=10_000)).returned == 20
    assert (await source.query(AROUND, limit=0)).returned == 1


async def test_out_of_time_is_stated(large):
    result = await logs(large, deadline_s=0).query(Window(start=AT - timedelta(hours=1), end=AT))
    assert result.lines == ()
    assert any("not read within 0 s" in gap for gap in result.gaps)


async def test_a_query_can_be_cancelled(large):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(logs(large).query(Window(start=AT - timedelta(hours=12), end=AT)), 0.01)


async def test_several_queries_run_side_by_side(large):
    source = logs(large)
    windows = [Window(start=AT + n * MINUTES, end=AT + n * MINUTES + timedelta(seconds=1)) for n in range(8)]
    results = await asyncio.gather(*(source.query(window) for window in windows))
    assert [result.available for result in results] == [16] * 8


# --- scans


async def scanned(source, window=AROUND, **narrowed):
    """(lines, gaps, how many lines the parts had)."""
    parts = [part async for part in source.scan(window, **narrowed)]
    lines = [line for part in parts for line in part.lines]
    return lines, [gap for part in parts for gap in part.gaps], [len(part.lines) for part in parts]


async def test_a_scan_gives_what_a_query_gives(homelab):
    for narrowed in (
        {},
        {"entities": ["media"]},
        {"entities": ["vaultwarden", "db"]},
        {"levels": ["error", "WARNING"]},
    ):
        lines, gaps, _ = await scanned(homelab, **narrowed)
        result = await homelab.query(AROUND, **narrowed)
        assert sorted(map(repr, (line.shown() for line in lines))) == sorted(map(repr, result.lines))
        assert {(line.entity, line.level) for line in lines} == {(line.entity, line.level) for line in result.lines}
        assert gaps == []


async def test_a_scan_reads_files_side_by_side_in_the_order_of_time(tmp_path):
    for number in range(10):
        lines = "".join(f"{iso(AT + timedelta(seconds=10 * n + number))} {10 * n + number}\n" for n in range(100))
        put(tmp_path, f"{number}.log", lines, written=AT + timedelta(hours=1))
    lines, gaps, _ = await scanned(logs(tmp_path))
    assert [line.text for line in lines] == [str(n) for n in range(1000)]
    assert gaps == []


async def test_a_scan_of_many_files_has_them_all(tmp_path):
    for number in range(150):
        put(tmp_path, f"{number}.log", f"{iso(AT)} from {number}\n")
    lines, gaps, _ = await scanned(logs(tmp_path))
    assert {line.text for line in lines} == {f"from {number}" for number in range(150)}
    assert gaps == []


async def test_a_scanned_line_is_redacted_when_it_is_shown(tmp_path):
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE" + "aB3" * 20 + "\n-----END RSA PRIVATE KEY-----"
    put(tmp_path, "a.log", f"{iso(AT)} login password=hunter2 by bob\n{iso(AT)} loaded\n{key}\n")
    put(tmp_path, "b.log", json.dumps({"ts": iso(AT), "msg": "x", "db": {"password": "hunter2", "host": "db"}}) + "\n")
    lines, _, _ = await scanned(logs(tmp_path))
    shown = "".join(line.shown().model_dump_json() for line in lines)
    assert "hunter2" not in shown
    assert "aB3aB3" not in shown
    assert "password=[redacted] by bob" in shown
    assert {line.text for line in lines} == {"login password=hunter2 by bob", "loaded", "x"}


async def test_a_large_scan_comes_in_small_parts(large):
    lines, gaps, sizes = await scanned(logs(large), Window(start=AT, end=AT + timedelta(hours=1)))
    assert len(lines) == 8 * 3601
    assert max(sizes) <= 2_000
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert gaps == []


async def test_a_scan_ends_after_so_many_lines_and_says_where(large):
    source = logs(large, max_scan_lines=5_000)
    lines, gaps, _ = await scanned(source, Window(start=AT, end=AT + timedelta(hours=1)))
    assert len(lines) == 5_000
    last = AT + timedelta(seconds=5_000 // 8)
    assert lines[-1].at <= last
    assert gaps == [f"logs: the scan ended after 5000 lines; entries after {iso(last)} were not read"]
    exactly, gaps, _ = await scanned(source, Window(start=AT, end=AT + timedelta(seconds=624)))
    assert (len(exactly), gaps) == (5_000, [])


async def test_a_scan_ends_at_its_deadline_and_says_where(large):
    lines, gaps, _ = await scanned(logs(large, scan_deadline_s=0.3), Window(start=AT - timedelta(hours=11), end=AT))
    assert 0 < len(lines) < 8 * 11 * 3600
    [gap] = gaps
    assert gap.startswith("logs: the scan ended after 0.3 s; entries after 2025-11-2")
    assert iso(lines[-1].at) in gap


async def test_a_scan_that_finds_nothing_ends_at_its_deadline_too(large):
    window = Window(start=AT - timedelta(hours=11), end=AT)
    lines, gaps, sizes = await scanned(logs(large, scan_deadline_s=0.5), window, levels=["error"])
    assert lines == []
    assert len(sizes) > 2, "somebody who waits for parts gets some"
    assert "the scan ended after 0.5 s" in gaps[0]


async def test_a_scan_reads_the_newest_bytes_of_a_file_and_states_the_rest(large):
    source = logs(large, max_scan_bytes_per_file=2_000_000)
    lines, gaps, _ = await scanned(source, Window(start=AT - timedelta(hours=2), end=AT))
    assert lines[-1].at == AT
    assert 15_000 < len(lines) < 30_000
    assert any("only the last 1953 KiB of the window were read" in gap for gap in gaps)


def opened(path):
    return sum(link.resolve() == path for link in Path("/proc/self/fd").iterdir())


async def test_whoever_stops_listening_stops_the_scan(large):
    source = logs(large)
    window = Window(start=AT - timedelta(hours=11), end=AT)
    async with contextlib.aclosing(source.scan(window)) as parts:
        assert len((await anext(parts)).lines) == 2_000
        assert opened(large / "big.log") == 1
    assert opened(large / "big.log") == 0
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(scanned(source, window, levels=["error"]), 0.05)
    while opened(large / "big.log"):  # until the thread has noticed
        await asyncio.sleep(0.01)


async def test_what_a_scan_cannot_read_is_a_gap(tmp_path):
    put(tmp_path, "good.log", f"{iso(AT)} fine\n")
    put(tmp_path, "binary.log", b"\x7fELF\0\0\0" * 1000)
    (tmp_path / "dangling.log").symlink_to(tmp_path / "absent")
    lines, gaps, _ = await scanned(logs(tmp_path, "*.log"))
    assert [line.text for line in lines] == ["fine"]
    assert sorted(gap.rsplit("/", 1)[1] for gap in gaps) == [
        "binary.log: is not text (binary, or compressed other than gzip)",
        "dangling.log: cannot be read: No such file or directory",
    ]
    assert (await scanned(logs(tmp_path, "*.txt")))[1] == [
        f"logs: no file matches {tmp_path}/*.txt; check SRE_LOG_FILES"
    ]


# --- what cannot be read


async def test_what_cannot_be_read_is_a_gap_and_the_rest_is_read(tmp_path):
    put(tmp_path, "good.log", f"{iso(AT)} fine\n")
    (tmp_path / "directory.log").mkdir()
    (tmp_path / "dangling.log").symlink_to(tmp_path / "absent")
    os.mkfifo(tmp_path / "fifo.log")
    put(tmp_path, "binary.log", b"\x7fELF\0\0\0" * 1000)
    put(tmp_path, "squeezed.log", b"\x28\xb5\x2f\xfd" + b"x" * 100)
    put(tmp_path, "broken.log", gzip.compress(os.urandom(10_000))[:5_000])
    put(tmp_path, "timeless.log", "no time here\n" * 10_000)
    put(tmp_path, "empty.log", "")
    result = await logs(tmp_path, "*.log").query(AROUND)
    assert [line.text for line in result.lines] == ["fine"]
    said = {gap.split(": ")[1].rsplit("/", 1)[1]: gap for gap in result.gaps}
    assert set(said) == {
        f"{n}.log" for n in ("directory", "dangling", "fifo", "binary", "squeezed", "broken", "timeless")
    }
    assert "Is a directory" in said["directory.log"]
    assert "No such file" in said["dangling.log"]
    assert "not a regular file" in said["fifo.log"]
    assert "not text" in said["binary.log"]
    assert "not text" in said["squeezed.log"]
    assert "cannot be read" in said["broken.log"]
    assert "no time found" in said["timeless.log"]
    assert all(gap.startswith("logs: ") and "\n" not in gap for gap in result.gaps)


async def test_a_file_that_does_not_concern_the_question_is_no_gap(tmp_path):
    put(tmp_path, "jellyfin.log", f"{iso(AT)} fine\n")
    put(tmp_path, "sonarr.log", b"\0\0\0")
    assert (await logs(tmp_path).query(AROUND, entities=["jellyfin"])).gaps == ()
    assert len((await logs(tmp_path).query(AROUND, entities=["sonarr"])).gaps) == 1


async def test_a_pattern_without_files_is_a_gap(tmp_path):
    result = await logs(tmp_path, "*.log").query(AROUND)
    assert result.lines == ()
    [gap] = result.gaps
    assert "no file matches" in gap
    assert "SRE_LOG_FILES" in gap


async def test_many_problems_are_counted(tmp_path):
    for number in range(50):
        (tmp_path / f"{number}.log").symlink_to(tmp_path / "absent")
    gaps = (await logs(tmp_path, "*.log").query(AROUND)).gaps
    assert len(gaps) == 21
    assert gaps[-1] == "logs: 30 more problems"


async def test_a_file_out_of_time_order_is_searched_within_bounds_and_stated(tmp_path):
    put(tmp_path, "a.log", f"{iso(AT + timedelta(days=1))} late\n{iso(AT)} now\n{iso(AT - timedelta(days=1))} early\n")
    result = await logs(tmp_path).query(AROUND)
    assert [line.text for line in result.lines] == ["now"]
    assert any("not in time order" in gap for gap in result.gaps)


HOSTILE = [
    '{"ts": 1e400}', '{"time": "' + "1" * 5000 + '"}', '{"level": ' + "9" * 5000 + ', "ts": 1763781001}', "[" * 50_000, '{"a":' * 5000,
    '{"ts": true}', '{"ts": [1]}', "{}", "9999999999 x", "0000-00-00 00:00:00 x", "9999-12-31T23:59:59-14:00 x", "Feb 29 00:00:00 a b: x",
    "2025-11-22T25:61:61Z x", "<999>1 - - - -", '{"ts": 1763781001, "msg": {"a": [null]}, "level": null, "service": 4}',
]  # fmt: skip


@pytest.mark.parametrize("line", HOSTILE, ids=[line[:20] for line in HOSTILE])
async def test_hostile_lines_raise_nothing(tmp_path, line):
    put(tmp_path, "a.log", f"{iso(AT)} before\n{line}\n{iso(AT)} after\n")
    source = logs(tmp_path)
    result = await source.query(AROUND, levels=LEVELS, entities=["a"], contains="")
    assert result.lines[0].text.startswith("before")
    assert result.lines[-1].text == "after"
    assert "a" in await source.entities()


async def test_a_line_with_a_wrong_time_behind_the_window_does_not_hide_what_follows(tmp_path) -> None:
    """Found by halving, the end may be some lines too early; a few lines beyond it are not yet the end."""
    moments = [AT - 600 * MINUTES + place * timedelta(seconds=10) for place in range(6000)]
    at = moments.index(AT)
    lines = [f"{iso(moment)} line {place}" for place, moment in enumerate(moments)]
    lines[at] = f"{iso(AT + 900 * MINUTES)} a clock that is wrong"
    put(tmp_path, "media/app.log", "\n".join(lines) + "\n", written=moments[-1])
    found = await logs(tmp_path).query(Window(start=AT - MINUTES, end=AT + MINUTES))
    assert [line.text for line in found.lines] == [f"line {place}" for place in range(at - 6, at + 7) if place != at]
