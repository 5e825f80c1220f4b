"""The model writes the answer from the brief, and every claim of it is checked; what does not stand is fed back once, then cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dspy

from core.errors import BadModelAnswer, ModelError
from core.redact import redact
from core.vocabulary import Cause
from pipeline.brief import Brief, Gaps
from pipeline.draft_shown import DraftShown
from pipeline.language_model import Models
from pipeline.progress import Cut, Verification, is_watched, tell
from pipeline.render import candidates, numbered, render
from pipeline.tokens import count_tokens
from pipeline.verify import Problem, Verdict, facts_of, verify
from signatures.draft_rca import DraftRca
from signatures.synthesise import Synthesise

FIXED_TOKENS = 700
"""What the prompt takes around the brief, the conversation and the question."""
MAX_BRIEF_TOKENS = 3000
MAX_TOLD = 8
MAX_SENTENCE = 200
CORRECTION = """{question}

Your draft was:
{draft}

Its claims were checked. These do not stand; leave them out, or write what the cited item says:
{problems}"""
UNSURE = 0.8
"""What is left of the confidence when a claim had to be cut."""


@dataclass(frozen=True)
class Written:
    """The model's text without secrets, and the cause that it chose among those that code found."""

    text: str
    cause: Cause | None


class Synthesiser(dspy.Module):
    """Writes answers, and drafts of root cause analyses."""

    def __init__(self) -> None:
        super().__init__()
        self.write = dspy.Predict(Synthesise)
        self.draft = dspy.Predict(DraftRca)

    async def aforward(
        self,
        brief: Brief,
        conversation: str,
        models: Models,
        gaps: Gaps,
        *,
        shown: DraftShown,
        deadline: float | None = None,
    ) -> Written:
        """Raises ModelError when nothing usable was written: BadModelAnswer when too little of it stands.

        Drafts are `shown` while they are written, and what checking them gave is told.
        """
        question = brief.question.text
        written = await self._draft(brief, question, conversation, models, gaps, shown=shown, deadline=deadline)
        verdict = checked(written, brief)
        if verdict.problems:
            again = CORRECTION.format(question=question, draft=written.text, problems=_told(verdict.problems))
            try:
                second = await self._draft(brief, again, conversation, models, gaps, shown=shown, deadline=deadline)
            except ModelError as error:
                if verdict.core_lost:
                    raise
                gaps.add(f"model: it could not correct its answer ({error})")
            else:
                corrected = checked(second, brief)
                if (corrected.core_lost, -corrected.kept) <= (verdict.core_lost, -verdict.kept):
                    written, verdict = second, corrected
        for problem in verdict.problems[:MAX_TOLD]:
            gaps.add(f"model: a sentence was cut, “{problem.sentence[:MAX_SENTENCE]}”: {problem.what}")
        if verdict.core_lost:
            raise BadModelAnswer(f"what {models.name} wrote does not stand in the evidence")
        return Written(redact(verdict.text), less_sure(written.cause, verdict))

    async def _draft(
        self,
        brief: Brief,
        question: str,
        conversation: str,
        models: Models,
        gaps: Gaps,
        *,
        shown: DraftShown,
        deadline: float | None,
    ) -> Written:
        room = models.context_tokens - models.output_tokens - FIXED_TOKENS
        room -= count_tokens(question) + count_tokens(conversation)
        rendered = render(brief, budget_tokens=min(MAX_BRIEF_TOKENS, room))
        for line in rendered.left_out:
            gaps.add(line)
        if brief.question.intent == "rca_draft":
            with models.step("rca", deadline=deadline, show=shown if is_watched() else None):
                drafted = await self.draft.acall(brief=rendered.text, question=question)
            shown.finish()
            return Written(redact(drafted.draft), numbered(drafted.cause, candidates(brief)))
        with models.step("synthesise", deadline=deadline, show=shown if is_watched() else None):
            answered = await self.write.acall(brief=rendered.text, conversation=conversation, question=question)
        shown.finish()
        return Written(redact(answered.answer), numbered(answered.cause, candidates(brief)))


def check(written: Written, brief: Brief) -> Verdict:
    """Every claim against what the brief holds."""
    return verify(written.text, facts_of(brief), cause=written.cause)


def checked(written: Written, brief: Brief) -> Verdict:
    """The same, told to whoever watches."""
    verdict = check(written, brief)
    cut = (Cut(sentence=redact(p.sentence[:MAX_SENTENCE]), why=redact(p.what)) for p in verdict.problems[:MAX_TOLD])
    tell(Verification(checked=True, kept=verdict.kept, cut=tuple(cut)))
    return verdict


def less_sure(cause: Cause | None, verdict: Verdict) -> Cause | None:
    """The confidence is code's; it falls when something that the model said of it had to be cut."""
    if cause is None or not verdict.problems:
        return cause
    return cause.model_copy(update={"confidence": round(cause.confidence * UNSURE, 2)})


def _told(problems: Sequence[Problem]) -> str:
    return "\n".join(f"- “{problem.sentence[:MAX_SENTENCE]}”: {problem.what}" for problem in problems[:MAX_TOLD])
