"""Paragraphs that several answers share. A section without anything to say is an empty string."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from core.vocabulary import Action, Alert
from pipeline.brief import Brief, Finding
from pipeline.wording import ago, cite, compared, duration, listed, moment, quantity, subject

SLOWEST_FILL_PER_HOUR = 0.0005
"""A disk that fills slower than this, 5 % in 100 hours, is not called filling."""
MOST_NAMED = 4
SEVERITY_ORDER = ("critical", "error", "high", "warning", "info", "none")


def join(*parts: str) -> str:
    """Paragraphs with a blank line between them; empty ones are dropped."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip())


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


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
    fills = time_to_full(finding, brief.question.at)
    if fills is not None:
        line += f"; at the present trend it is full in {duration(fills)}"
    return line


def time_to_full(finding: Finding, now: datetime) -> float | None:
    """Seconds until a disk that fills is full: by its rise since it began to move, else by its trend; None when it does not rise."""
    series = finding.series
    if finding.signal.name != "disk_used" or series is None:
        return None
    per_hour = series.trend_per_hour
    if series.onset and series.before is not None:
        hours = (now - series.onset).total_seconds() / 3600
        per_hour = (finding.value - series.before) / hours if hours > 0 else 0.0
    if per_hour <= SLOWEST_FILL_PER_HOUR:
        return None
    return max(0.0, (1 - finding.value) / per_hour * 3600)


def cause(brief: Brief) -> str:
    """The cause with its confidence, the way that leads to it, and what else it might be."""
    if brief.cause is None:
        return ""
    kind = brief.cause.kind.replace("_", " ")
    head = f"**Most likely cause: {brief.cause.entity} ({kind})**, confidence {brief.cause.confidence:.0%}."
    end = brief.chain[-1]
    lines = [head, f"{brief.cause.statement}{cite(end)}."]
    lines += extent(brief)
    if len(brief.chain) > 1:
        way = " → ".join(
            f"{subject(f)} {f.signal.phrase} {quantity(f.signal, f.value)}{cite(f)}" for f in reversed(brief.chain)
        )
        lines.append(f"How it leads there: {way}.")
    if brief.cause.alternatives:
        lines.append(f"Also out of the ordinary: {'; '.join(brief.cause.alternatives)}.")
    return "\n\n".join(lines)


def extent(brief: Brief) -> list[str]:
    """How many of a kind are down, for the state signals on the way: "2 of 2 resolvers down"."""
    lines = []
    for signal in dict.fromkeys(f.signal.name for f in brief.chain if f.signal.counted):
        all_ = [f for f in brief.findings if f.signal.name == signal]
        down = [f for f in all_ if f.breached]
        names = f" ({listed([f.entity for f in down])})" if len(down) <= MOST_NAMED else ""
        lines.append(f"{len(down)} of {len(all_)} {all_[0].signal.counted} down{names}.")
    return lines


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
    section = top.heading.rpartition(" > ")[2]
    lines = [f"**What to do**, from `{top.document}` › {section} [{top.id}]:"]
    for number, action in enumerate(actions, start=1):
        lines.append(f"{number}. {action.text}")
        if action.command:
            lines.extend(["   ```", *(f"   {line}" for line in action.command.splitlines()), "   ```"])
    others = [f"`{p.document}` [{p.id}]" for p in brief.passages[1:]]
    if others:
        lines.append(f"\nSee also {listed(others)}.")
    return "\n".join(lines)


def links(brief: Brief) -> str:
    found = list(dict.fromkeys(f"[{item.title}]({item.link})" for item in brief.evidence if item.link))
    return f"**Open in the source**: {' · '.join(found[:5])}" if found else ""


def severity_rank(alert: Alert) -> int:
    return SEVERITY_ORDER.index(alert.severity) if alert.severity in SEVERITY_ORDER else len(SEVERITY_ORDER)
