"""Which measurements a person would look at besides those that lead to the cause."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.brief import Brief, Finding
from pipeline.cause import Step
from pipeline.rankings import main_signal

ASKED_FOR_ELSE = frozenset({"log_question", "runbook_lookup"})
"""Questions that no measurement answers; those that lead to the cause are told beside."""


def telling(brief: Brief, chain: Sequence[Step]) -> list[Finding]:
    """What a person would look at besides the chain, most telling first.

    Of named subjects: what the question asks for, and everything of theirs when nothing else explains it. Of a question over
    everything: what is beyond the threshold of its main signal. Of a sweep: whatever is out of the ordinary.
    """
    question, findings = brief.question, brief.findings
    if question.intent in ASKED_FOR_ELSE:
        return []
    first = {family.signals[0] for family in question.families}
    asked = [name for family in question.families for name in family.signals]
    if question.subjects:
        rank = {name: place for place, name in enumerate(asked)}
        own = sorted(
            (f for f in findings if f.entity in question.subjects), key=lambda f: rank.get(f.signal.name, len(rank))
        )
        if len(question.subjects) > 1:  # not all of a group's values can be told
            own.sort(key=lambda f: (rank.get(f.signal.name, len(rank)), not f.abnormal, not f.breached, _from_worst(f)))
        explained = chain and question.explains and question.intent != "metric_question"
        return [f for f in own if f.signal.name in first] if explained else own
    if question.intent == "metric_question":
        main = main_signal(question, findings)
        return sorted((f for f in findings if f.signal.name == main and f.breached), key=lambda f: -f.severity)
    if question.intent in {"status", "clarify", "what_changed"}:
        odd = [f for f in findings if f.abnormal or f.breached]
        return sorted(odd, key=lambda f: (not f.abnormal, f.chronic, -f.severity))
    return []


def _from_worst(finding: Finding) -> float:
    return finding.value if finding.signal.bad == "down" else -finding.value
