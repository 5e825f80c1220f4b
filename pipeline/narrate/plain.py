"""Answers that need no evidence, and those whose machinery comes later and that say so."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.brief import Brief
from pipeline.narrate import sections
from pipeline.narrate.alert import explain_alert
from pipeline.narrate.overview import status
from pipeline.wording import plain


def out_of_scope(brief: Brief, actions: Sequence[Action]) -> str:
    del brief, actions
    return "That is outside what I know: I answer questions about this homelab's hosts, services, alerts, logs and runbooks."


def report(brief: Brief, actions: Sequence[Action]) -> str:
    del brief, actions
    return "The reliability report is not built yet. `sre ask 'summarize alerts'` gives what fires now."


def follow_up(brief: Brief, actions: Sequence[Action]) -> str:
    del brief, actions
    return (
        "I do not remember earlier questions yet, so please name the host or service: for instance “memory on media”."
    )


def rca_draft(brief: Brief, actions: Sequence[Action]) -> str:
    """The explanation stands in until the full draft exists."""
    body = explain_alert(brief, actions) if brief.question.subjects or brief.cause else status(brief, actions)
    return sections.join(
        "A full root-cause-analysis draft is not built yet; this is the explanation it will start from.", body
    )


def self_status(brief: Brief, actions: Sequence[Action]) -> str:
    del actions
    known = len(brief.inventory.entities)
    problems = sections.bullets(plain(gap) for gap in brief.gaps)
    head = f"I answer without a language model (deterministic mode) and know {known} hosts and services."
    return sections.join(
        head,
        f"What I cannot see:\n{problems}" if problems else "Nothing that this answer asked failed.",
        "`sre doctor` tells what each source unlocks.",
    )
