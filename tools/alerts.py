"""What every source of alerts has in common, so that the rest need not ask which one a homelab has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pydantic import Field

from core.vocabulary import Alert, Frozen, UtcDatetime

BOOKKEEPING_LABELS = frozenset({"alertname", "alertstate", "grafana_folder"})
"""Labels that say which program keeps the alert, or repeat its name or state; they do not tell two alerts apart."""


_Identity = tuple[str, frozenset[tuple[str, str]]]


class AlertSource(Protocol):
    """Alertmanager, Grafana alerting, or anything else that knows what fires now."""

    @property
    def name(self) -> str: ...

    async def alerts(self) -> list[Alert]:
        """Every alert that fires or is suppressed now. Raises SourceError."""
        ...


class RuleAlert(Frozen):
    """One instance of an alert rule, as the rule's own source evaluates it.

    `state` is the source's word (Grafana: Normal, Pending, Alerting, Recovering, NoData, Error, or Unknown); `reason` is why
    it is not what the query said, for instance "MissingSeries". `value` is the source's text, often in exponent notation.
    """

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    state: str
    reason: str = ""
    active_at: UtcDatetime | None = None
    value: str = ""


class AlertRule(Frozen):
    """An alert rule and what it sees now. `duration_s` is its `for`; `alerts` holds the first of `alerts_available`."""

    name: str
    group: str = ""
    folder: str = ""
    uid: str = ""
    state: str
    query: str = ""
    duration_s: float = 0.0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    health: str = "unknown"
    last_error: str = ""
    last_evaluation: UtcDatetime | None = None
    alerts: tuple[RuleAlert, ...] = ()
    alerts_available: int = 0
    source: str = ""


def is_private(label: str) -> bool:
    """Whether a label or annotation is a program's own (`__alert_rule_uid__`), not the operator's."""
    return label.startswith("__") and label.endswith("__")


def merge_alerts(sources: Sequence[Iterable[Alert]]) -> list[Alert]:
    """The alerts of several sources, each once, in the order given; works for what fires now and for what fired.

    Two alerts of different sources are the same when their names and their labels agree, bookkeeping labels aside, and they
    fired at the same time. The first seen is kept, so put the source first whose silences count. Within one source nothing is
    merged: an alert that fired twice is two.
    """
    merged: list[Alert] = []
    for alerts in sources:
        known: dict[_Identity, list[Alert]] = {}
        for alert in merged:
            known.setdefault(_identity(alert), []).append(alert)
        merged += [
            alert for alert in alerts if not any(_overlap(alert, other) for other in known.get(_identity(alert), ()))
        ]
    return merged


def _overlap(one: Alert, other: Alert) -> bool:
    """Whether some moment saw both; an alert without an end goes on."""
    return (other.ends_at is None or one.starts_at <= other.ends_at) and (
        one.ends_at is None or other.starts_at <= one.ends_at
    )


def _identity(alert: Alert) -> _Identity:
    telling = {
        (label, value)
        for label, value in alert.labels.items()
        if label not in BOOKKEEPING_LABELS and not is_private(label)
    }
    return alert.name, frozenset(telling)
