"""Restarts, reboots and versions, against a real Prometheus whose past was backfilled."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from backfilled_series import Series, prometheus_of

from core.vocabulary import Change, Window
from tools.changes.restarts import MetricChanges
from tools.http import Source
from tools.prometheus import ALLOWED, Prometheus

pytestmark = pytest.mark.skipif(
    not shutil.which("prometheus") or not shutil.which("promtool"), reason="needs the prometheus and promtool binaries"
)

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
WINDOW = Window(start=NOW - timedelta(hours=6), end=NOW)
SCRAPE_S = 30
LONG_AGO = (NOW - timedelta(days=9)).timestamp() + 0.5


def unix(minutes_ago: float) -> float:
    return (NOW - timedelta(minutes=minutes_ago)).timestamp()


def scraped(value: Callable[[float], float], first: float = 400, last: float = 0) -> list[tuple[float, float]]:
    """A sample per scrape between so many minutes ago; `value` is given unix seconds."""
    return [(at, value(at)) for at in range(int(unix(first)), int(unix(last)) + 1, SCRAPE_S)]


def started(*minutes_ago: float, before: float = LONG_AGO) -> Callable[[float], float]:
    """What a start time says, of what started at each of these."""
    return lambda at: max([before, *(unix(each) for each in minutes_ago if unix(each) <= at)])


def container(name: str, image: str = "app:1", identity: str = "a", host: str = "media") -> dict[str, str]:
    compose = "container_label_com_docker_compose_"
    return {
        "job": "cadvisor",
        "instance": f"{host}:8080",
        "name": name,
        "id": f"/docker/{identity}",
        "image": image,
        f"{compose}project": "stack",
        f"{compose}service": name,
    }


def series() -> Iterator[Series]:
    start, boot, process = "container_start_time_seconds", "node_boot_time_seconds", "process_start_time_seconds"
    yield start, container("steady"), scraped(started())
    yield start, container("jellyfin"), scraped(started(60))
    yield start, container("navidrome", "deluan/navidrome:0.57", "old"), scraped(started(), 400, 92)
    yield start, container("navidrome", "deluan/navidrome:0.58", "new"), scraped(started(90, before=0), 89)
    yield start, container("paperless"), scraped(started(*(120 - 1.5 * nth for nth in range(37))))
    yield start, container("tdarr"), scraped(started(300, 30))
    yield start, container("actual"), scraped(started(30, before=0), 29)
    yield start, container("unscraped"), [*scraped(started(), 400, 200), *scraped(started(), 150)]
    yield start, {"job": "cadvisor", "instance": "media:8080", "id": "/system.slice"}, scraped(started(61))
    yield "container_last_seen", container("tika", "apache/tika:3.1", host="cloud"), scraped(lambda at: at, 400, 100)
    yield "container_last_seen", container("tika", "apache/tika:3.2", host="cloud"), scraped(lambda at: at, 99)
    for name, reboot in (("pve1", started(45)), ("pve2", lambda at: LONG_AGO + at % 50)):
        node = {"job": "node", "instance": f"{name}:9100"}
        yield boot, node, scraped(reboot)
        yield process, node, scraped(started(*([44] if name == "pve1" else [])))
        for release, first, last in (("6.8.12-4-pve", 400, 46), ("6.8.12-5-pve", 43, 0)):
            if name == "pve1" or last:
                yield (
                    "node_uname_info",
                    {**node, "release": release, "nodename": name},
                    scraped(lambda _: 1, first, last if name == "pve1" else 0),
                )
    yield process, {"job": "traefik", "instance": "proxy:8082"}, scraped(started(70.2))
    own = {"job": "prometheus", "instance": "localhost:9090"}
    yield process, own, scraped(started(20.3))
    yield "prometheus_build_info", {**own, "version": "2.41.0"}, scraped(lambda _: 1, 400, 21)
    yield "prometheus_build_info", {**own, "version": "2.42.0"}, scraped(lambda _: 1, 20)
    grafana = {"job": "grafana", "instance": "mon:3000"}
    for version, first, last in (("11.2.0", 400, 251), ("11.3.0", 250, 191), ("11.2.0", 190, 0)):
        yield "grafana_build_info", {**grafana, "version": version}, scraped(lambda _: 1, first, last)
    for version, first, last in (("go1.24", 400, 201), ("go1.25", 200, 0)):
        yield (
            "loki_build_info",
            {"job": "loki", "instance": "mon:3100", "version": "3.5", "goversion": version},
            scraped(lambda _: 1, first, last),
        )
        yield (
            "go_build_info",
            {"job": "loki", "instance": "mon:3100", "version": version},
            scraped(lambda _: 1, first, last),
        )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_of(tmp_path_factory.mktemp("prometheus"), sorted(series(), key=lambda each: each[0])) as url:
        yield url


@pytest.fixture
async def source(url: str) -> AsyncIterator[MetricChanges]:
    http = Source("prometheus", url, allowed=ALLOWED)
    yield MetricChanges(Prometheus(http))
    await http.aclose()


@pytest.fixture
async def changes(source: MetricChanges) -> list[Change]:
    found = await source.changes(WINDOW)
    assert found.gaps == ()
    assert found.available == len(found.changes)
    return list(found.changes)


def titled(changes: list[Change], word: str) -> list[Change]:
    return [change for change in changes if word in change.title]


async def test_a_container_restarted(changes: list[Change]) -> None:
    [change] = titled(changes, "jellyfin")
    assert (change.title, change.kind, change.entity) == ("jellyfin restarted", "restart", "jellyfin")
    assert change.at == NOW - timedelta(minutes=60)
    assert change.id == f"metrics:container_start_time_seconds:jellyfin@media:{unix(60):.0f}"
    assert change.detail == "instance media:8080; job cadvisor; compose project stack; compose service jellyfin"


async def test_a_new_image_starts_its_container_and_is_told_once(changes: list[Change]) -> None:
    [change] = titled(changes, "navidrome")
    assert (change.kind, change.entity) == ("image_update", "navidrome")
    assert change.title == "navidrome: deluan/navidrome 0.57 → 0.58"
    assert change.at == NOW - timedelta(minutes=90)


async def test_without_start_times_the_image_alone_tells(changes: list[Change]) -> None:
    [change] = titled(changes, "tika")
    assert (change.kind, change.title) == ("image_update", "tika: apache/tika 3.1 → 3.2")
    assert change.at == NOW - timedelta(minutes=99)


async def test_a_crash_loop_is_one_change_with_a_count(changes: list[Change]) -> None:
    [change] = titled(changes, "paperless")
    assert change.at == NOW - timedelta(minutes=120)
    last = NOW - timedelta(minutes=120 - 1.5 * 36)
    assert change.detail.startswith(f"37 restarts seen until {last:%Y-%m-%d %H:%M:%S} UTC")


async def test_restarts_hours_apart_are_two(changes: list[Change]) -> None:
    assert [change.at for change in titled(changes, "tdarr restarted")] == [
        NOW - timedelta(minutes=each) for each in (300, 30)
    ]


async def test_what_was_not_there_before_has_started(changes: list[Change]) -> None:
    assert [change.title for change in titled(changes, "actual")] == ["actual started"]


async def test_what_did_not_start_is_no_change(changes: list[Change]) -> None:
    """Old start times, a stretch without scrapes, control groups that are no containers, other labels than the version."""
    assert not [change for name in ("steady", "unscraped", "slice", "loki", "go_") for change in titled(changes, name)]


async def test_a_reboot_is_no_jitter_of_the_clock(changes: list[Change]) -> None:
    reboots = [change for change in changes if change.kind == "reboot"]
    assert [(change.title, change.entity, change.at) for change in reboots] == [
        ("pve1 rebooted", "pve1", NOW - timedelta(minutes=45))
    ]
    assert not titled(changes, "node on pve1"), "the exporter came with its machine"


async def test_a_new_kernel(changes: list[Change]) -> None:
    [change] = titled(changes, "kernel")
    assert change.title == "kernel 6.8.12-4-pve → 6.8.12-5-pve on pve1"
    assert (change.kind, change.at) == ("version", NOW - timedelta(minutes=44))


async def test_a_process_restarted(changes: list[Change]) -> None:
    [change] = titled(changes, "traefik")
    assert (change.title, change.kind, change.entity) == ("traefik on proxy restarted", "restart", "proxy")
    assert change.at == NOW - timedelta(minutes=70.2)


async def test_a_new_version_is_dated_by_its_process_and_told_once(changes: list[Change]) -> None:
    [change] = titled(changes, "prometheus")
    assert (change.title, change.kind, change.entity) == ("prometheus 2.41.0 → 2.42.0", "version", "prometheus")
    assert change.at == NOW - timedelta(minutes=20.3)


async def test_a_version_and_back(changes: list[Change]) -> None:
    there, back = titled(changes, "grafana")
    assert there.title == "grafana 11.2.0 → 11.3.0 on mon"
    assert back.title == "grafana 11.3.0 → 11.2.0 on mon"
    assert there.at == NOW - timedelta(minutes=250)
    seen = [f"{NOW - timedelta(minutes=each):%Y-%m-%d %H:%M:%S} UTC" for each in (250.5, 250)]
    assert there.detail.startswith(f"between {seen[0]} and {seen[1]}")


async def test_only_the_window_counts(source: MetricChanges) -> None:
    quiet = Window(start=NOW - timedelta(minutes=180), end=NOW - timedelta(minutes=125))
    assert (await source.changes(quiet)).changes == ()
    late = await source.changes(Window(start=NOW - timedelta(minutes=21), end=NOW))
    assert [change.title for change in late.changes] == ["prometheus 2.41.0 → 2.42.0"]


async def test_the_newest_win_and_a_long_window_is_read_in_steps(source: MetricChanges) -> None:
    found = await source.changes(Window(start=NOW - timedelta(days=8), end=NOW), limit=2)
    assert found.gaps == ()
    assert [change.title for change in found.changes] == ["tdarr restarted", "prometheus 2.41.0 → 2.42.0"]
    assert found.available == 13


async def test_a_prometheus_that_is_down_is_a_gap() -> None:
    http = Source("prometheus", "http://127.0.0.1:1", allowed=ALLOWED, timeout_s=1)
    found = await MetricChanges(Prometheus(http)).changes(WINDOW)
    await http.aclose()
    assert found.changes == ()
    assert len(found.gaps) == 1
    assert found.gaps[0].startswith("metrics: prometheus: http://127.0.0.1:1")
