"""The brief as a language model reads it: numbered items, most telling first, within a budget of tokens.

What machines and people wrote (alert texts, log lines, pages, diffs) stands in fences that nothing inside can close, with
forged citations disarmed. What our own code computed stands outside of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.redact import redact
from core.vocabulary import AnsweredChange, Cause, Evidence, Passage
from pipeline.brief import Brief
from pipeline.tokens import count_tokens
from pipeline.wording import duration, listed, moment

FENCE = "```"
MAX_ITEM = 1_600
"""Characters of one item."""
MAX_PASSAGE = 2_400
"""Characters of the best passage; the others get a quarter."""
ALTERNATIVE = 0.5
"""How much less an alternative is believed than the cause that code prefers."""
_CITATION = re.compile(r"\[((?:[EKCH]\d+(?:,\s*)?)+)\]")
_CANDIDATE = re.compile(r"^(\s*)(H\d+)(\s*[:=])", re.MULTILINE)


@dataclass(frozen=True)
class Rendered:
    """`left_out` names the items that did not fit into the budget."""

    text: str
    left_out: tuple[str, ...] = ()


def candidates(brief: Brief) -> tuple[Cause, ...]:
    """The causes that a model may choose among, best first: H1, H2, … The confidence is code's."""
    if brief.cause is None:
        return ()
    best = brief.cause
    others = [
        f for f in _cited(brief) if f.cause is not None and any(f"[{f.number}]" in line for line in best.alternatives)
    ]
    return (
        best,
        *(
            Cause(
                statement=other.line.partition(" [")[0],
                entity=other.entity,
                kind=other.cause or "unknown",
                confidence=round(best.confidence * ALTERNATIVE, 2),
                alternatives=(best.statement,),
            )
            for other in others
        ),
    )


def render(brief: Brief, *, budget_tokens: int) -> Rendered:
    """As many items as fit, the most telling first; the head, with what is asked and what fires, always."""
    parts = [_head(brief), *_candidates(brief)]
    used = sum(count_tokens(part) for part in parts)
    left_out: list[str] = []
    for name, text in _items(brief):
        cost = count_tokens(text)
        if used + cost > budget_tokens:
            left_out.append(name)
            continue
        parts.append(text)
        used += cost
    if left_out:
        parts.append(f"Left out for lack of room: {', '.join(left_out)}.")
    gap = (f"model: {listed(left_out, limit=10)} did not fit into what the model reads",) if left_out else ()
    return Rendered(redact("\n".join(parts)), gap)


@dataclass(frozen=True)
class _Cited:
    number: str
    entity: str
    cause: str | None
    line: str


def _cited(brief: Brief) -> list[_Cited]:
    if brief.cause is None:
        return []
    by_number = {f.evidence_id: f for f in brief.findings if f.evidence_id}
    found = []
    for line in brief.cause.alternatives:
        for number in re.findall(r"\[(E\d+)\]", line):
            if number in by_number:
                finding = by_number[number]
                found.append(_Cited(number, finding.entity, finding.signal.cause, line))
    return found


def _head(brief: Brief) -> str:
    question = brief.question
    lines = [f"Now: {moment(question.at, brief.zone)}"]
    if question.subjects:
        lines.append(f"Asked about: {', '.join(question.subjects)}")
    if not brief.alerts_read:
        lines.append("Alerts: could not be read")
    if question.intent in {"explain_alert", "rca_draft"} and brief.alerts_read and not brief.explained:
        lines.append("Alerts: none fires about this")
    if not brief.measured and question.intent not in {"runbook_lookup", "playbook_lookup"}:
        lines.append("Measurements: none")
    if brief.nearest_pages and not brief.passages:
        lines.append("Runbooks: none answers")
    lines += [f"Not seen: {gap}" for gap in brief.gaps[:5]]
    return "\n".join(lines)


