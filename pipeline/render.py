"""The brief as a language model reads it: numbered items, most telling first, within a budget of tokens.

What machines and people wrote (alert texts, log lines, pages, diffs) stands in fences that nothing inside can close. What code
worded stands on one line outside of them. In both, forged citations and candidates are disarmed and secrets redacted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.redact import redact
from core.vocabulary import AnsweredChange, Cause, Evidence, Passage
from pipeline.alert_evidence import FIRED, FIRING_NOW
from pipeline.brief import Brief
from pipeline.tokens import count_tokens
from pipeline.wording import ago, bounds, duration, listed, moment

FENCE = "```"
ITEM_LIMITS = (1_600, 400)
"""Characters of one item's text, and of it where there is little room."""
PAGE_LIMITS = (2_400, 600)
"""Of the best page; the others are always short."""
REST = 5
"""The place of what is not telling."""
MAX_GAPS = 5
MAX_NAME = 300
"""Characters of a gap, a title or a place in a document."""
ALTERNATIVE = 0.5
"""How much less an alternative is believed than the cause that code prefers."""
LOOKUPS = frozenset({"runbook_lookup", "playbook_lookup"})
WORDED_BY_CODE = frozenset({"prometheus", "computed", "inventory"})
WORDED_OUTSIDE = ("alert ", "rule ", "query ")
"""Titles of items whose summary holds what a rule, an annotation or a label says."""
_TAIL_TOKENS = 40
"""Kept free for the line that tells what was left out."""
_CITATION = re.compile(r"[\[(][ \t]{0,4}([EKCH]\d[^\[\]()\n]{0,80})[\])]")
_CANDIDATE = re.compile(r"\b(H\d{1,3})(?=[*_`\s]{0,4}[:=])")


@dataclass(frozen=True)
class Rendered:
    """`left_out` has a line for the answer's gaps when items did not fit into the budget."""

    text: str
    left_out: tuple[str, ...] = ()


def render(brief: Brief, *, budget_tokens: int) -> Rendered:
    """As many items as fit, the most telling first, a long one shortened where it does not fit whole.

    The head, with what is asked and which causes there are, always stands.
    """
    parts = [_head(brief), *_candidates(brief)]
    room = budget_tokens - _TAIL_TOKENS - sum(count_tokens(part) for part in parts)
    left_out: list[str] = []
    for number, versions in _items(brief):
        costs = ((text, count_tokens(text)) for text in versions)
        text, cost = next((known for known in costs if known[1] <= room), ("", 0))
        room -= cost
        if text:
            parts.append(text)
        else:
            left_out.append(number)
    if not left_out:
        return Rendered("\n".join(parts))
    told = listed(left_out, limit=10)
    parts.append(f"Left out for lack of room: {told}.")
    return Rendered("\n".join(parts), (f"model: {told} did not fit into what the model reads",))


def candidates(brief: Brief) -> tuple[Cause, ...]:
    """The causes that a model may choose among, best first: H1, H2, … The confidence is code's."""
    return tuple(cause for cause, _ in _possible(brief))


def numbered(choice: str, causes: Sequence[Cause]) -> Cause | None:
    """The candidate that "H2" names, the first when the model named none; None for "none" and for what is no candidate."""
    if not choice.strip():
        return causes[0] if causes else None
    if re.match(r"\W*none\b", choice, re.IGNORECASE):
        return None
    match = re.search(r"\bH ?(\d{1,3})\b", choice, re.IGNORECASE)
    place = int(match[1]) - 1 if match else -1
    return causes[place] if 0 <= place < len(causes) else None


def _possible(brief: Brief) -> list[tuple[Cause, str | None]]:
    """Each candidate, with the number of the item that it stands on."""
    best = brief.cause
    if best is None:
        return []
    found: list[tuple[Cause, str | None]] = [(best, brief.chain[-1].evidence_id if brief.chain else None)]
    by_number = {finding.evidence_id: finding for finding in brief.findings if finding.evidence_id}
    for line in best.alternatives:
        cited = re.search(r" \[(E\d+)\]$", line)
        if cited is None or cited[1] not in by_number:
            continue
        other = by_number[cited[1]]
        cause = Cause(
            statement=line[: cited.start()],
            entity=other.entity,
            kind=other.signal.cause,
            confidence=round(best.confidence * ALTERNATIVE, 2),
            alternatives=(best.statement,),
        )
        found.append((cause, cited[1]))
    return found


