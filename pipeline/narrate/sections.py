"""Paragraphs that several answers share. A section without anything to say is an empty string."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.vocabulary import Action, Alert
from pipeline.brief import Brief, Finding
from pipeline.wording import ago, compared, duration, listed, moment, percent, quantity, subject

SEVERITY_ORDER = ("critical", "error", "high", "warning", "info", "none")


def join(*parts: str) -> str:
    """Paragraphs with a blank line between them; empty ones are dropped."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def cite(finding: Finding) -> str:
    return f" [{finding.evidence_id}]" if finding.evidence_id else ""


def measured(brief: Brief, findings: Sequence[Finding]) -> str:
    """One line a finding: value, normal, and when it began to move."""
    return bullets(_finding_line(brief, finding) for finding in findings)


def _finding_line(brief: Brief, finding: Finding) -> str:
    line = f"{subject(finding)}: {finding.signal.phrase} **{compared(finding)}**{cite(finding)}"
    if finding.series and finding.series.onset and finding.abnormal:
        onset = finding.series.onset
        line += (
            f"; it began to move at {moment(onset, brief.zone, now=brief.question.at)}, {ago(onset, brief.question.at)}"
        )
    fills = time_to_full(finding)
    if fills is not None:
        line += f"; at the present trend it is full in {duration(fills)}"
    return line


def time_to_full(finding: Finding) -> float | None:
    """Seconds until a ratio that is rising reaches 100 %, by the trend of its course; None when it does not rise."""
    if finding.signal.name not in {"disk_used", "memory_used"} or finding.series is None:
        return None
    trend = finding.series.trend_per_hour
    if trend <= 0.001:
        return None
    return max(0.0, (1 - finding.value) / trend * 3600)


def cause(brief: Brief) -> str:
    """The cause with its confidence, the way that leads to it, and what else it might be."""
    if brief.cause is None:
        return ""
    kind = brief.cause.kind.replace("_", " ")
    head = f"**Most likely cause: {brief.cause.entity} ({kind})**, confidence {percent(brief.cause.confidence)}."
    end = brief.chain[-1]
    lines = [head, f"{brief.cause.statement}{cite(end)}."]
    if len(brief.chain) > 1:
        way = " → ".join(
            f"{subject(f)} {f.signal.phrase} {quantity(f.signal, f.value)}{cite(f)}" for f in reversed(brief.chain)
        )
        lines.append(f"How it leads there: {way}.")
    if brief.cause.alternatives:
        lines.append(f"Also out of the ordinary: {'; '.join(brief.cause.alternatives)}.")
    return "\n".join(lines)


def logs(brief: Brief) -> str:
    return "\n".join(f"**Logs** [{item.id}]: {item.summary}" for item in brief.evidence if item.source == "logs")


def to_do(brief: Brief, actions: Sequence[Action]) -> str:
    """What the runbook says to do; the assistant itself does nothing."""
    if not brief.passages:
        return (
            "**What to do**: no runbook was found for this. In general: confirm the measurement, look at what changed, "
            "and take the smallest step that can be undone."
        )
    top = brief.passages[0]
    lines = [f"**What to do**, from `{top.document}` › {top.heading} [{top.id}]:"]
    for number, action in enumerate(actions, start=1):
        lines.append(f"{number}. {action.text}")
        if action.command:
            lines.extend(["   ```", *(f"   {line}" for line in action.command.splitlines()), "   ```"])
    others = [f"`{p.document}` [{p.id}]" for p in brief.passages[1:]]
    if others:
        lines.append(f"\nSee also {listed(others)}.")
    return "\n".join(lines)


def links(brief: Brief) -> str:
    found = [f"[{item.title}]({item.link})" for item in brief.evidence if item.link]
    return f"**Open in the source**: {' · '.join(found[:5])}" if found else ""


def severity_rank(alert: Alert) -> int:
    return SEVERITY_ORDER.index(alert.severity) if alert.severity in SEVERITY_ORDER else len(SEVERITY_ORDER)
