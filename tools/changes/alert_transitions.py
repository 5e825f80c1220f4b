"""Alerts that began or ended, and what Grafana's annotations note: what was already known to be wrong, and people's own marks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from core.errors import SourceError
from core.redact import redact
from core.vocabulary import Alert, Change, Window
from tools.changes.source import ChangeList
from tools.grafana_annotations import NAMING_LABELS

if TYPE_CHECKING:
    from tools.grafana import Grafana
    from tools.prometheus import Prometheus

MAX_TITLE, MAX_DETAIL = 200, 2_000
_BEFORE = timedelta(minutes=10)
"""What is read before the window, so that an alert that fired already does not seem to begin with it."""


class AlertTransitions:
    """Reads `ALERTS` in Prometheus and, where there is one, Grafana's annotations (its own alerts' state changes among them)."""

    name = "alerts"

    def __init__(self, prometheus: Prometheus, grafana: Grafana | None = None) -> None:
        self._prometheus = prometheus
        self._grafana = grafana

    async def changes(self, window: Window, *, limit: int = 500) -> ChangeList:
        """See `ChangeSource.changes`. An alert begins when it fires: its rule's `for` has passed by then."""
        gaps: list[str] = []
        recorded, noted = await asyncio.gather(self._recorded(window, gaps), self._noted(window, limit, gaps))
        found = sorted((*recorded, *noted), key=lambda change: (change.at, change.id))
        kept = tuple(found[-limit:]) if limit > 0 else ()
        return ChangeList(changes=kept, available=len(found), gaps=tuple(gaps))

    async def _recorded(self, window: Window, gaps: list[str]) -> list[Change]:
        try:
            alerts = await self._prometheus.alert_history(Window(start=window.start - _BEFORE, end=window.end))
        except SourceError as error:
            gaps.append(f"{self.name}: {error}")
            return []
        return [change for alert in alerts for change in _transitions(alert, window)]

    async def _noted(self, window: Window, limit: int, gaps: list[str]) -> list[Change]:
        if self._grafana is None:
            return []
        try:
            noted = await self._grafana.annotations(window, limit=max(1, limit))
        except SourceError as error:
            gaps.append(f"{self.name}: {error}")
            return []
        if noted.gap:
            gaps.append(f"{self.name}: {noted.gap}")
        return [_without_secrets(change) for change in noted]


def _transitions(alert: Alert, window: Window) -> Iterator[Change]:
    """Those that lie in the window: an alert may have begun before it, and not have ended yet."""
    if window.start <= alert.starts_at <= window.end:
        yield _change(alert, alert.starts_at, "began")
    if alert.ends_at is not None and window.start <= alert.ends_at <= window.end:
        yield _change(alert, alert.ends_at, "ended")


def _change(alert: Alert, at: datetime, verb: Literal["began", "ended"]) -> Change:
    entity = next((alert.labels[label] for label in NAMING_LABELS if alert.labels.get(label)), None)
    said = alert.summary if alert.summary != alert.name else ""
    title = " ".join(filter(None, (alert.name or "an alert", "on" if entity else "", entity, verb)))
    return Change(
        id=f"{AlertTransitions.name}:{alert.fingerprint}:{verb}:{at.timestamp():.0f}",
        at=at,
        kind="alert",
        entity=redact(entity) if entity else None,
        title=redact(title)[:MAX_TITLE],
        detail=redact("; ".join(filter(None, (f"severity {alert.severity}", said))))[:MAX_DETAIL],
        source=AlertTransitions.name,
    )


def _without_secrets(change: Change) -> Change:
    """People write into notes what they like."""
    return change.model_copy(
        update={
            "title": redact(change.title),
            "detail": redact(change.detail),
            "actor": redact(change.actor) if change.actor else None,
        }
    )
