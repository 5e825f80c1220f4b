"""Against a real Alertmanager with a silence and an inhibition rule."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from alertmanager_process import BINARY, alertmanager_process, firing, in_minutes, post, resolved

from core.errors import QueryRejected, SourceRefused, SourceUnavailable
from core.vocabulary import Alert
from tools.alertmanager import ALLOWED, Alertmanager, Matcher
from tools.http import Source

T = TypeVar("T")
NOBODY = "http://127.0.0.1:9"
CONFIG = """
route: {receiver: phone, group_by: [alertname], group_wait: 0s, group_interval: 1s}
receivers: [{name: phone}]
inhibit_rules:
  - source_matchers: ['alertname="HostDown"']
    target_matchers: ['alertname="ServiceDown"']
    equal: [host]
"""
HOST_CPU = {
    "labels": {"alertname": "HostHighCpu", "instance": "media:9100", "job": "node", "severity": "Warning"},
    "annotations": {"summary": "CPU of media is at 96 %", "runbook": "host-cpu.md"},
    "startsAt": "2026-11-20T04:10:00.123456789+02:00",
    "generatorURL": "http://prometheus.home.lan/graph?g0.expr=up&g0.tab=1",
}
DISK_FULL = {"labels": {"alertname": "HostDiskFull", "instance": "nvr:9100", "severity": "warning"}}
HOST_DOWN = {"labels": {"alertname": "HostDown", "host": "db", "severity": "critical"}}
SERVICE_DOWN = {"labels": {"alertname": "ServiceDown", "host": "db", "service": "postgres", "severity": "critical"}}
ODD = {"labels": {"alertname": 'Odd "name"', "instance": "nas:9100"}, "generatorURL": "javascript:alert(1)"}

pytestmark = pytest.mark.skipif(BINARY is None, reason="needs the alertmanager binary")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running Alertmanager that was told about a bad night."""
    directory = tmp_path_factory.mktemp("alertmanager")
    with alertmanager_process(directory, CONFIG) as base:
        post(base, "/api/v2/silences", _silence())
        post(base, "/api/v2/alerts", [firing(alert) for alert in (HOST_CPU, DISK_FULL, HOST_DOWN, SERVICE_DOWN, ODD)])
        post(base, "/api/v2/alerts", [resolved({"labels": {"alertname": "UpsOnBattery", "instance": "ups"}})])
        yield base


@pytest.fixture
async def source(url: str) -> AsyncIterator[Source]:
    source = Source("alertmanager", url, allowed=ALLOWED)
    yield source
    await source.aclose()


@pytest.fixture
def alertmanager(source: Source) -> Alertmanager:
    return Alertmanager(source, "http://alerts.home.lan/")


async def test_an_active_alert_is_read_in_full(alertmanager: Alertmanager) -> None:
    """A zone offset becomes UTC (Alertmanager cuts to milliseconds); the severity is lower case; the link is the rule's graph."""
    alert = _named(await alertmanager.alerts(), "HostHighCpu")
    assert alert.state == "firing"
    assert alert.severity == "warning"
    assert alert.labels == HOST_CPU["labels"]
    assert alert.summary == "CPU of media is at 96 %"
    assert alert.starts_at == datetime(2026, 11, 20, 2, 10, 0, 123000, tzinfo=UTC)
    assert alert.ends_at is None
    assert alert.link == HOST_CPU["generatorURL"]
    assert re.fullmatch(r"[0-9a-f]{16}", alert.fingerprint)
    assert (alert.silenced_by, alert.inhibited_by, alert.source) == ((), (), "alertmanager")


async def test_a_silenced_alert_is_suppressed_and_names_its_silence(alertmanager: Alertmanager) -> None:
    alert = _named(await alertmanager.alerts(), "HostDiskFull")
    [silence] = await alertmanager.silences()
    assert alert.state == "suppressed"
    assert alert.silenced_by == (silence.id,)
    assert alert.inhibited_by == ()
    assert (silence.state, silence.created_by, silence.comment) == ("active", "operator", "new disk ordered")
    assert [str(matcher) for matcher in silence.matchers] == ['instance=~"nvr:.*"']
    assert silence.ends_at - silence.starts_at > timedelta(minutes=50)


async def test_an_inhibited_alert_names_the_alert_that_inhibits_it(alertmanager: Alertmanager) -> None:
    async def inhibited() -> Alert | None:
        alert = _named(await alertmanager.alerts(), "ServiceDown")
        return alert if alert.inhibited_by else None

    alert = await _eventually(inhibited)  # Alertmanager's inhibitor learns of the source alert in the background
    assert alert.state == "suppressed"
    assert alert.inhibited_by == (_named(await alertmanager.alerts(), "HostDown").fingerprint,)
    assert alert.silenced_by == ()


