"""What Grafana answers about alert rules, read into our words."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, TypeAdapter, field_validator

from core.errors import BadResponse
from core.vocabulary import Frozen, UtcDatetime
from tools.alerts import AlertRule, RuleAlert
from tools.grafana_state import parse_state
from tools.listing import Listing, first
from tools.response import Instant, Items, Labels, Text, Wire, parse, since_epoch

ALERTS_PER_RULE = 100
"""A rule over many series has an instance for each; those that are not Normal are kept first."""
QUERY_LENGTH = 2_000
"""For a query that Grafana cannot print, it sends the whole model as JSON."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_URGENCY = ("Alerting", "Error", "NoData", "Recovering", "Pending", "Unknown", "Normal")


def parse_duration(text: str) -> float:
    """Seconds in a duration as Grafana writes it (`5m`, `1h30m`, empty for none). Raises ValueError."""
    parts = _DURATION.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text[:20]!r} is not a duration like 5m")
    return float(sum(float(number) * _SECONDS[unit] for number, unit in parts))


class ProvisionedRule(Frozen):
    """The definition of an alert rule. `queries` are the expressions by refId; `updated_at` is its last edit."""

    uid: str
    title: str
    group: str = ""
    folder_uid: str = ""
    duration_s: float = 0.0
    condition: str = ""
    queries: dict[str, str] = Field(default_factory=dict)
    no_data_state: str = ""
    exec_err_state: str = ""
    paused: bool = False
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    updated_at: UtcDatetime | None = None


class _Instance(Wire):
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    state: str
    active_at: Instant | None = Field(None, alias="activeAt")
    value: Text = ""


class _Rule(Wire):
    name: str
    type: Text = "alerting"
    state: Text = ""
    uid: Text = ""
    query: Text = ""
    duration: float = Field(0.0, ge=0)
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    health: Text = "unknown"
    last_error: Text = Field("", alias="lastError")
    last_evaluation: Instant | None = Field(None, alias="lastEvaluation")
    alerts: Items[_Instance] = Field(default_factory=list)


class _Group(Wire):
    name: str
    file: Text = ""
    rules: Items[_Rule]


class _Discovery(Wire):
    groups: Items[_Group]


class _RulesBody(Wire):
    status: str
    error: Text = ""
    data: _Discovery | None = None


class _Query(Wire):
    ref_id: Text = Field("", alias="refId")
    model: dict[str, Any] = Field(default_factory=dict)


class _Provisioned(Wire):
    uid: str
    title: str
    group: Text = Field("", alias="ruleGroup")
    folder_uid: Text = Field("", alias="folderUID")
    duration_s: float = Field(0.0, alias="for")
    condition: Text = ""
    data: Items[_Query] = Field(default_factory=list)
    no_data_state: Text = Field("", alias="noDataState")
    exec_err_state: Text = Field("", alias="execErrState")
    paused: bool = Field(False, alias="isPaused")
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    updated: Instant | None = None

    @field_validator("duration_s", mode="before")
    @classmethod
    def _in_seconds(cls, value: Any) -> float:
        return parse_duration(str(value or ""))


_RULES = TypeAdapter(_RulesBody)
_PROVISIONED = TypeAdapter(list[_Provisioned])


def read_rules(source: str, path: str, body: Any, limit: int) -> Listing[AlertRule]:
    """The alert rules in the answer of `/api/prometheus/grafana/api/v1/rules`, `limit` at most.

    Recording rules are left out, by meaning. Raises BadResponse.
    """
    answer = parse(source, path, _RULES, body)
    if answer.status != "success" or answer.data is None:
        raise BadResponse(
            source, f"{path}: status {answer.status!r}: {answer.error or 'no data'}; see Grafana's own log"
        )
    rules = [
        _to_rule(source, group, rule) for group in answer.data.groups for rule in group.rules if rule.type == "alerting"
    ]
    return first(rules, limit, f"{source}: alert rules")


def read_provisioned(source: str, path: str, body: Any, limit: int) -> Listing[ProvisionedRule]:
    """The definitions in the answer of `/api/v1/provisioning/alert-rules`, `limit` at most. Raises BadResponse."""
    rules = [_to_provisioned(rule) for rule in parse(source, path, _PROVISIONED, body)]
    return first(rules, limit, f"{source}: rule definitions")


def _to_rule(source: str, group: _Group, rule: _Rule) -> AlertRule:
    instances = [_to_instance(instance) for instance in rule.alerts]
    instances.sort(key=lambda instance: _URGENCY.index(instance.state))
    return AlertRule(
        name=rule.name,
        group=group.name,
        folder=group.file,
        uid=rule.uid,
        state=rule.state.lower() or "unknown",
        query=rule.query[:QUERY_LENGTH],
        duration_s=rule.duration,
        labels=rule.labels,
        annotations=rule.annotations,
        health=rule.health.lower() or "unknown",
        last_error=rule.last_error,
        last_evaluation=since_epoch(rule.last_evaluation),
        alerts=tuple(instances[:ALERTS_PER_RULE]),
        alerts_available=len(instances),
        source=source,
    )


def _to_instance(instance: _Instance) -> RuleAlert:
    state = parse_state(instance.state)
    return RuleAlert(
        labels=instance.labels,
        annotations=instance.annotations,
        state=state.word,
        reason=state.reason,
        active_at=since_epoch(instance.active_at),
        value=instance.value,
    )


def _to_provisioned(rule: _Provisioned) -> ProvisionedRule:
    return ProvisionedRule(
        uid=rule.uid,
        title=rule.title,
        group=rule.group,
        folder_uid=rule.folder_uid,
        duration_s=rule.duration_s,
        condition=rule.condition,
        queries={query.ref_id: text for query in rule.data if (text := _query_text(query.model))},
        no_data_state=rule.no_data_state,
        exec_err_state=rule.exec_err_state,
        paused=rule.paused,
        labels=rule.labels,
        annotations=rule.annotations,
        updated_at=since_epoch(rule.updated),
    )


def _query_text(model: dict[str, Any]) -> str:
    """PromQL and LogQL stand under `expr`; a server-side expression (threshold, reduce) names its input there instead."""
    text = model.get("expr") or model.get("expression") or ""
    return text[:QUERY_LENGTH] if isinstance(text, str) else ""
