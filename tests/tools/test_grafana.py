"""Against a local server that speaks Grafana's documented API, service-account token included."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from grafana_items import CPU_LABELS, ONSET, gettable_alert
from grafana_server import ALERTMANAGER, GrafanaServer

from core.errors import BadResponse, SourceRefused, SourceUnavailable
from core.vocabulary import Window
from tools.grafana import ALLOWED, PROVISIONED_RULES, Grafana
from tools.http import Source

WINDOW = Window(start=ONSET - timedelta(hours=1), end=ONSET + timedelta(hours=1))


async def test_a_firing_alert_loses_grafanas_private_labels(server: GrafanaServer, grafana: Grafana) -> None:
    """Nanoseconds and an offset become UTC; the link is the rule's page where a browser reaches it."""
    server.alerts = [gettable_alert(CPU_LABELS, startsAt="2026-11-20T05:00:00.123456789+02:00")]
    [alert] = await grafana.alerts()
    assert (alert.name, alert.state, alert.severity) == ("HostHighCpu", "firing", "critical")
    assert alert.labels == CPU_LABELS
    assert alert.annotations == {"summary": "CPU of media is high", "value": "[ var='B' value=96.2 ]"}
    assert alert.starts_at == ONSET.replace(microsecond=123456)
    assert alert.ends_at is None
    assert alert.link == "https://grafana.home.lan/alerting/grafana/rule-cpu/view"
    assert alert.source == "grafana"


async def test_without_a_known_address_the_link_is_grafanas_own(server: GrafanaServer, source: Source) -> None:
    server.alerts = [gettable_alert(CPU_LABELS)]
    [alert] = await Grafana(source).alerts()
    assert alert.link == "http://localhost:3000/alerting/grafana/rule-cpu/view?orgId=1"


async def test_a_silenced_alert_is_suppressed(server: GrafanaServer, grafana: Grafana) -> None:
    status = {"state": "suppressed", "silencedBy": ["5a3c"], "inhibitedBy": None}
    server.alerts = [gettable_alert(CPU_LABELS, status=status)]
    [alert] = await grafana.alerts()
    assert (alert.state, alert.silenced_by, alert.inhibited_by) == ("suppressed", ("5a3c",), ())


async def test_an_alert_whose_end_is_past_is_resolved(server: GrafanaServer, grafana: Grafana) -> None:
    server.alerts = [gettable_alert(CPU_LABELS, endsAt="2026-11-20T03:30:00Z")]
    [alert] = await grafana.alerts()
    assert (alert.state, alert.ends_at) == ("resolved", ONSET + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("name", "annotations", "summary"),
    [
        ("DatasourceNoData", {}, "Alert rule 'HostHighCpu' returned no data"),
        (
            "DatasourceError",
            {"Error": "dial tcp: connection refused"},
            "Alert rule 'HostHighCpu' could not be evaluated: dial tcp: connection refused",
        ),
    ],
)
async def test_a_rule_without_a_result_does_not_claim_its_summary(
    server: GrafanaServer, grafana: Grafana, name: str, annotations: dict[str, str], summary: str
) -> None:
    labels = {**CPU_LABELS, "alertname": name, "rulename": "HostHighCpu", "datasource_uid": "prom", "ref_id": "A"}
    server.alerts = [gettable_alert(labels, annotations={"summary": "CPU of media is high", **annotations})]
    [alert] = await grafana.alerts()
    assert (alert.name, alert.labels["rulename"], alert.state) == (name, "HostHighCpu", "firing")
    assert alert.summary == summary
    assert alert.annotations["rule_summary"] == "CPU of media is high"


async def test_nothing_firing_is_an_empty_list(grafana: Grafana) -> None:
    assert await grafana.alerts() == []


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({"startsAt": "yesterday"}, r"\[1\]\.startsAt: "),
        ({"startsAt": "2026-11-20T03:00:00"}, r"\[1\]\.startsAt: .*timezone"),
        ({"startsAt": "0001-01-01T00:00:00+05:00"}, r"\[1\]\.startsAt: the time is out of range"),
        ({"labels": "alertname=HostDown"}, r"\[1\]\.labels: "),
        ({"status": {"state": "dormant"}}, r"\[1\]\.status\.state: "),
    ],
)
async def test_a_malformed_alert_is_named_by_its_field(
    server: GrafanaServer, grafana: Grafana, broken: dict[str, Any], field: str
) -> None:
    server.alerts = [gettable_alert(CPU_LABELS), {**gettable_alert(CPU_LABELS), **broken}]
    with pytest.raises(BadResponse, match=rf"^grafana: {ALERTMANAGER}/alerts: {field}") as caught:
        await grafana.alerts()
    assert "\n" not in str(caught.value)


