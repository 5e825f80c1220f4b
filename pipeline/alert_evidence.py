"""Alerts as numbered evidence: one alert, all that fire, or all that fired. What an answer says of alerts stands here first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from core.vocabulary import Alert, Evidence, Window
from pipeline.brief import Brief
from pipeline.wording import ago, listed, moment, plural
from tools.inventory import Inventory

FIRING_NOW = "alerts firing"
FIRED = "alerts that fired"
MAX_NAMES = 20
MAX_PLACES = 8
SEVERITY_ORDER = ("critical", "error", "high", "warning", "info", "none")


def severity_rank(alert: Alert) -> int:
    """0: the worst."""
    return SEVERITY_ORDER.index(alert.severity) if alert.severity in SEVERITY_ORDER else len(SEVERITY_ORDER)


@dataclass(frozen=True)
class AlertGroup:
    """The alerts of one name, severity and state, oldest first, and where they are."""

    alerts: tuple[Alert, ...]
    places: tuple[str, ...]

    @property
    def first(self) -> Alert:
        return self.alerts[0]

    @property
    def where(self) -> str:
        return listed(list(self.places), limit=MAX_PLACES)

    @property
    def times(self) -> str:
        """ " × 3"; empty for a single one."""
        return f" × {len(self.alerts)}" if len(self.alerts) > 1 else ""


def place_of(alert: Alert, inventory: Inventory) -> str:
    """The host or service that the alert is about; else what its labels say."""
    return inventory.entity_of(alert.labels) or alert.labels.get("instance", "?")


def alerts_near(brief: Brief, alerts: Sequence[Alert]) -> list[Alert]:
    """Those about the question's hosts and services and what runs on them; all when it names none."""
    subjects = set(brief.question.subjects)
    if not subjects:
        return list(alerts)
    near = subjects | {name for name, e in brief.inventory.entities.items() if e.host in subjects}
    return [alert for alert in alerts if brief.inventory.entity_of(alert.labels) in near]


def grouped(alerts: Sequence[Alert], inventory: Inventory) -> list[AlertGroup]:
    """By name, severity and state: those that fire first, then the most severe."""
    groups: dict[tuple[bool, int, str, str], list[Alert]] = defaultdict(list)
    for alert in sorted(alerts, key=lambda a: a.starts_at):
        groups[alert.state != "firing", severity_rank(alert), alert.severity, alert.name].append(alert)
    return [_group(members, inventory) for _, members in sorted(groups.items(), key=lambda item: item[0])]


def fired_groups(alerts: Sequence[Alert], inventory: Inventory, window: Window) -> list[AlertGroup]:
    """What began to fire within the window, by name, in the order in which the names began."""
    groups: dict[str, list[Alert]] = defaultdict(list)
    for alert in sorted(alerts, key=lambda a: a.starts_at):
        if alert.starts_at >= window.start:
            groups[alert.name].append(alert)
    return [_group(members, inventory) for members in groups.values()]


def _group(members: Sequence[Alert], inventory: Inventory) -> AlertGroup:
    return AlertGroup(tuple(members), tuple(dict.fromkeys(place_of(alert, inventory) for alert in members)))


def one_alert(alert: Alert, at: datetime, zone: ZoneInfo, place: str = "") -> Evidence:
    """The alert with its labels and the host or service it is about; the containers' own labels are left out as noise."""
    labels = ", ".join(
        f"{name}={value}"
        for name, value in sorted(alert.labels.items())
        if name != "alertname" and not name.startswith("container_label_")
    )
    return Evidence(
        id="",
        source=alert.source,
        title=f"alert {alert.name}",
        query=f'ALERTS{{alertname="{alert.name}"}}',
        window=Window(start=min(alert.starts_at, at), end=at),
        summary=f"{alert.name}{f' on {place}' if place else ''} ({alert.severity}) is {alert.state} "
        f"since {moment(alert.starts_at, zone, now=at)}, {ago(alert.starts_at, at)}: {alert.summary} [{labels}]",
        link=alert.link,
        returned=1,
        available=1,
    )


def with_firing(brief: Brief) -> Brief:
    """The brief with one item: what fires about the question's hosts and services (else everything), where and since when."""
    at = brief.question.at
    alerts = alerts_near(brief, brief.alerts)
    groups = grouped(alerts, brief.inventory)
    told = [
        f"{g.first.name}{g.times} ({g.first.severity}, {g.first.state}) on {g.where}, {since(g, brief)}"
        for g in groups[:MAX_NAMES]
    ]
    counts = Counter((alert.state, alert.severity) for alert in alerts)
    by_severity = ", ".join(f"{count} {severity} {state}" for (state, severity), count in counts.items())
    states = ", ".join(f"{count} {state}" for state, count in Counter(alert.state for alert in alerts).items())
    head = f"{plural(len(alerts), 'alert')}: {states} ({by_severity})"
    item = Evidence(
        id="",
        source=alerts[0].source if alerts else "alerts",
        title=FIRING_NOW,
        query='ALERTS{alertstate="firing"}',
        window=Window(start=at, end=at),
        summary=f"{head}; {_bounded(told, len(groups))}" if alerts else "no alert fires",
        returned=sum(len(g.alerts) for g in groups[:MAX_NAMES]),
        available=len(alerts),
    )
    return brief.with_evidence(item)[0]


def with_fired(brief: Brief, fired: Sequence[Alert], window: Window) -> Brief:
    """The brief with the history about the question's hosts and services (else all of it), and one item that tells it."""
    history = alerts_near(brief, fired)
    groups = fired_groups(history, brief.inventory, window)
    names = Counter(alert.name for alert in history)
    ended = sum(alert.ends_at is not None for alert in history)
    told = [f"{began(g, brief)} {g.first.name} fired{g.times} on {g.where}" for g in groups[:MAX_NAMES]]
    by_name = listed([f"{name} × {count}" for name, count in names.most_common()], limit=MAX_NAMES)
    item = Evidence(
        id="",
        source=history[0].source if history else "alerts",
        title=FIRED,
        query='ALERTS{alertstate="firing"}',
        window=window,
        summary=f"{plural(len(history), 'alert')} fired, {ended} ended: {by_name}; began: {_bounded(told, len(groups))}"
        if history
        else "no alert fired",
        returned=sum(len(g.alerts) for g in groups[:MAX_NAMES]),
        available=len(history),
    )
    return replace(brief, history=tuple(history)).with_evidence(item)[0]


def since(group: AlertGroup, brief: Brief) -> str:
    """ "since 03:00:00 UTC, 10 min ago", of the oldest."""
    at = brief.question.at
    return f"since {moment(group.first.starts_at, brief.zone, now=at)}, {ago(group.first.starts_at, at)}"


def began(group: AlertGroup, brief: Brief) -> str:
    """When the first of the group began to fire."""
    return moment(group.first.starts_at, brief.zone, now=brief.question.today)


def _bounded(told: Sequence[str], available: int) -> str:
    more = [f"and {available - len(told)} more alert names"] if available > len(told) else []
    return "; ".join([*told, *more]) or "none in this time"
