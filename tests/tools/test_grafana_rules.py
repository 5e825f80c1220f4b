"""Rules as Grafana evaluates them, and their definitions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from grafana_items import ONSET, alert_rule, provisioned_rule, rule_group, rule_instance
from grafana_server import GrafanaServer

from core.errors import BadResponse
from tools.grafana import RULES, Grafana


async def test_a_rule_has_state_query_health_and_instances(server: GrafanaServer, grafana: Grafana) -> None:
    instances = [
        rule_instance("nas:9100", "Normal", value=""),
        rule_instance("media:9100", "Alerting", value="9.62e+01"),
        rule_instance("db:9100", "Pending", value="9.1e+01"),
    ]
    server.rule_groups = [rule_group(alert_rule(instances))]
    [rule] = await grafana.rules()
    assert (rule.name, rule.group, rule.folder, rule.uid) == ("HostHighCpu", "hosts", "Homelab", "rule-cpu")
    assert (rule.state, rule.health, rule.duration_s) == ("firing", "ok", 300.0)
    assert rule.query == "100 - rate(node_cpu_seconds_total[5m])"
    assert [(i.labels["instance"], i.state, i.value) for i in rule.alerts] == [
        ("media:9100", "Alerting", "9.62e+01"),
        ("db:9100", "Pending", "9.1e+01"),
        ("nas:9100", "Normal", ""),
    ]
    assert rule.alerts[0].active_at == ONSET
    assert rule.alerts_available == 3


@pytest.mark.parametrize(
    ("written", "word", "reason"),
    [
        ("Normal (MissingSeries)", "Normal", "MissingSeries"),
        ("Alerting (NoData)", "Alerting", "NoData"),
        ("Pending (Error)", "Pending", "Error"),
        ("Recovering", "Recovering", ""),
        ("NoData", "NoData", ""),
        ("Error", "Error", ""),
        ("firing", "Alerting", ""),
        ("inactive", "Normal", ""),
        ("Hibernating (Winter)", "Unknown", "Hibernating (Winter)"),
        ("", "Unknown", ""),
    ],
)
async def test_odd_states_are_kept_apart_from_their_reasons(
    server: GrafanaServer, grafana: Grafana, written: str, word: str, reason: str
) -> None:
    server.rule_groups = [rule_group(alert_rule([rule_instance("media:9100", written)]))]
    [rule] = await grafana.rules()
    assert [(i.state, i.reason) for i in rule.alerts] == [(word, reason)]


async def test_a_failing_rule_tells_its_error(server: GrafanaServer, grafana: Grafana) -> None:
    failing = alert_rule(None, state="inactive", health="error", lastError="bad_data: parse error")
    server.rule_groups = [rule_group({**failing, "lastEvaluation": "0001-01-01T00:00:00Z"})]
    [rule] = await grafana.rules()
    assert (rule.state, rule.health, rule.last_error) == ("inactive", "error", "bad_data: parse error")
    assert (rule.last_evaluation, rule.alerts) == (None, ())


async def test_recording_rules_are_not_alert_rules(server: GrafanaServer, grafana: Grafana) -> None:
    server.rule_groups = [rule_group(alert_rule([], type="recording"), alert_rule([], name="HostDown"))]
    assert [rule.name for rule in await grafana.rules()] == ["HostDown"]


async def test_null_groups_are_no_rules(server: GrafanaServer, grafana: Grafana) -> None:
    server.rule_groups = None
    found = await grafana.rules()
    assert (len(found), found.gap) == (0, None)


async def test_what_the_limit_cuts_is_stated(server: GrafanaServer, grafana: Grafana) -> None:
    instances = [rule_instance(f"host{n}:9100", "Normal") for n in range(150)]
    server.rule_groups = [rule_group(alert_rule(instances), alert_rule([], name="B"), alert_rule([], name="C"))]
    found = await grafana.rules(limit=2)
    assert [rule.name for rule in found] == ["HostHighCpu", "B"]
    assert found.gap == "grafana: alert rules: the first 2 of 3 were read"
    assert (len(found.items[0].alerts), found.items[0].alerts_available) == (100, 150)


async def test_an_error_status_carries_grafanas_words(server: GrafanaServer, grafana: Grafana) -> None:
    server.instead[RULES] = (200, {"status": "error", "errorType": "server_error", "error": "database is locked"})
    with pytest.raises(BadResponse, match="database is locked"):
        await grafana.rules()


async def test_a_malformed_rule_is_named_by_its_field(server: GrafanaServer, grafana: Grafana) -> None:
    server.rule_groups = [rule_group(alert_rule([], duration="five minutes"))]
    with pytest.raises(BadResponse, match=r"data\.groups\[0\]\.rules\[0\]\.duration"):
        await grafana.rules()


async def test_a_definition_has_queries_seconds_and_last_edit(server: GrafanaServer, grafana: Grafana) -> None:
    server.provisioned = [provisioned_rule(**{"for": "1h30m"}), provisioned_rule(**{"for": ""}), provisioned_rule()]
    found = await grafana.provisioned_rules(limit=2)
    rule = found.items[0]
    assert (rule.uid, rule.title, rule.group, rule.folder_uid) == ("rule-cpu", "HostHighCpu", "hosts", "homelab")
    assert [rule.duration_s for rule in found] == [5400.0, 0.0]
    assert rule.queries == {"A": "100 - rate(node_cpu_seconds_total[5m])", "B": "A"}
    assert (rule.no_data_state, rule.exec_err_state, rule.paused) == ("NoData", "Error", False)
    assert rule.updated_at == ONSET - timedelta(days=1)
    assert found.gap == "grafana: rule definitions: the first 2 of 3 were read"


async def test_a_duration_that_is_none_is_named(server: GrafanaServer, grafana: Grafana) -> None:
    server.provisioned = [provisioned_rule(**{"for": "5 minutes"})]
    with pytest.raises(BadResponse, match=r"\[0\]\.for: '5 minutes' is not a duration"):
        await grafana.provisioned_rules()