def _head(brief: Brief) -> str:
    question = brief.question
    lines = [f"Now: {moment(question.at, brief.zone)}"]
    if question.subjects:
        lines.append(f"Asked about: {_line(', '.join(question.subjects))}")
    onset = _onset(brief)
    if onset:
        cited = f" [{onset[1]}]" if onset[1] else ""
        lines.append(f"Onset: {moment(onset[0], brief.zone, now=question.at)}, {ago(onset[0], question.at)}{cited}")
    if not brief.alerts_read:
        lines.append("Alerts: could not be read")
    if question.intent in {"explain_alert", "rca_draft"} and brief.alerts_read and not brief.explained:
        lines.append("Alerts: none fires about this")
    if not brief.measured and question.intent not in LOOKUPS:
        lines.append("Measurements: none")
    if brief.nearest_pages and not brief.passages:
        lines.append("Runbooks: none answers")
    unseen = [gap for gap in brief.gaps if not gap.startswith("model: ")]
    lines += [f"Not seen: {_line(gap, MAX_NAME)}" for gap in unseen[:MAX_GAPS]]
    if len(unseen) > MAX_GAPS:
        lines.append(f"Not seen: {len(unseen) - MAX_GAPS} more")
    return "\n".join(lines)


def _onset(brief: Brief) -> tuple[datetime, str | None] | None:
    """When the first of what leads to the cause began to move, and the number of its item."""
    moved = [(f.series.onset, f.evidence_id) for f in brief.chain if f.series and f.series.onset and f.abnormal]
    known = [(at, number) for at, number in moved if at <= brief.question.at]
    return min(known, key=lambda one: one[0]) if known else None


def _candidates(brief: Brief) -> list[str]:
    """H1 with the way that leads from it to the symptom; then the alternatives."""
    possible = _possible(brief)
    if not possible:
        return [] if brief.question.intent in LOOKUPS else ["Candidate causes: none"]
    lines = ["Candidate causes:"]
    for place, (cause, end) in enumerate(possible, start=1):
        cited = f" [{end}]" if end else ""
        change = f" after change [{cause.change_id}]" if cause.change_id else ""
        what = f"{_line(cause.entity or 'unknown')} ({cause.kind.replace('_', ' ')})"
        lines.append(f"H{place}: {what}, confidence {cause.confidence:.0%}: {_line(cause.statement)}{change}{cited}")
    way = [f"{_line(f.entity)} {f.signal.phrase} [{f.evidence_id}]" for f in reversed(brief.chain) if f.evidence_id]
    if len(way) > 1:
        lines.append(f"How H1 leads to the symptom: {' → '.join(way)}")
    return ["\n".join(lines)]


def _items(brief: Brief) -> Iterator[tuple[str, Iterator[str]]]:
    """Number and text of each item, whole and then shortened: what is telling, changes, the best page, the rest."""
    places = {item.id: _place(item, brief) for item in brief.evidence}
    ordered = sorted(brief.evidence, key=lambda item: places[item.id])
    telling = [item for item in ordered if places[item.id] < REST or not brief.chain]
    for item in telling:
        yield item.id, (_evidence(item, brief, limit) for limit in ITEM_LIMITS)
    for change in brief.changes:
        yield change.id, (_change(change, brief, limit) for limit in ITEM_LIMITS)
    for passage in brief.passages[:1]:
        yield passage.id, (_passage(passage, limit) for limit in PAGE_LIMITS)
    for item in ordered[len(telling) :]:
        yield item.id, (_evidence(item, brief, limit) for limit in ITEM_LIMITS)
    for passage in brief.passages[1:]:
        yield passage.id, iter((_passage(passage, PAGE_LIMITS[-1]),))


def _place(item: Evidence, brief: Brief) -> int:
    """Alerts, what leads to the cause, how far it reaches, what else is abnormal, log lines; then the rest."""
    if item.title in {FIRING_NOW, FIRED} or item.id in {number for _, number in brief.explained}:
        return 0
    if item.id in {finding.evidence_id for finding in brief.chain}:
        return 1
    if item.source == "computed":
        return 2
    if item.id in {finding.evidence_id for finding in brief.findings if finding.evidence_id and finding.abnormal}:
        return 3
    return 4 if item.source == "logs" and brief.chain else REST


