"""Which page helps: runbooks and playbooks."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.brief import Brief
from pipeline.classify import asks_to_act
from pipeline.narrate import sections

ONLY_ADVISES = "I only advise and never change anything; this is what your own documentation says."


def lookup(brief: Brief, actions: Sequence[Action]) -> str:
    """The page that answers, its steps, and the next best pages."""
    if not brief.passages:
        return "**No runbook found** for this. `sre ingest` indexes the directories in SRE_RUNBOOKS."
    return sections.join(ONLY_ADVISES if asks_to_act(brief.question.text) else "", sections.to_do(brief, actions))
