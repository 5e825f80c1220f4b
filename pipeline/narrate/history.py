"""What happened: changes, alerts and log lines of a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.brief import Brief
from pipeline.narrate import sections
from pipeline.narrate.metrics import unknown_names
from pipeline.wording import clock_length, moment

MAX_LINES = 15


def what_changed(brief: Brief, actions: Sequence[Action]) -> str:
    """Alerts and container restarts in the window. Which sources of changes are not read yet is said, not passed over."""
    del actions
    question = brief.question
    events = [
        (
            alert.starts_at,
            f"{alert.name} fired on {brief.inventory.entity_of(alert.labels) or alert.labels.get('instance', '?')}",
        )
        for alert in brief.history
        if alert.starts_at >= question.window.start
        and (not question.subjects or brief.inventory.entity_of(alert.labels) in question.subjects)
    ]
    restarted = [f for f in brief.findings if f.signal.name == "container_restarts" and f.value >= 0.5]
    lines = [f"{moment(at, brief.zone, now=question.at)} {what}" for at, what in sorted(events)]
    window = f"{moment(question.window.start, brief.zone, now=question.at)} to {moment(question.window.end, brief.zone, now=question.at)}"
    return sections.join(
        unknown_names(brief),
        f"**{window}** ({clock_length(question.window.length)}):",
        sections.bullets(lines[-MAX_LINES:]) or "- no alert began to fire",
        f"…and {len(lines) - MAX_LINES} earlier ones." if len(lines) > MAX_LINES else "",
        "Restarted in the last 15 minutes: " + ", ".join(f"{f.entity} ({f.value:.0f}×)" for f in restarted) + "."
        if restarted
        else "",
        "Ansible runs, commits, image updates and annotations are not read yet, so a change made by them is not listed.",
    )


def log_question(brief: Brief, actions: Sequence[Action]) -> str:
    """What the logs say, quoted and counted."""
    del actions
    found = sections.logs(brief)
    window = (
        f"between {moment(brief.question.window.start, brief.zone)} and {moment(brief.question.window.end, brief.zone)}"
    )
    return sections.join(unknown_names(brief), found or f"No matching log line was found {window}.")
