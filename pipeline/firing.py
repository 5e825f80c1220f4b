"""Which alerts fire at a moment, and which fired in a stretch of time. None means that nobody could be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from core.redact import redact_mapping
from core.vocabulary import Alert, Window
from pipeline.brief import Gaps
from pipeline.progress import Reading, reading
from pipeline.sources import Sources, guarded
from pipeline.wording import listed, plural
from tools.alerts import AlertSource, merge_alerts

NAMED = 3


async def current_alerts(sources: Sources, at: datetime, now: datetime, gaps: Gaps) -> tuple[Alert, ...] | None:
    """What fires at `at`: from Alertmanager and Grafana for the present, from the recorded `ALERTS` series for the past.

    None, with a gap that says why, when no source could tell.
    """
    if now - at < sources.present and sources.alert_sources:
        lists = await asyncio.gather(*(_live(source, gaps) for source in sources.alert_sources))
        if any(found is not None for found in lists):
            return _redacted(merge_alerts([found for found in lists if found is not None]))
    if sources.prometheus is not None:
        with reading("prometheus") as read:
            recorded = await guarded(gaps, "prometheus", sources.prometheus.alerts_at(at))
            _say(read, recorded)
        if recorded is not None and now - at < sources.present and sources.alert_sources:
            gaps.add("alerts: Prometheus told them instead, which knows nothing of silences and of other senders")
        return None if recorded is None else _redacted(recorded)
    if sources.grafana is not None and now - at >= sources.present:
        fired = await alert_history(sources, Window(start=at - timedelta(days=1), end=at), gaps)
        return None if fired is None else tuple(a for a in fired if a.ends_at is None or a.ends_at >= at)
    if not sources.alert_sources:
        gaps.add("alerts: neither Alertmanager, Grafana nor Prometheus is configured (run: sre doctor)")
    elif now - at >= sources.present:
        gaps.add("alerts: Alertmanager keeps no history; a past moment needs Prometheus or Grafana")
    return None


async def _live(source: AlertSource, gaps: Gaps) -> Sequence[Alert] | None:
    with reading(source.name) as read:
        found = await guarded(gaps, source.name, source.alerts())
        _say(read, found)
    return found


def _say(read: Reading, alerts: Sequence[Alert] | None) -> None:
    if alerts is None:
        read.failed()
        return
    firing = list(dict.fromkeys(alert.name for alert in alerts if alert.state == "firing"))
    count = sum(alert.state == "firing" for alert in alerts)
    read.found(f"{plural(count, 'alert')} firing: {listed(firing, limit=NAMED)}" if firing else "no alert is firing")


async def alert_history(sources: Sources, window: Window, gaps: Gaps) -> tuple[Alert, ...] | None:
    """Every alert that fired within the window, oldest first; None, with a gap, when no source keeps or gives a history."""
    lists: list[Sequence[Alert]] = []
    if sources.prometheus is not None:
        recorded = await guarded(gaps, "prometheus", sources.prometheus.alert_history(window))
        lists += [] if recorded is None else [recorded]
    if sources.grafana is not None:
        listing = await guarded(gaps, "grafana", sources.grafana.alert_history(window))
        if listing is not None:
            lists.append(listing.items)
            if listing.gap:
                gaps.add(listing.gap)
    if not lists:
        if sources.prometheus is None and sources.grafana is None:
            gaps.add("alert history: it needs Prometheus or Grafana; Alertmanager keeps none")
        return None
    return _redacted(sorted(merge_alerts(lists), key=lambda alert: alert.starts_at))


def _redacted(alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Labels and annotations are written by people and rules: whatever looks like a secret stops here."""
    return tuple(
        alert.model_copy(
            update={"labels": redact_mapping(alert.labels), "annotations": redact_mapping(alert.annotations)}
        )
        for alert in alerts
    )
