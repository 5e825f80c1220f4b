"""What happened: changes, alerts and log lines of a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.alert_evidence import FIRED, MAX_NAMES, began, fired_groups
from pipeline.brief import Brief
from pipeline.narrate import changes, sections
from pipeline.narrate.metrics import unknown_names
from pipeline.wording import bounds, cite, duration, plain


def what_changed(brief: Brief, actions: Sequence[Action]) -> str:
    """Changes, alerts and container restarts in the window."""
    del actions
    window = brief.question.window
    start, end = bounds(window, brief.zone, now=brief.question.today)
    return sections.join(
        unknown_names(brief),
        _what_led_to(brief),
        f"**{start} to {end}** ({duration(window.length.total_seconds())}):",
        changes.timeline(brief),
        _fired(brief),
        _restarted(brief),
    )


def _what_led_to(brief: Brief) -> str:
    """What fires, its cause and the suspects, where the question is about what came before it."""
    return changes.what_ails(brief) if brief.question.because else ""


def _fired(brief: Brief) -> str:
    """One line for all that began to fire under one name, oldest first."""
    number = brief.number_of(FIRED)
    if not brief.history_read or not number:
        return "It cannot be told which alerts fired: their history could not be read (see the gaps)."
    groups = fired_groups(brief.history, brief.inventory, brief.question.window)
    lines = [
        f"{began(g, brief)} {plain(g.first.name)} fired{g.times} on {plain(g.where)}{number}"
        for g in groups[:MAX_NAMES]
    ]
    if len(groups) > MAX_NAMES:
        lines.append(f"…and {len(groups) - MAX_NAMES} more alert names{number}")
    return sections.bullets(lines or [f"no alert began to fire{number}"])


def _restarted(brief: Brief) -> str:
    if not brief.measured:
        return f"It cannot be told whether containers restarted: {sections.unmeasured(brief)}."
    restarts = [f for f in brief.findings if f.signal.name == "container_restarts" and f.value > 0]
    shown = [f for f in restarts if f.evidence_id]
    if not shown:
        return ""
    told = ", ".join(f"{plain(f.entity)} ({f.value:.0f}×){cite(f)}" for f in shown)
    more = f" and {len(restarts) - len(shown)} more" if len(restarts) > len(shown) else ""
    return f"Restarted in the last 15 minutes: {told}{more}."


def log_question(brief: Brief, actions: Sequence[Action]) -> str:
    """What the logs say, quoted and counted."""
    del actions
    window = " and ".join(bounds(brief.question.window, brief.zone, now=brief.question.today))
    item = next((item for item in brief.evidence if item.source == "logs"), None)
    if item is None:
        unread = any(line.startswith(("logs: ", "deadline: ")) for line in brief.gaps)
        nothing = "It cannot be told: the logs could not be read in full (see the gaps)."
        nothing = nothing if unread else f"No matching log line was found between {window}."
        return sections.join(unknown_names(brief), nothing, changes.what_ails(brief))
    return sections.join(unknown_names(brief), f"Between {window}:", sections.logs(brief), changes.what_ails(brief))
