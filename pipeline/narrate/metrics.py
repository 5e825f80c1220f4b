"""How much, how full, how fast: answers to questions about measurements."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.brief import Brief, Finding
from pipeline.narrate import changes, pages, sections
from pipeline.narrate.usual import is_it_usual
from pipeline.rankings import main_signal, threshold_of, values_of
from pipeline.signals import load_domain
from pipeline.wording import cite, compared, listed, plain, subject


def metric_question(brief: Brief, actions: Sequence[Action]) -> str:
    """The subject's values beside their normal; without a subject, everything ranked, with what is beyond its threshold."""
    if brief.question.unknown and not brief.question.subjects:
        return unknown_names(brief)
    if brief.question.unmeasured and not brief.question.subjects:
        return sections.join(unknown_names(brief), _not_measured(brief))
    body = compare_subjects(brief) if brief.question.subjects else rank_everything(brief)
    return sections.join(
        unknown_names(brief),
        _not_measured(brief),
        is_it_usual(brief),
        body,
        rankings(brief) if brief.question.subjects else "",
        sections.what_fires(brief),
        sections.cause(brief) if brief.question.subjects else "",
        changes.suspects(brief),
        sections.logs(brief) if brief.chain else "",
        pages.to_do(brief, actions) if brief.chain or _flagged(brief) else "",
        sections.links(brief),
    )


def _not_measured(brief: Brief) -> str:
    """What was asked for and nothing tells."""
    asked = [each.phrase for each in brief.question.unmeasured]
    return f"**Not measured**: nothing that I read tells the {listed(asked)} (see the gaps)." if asked else ""


def unknown_names(brief: Brief) -> str:
    """ "no such host or service" with what may have been meant."""
    lines = []
    for unknown in brief.question.unknown:
        hint = f"; did you mean {plain(listed(list(unknown.suggestions)))}?" if unknown.suggestions else "."
        lines.append(f"There is no such host or service as “{plain(unknown.name)}” in the inventory{hint}")
    return "\n".join(lines)


def compare_subjects(brief: Brief) -> str:
    """The measurements of the named hosts and services that carry evidence."""
    subjects = brief.question.subjects
    if not subjects:
        return ""
    if not brief.measured:
        return f"**It cannot be told**: {sections.unmeasured(brief)}."
    names = plain(listed(list(subjects)))
    shown = [f for f in brief.findings if f.evidence_id]
    if not shown:
        return f"Nothing is measured about {names} that this question asks for."
    own = [f for f in brief.findings if f.entity in subjects]
    odd = any(f.abnormal or (f.signal.is_state and f.breached) for f in own) or (
        bool(brief.chain) and brief.chain[0].entity in subjects
    )
    is_ = ("is", "its") if len(subjects) == 1 else ("are", "their")
    verdict = f"{is_[0]} {'out of' if odd else 'within'} {is_[1]} ordinary"
    verdict += "; what runs there is not" if brief.chain and not odd else ""
    return f"**{names}** {verdict}:\n{sections.measured(brief, shown)}"


def rankings(brief: Brief) -> str:
    """Who leads nearby: one line for each ranking, with how many there are in all."""
    lines = []
    for ranking in brief.rankings:
        shown = ranking.rows[: ranking.shown]
        more = f" (of {len(ranking.rows)})" if len(ranking.rows) > len(shown) else ""
        lines.append(f"{plain(ranking.title)}{more}: {plain(values_of(shown))} [{ranking.evidence_id}]")
    return sections.bullets(lines)


def rank_everything(brief: Brief) -> str:
    """The question's main signal over all entities: what is beyond its threshold, then who comes next."""
    if not brief.measured:
        return f"**It cannot be told**: {sections.unmeasured(brief)}."
    if not brief.rankings:
        name = main_signal(brief.question, brief.findings)
        phrase = load_domain().signals[name].phrase if name else "this question"
        return f"**{phrase}**: nothing is measured."
    ranking = brief.rankings[0]
    signal = ranking.rows[0].signal
    count = len(ranking.rows)
    citation = f" [{ranking.evidence_id}]"
    beyond = [f for f in ranking.rows if f.breached]
    if beyond:
        head = f"**{len(beyond)} of {count} beyond the threshold** of {threshold_of(signal)} for {signal.phrase}"
    elif signal.threshold is not None:
        head = f"**None of {count}** is beyond the threshold for {signal.phrase} ({threshold_of(signal)})"
    else:
        head = f"**{signal.phrase}**, {count} measured"
    following = [f for f in ranking.rows[: ranking.shown] if not f.breached]
    rest = values_of(following, of=count - len(beyond))
    return sections.join(
        f"{head}{citation}.",
        _beyond(brief, beyond, ranking.shown, citation),
        f"{'Next' if beyond else 'Highest' if signal.bad != 'down' else 'Lowest'}: {plain(rest)}{citation}."
        if following
        else "",
    )


def _beyond(brief: Brief, beyond: Sequence[Finding], limit: int, citation: str) -> str:
    """Those beyond the threshold: each with its own item where it has one, else by its value alone; the rest is counted."""
    flagged = [f for f in beyond if f.evidence_id]
    others = [f for f in beyond[:limit] if not f.evidence_id]
    rest = len(beyond) - len(flagged)
    lines = [sections.measured(brief, flagged)] if flagged else []
    if others:
        lines.append(f"- {plain(values_of(others, of=rest))}{citation}")
    elif rest:
        lines.append(f"- …and {rest} more{citation}")
    return "\n".join(lines)


def _flagged(brief: Brief) -> bool:
    return any(ranking.rows[0].breached for ranking in brief.rankings[:1])


def one_line(finding: Finding) -> str:
    """A finding as part of a list."""
    return f"{plain(subject(finding))}: {finding.signal.phrase} {compared(finding)}{cite(finding)}"
