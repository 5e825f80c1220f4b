"""A root cause analysis as a first draft: what code can fill in, in the order in which such a document is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from core.vocabulary import Action, Window
from pipeline.alert_evidence import FIRED, fired_groups, place_of
from pipeline.brief import Brief, Finding
from pipeline.log_evidence import quote
from pipeline.narrate import changes, pages, sections
from pipeline.narrate.metrics import unknown_names
from pipeline.wording import cite, listed, moment, plain, plural, quantity, subject

MAX_TIMELINE = 20
SUMMARISED = 2
"""Alerts told in full; all of them stand in the timeline."""
NO_CAUSE = "**No confident cause.** Nothing that could be read leads from the symptom to what explains it."


def rca_draft(brief: Brief, actions: Sequence[Action]) -> str:
    """Summary, impact, timeline, evidence, root cause, contributing factors, follow-ups; what is not known is said."""
    if not brief.explained and not brief.chain:
        return sections.join(unknown_names(brief), _nothing_to_analyse(brief))
    shown = brief.chain or tuple(f for f in brief.findings if f.evidence_id)
    return sections.join(
        unknown_names(brief),
        _title(brief),
        _section("Summary", _summary(brief)),
        _section("Impact", _impact(brief)),
        _section("Timeline", sections.bullets(_timeline(brief))),
        _section("Evidence", sections.join(sections.measured(brief, shown), sections.logs(brief))),
        _section("Root cause", sections.join(sections.cause(brief, reach=False) or NO_CAUSE, changes.suspects(brief))),
        _section("Contributing factors", _factors(brief)),
        _section("Follow-ups", _follow_ups(brief, actions)),
    )


def _section(heading: str, text: str) -> str:
    return f"## {heading}\n\n{text}" if text else ""


def _nothing_to_analyse(brief: Brief) -> str:
    told = sections.cannot_be_told(brief)
    about = f" about {plain(listed(list(brief.question.subjects)))}" if brief.question.subjects else ""
    return told or (
        f"There is no incident to analyse{about} at {moment(brief.question.at, brief.zone)}: no alert fires and nothing that is "
        "measured is out of the ordinary. Name its time with `--at`, or in words (“last night”)."
    )


def _title(brief: Brief) -> str:
    """With what was asked about; what the draft is about otherwise is cited below."""
    about = listed([plain(name) for name in (*brief.question.alert_names, *brief.question.subjects)], limit=3)
    named = brief.question.alert_names or brief.question.subjects
    return f"# Root cause analysis (draft){f': {about}' if named else ''}"


def _summary(brief: Brief) -> str:
    lines = [sections.headline(brief, alert, number) for alert, number in brief.explained[:SUMMARISED]]
    if (rest := sum(alert.state == "firing" for alert in brief.alerts) - len(lines)) > 0:
        lines.append(f"…and {plural(rest, 'more alert')}.")
    return "\n\n".join(lines)


def _impact(brief: Brief) -> str:
    """How far it reaches. Whom it reached is not measured, and is asked for."""
    return sections.join(sections.extent(brief), "_To fill in: who noticed it, and how._")


def _timeline(brief: Brief) -> list[str]:
    events = sorted(dict.fromkeys(_events(brief)))
    lines = [f"{moment(at, brief.zone, now=brief.question.today)}: {text}" for at, text in events[:MAX_TIMELINE]]
    if len(events) > MAX_TIMELINE:
        lines.append(f"…and {plural(len(events) - MAX_TIMELINE, 'more event')}")
    return lines


def _events(brief: Brief) -> Iterator[tuple[datetime, str]]:
    """Onsets, changes, log lines and alerts, each with its citation."""
    for finding in {id(f): f for f in (*brief.chain, *brief.findings)}.values():
        onset = finding.series.onset if finding.series else None
        if finding.evidence_id and onset and finding.abnormal and onset <= brief.question.at:
            yield onset, f"{plain(subject(finding))}: {finding.signal.phrase} begins to move{cite(finding)}"
    for change in brief.changes:
        at = change.effective_at or change.at
        if at <= brief.question.at:
            yield at, f"{change.kind.replace('_', ' ')}: {plain(change.title)} [{change.id}]"
    numbers = {item.title: item.id for item in brief.evidence}
    logs = next((item.id for item in reversed(brief.evidence) if item.source == "logs"), None)  # of the log lines
    for line in [line for line in brief.log_lines if line.level == "error"][:1] if logs else ():
        yield line.at, f"first error line: {plain(quote(line, brief.zone, brief.question.at))} [{logs}]"
    for group in fired_groups(brief.history, brief.inventory, _history(brief)) if FIRED in numbers else ():
        yield (
            group.first.starts_at,
            f"{plain(group.first.name)} fires{group.times} on {plain(group.where)} [{numbers[FIRED]}]",
        )
    for alert, number in brief.explained:
        if not any(known.name == alert.name and known.starts_at == alert.starts_at for known in brief.history):
            yield alert.starts_at, f"{plain(alert.name)} fires on {plain(place_of(alert, brief.inventory))} [{number}]"


def _history(brief: Brief) -> Window:
    """The window of the item that tells which alerts fired."""
    return next((i.window for i in brief.evidence if i.title == FIRED and i.window), brief.question.window)


def _factors(brief: Brief) -> str:
    """What stands between the cause and the symptom, and what else was out of the ordinary."""
    lines = [_factor(finding) for finding in brief.chain[1:-1]]
    if brief.cause:
        lines += [f"also out of the ordinary: {other}" for other in brief.cause.alternatives]
    return sections.bullets(lines) or "None was seen."


def _factor(finding: Finding) -> str:
    value = quantity(finding.signal, finding.value)
    return f"{plain(subject(finding))}: {finding.signal.phrase} {value}{cite(finding)}"


def _follow_ups(brief: Brief, actions: Sequence[Action]) -> str:
    lines = ["_To fill in: what is done so that it does not come back, by when._"]
    if not brief.cause:
        lines.append("Find the cause: what was read does not show it.")
    if brief.nearest_pages:
        lines.append("Write a runbook: none answers for this.")
    lines += [f"Stale page: `{p.document}` ({p.freshness}) [{p.id}]" for p in brief.passages if "stale" in p.freshness]
    lines += [f"Could not be read: {plain(gap)}" for gap in brief.gaps if not gap.startswith("model: ")]
    return sections.join(sections.bullets(lines), pages.to_do(brief, actions))
