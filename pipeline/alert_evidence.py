"""Alerts as numbered evidence: one alert, all that fire, or all that fired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from core.vocabulary import Alert, Evidence, Window
from pipeline.wording import ago, listed, moment, plural

FIRING_NOW = "alerts firing"
FIRED = "alerts that fired"


def one_alert(alert: Alert, at: datetime, zone: ZoneInfo) -> Evidence:
    """The alert with its labels; the containers' own labels are left out as noise."""
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
        summary=f"{alert.name} ({alert.severity}) is {alert.state} since {moment(alert.starts_at, zone, now=at)}, "
        f"{ago(alert.starts_at, at)}: {alert.summary} [{labels}]",
        link=alert.link,
        returned=1,
        available=1,
    )


def firing_alerts(alerts: Sequence[Alert], at: datetime) -> Evidence:
    """All alerts of the moment, counted by name and state."""
    return Evidence(
        id="",
        source=alerts[0].source if alerts else "alerts",
        title=FIRING_NOW,
        query='ALERTS{alertstate="firing"}',
        window=Window(start=at, end=at),
        summary=_counted(alerts) or "no alert fires",
        returned=len(alerts),
        available=len(alerts),
    )


def fired_alerts(alerts: Sequence[Alert], window: Window) -> Evidence:
    """All alerts that began to fire within the window, counted by name."""
    return Evidence(
        id="",
        source=alerts[0].source if alerts else "alerts",
        title=FIRED,
        query='ALERTS{alertstate="firing"}',
        window=window,
        summary=_counted(alerts) or "no alert began to fire",
        returned=len(alerts),
        available=len(alerts),
    )


def _counted(alerts: Sequence[Alert]) -> str:
    states = Counter(alert.state for alert in alerts)
    names = Counter(alert.name for alert in alerts)
    by_state = ", ".join(f"{count} {state}" for state, count in states.items())
    by_name = listed([f"{name} × {count}" for name, count in names.most_common()], limit=12)
    return f"{plural(len(alerts), 'alert')} ({by_state}): {by_name}" if alerts else ""
