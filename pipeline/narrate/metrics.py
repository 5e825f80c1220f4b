"""How much, how full, how fast: answers to questions about measurements."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.brief import Brief, Finding
from pipeline.narrate import sections
from pipeline.wording import compared, listed, percent, plural, quantity, subject

MAX_ROWS = 12
RANKED_SIGNALS = (
    "disk_used",
    "memory_used",
    "cpu_used",
    "certificate",
    "iowait",
    "probe_time",
    "container_memory",
    "container_cpu",
)


def metric_question(brief: Brief, actions: Sequence[Action]) -> str:
    """The subject's values beside their normal; without a subject, everything ranked, with what is beyond its threshold."""
    if brief.question.unknown and not brief.question.subjects:
        return unknown_names(brief)
    body = compare_subjects(brief) if brief.question.subjects else rank_everything(brief)
    return sections.join(
        unknown_names(brief),
        body,
        neighbours(brief),
        sections.cause(brief) if brief.question.subjects else "",
        sections.logs(brief) if brief.chain else "",
        sections.to_do(brief, actions) if brief.passages and (brief.chain or _flagged(brief)) else "",
        sections.links(brief),
    )


def unknown_names(brief: Brief) -> str:
    """ "no such host or service" with what may have been meant."""
    lines = []
    for unknown in brief.question.unknown:
        hint = f"; did you mean {listed(list(unknown.suggestions))}?" if unknown.suggestions else "."
        lines.append(f"There is no such host or service as “{unknown.name}” in the inventory{hint}")
    return "\n".join(lines)


def compare_subjects(brief: Brief) -> str:
    """The measurements of the named hosts and services that carry evidence."""
    if not brief.question.subjects:
        return ""
    shown = [f for f in brief.findings if f.evidence_id]
    if not shown:
        return f"Nothing is measured about {listed(list(brief.question.subjects))} that this question asks for."
    head = listed(list(brief.question.subjects))
    verdict = (
        "is out of its ordinary"
        if any(f.abnormal for f in shown if f.entity in brief.question.subjects)
        else "is within its ordinary"
    )
    return f"**{head}** {verdict}:\n{sections.measured(brief, shown)}"


def neighbours(brief: Brief) -> str:
    """For a host under load: who else runs on its Proxmox node, and the busiest containers on it."""
    lines = []
    for name in brief.question.subjects:
        entity = brief.inventory.entities.get(name)
        if entity is None:
            continue
        for signal, title in (("container_cpu", "busiest containers"), ("container_memory", "largest containers")):
            rows = [
                f for f in brief.findings if f.signal.name == signal and brief.inventory.entities[f.entity].host == name
            ]
            top = sorted(rows, key=lambda f: -f.value)[:3]
            if top:
                lines.append(
                    f"{title} on {name}: " + ", ".join(f"{f.entity} {quantity(f.signal, f.value)}" for f in top)
                )
        if entity.host and entity.kind == "guest":
            rows = [
                f
                for f in brief.findings
                if f.signal.name == "guest_cpu" and brief.inventory.entities[f.entity].host == entity.host
            ]
            top = [f for f in sorted(rows, key=lambda f: -f.value) if f.entity != name][:3]
            if top:
                lines.append(
                    f"neighbours on {entity.host}: "
                    + ", ".join(f"{f.entity} {quantity(f.signal, f.value)} CPU" for f in top)
                )
    return sections.bullets(lines)


def rank_everything(brief: Brief) -> str:
    """The question's first ranked signal over all entities, worst first; what is beyond its threshold is flagged."""
    family = [name for f in brief.question.families for name in f.signals] or list(RANKED_SIGNALS)
    name = next((n for n in family if any(f.signal.name == n for f in brief.findings)), None)
    if name is None:
        return "Nothing could be measured for this question."
    rows = [f for f in brief.findings if f.signal.name == name]
    signal = rows[0].signal
    rows.sort(key=lambda f: f.value, reverse=signal.bad != "down")
    flagged = [f for f in rows if f.breached]
    rest = [f for f in rows if not f.breached]
    if flagged:
        head = f"**{plural(len(flagged), 'place')} beyond the threshold** of {_limit(flagged[0])} for {signal.phrase}:"
        table = sections.measured(brief, flagged[:MAX_ROWS])
    else:
        limit = f" (threshold {_limit(rows[0])})" if signal.threshold is not None else ""
        head = f"**None of {len(rows)}** is beyond the threshold for {signal.phrase}{limit}."
        table = ""
    nearest = ", ".join(f"{subject(f)} {quantity(signal, f.value)}{sections.cite(f)}" for f in rest[:5])
    return sections.join(head, table, f"Next: {nearest}." if nearest else "")


def _limit(finding: Finding) -> str:
    threshold = finding.signal.threshold
    if threshold is None:
        return "its normal"
    if finding.signal.unit == "state":
        return f"“{finding.signal.says.get(1 if finding.signal.bad == 'down' else 0, '')}”"
    return percent(threshold) if finding.signal.unit == "ratio" else quantity(finding.signal, threshold)


def _flagged(brief: Brief) -> bool:
    return any(f.breached and f.abnormal for f in brief.findings)


def one_line(finding: Finding) -> str:
    """A finding as part of a list."""
    return f"{subject(finding)}: {finding.signal.phrase} {compared(finding)}{sections.cite(finding)}"
