"""Alerts that began or ended, from a real Prometheus whose past was backfilled, and from a local Grafana."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from backfilled_series import Series, prometheus_of
from grafana_items import ONSET, state_change, user_note
from grafana_server import GrafanaServer

from core.vocabulary import Change, Window
from tools.changes.alert_transitions import AlertTransitions
from tools.grafana import ANNOTATIONS, Grafana
from tools.http import Source
from tools.prometheus import ALLOWED, Prometheus

pytestmark = pytest.mark.skipif(
    not shutil.which("prometheus") or not shutil.which("promtool"), reason="needs the prometheus and promtool binaries"
)

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
WINDOW = Window(start=NOW - timedelta(hours=2), end=NOW)


def series() -> Iterator[Series]:
    """Minutes ago: HostDown fired 100 to 90 and 50 to 40, DiskFull from 150 to 80, CertExpiry since 30."""

    def fired(first: float, last: float) -> list[tuple[float, float]]:
        start, end = ((NOW - timedelta(minutes=each)).timestamp() for each in (first, last))
        return [(at, 1) for at in range(int(start), int(end) + 1, 15)]

    firing = {"alertstate": "firing", "severity": "critical"}
    down = {"alertname": "HostDown", "instance": "nas:9100", **firing}
    yield "ALERTS", down, [*fired(100, 90), *fired(50, 40)]
    yield "ALERTS", {"alertname": "DiskFull", "name": "jellyfin", "instance": "media:8080", **firing}, fired(150, 80)
    yield "ALERTS", {"alertname": "CertExpiry", **firing}, fired(30, 0)
    yield "ALERTS", {**down, "alertstate": "pending"}, fired(105, 100)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_of(tmp_path_factory.mktemp("prometheus"), series()) as url:
        yield url


@pytest.fixture
async def prometheus(url: str) -> AsyncIterator[Prometheus]:
    http = Source("prometheus", url, allowed=ALLOWED)
    yield Prometheus(http)
    await http.aclose()


def told(changes: tuple[Change, ...]) -> list[tuple[str, float]]:
    return [(change.title, (NOW - change.at).total_seconds() / 60) for change in changes]


async def test_each_begin_and_end_in_the_window(prometheus: Prometheus) -> None:
    found = await AlertTransitions(prometheus, None).changes(WINDOW)
    assert told(found.changes) == [
        ("HostDown on nas:9100 began", 100),
        ("HostDown on nas:9100 ended", 90),
        ("DiskFull on jellyfin ended", 80),  # it began before
        ("HostDown on nas:9100 began", 50),
        ("HostDown on nas:9100 ended", 40),
        ("CertExpiry began", 30),  # it goes on
    ]
    assert {change.kind for change in found.changes} == {"alert"}
    assert [change.entity for change in found.changes[:3]] == ["nas:9100", "nas:9100", "jellyfin"]
    assert found.changes[-1].entity is None
    assert found.changes[0].detail == "severity critical"
    assert len({change.id for change in found.changes}) == 6
    assert all(change.id.startswith("alerts:") for change in found.changes)
    assert (found.gaps, found.available) == ((), 6)


async def test_the_newest_win(prometheus: Prometheus) -> None:
    found = await AlertTransitions(prometheus, None).changes(WINDOW, limit=2)
    assert told(found.changes) == [("HostDown on nas:9100 ended", 40), ("CertExpiry began", 30)]
    assert found.available == 6


async def test_grafanas_notes_and_state_changes_join(
    prometheus: Prometheus, server: GrafanaServer, grafana: Grafana
) -> None:
    server.annotations = [
        state_change(1, 0, "Normal", "Alerting"),
        user_note(2, 5, "new password=hunter2hunter2", ["deploy"], login="ana"),
    ]
    window = Window(start=ONSET - timedelta(hours=1), end=ONSET + timedelta(hours=1))
    found = await AlertTransitions(prometheus, grafana).changes(window)
    alert, note = found.changes
    assert (alert.kind, alert.title, alert.entity) == ("alert", "HostHighCpu: Normal → Alerting", "media:9100")
    assert (note.kind, note.title, note.actor) == ("annotation", "new password=[redacted]", "ana")
    assert "hunter2" not in note.detail


async def test_one_source_that_is_down_is_a_gap_and_the_other_stands(
    prometheus: Prometheus, server: GrafanaServer, grafana: Grafana
) -> None:
    server.instead[ANNOTATIONS] = (500, {"message": "database is locked"})
    found = await AlertTransitions(prometheus, grafana).changes(WINDOW)
    assert len(found.changes) == 6
    [gap] = found.gaps
    assert gap.startswith("alerts: grafana: ")
    assert "database is locked" in gap
    down = Source("prometheus", "http://127.0.0.1:1", allowed=ALLOWED, timeout_s=1)
    server.instead.clear()
    server.annotations = [user_note(1, 0, "note", [])]
    window = Window(start=ONSET - timedelta(hours=1), end=ONSET + timedelta(hours=1))
    found = await AlertTransitions(Prometheus(down), grafana).changes(window)
    await down.aclose()
    assert [change.title for change in found.changes] == ["note"]
    assert [gap.partition(": http")[0] for gap in found.gaps] == ["alerts: prometheus"]


async def test_a_cut_at_grafana_is_told(prometheus: Prometheus, server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [user_note(n, n, f"note {n}", []) for n in range(1, 6)]
    window = Window(start=ONSET - timedelta(hours=1), end=ONSET + timedelta(hours=1))
    found = await AlertTransitions(prometheus, grafana).changes(window, limit=3)
    assert [change.title for change in found.changes] == ["note 3", "note 4", "note 5"]
    assert found.gaps == ("alerts: grafana: only the newest 3 annotations were read, older ones are missing",)