def _candidates(brief: Brief) -> list[str]:
    """H1 with the way that leads from it to the symptom; then the alternatives."""
    known = candidates(brief)
    if not known:
        return ["Candidate causes: none"] if brief.measured and not brief.passages else []
    ends = [brief.chain[-1].evidence_id if brief.chain else None, *(one.number for one in _cited(brief))]
    lines = ["Candidate causes:"]
    for number, (cause, end) in enumerate(zip(known, ends, strict=False), start=1):
        cited = f" [{end}]" if end else ""
        change = f" after change [{cause.change_id}]" if cause.change_id else ""
        lines.append(
            f"H{number}: {cause.entity} ({cause.kind.replace('_', ' ')}), confidence {cause.confidence:.0%}: "
            f"{cause.statement}{change}{cited}"
        )
    if len(brief.chain) > 1:
        way = " → ".join(
            f"{f.entity} {f.signal.phrase} [{f.evidence_id}]" for f in reversed(brief.chain) if f.evidence_id
        )
        lines.append(f"How H1 leads to the symptom: {way}")
    return ["\n".join(lines)]


def _items(brief: Brief) -> Iterator[tuple[str, str]]:
    """Number and text of each item: alerts, what leads to the cause, changes, the best page, the rest."""
    onset = min((f.series.onset for f in brief.chain if f.series and f.series.onset), default=None)
    first = {number for _, number in brief.explained} | {f.evidence_id for f in brief.chain}
    telling = [item for item in brief.evidence if item.id in first or item.source in {"computed", "logs"}]
    for item in telling:
        yield item.id, _evidence(item, onset)
    for change in brief.changes:
        yield change.id, _change(change, brief, onset)
    for place, passage in enumerate(brief.passages):
        yield passage.id, _passage(passage, MAX_PASSAGE if place == 0 else MAX_PASSAGE // 4)
    for item in brief.evidence:
        if item not in telling:
            yield item.id, _evidence(item, onset)


def _evidence(item: Evidence, onset: datetime | None) -> str:
    """One line when code wrote it; a fence when it holds what others wrote."""
    cut = f" ({item.returned} of {item.available} shown)" if item.available > item.returned else ""
    moved = item.series[0].onset if item.series else None
    relative = f" ({_relative(moved, onset)})" if moved and onset and moved != onset else ""
    if item.source in {"prometheus", "computed", "inventory"} and not item.title.startswith(
        ("alert ", "rule ", "query ")
    ):
        return f"[{item.id}] {item.source}{cut}: {_harmless(item.summary)[:MAX_ITEM]}{relative}"
    return f"[{item.id}] {item.source}, {_harmless(item.title)}{cut}{relative}:\n{_fenced(item.summary, MAX_ITEM)}"


def _change(change: AnsweredChange, brief: Brief, onset: datetime | None) -> str:
    at = change.effective_at or change.at
    when = moment(at, brief.zone, now=brief.question.at)
    relative = f", {_relative(at, onset)}" if onset else ""
    why = f" Reasons: {_harmless('; '.join(change.reasons))}." if change.reasons else ""
    told = "\n".join(filter(None, (change.title, change.detail, change.diff)))
    where = _harmless(change.entity or "?")
    kind = change.kind.replace("_", " ")
    return f"[{change.id}] {kind} on {where} at {when}{relative}, score {change.score:.2f}.{why}\n{_fenced(told, MAX_ITEM)}"


def _passage(passage: Passage, limit: int) -> str:
    fresh = f" ({passage.freshness})" if passage.freshness else ""
    where = _harmless(f"{passage.document} › {passage.heading}")
    return f"[{passage.id}] {passage.kind} {where}{fresh}:\n{_fenced(passage.text, limit)}"


def _relative(at: datetime, onset: datetime) -> str:
    seconds = (at - onset).total_seconds()
    return f"{duration(abs(seconds))} {'after' if seconds > 0 else 'before'} the onset" if seconds else "at the onset"


def _fenced(text: str, limit: int) -> str:
    cut = f"\n… {len(text) - limit} more characters" if len(text) > limit else ""
    inside = _harmless(text[:limit]).replace(FENCE, "'''")
    return f"{FENCE}\n{inside}{cut}\n{FENCE}"


def _harmless(text: str) -> str:
    """Text from outside that can neither pass for a citation nor for a candidate cause."""
    return _CANDIDATE.sub(r"\1(\2)\3", _CITATION.sub(r"(\1)", text))


def numbered(choice: str, causes: Sequence[Cause]) -> Cause | None:
    """The candidate that "H2" names, the first when the model named none; None for "none" and for what is no candidate."""
    if not choice.strip():
        return causes[0] if causes else None
    match = re.search(r"H(\d+)", choice)
    place = int(match[1]) - 1 if match else -1
    return causes[place] if 0 <= place < len(causes) else None