async def test_groups_hold_alerts_in_our_words(server: GrafanaServer, grafana: Grafana) -> None:
    receiver = {"name": "phone"}
    server.groups = [{"labels": None, "receiver": receiver, "alerts": [gettable_alert(CPU_LABELS)]}]
    [group] = await grafana.groups()
    assert (group.labels, group.receiver) == ({}, "phone")
    assert group.alerts[0].labels == CPU_LABELS


async def test_silences_are_read(server: GrafanaServer, grafana: Grafana) -> None:
    server.silences = [
        {
            "id": "5a3c",
            "status": {"state": "expired"},
            "matchers": [{"name": "instance", "value": "nvr:9100", "isRegex": False, "isEqual": True}],
            "startsAt": "2026-11-20T01:00:00Z",
            "endsAt": "2026-11-20T02:00:00Z",
            "updatedAt": "2026-11-20T01:00:00Z",
            "createdBy": "operator",
            "comment": "",
        }
    ]
    [silence] = await grafana.silences()
    assert (silence.state, str(silence.matchers[0])) == ("expired", 'instance="nvr:9100"')


@pytest.mark.parametrize("token", [None, "glsa_revoked"])
async def test_a_missing_or_wrong_token_is_refused(server: GrafanaServer, token: str | None) -> None:
    source = _source(server, token)
    with pytest.raises(SourceRefused, match="401: Invalid API key") as caught:
        await Grafana(source).alerts()
    await source.aclose()
    assert token is None or token not in str(caught.value)


async def test_a_token_without_the_permission_is_told_which(server: GrafanaServer, grafana: Grafana) -> None:
    server.permissions.remove("alert.provisioning:read")
    assert (await grafana.rules()).gap is None
    with pytest.raises(SourceRefused, match=r"403.*alert\.provisioning:read"):
        await grafana.provisioned_rules()


async def test_health_needs_no_token(server: GrafanaServer) -> None:
    source = _source(server, None)
    health = await Grafana(source).health()
    await source.aclose()
    assert (health.version, health.database) == ("11.4.0", "ok")


async def test_a_failing_database_makes_it_unavailable(server: GrafanaServer, grafana: Grafana) -> None:
    server.instead["/api/health"] = (503, {"commit": "c3f2a1b", "database": "failing", "version": "11.4.0"})
    with pytest.raises(SourceUnavailable):
        await grafana.health()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/annotations"),
        ("DELETE", "/api/annotations/1"),
        ("POST", f"{ALERTMANAGER}/silences"),
        ("DELETE", f"{ALERTMANAGER}/silence/5a3c"),
        ("PUT", f"{PROVISIONED_RULES}/rule-cpu"),
        ("POST", PROVISIONED_RULES),
        ("GET", "/api/datasources"),
        ("GET", "/api/datasources/proxy/1/api/v1/query"),
        ("GET", "/api/admin/settings"),
        ("GET", "/api/serviceaccounts/1/tokens"),
    ],
)
def test_nothing_that_writes_or_holds_secrets_is_allowed(method: str, path: str) -> None:
    assert {verb for verb, _ in ALLOWED} == {"GET"}
    assert not any(method == verb and re.fullmatch(pattern, path) for verb, pattern in ALLOWED)


async def test_every_read_is_a_get_and_a_write_is_never_sent(
    server: GrafanaServer, source: Source, grafana: Grafana
) -> None:
    reads = (grafana.alerts, grafana.groups, grafana.silences, grafana.rules, grafana.provisioned_rules)
    for read in reads:
        await read()
    for history in (grafana.annotations, grafana.state_history, grafana.alert_history):
        await history(WINDOW)
    with pytest.raises(SourceRefused, match="nothing was sent"):
        await source.post_form_json("/api/annotations", {"text": "hello"})
    with pytest.raises(SourceRefused, match="nothing was sent"):
        await source.get_json("/api/admin/settings")
    assert [method for method, _, _ in server.requests] == ["GET"] * 8


def _source(server: GrafanaServer, token: str | None) -> Source:
    headers = {"Authorization": f"Bearer {token}"} if token else None
    return Source("grafana", server.url, allowed=ALLOWED, headers=headers, timeout_s=20)
