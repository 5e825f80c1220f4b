"""The model's last good answer to the same question, shown while its provider is down, as far as it still stands."""

from __future__ import annotations

from datetime import datetime

from core.vocabulary import Answer
from pipeline.brief import Brief
from pipeline.verify import facts_of, verify
from pipeline.wording import ago, plural


def still_true(old: Answer, written_at: datetime, answer: Answer, brief: Brief) -> Answer | None:
    """`answer`, which code just gave, in the old answer's words, with its age; None when too little of them holds now.

    Every sentence is verified anew against what is measured now. Cause, actions and evidence are the present ones.
    """
    verdict = verify(old.answer, facts_of(brief), cause=answer.cause)
    if verdict.core_lost:
        return None
    cut = f"; {plural(len(verdict.problems), 'sentence')} that no longer holds was cut" if verdict.problems else ""
    note = f"*The model does not answer. This is what it wrote {ago(written_at, brief.question.at)}, checked against now{cut}.*"
    return answer.model_copy(update={"answer": f"{note}\n\n{verdict.text}", "mode": "cached"})
