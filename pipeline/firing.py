"""Which alerts fire at a moment, and which fired in a stretch of time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from core.redact import redact_mapping
from core.vocabulary import Alert, Window
from pipeline.brief import Gaps
from pipeline.sources import Sources, guarded
from tools.alerts import merge_alerts

PRESENT = timedelta(minutes=2)
"""A question about a moment this recent asks the live alert sources; an older one asks the recorded history."""


async def current_alerts(sources: Sources, at: datetime, now: datetime, gaps: Gaps) -> tuple[Alert, ...]:
    """What fires at `at`: from Alertmanager and Grafana for the present, from the recorded `ALERTS` series for the past."""
    if now - at < PRESENT and sources.alert_sources:
        lists = await asyncio.gather(*(guarded(gaps, source.name, source.alerts()) for source in sources.alert_sources))
        if any(found is not None for found in lists):
            return _redacted(merge_alerts([found for found in lists if found is not None]))
    if sources.prometheus is not None:
        return _redacted(await guarded(gaps, "prometheus", sources.prometheus.alerts_at(at)) or ())
    if sources.grafana is not None:
        day = Window(start=at - timedelta(days=1), end=at)
        return tuple(a for a in await alert_history(sources, day, gaps) if a.ends_at is None or a.ends_at >= at)
    if not sources.alert_sources:
        gaps.add("alerts: neither Alertmanager, Grafana nor Prometheus is configured (run: sre doctor)")
    elif now - at >= PRESENT:
        gaps.add("alerts: Alertmanager keeps no history; a past moment needs Prometheus or Grafana")
    return ()


async def alert_history(sources: Sources, window: Window, gaps: Gaps) -> tuple[Alert, ...]:
    """Every alert that fired within the window, oldest first."""
    lists: list[Sequence[Alert]] = []
    if sources.prometheus is not None:
        lists.append(await guarded(gaps, "prometheus", sources.prometheus.alert_history(window)) or ())
    if sources.grafana is not None and (
        listed_there := await guarded(gaps, "grafana", sources.grafana.alert_history(window))
    ):
        lists.append(listed_there.items)
        if listed_there.gap:
            gaps.add(listed_there.gap)
    return _redacted(sorted(merge_alerts(lists), key=lambda alert: alert.starts_at))


def _redacted(alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Labels and annotations are written by people and rules: whatever looks like a secret stops here."""
    return tuple(
        alert.model_copy(
            update={"labels": redact_mapping(alert.labels), "annotations": redact_mapping(alert.annotations)}
        )
        for alert in alerts
    )
