"""Items of Grafana's API, field by field as Grafana writes them; a test changes the fields it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

ONSET = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CPU_LABELS = {"alertname": "HostHighCpu", "grafana_folder": "Homelab", "instance": "media:9100", "severity": "critical"}


def milliseconds(minutes: float) -> int:
    """The time that many minutes after ONSET."""
    return int((ONSET + timedelta(minutes=minutes)).timestamp() * 1000)


def gettable_alert(labels: dict[str, str], **changed: Any) -> dict[str, Any]:
    return {
        "labels": {**labels, "__alert_rule_uid__": "rule-cpu"},
        "annotations": {
            "summary": "CPU of media is high",
            "__orgId__": "1",
            "__value_string__": "[ var='B' value=96.2 ]",
        },
        "startsAt": "2026-11-20T03:00:00.000Z",
        "endsAt": (datetime.now(UTC) + timedelta(minutes=4)).isoformat(),
        "updatedAt": "2026-11-20T03:01:00.000Z",
        "fingerprint": "dd8deb74e1a4149b",
        "generatorURL": "http://localhost:3000/alerting/grafana/rule-cpu/view?orgId=1",
        "receivers": [{"name": "phone", "integrations": None}],
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
        **changed,
    }


def rule_instance(instance: str, state: str, value: str = "") -> dict[str, Any]:
    return {
        "labels": {**CPU_LABELS, "instance": instance},
        "annotations": {"summary": f"CPU of {instance} is high"},
        "state": state,
        "activeAt": "2026-11-20T03:00:00Z",
        "value": value,
    }


def alert_rule(instances: list[dict[str, Any]] | None, **changed: Any) -> dict[str, Any]:
    return {
        "uid": "rule-cpu",
        "state": "firing",
        "name": "HostHighCpu",
        "query": "100 - rate(node_cpu_seconds_total[5m])",
        "duration": 300,
        "labels": {"severity": "critical"},
        "annotations": None,
        "health": "ok",
        "type": "alerting",
        "lastEvaluation": "2026-11-20T03:10:00Z",
        "evaluationTime": 0.004,
        "alerts": instances,
        **changed,
    }


def rule_group(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"name": "hosts", "file": "Homelab", "folderUid": "homelab", "interval": 60, "rules": list(rules)}


def provisioned_rule(**changed: Any) -> dict[str, Any]:
    query = {"refId": "A", "datasourceUid": "prom", "model": {"expr": "100 - rate(node_cpu_seconds_total[5m])"}}
    threshold = {"refId": "B", "datasourceUid": "__expr__", "model": {"expression": "A", "type": "threshold"}}
    return {
        "id": 1,
        "uid": "rule-cpu",
        "orgID": 1,
        "folderUID": "homelab",
        "ruleGroup": "hosts",
        "title": "HostHighCpu",
        "condition": "B",
        "data": [query, threshold],
        "updated": "2026-11-19T03:00:00Z",
        "noDataState": "NoData",
        "execErrState": "Error",
        "for": "5m",
        "annotations": {"summary": "CPU is high"},
        "labels": {"severity": "critical"},
        "isPaused": False,
        **changed,
    }


def state_change(
    number: int, minutes: float, before: str, after: str, *, instance: str = "media:9100"
) -> dict[str, Any]:
    labels = ", ".join(f"{label}={value}" for label, value in {**CPU_LABELS, "instance": instance}.items())
    return {
        "id": number,
        "alertId": 7,
        "alertName": "HostHighCpu",
        "dashboardUID": None,
        "panelId": 0,
        "newState": after,
        "prevState": before,
        "time": milliseconds(minutes),
        "timeEnd": milliseconds(minutes),
        "tags": [],
        "text": f"HostHighCpu {{{labels}}} - B=96.200000, C=1.000000",
        "login": "",
        "data": {"values": {"B": 96.2, "C": 1}},
    }


def user_note(
    number: int, start: float, text: str, tags: list[str], *, login: str = "", minutes: float = 0
) -> dict[str, Any]:
    return {
        "id": number,
        "alertId": 0,
        "alertName": "",
        "newState": "",
        "prevState": "",
        "time": milliseconds(start),
        "timeEnd": milliseconds(start + minutes),
        "tags": tags,
        "text": text,
        "login": login,
        "data": {},
    }
