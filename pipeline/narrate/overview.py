"""The whole homelab at a glance: alert summary, status, and the sweep that answers a vague question."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from core.vocabulary import Action, Alert
from pipeline.alert_evidence import FIRED, FIRING_NOW
from pipeline.brief import Brief
from pipeline.narrate import sections
from pipeline.narrate.metrics import one_line, unknown_names
from pipeline.wording import ago, listed, moment, plural

MAX_NOTABLE = 6


def alert_summary(brief: Brief, actions: Sequence[Action]) -> str:
    """Alerts by severity, then by name; and the cause that most of them share, if one is found."""
    firing = [alert for alert in brief.alerts if alert.state == "firing"]
    quiet = [alert for alert in brief.alerts if alert.state == "suppressed"]
    number = brief.number_of(FIRING_NOW)
    if not brief.alerts:
        recent = [alert for alert in brief.history if alert.ends_at]
        last = (
            f" In the last 24 hours {plural(len(recent), 'alert')} fired and ended{brief.number_of(FIRED)}."
            if recent
            else ""
        )
        return f"No alert is firing{number}.{last}"
    groups: dict[str, list[Alert]] = defaultdict(list)
    for alert in sorted(firing, key=lambda a: (sections.severity_rank(a), a.name, a.starts_at)):
        groups[alert.severity].append(alert)
    counts = ", ".join(f"{len(members)} {severity}" for severity, members in groups.items())
    return sections.join(
        f"**{plural(len(firing), 'alert')} firing** ({counts}){number}." if firing else "**No alert is firing.**",
        *(_severity_group(brief, severity, members) for severity, members in groups.items()),
        f"Silenced or inhibited: {listed([_short(brief, alert) for alert in quiet])}." if quiet else "",
        f"**What they have in common**\n{sections.cause(brief)}" if brief.cause and firing else "",
        sections.to_do(brief, actions) if brief.cause and brief.passages else "",
    )


def _severity_group(brief: Brief, severity: str, members: Sequence[Alert]) -> str:
    lines = []
    for name, count in Counter(alert.name for alert in members).items():
        same = [alert for alert in members if alert.name == name]
        oldest = min(alert.starts_at for alert in same)
        places = [brief.inventory.entity_of(a.labels) or a.labels.get("instance", "?") for a in same]
        where = listed(list(dict.fromkeys(places)), limit=8)
        since = f"since {moment(oldest, brief.zone, now=brief.question.at)}, {ago(oldest, brief.question.at)}"
        lines.append(f"**{name}**{f' × {count}' if count > 1 else ''} on {where}, {since}")
    return f"{severity.capitalize()}\n{sections.bullets(lines)}"


def _short(brief: Brief, alert: Alert) -> str:
    return f"{alert.name} on {brief.inventory.entity_of(alert.labels) or alert.labels.get('instance', '?')}"


def status(brief: Brief, actions: Sequence[Action]) -> str:
    """Is anything wrong? Alerts, then what is out of the ordinary although no alert says so."""
    firing = [alert for alert in brief.alerts if alert.state == "firing"]
    subjects = set(brief.question.subjects)
    if subjects:
        firing = [alert for alert in firing if brief.inventory.entity_of(alert.labels) in subjects]
    notable = [f for f in brief.findings if f.abnormal and f.evidence_id and (not subjects or f.entity in subjects)]
    about = listed(sorted(subjects)) if subjects else _extent(brief)
    history = fired_in_window(brief)
    if not firing and not notable:
        verdict = (
            f"**Nothing is wrong** as far as can be seen: {about}; no alert fires, nothing is out of its ordinary."
        )
        if not brief.findings:
            verdict = "**It cannot be told**: nothing could be measured (see the gaps)."
        return sections.join(unknown_names(brief), history, verdict, _own_values(brief))
    return sections.join(
        unknown_names(brief),
        f"**{plural(len(firing), 'alert')} firing**: {listed([_short(brief, alert) for alert in firing])}{brief.number_of(FIRING_NOW)}."
        if firing
        else "**No alert fires.**",
        history,
        f"**Out of the ordinary** ({about})\n{sections.bullets(one_line(f) for f in notable[:MAX_NOTABLE])}"
        if notable
        else "",
        sections.cause(brief),
        sections.to_do(brief, actions) if brief.cause and brief.passages else "",
    )


def _own_values(brief: Brief) -> str:
    """The measurements of the named hosts and services, ordinary as they are."""
    own = [f for f in brief.findings if f.evidence_id and f.entity in brief.question.subjects]
    return sections.measured(brief, own)


def fired_in_window(brief: Brief) -> str:
    """What fired in the stretch of time that the question names."""
    if not brief.question.named_window or not brief.number_of(FIRED):
        return ""
    start, end = (moment(t, brief.zone) for t in (brief.question.window.start, brief.question.window.end))
    names = listed(
        [f"{name} × {count}" for name, count in Counter(alert.name for alert in brief.history).most_common()]
    )
    count = plural(len(brief.history), "alert") if brief.history else "no alert"
    return f"Between {start} and {end} {count} fired{f' ({names})' if brief.history else ''}{brief.number_of(FIRED)}."


def clarify(brief: Brief, actions: Sequence[Action]) -> str:
    """A vague question: the sweep first, then the one question whose answer narrows it down most."""
    return sections.join(status(brief, actions), f"**To narrow it down**: {_question_back(brief)}")


def _question_back(brief: Brief) -> str:
    services = [e.name for e in brief.inventory.entities.values() if e.kind == "service"]
    if brief.cause and brief.cause.entity:
        return f"is what you notice about {listed([brief.cause.entity, *brief.affected[:3]])}, or about something else?"
    example = listed(services[:2]).replace(" and ", " or ") if services else "one service"
    return f"which service or device do you notice it on (for instance {example}), and since when?"


def _extent(brief: Brief) -> str:
    kinds = Counter(entity.kind for entity in brief.inventory.entities.values())
    parts = [
        plural(count, noun)
        for noun, count in (
            ("Proxmox node", kinds["node"]),
            ("guest", kinds["guest"]),
            ("host", kinds["host"]),
            ("service", kinds["service"]),
        )
        if count
    ]
    return f"{listed(parts)} looked at"
