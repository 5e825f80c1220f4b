"""Which alerts fired, told from the state changes of their instances."""

from __future__ import annotations

from datetime import timedelta

from grafana_items import CPU_LABELS, ONSET, state_change
from grafana_server import GrafanaServer

from core.vocabulary import Window
from tools.grafana import Grafana

WINDOW = Window(start=ONSET - timedelta(hours=1), end=ONSET + timedelta(hours=1))


async def test_a_rise_and_a_fall_make_one_alert(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [
        state_change(1, -5, "Normal", "Pending"),
        state_change(2, 0, "Pending", "Alerting"),
        state_change(3, 20, "Alerting", "Recovering"),
        state_change(4, 25, "Recovering", "Normal"),
    ]
    [alert] = await grafana.alert_history(WINDOW)
    assert (alert.name, alert.state, alert.severity) == ("HostHighCpu", "resolved", "critical")
    assert (alert.starts_at, alert.ends_at) == (ONSET, ONSET + timedelta(minutes=25))
    assert alert.labels == CPU_LABELS
    assert alert.annotations == {"value": "B=96.200000, C=1.000000"}


async def test_instances_of_one_rule_are_paired_apart(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [
        state_change(1, 0, "Normal", "Alerting"),
        state_change(2, 1, "Normal", "Alerting", instance="db:9100"),
        state_change(3, 9, "Alerting", "Normal"),
    ]
    media, db = await grafana.alert_history(WINDOW)
    assert (media.state, media.ends_at) == ("resolved", ONSET + timedelta(minutes=9))
    assert (db.state, db.ends_at, db.labels["instance"]) == ("firing", None, "db:9100")


async def test_one_that_fired_twice_is_two(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [
        state_change(1, 0, "Normal", "Alerting"),
        state_change(2, 5, "Alerting", "Normal"),
        state_change(3, 10, "Normal", "Alerting"),
    ]
    found = await grafana.alert_history(WINDOW)
    assert [(alert.state, alert.starts_at) for alert in found] == [
        ("resolved", ONSET),
        ("firing", ONSET + timedelta(minutes=10)),
    ]


async def test_one_that_fired_before_the_window_says_so(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [state_change(1, 0, "Alerting", "Normal")]
    [alert] = await grafana.alert_history(WINDOW)
    assert (alert.starts_at, alert.ends_at) == (WINDOW.start, ONSET)
    assert alert.annotations["began"] == "it already fired when the window began; its real start is earlier"


async def test_an_end_without_a_beginning_inside_the_window_invents_nothing(
    server: GrafanaServer, grafana: Grafana
) -> None:
    """After a restart Grafana may write the end of an alert twice."""
    server.annotations = [
        state_change(1, 0, "Normal", "Alerting"),
        state_change(2, 5, "Alerting", "Normal"),
        state_change(3, 10, "Alerting", "Normal"),
    ]
    [alert] = await grafana.alert_history(WINDOW)
    assert (alert.starts_at, alert.ends_at) == (ONSET, ONSET + timedelta(minutes=5))


async def test_a_cut_history_claims_nothing_of_the_missing_part(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [
        state_change(1, -30, "Normal", "Alerting"),
        state_change(2, 0, "Normal", "Pending", instance="db:9100"),
        state_change(3, 5, "Alerting", "Normal"),
    ]
    found = await grafana.alert_history(WINDOW, limit=2)
    assert [alert.starts_at for alert in found] == [ONSET]
    assert found.gap == "grafana: only the newest 2 annotations were read, older ones are missing"


async def test_no_data_and_errors_fire_under_their_own_names(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [
        state_change(1, 0, "Normal", "Alerting"),
        state_change(2, 5, "Alerting", "NoData"),
        state_change(3, 8, "NoData", "Error"),
        state_change(4, 9, "Error", "Normal (Error)"),
    ]
    found = await grafana.alert_history(WINDOW)
    assert [(alert.name, alert.ends_at) for alert in found] == [
        ("HostHighCpu", ONSET + timedelta(minutes=5)),
        ("DatasourceNoData", ONSET + timedelta(minutes=8)),
        ("DatasourceError", ONSET + timedelta(minutes=9)),
    ]
    assert [alert.labels.get("rulename") for alert in found] == [None, "HostHighCpu", "HostHighCpu"]


async def test_legacy_alerting_without_labels_is_paired_by_rule(server: GrafanaServer, grafana: Grafana) -> None:
    """Grafana before 11 could still write `ok` and `alerting`, an empty text, and no labels."""
    changes = [state_change(1, 0, "pending", "alerting"), state_change(2, 3, "alerting", "ok")]
    server.annotations = [{**item, "text": "", "tags": None} for item in changes]
    [alert] = await grafana.alert_history(WINDOW)
    assert (alert.name, alert.state, alert.severity) == ("HostHighCpu", "resolved", "none")


async def test_an_unknown_state_is_stated_and_ends_nothing(server: GrafanaServer, grafana: Grafana) -> None:
    server.annotations = [
        state_change(1, 0, "Normal", "Alerting"),
        state_change(2, 5, "Alerting", "Hibernating"),
    ]
    found = await grafana.alert_history(WINDOW)
    assert [alert.state for alert in found] == ["firing"]
    assert found.gap == "grafana: 1 changes to an unknown state (Hibernating) were left out"


async def test_no_history_is_empty(grafana: Grafana) -> None:
    found = await grafana.alert_history(WINDOW)
    assert (found.items, found.gap) == ((), None)