async def test_each_flag_leaves_its_kind_out(alertmanager: Alertmanager) -> None:
    async def without_inhibited() -> set[str] | None:
        names = {alert.name for alert in await alertmanager.alerts(inhibited=False)}
        return None if "ServiceDown" in names else names

    everything = {alert.name for alert in await alertmanager.alerts()}
    assert everything == {"HostHighCpu", "HostDiskFull", "HostDown", "ServiceDown", 'Odd "name"'}
    assert await _eventually(without_inhibited) == everything - {"ServiceDown"}
    assert {alert.name for alert in await alertmanager.alerts(silenced=False)} == everything - {"HostDiskFull"}
    assert {alert.name for alert in await alertmanager.alerts(active=False)} == {"HostDiskFull", "ServiceDown"}


async def test_filters_are_matchers_and_all_must_hold(alertmanager: Alertmanager) -> None:
    found = await alertmanager.alerts(filters=['severity="critical"', 'service=~"post.*"'])
    assert [alert.name for alert in found] == ["ServiceDown"]


async def test_a_malformed_filter_is_rejected_in_alertmanagers_words(alertmanager: Alertmanager) -> None:
    with pytest.raises(QueryRejected, match="matcher"):
        await alertmanager.alerts(filters=["severity"])


async def test_a_resolved_alert_no_longer_counts(alertmanager: Alertmanager) -> None:
    assert "UpsOnBattery" not in {alert.name for alert in await alertmanager.alerts()}


async def test_groups_carry_their_labels_receiver_and_alerts(alertmanager: Alertmanager) -> None:
    async def all_groups() -> dict[str, list[str]] | None:
        groups = await alertmanager.groups()
        by_name = {group.labels["alertname"]: [alert.name for alert in group.alerts] for group in groups}
        assert {group.receiver for group in groups} <= {"phone"}
        return by_name if len(by_name) == 5 else None

    groups = await _eventually(all_groups)  # the dispatcher groups in the background
    assert groups["HostHighCpu"] == ["HostHighCpu"]


async def test_only_a_web_address_becomes_a_link(alertmanager: Alertmanager) -> None:
    """An alert without a usable generatorURL links to itself in the Alertmanager that we were told of."""
    alert = _named(await alertmanager.alerts(), 'Odd "name"')
    assert alert.severity == "none"
    assert alert.link == "http://alerts.home.lan/#/alerts?filter=%7Balertname%3D%22Odd%20%5C%22name%5C%22%22%7D"


async def test_status_is_the_version(alertmanager: Alertmanager) -> None:
    assert re.match(r"\d+\.\d+", await alertmanager.status())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v2/alerts"),
        ("POST", "/api/v2/silences"),
        ("DELETE", "/api/v2/silence/cafe"),
        ("POST", "/-/reload"),
        ("POST", "/-/quit"),
        ("GET", "/api/v2/receivers"),
        ("GET", "/metrics"),
    ],
)
def test_nothing_that_writes_is_on_the_allow_list(method: str, path: str) -> None:
    assert {verb for verb, _ in ALLOWED} == {"GET"}
    assert not any(method == verb and re.fullmatch(pattern, path) for verb, pattern in ALLOWED)


async def test_a_write_never_leaves_the_source(source: Source, alertmanager: Alertmanager) -> None:
    before = await alertmanager.silences()
    with pytest.raises(SourceRefused, match="nothing was sent"):
        await source.post_form_json("/api/v2/silences", {"comment": "hush"})
    assert await alertmanager.silences() == before


async def test_an_alertmanager_that_is_down_is_unavailable() -> None:
    source = Source("alertmanager", NOBODY, allowed=ALLOWED, timeout_s=1)
    with pytest.raises(SourceUnavailable, match="connection refused"):
        await Alertmanager(source).alerts()
    await source.aclose()


@pytest.mark.parametrize(
    ("is_equal", "is_regex", "text"),
    [
        (True, False, r'host="a\"b\\c"'),
        (False, False, r'host!="a\"b\\c"'),
        (True, True, r'host=~"a\"b\\c"'),
        (False, True, r'host!~"a\"b\\c"'),
    ],
)
def test_a_matcher_is_written_as_alertmanager_writes_it(is_equal: bool, is_regex: bool, text: str) -> None:
    assert str(Matcher(name="host", value='a"b\\c', is_equal=is_equal, is_regex=is_regex)) == text


def _silence() -> dict[str, object]:
    return {
        "matchers": [{"name": "instance", "value": "nvr:.*", "isRegex": True, "isEqual": True}],
        "startsAt": in_minutes(0),
        "endsAt": in_minutes(60),
        "createdBy": "operator",
        "comment": "new disk ordered",
    }


def _named(alerts: list[Alert], name: str) -> Alert:
    [alert] = [alert for alert in alerts if alert.name == name]
    return alert


async def _eventually(ask: Callable[[], Awaitable[T | None]]) -> T:
    """The first answer that is not None; fails after 15 s."""
    async with asyncio.timeout(15):
        while (answer := await ask()) is None:
            await asyncio.sleep(0.05)
    return answer
