"""How much, how full, how fast: answers to questions about measurements."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.brief import Brief, Finding
from pipeline.narrate import sections
from pipeline.rankings import values_of
from pipeline.wording import cite, compared, listed, quantity, subject

MAX_ROWS = 12


def metric_question(brief: Brief, actions: Sequence[Action]) -> str:
    """The subject's values beside their normal; without a subject, everything ranked, with what is beyond its threshold."""
    if brief.question.unknown and not brief.question.subjects:
        return unknown_names(brief)
    body = compare_subjects(brief) if brief.question.subjects else rank_everything(brief)
    return sections.join(
        unknown_names(brief),
        body,
        rankings(brief) if brief.question.subjects else "",
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


def rankings(brief: Brief) -> str:
    """Who leads nearby: one line for each ranking, with how many more there are."""
    lines = []
    for ranking in brief.rankings:
        rest = len(ranking.rows) - ranking.shown
        more = f" (of {len(ranking.rows)})" if rest > 0 else ""
        lines.append(f"{ranking.title}{more}: {values_of(ranking.rows[: ranking.shown])} [{ranking.evidence_id}]")
    return sections.bullets(lines)


def rank_everything(brief: Brief) -> str:
    """The question's main signal over all entities: what is beyond its threshold, then who comes next."""
    if not brief.rankings:
        return "Nothing could be measured for this question."
    ranking = brief.rankings[0]
    signal = ranking.rows[0].signal
    beyond = [f for f in ranking.rows if f.breached]
    flagged = [f for f in brief.findings if f.breached and f.signal.name == signal.name and f.evidence_id]
    if beyond:
        head = (
            f"**{len(beyond)} of {len(ranking.rows)} beyond the threshold** of {_limit(beyond[0])} for {signal.phrase}"
        )
        body = sections.measured(brief, flagged) if flagged else values_of(beyond[:MAX_ROWS])
    elif signal.threshold is not None:
        head = (
            f"**None of {len(ranking.rows)}** is beyond the threshold for {signal.phrase} ({_limit(ranking.rows[0])})"
        )
        body = ""
    else:
        head, body = f"**{signal.phrase}**, {len(ranking.rows)} measured", ""
    following = [f for f in ranking.rows[: ranking.shown] if not f.breached]
    citation = f" [{ranking.evidence_id}]"
    return sections.join(f"{head}{citation}.", body, f"Next: {values_of(following)}{citation}." if following else "")


def _limit(finding: Finding) -> str:
    signal = finding.signal
    if signal.unit == "state":
        return f"“{signal.says.get(0 if signal.bad == 'down' else 1, 'bad')}”"
    return quantity(signal, signal.threshold or 0.0)


def _flagged(brief: Brief) -> bool:
    return any(ranking.rows[0].breached for ranking in brief.rankings[:1])


def one_line(finding: Finding) -> str:
    """A finding as part of a list."""
    return f"{subject(finding)}: {finding.signal.phrase} {compared(finding)}{cite(finding)}"
