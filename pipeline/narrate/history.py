"""What happened: changes, alerts and log lines of a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action, Alert
from pipeline.alert_evidence import FIRED
from pipeline.brief import Brief
from pipeline.log_evidence import quote
from pipeline.narrate import sections
from pipeline.narrate.metrics import unknown_names
from pipeline.wording import cite, clock_length, listed, moment


def what_changed(brief: Brief, actions: Sequence[Action]) -> str:
    """Alerts and container restarts in the window. Which sources of changes are not read yet is said, not passed over."""
    del actions
    question = brief.question
    fired: dict[str, list[Alert]] = {}
    for alert in brief.history:
        mine = not question.subjects or brief.inventory.entity_of(alert.labels) in question.subjects
        if mine and alert.starts_at >= question.window.start:
            fired.setdefault(alert.name, []).append(alert)
    number = brief.number_of(FIRED)
    lines = [_fired(brief, name, alerts) for name, alerts in sorted(fired.items(), key=lambda i: i[1][0].starts_at)]
    restarted = [f for f in brief.findings if f.signal.name == "container_restarts" and f.evidence_id]
    window = f"{moment(question.window.start, brief.zone, now=question.at)} to {moment(question.window.end, brief.zone, now=question.at)}"
    return sections.join(
        unknown_names(brief),
        f"**{window}** ({clock_length(question.window.length)}):",
        sections.bullets(f"{line}{number}" for line in lines) or f"- no alert began to fire{number}",
        "Restarted in the last 15 minutes: "
        + ", ".join(f"{f.entity} ({f.value:.0f}×){cite(f)}" for f in restarted)
        + "."
        if restarted
        else "",
        "Ansible runs, commits, image updates and annotations are not read yet, so a change made by them is not listed.",
    )


def _fired(brief: Brief, name: str, alerts: Sequence[Alert]) -> str:
    """One line for all that fired under one name, oldest first."""
    where = [brief.inventory.entity_of(alert.labels) or alert.labels.get("instance", "?") for alert in alerts]
    since = moment(alerts[0].starts_at, brief.zone, now=brief.question.at)
    return f"{since} {name} fired on {listed(list(dict.fromkeys(where)))}"


def log_question(brief: Brief, actions: Sequence[Action]) -> str:
    """What the logs say, quoted and counted."""
    del actions
    window = " and ".join(moment(t, brief.zone) for t in (brief.question.window.start, brief.question.window.end))
    item = next((item for item in brief.evidence if item.source == "logs"), None)
    if item is None:
        return sections.join(unknown_names(brief), f"No matching log line was found between {window}.")
    lines = [f"{quote(line, brief.zone, brief.question.at)} [{item.id}]" for line in brief.log_lines]
    head = f"**{item.available} matching lines** between {window}, {len(lines)} of them shown [{item.id}]:"
    return sections.join(unknown_names(brief), head, sections.bullets(lines))
