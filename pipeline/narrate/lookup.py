"""Which page helps: runbooks and playbooks."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.brief import Brief
from pipeline.classify import asks_to_act
from pipeline.narrate import changes, pages, sections

ONLY_ADVISES = "I only advise and never change anything; this is what your own documentation says."


def lookup(brief: Brief, actions: Sequence[Action]) -> str:
    """The page that answers, its steps, and the next best pages."""
    only_advises = ONLY_ADVISES if asks_to_act(brief.question.text) else ""
    if not brief.passages:
        wanted = "No role or playbook found" if brief.question.intent == "playbook_lookup" else "No runbook found"
        return sections.join(
            only_advises if brief.nearest_pages else "", pages.no_page(brief, wanted), changes.what_ails(brief)
        )
    if brief.passages[0].kind == "playbook":
        return sections.join(only_advises, pages.in_ansible(brief.passages[0]), pages.see_also(brief))
    return sections.join(only_advises, pages.to_do(brief, actions), changes.what_ails(brief))
