"""Which moment to look at when the question names a time: during what fired then, or that very time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.vocabulary import Alert
from pipeline.brief import Gaps, Question
from pipeline.firing import alert_history, current_alerts
from pipeline.sources import Sources
from tools.inventory import Inventory

INTO_AN_ALERT = timedelta(minutes=2)
"""Looking this long into an alert shows what fired it and what followed from it."""

LOOKS_BACK = frozenset({"explain_alert", "metric_question", "alert_summary", "status", "clarify", "rca_draft"})


async def when_to_look(
    question: Question, alerts: tuple[Alert, ...] | None, inventory: Inventory, sources: Sources, gaps: Gaps
) -> tuple[Question, tuple[Alert, ...] | None]:
    """The question with its moment set, and the alerts of that moment.

    A question without a time, or whose time still goes on, keeps its moment. "Why was jellyfin down last night?" looks into the
    first alert about jellyfin in that night; without one, at the named time itself.
    """
    window = question.window
    if any(alert.name in question.alert_names and alert.state == "firing" for alert in alerts or ()):
        return question, alerts  # the time is that of something else: "did my change of this afternoon trigger it?"
    if not question.named_window or question.intent not in LOOKS_BACK or question.at - window.end < INTO_AN_ALERT:
        return question, alerts
    history = list(await alert_history(sources, window, gaps) or ())
    mine = [a for a in history if not question.subjects or inventory.entity_of(a.labels) in question.subjects]
    fired = mine or history
    at = window.end
    if fired:
        first = fired[0]
        at = min(max(first.starts_at, window.start) + INTO_AN_ALERT, first.ends_at or window.end, window.end)
        at = max(at, first.starts_at)
        fired = [alert for alert in history if alert.starts_at <= at and (alert.ends_at is None or alert.ends_at >= at)]
    else:
        fired = list(await current_alerts(sources, at, question.at, gaps) or ())
    as_then = tuple(alert.model_copy(update={"state": "firing", "ends_at": None}) for alert in fired)
    return replace(question, at=at, asked_at=question.at), as_then
