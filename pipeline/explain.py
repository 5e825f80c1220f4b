"""The deterministic narrator: a brief in, an `Answer` out, no model. Which words belong to which intent is told here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from core.redact import redact
from core.vocabulary import Action, Answer, Intent
from pipeline.actions import actions_from
from pipeline.brief import Brief
from pipeline.narrate.alert import explain_alert
from pipeline.narrate.history import log_question, what_changed
from pipeline.narrate.lookup import lookup
from pipeline.narrate.metrics import metric_question
from pipeline.narrate.overview import alert_summary, clarify, status
from pipeline.narrate.plain import follow_up, out_of_scope, report, self_status
from pipeline.narrate.rca import rca_draft

Narrator = Callable[[Brief, Sequence[Action]], str]

NARRATORS: Mapping[Intent, Narrator] = {
    "explain_alert": explain_alert,
    "alert_summary": alert_summary,
    "metric_question": metric_question,
    "log_question": log_question,
    "what_changed": what_changed,
    "runbook_lookup": lookup,
    "playbook_lookup": lookup,
    "status": status,
    "rca_draft": rca_draft,
    "report": report,
    "self_status": self_status,
    "follow_up": follow_up,
    "clarify": clarify,
    "out_of_scope": out_of_scope,
}


def explain(brief: Brief) -> Answer:
    """The answer to the brief's question. Its text is redacted; its usage is filled in by the assistant."""
    actions = actions_from(brief)
    return Answer(
        answer=redact(NARRATORS[brief.question.intent](brief, actions)),
        intent=brief.question.intent,
        subjects=brief.question.subjects,
        cause=brief.cause,
        actions=actions,
        evidence=brief.evidence,
        passages=brief.passages,
        changes=brief.changes,
        gaps=brief.gaps,
        session_id=brief.question.session_id,
    )
