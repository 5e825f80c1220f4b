"""Answers that need no evidence, and those whose machinery comes later and that say so."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.brief import Brief
from pipeline.narrate import sections
from pipeline.wording import plain


def out_of_scope(brief: Brief, actions: Sequence[Action]) -> str:
    del brief, actions
    return "That is outside what I know: I answer questions about this homelab's hosts, services, alerts, logs and runbooks."


def report(brief: Brief, actions: Sequence[Action]) -> str:
    del brief, actions
    return "The reliability report is not built yet. `sre ask 'summarize alerts'` gives what fires now."


def follow_up(brief: Brief, actions: Sequence[Action]) -> str:
    """What it may refer to stands in the question's subjects, when there are several."""
    del actions
    if brief.question.subjects:
        names = " or ".join(plain(name) for name in brief.question.subjects)
        return f"Which one do you mean: {names}?"
    return (
        "I cannot tell what this refers to: nothing was said before that it could mean. "
        "Please name the host, service or alert, for instance “memory on media”."
    )


def self_status(brief: Brief, actions: Sequence[Action]) -> str:
    del actions
    known = len(brief.inventory.entities)
    problems = sections.bullets(plain(gap) for gap in brief.gaps)
    writes = (
        f"{brief.model} writes my answers, and code checks them" if brief.model else "I answer without a language model"
    )
    head = f"{writes}; I know {known} hosts and services."
    return sections.join(
        head,
        f"What I cannot see:\n{problems}" if problems else "Nothing that this answer asked failed.",
        "`sre doctor` tells what each source unlocks.",
    )