def _evidence(item: Evidence, brief: Brief, limit: int) -> str:
    """One line when code worded it; a fence when it holds what others wrote."""
    cut = f" ({item.returned} of {item.available} shown)" if item.available > item.returned else ""
    said = _window(item, brief)
    if item.source in WORDED_BY_CODE and not item.title.startswith(WORDED_OUTSIDE):
        return f"[{item.id}] {_line(item.source)}{said}{cut}: {_line(item.summary, limit)}{_moved(item, brief)}"
    title = _line(item.title, MAX_NAME)
    return f"[{item.id}] {_line(item.source)}, {title}{said}{cut}:\n{fenced(item.summary, limit)}"


def _window(item: Evidence, brief: Brief) -> str:
    """Of lists over a stretch of time; a measurement is of now, and an alert says since when."""
    over_time = item.source == "logs" or item.title == FIRED or item.title.startswith("query ")
    if item.window is None or not item.window.length or not over_time:
        return ""
    start, end = bounds(item.window, brief.zone, now=brief.question.at)
    return f", {start} to {end}"


def _moved(item: Evidence, brief: Brief) -> str:
    """How long before or after the onset it began to move, of what is abnormal and is not the onset itself."""
    onset = _onset(brief)
    finding = next((f for f in brief.findings if f.evidence_id == item.id), None)
    if onset is None or finding is None or not finding.abnormal or finding.series is None or not finding.series.onset:
        return ""
    return "" if item.id == onset[1] else f" ({_relative(finding.series.onset, onset)})"


def _change(change: AnsweredChange, brief: Brief, limit: int) -> str:
    at = change.effective_at or change.at
    onset = _onset(brief)
    when = moment(at, brief.zone, now=brief.question.at) + (f", {_relative(at, onset)}" if onset else "")
    why = f" Reasons: {_line('; '.join(change.reasons), limit)}." if change.reasons else ""
    told = "\n".join(filter(None, (change.title, change.detail, change.diff)))
    what = f"{change.kind.replace('_', ' ')} on {_line(change.entity or '?')}"
    return f"[{change.id}] {what} at {when}.{why}\n{fenced(told, limit)}"


def _passage(passage: Passage, limit: int) -> str:
    fresh = f" ({_line(passage.freshness)})" if passage.freshness else ""
    where = _line(f"{passage.document} › {passage.heading}", MAX_NAME)
    return f"[{passage.id}] {passage.kind} {where}{fresh}:\n{fenced(passage.text, limit)}"


def _relative(at: datetime, onset: tuple[datetime, str | None]) -> str:
    """With the number of the onset's item: whoever repeats the distance cites both of its ends."""
    seconds = (at - onset[0]).total_seconds()
    away = f"{duration(abs(seconds))} {'after' if seconds > 0 else 'before'}" if seconds else "at"
    return f"{away} the onset{f' [{onset[1]}]' if onset[1] else ''}"


def fenced(text: str, limit: int) -> str:
    return f"{FENCE}\n{_harmless(_shortened(redact(text), limit))}\n{FENCE}"


def _line(text: str, limit: int = ITEM_LIMITS[0]) -> str:
    """Text as one line: it can start no item of its own."""
    return _harmless(_shortened(" ".join(redact(text).split()), limit))


def _shortened(text: str, limit: int) -> str:
    """The first `limit` characters, or whole lines where one ends in their second half. Redact before: half a secret is not seen."""
    if len(text) <= limit:
        return text
    end = text.rfind("\n", limit // 2, limit)
    kept = text[: end if end > 0 else limit]
    return f"{kept}{'' if end < 0 else chr(10)}… {len(text) - len(kept)} more characters"


def _harmless(text: str) -> str:
    """Text that can pass neither for a citation or a candidate cause, nor end a fence. A page's own code keeps a fence, of tildes."""
    disarmed = _CANDIDATE.sub(r"‹\1›", _CITATION.sub(r"‹\1›", text))
    return re.sub(r"`{3,}", lambda run: "~" * len(run[0]), disarmed)
