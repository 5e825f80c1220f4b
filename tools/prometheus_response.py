"""What Prometheus's HTTP API answers about itself: rules, targets, names, metadata. Samples are in prometheus_samples.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, TypeAdapter

from core.errors import BadResponse
from tools.alerts import AlertRule, RuleAlert
from tools.response import Instant, Items, Labels, Text, Wire, parse, since_epoch


@dataclass(frozen=True, slots=True)
class Body:
    """The envelope of every answer, opened."""

    data: Any
    warnings: tuple[str, ...] = field(default=())


class TargetState(Wire):
    """A scrape target. `health` is up, down or unknown."""

    labels: Labels = Field(default_factory=dict)
    health: str
    last_error: Text = Field("", alias="lastError")
    last_scrape: Instant | None = Field(None, alias="lastScrape")
    scrape_url: Text = Field("", alias="scrapeUrl")
    pool: Text = Field("", alias="scrapePool")

    @property
    def job(self) -> str:
        return self.labels.get("job", "")

    @property
    def instance(self) -> str:
        return self.labels.get("instance", "")


class MetricMetadata(Wire):
    """What an exporter says of its metric. `type` is counter, gauge, histogram, summary or unknown."""

    type: str
    help: Text = ""
    unit: Text = ""


class _Targets(Wire):
    active: Items[TargetState] = Field(default_factory=list, alias="activeTargets")


class _Active(Wire):
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    state: str
    active_at: Instant | None = Field(None, alias="activeAt")
    value: Text = ""


class _Rule(Wire):
    name: str
    type: str
    query: str
    state: Text = ""
    duration: float = 0.0
    labels: Labels = Field(default_factory=dict)
    annotations: Labels = Field(default_factory=dict)
    health: Text = "unknown"
    last_error: Text = Field("", alias="lastError")
    last_evaluation: Instant | None = Field(None, alias="lastEvaluation")
    alerts: Items[_Active] = Field(default_factory=list)


class _Group(Wire):
    name: str
    file: Text = ""
    rules: Items[_Rule] = Field(default_factory=list)


class _Groups(Wire):
    groups: Items[_Group] = Field(default_factory=list)


_TARGETS = TypeAdapter(_Targets)
_GROUPS = TypeAdapter(_Groups)
_NAMES = TypeAdapter(list[str])
_LABEL_SETS = TypeAdapter(list[dict[str, str]])
_METADATA = TypeAdapter(dict[str, list[MetricMetadata]])
_BUILD = TypeAdapter(dict[str, str])
_MAX_ALERTS_OF_A_RULE = 500


def open_body(source: str, path: str, answer: Any) -> Body:
    """`{"status": "success", "data": …, "warnings": […]}`, opened. Raises BadResponse for anything else."""
    if not isinstance(answer, dict) or answer.get("status") != "success" or "data" not in answer:
        raise BadResponse(source, f"{path}: the answer is not that of Prometheus's API; check the URL")
    return Body(answer["data"], tuple(str(warning) for warning in answer.get("warnings") or ()))


def read_rules(source: str, path: str, body: Body) -> list[AlertRule]:
    """The alerting rules; recording rules are not listed. `folder` is the rule file."""
    groups = parse(source, path, _GROUPS, body.data).groups
    return [_alert_rule(source, group, rule) for group in groups for rule in group.rules if rule.type == "alerting"]


def read_targets(source: str, path: str, body: Body) -> list[TargetState]:
    """The active targets."""
    targets = parse(source, path, _TARGETS, body.data).active
    return [target.model_copy(update={"last_scrape": since_epoch(target.last_scrape)}) for target in targets]


def read_names(source: str, path: str, body: Body) -> list[str]:
    """A list of label values."""
    return parse(source, path, _NAMES, body.data)


def read_label_sets(source: str, path: str, body: Body) -> list[dict[str, str]]:
    """The label sets of `/api/v1/series`."""
    return parse(source, path, _LABEL_SETS, body.data)


def read_metadata(source: str, path: str, body: Body) -> dict[str, MetricMetadata]:
    """The first description of each metric; targets seldom disagree."""
    found = parse(source, path, _METADATA, body.data)
    return {metric: said[0] for metric, said in found.items() if said}


def read_version(source: str, path: str, body: Body) -> str:
    """The version in `/api/v1/status/buildinfo`; programs that imitate the API leave it empty."""
    return parse(source, path, _BUILD, body.data).get("version") or "unknown version"


def _alert_rule(source: str, group: _Group, rule: _Rule) -> AlertRule:
    active = [
        RuleAlert(
            labels=alert.labels,
            annotations=alert.annotations,
            state=alert.state,
            active_at=since_epoch(alert.active_at),
            value=alert.value,
        )
        for alert in rule.alerts
    ]
    return AlertRule(
        name=rule.name,
        group=group.name,
        folder=group.file,
        state=rule.state,
        query=rule.query,
        duration_s=rule.duration,
        labels=rule.labels,
        annotations=rule.annotations,
        health=rule.health,
        last_error=rule.last_error,
        last_evaluation=since_epoch(rule.last_evaluation),
        alerts=tuple(active[:_MAX_ALERTS_OF_A_RULE]),
        alerts_available=len(active),
        source=source,
    )
