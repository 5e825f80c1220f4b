"""Asks the model for other search words, where no page answers a question in its own words."""

from __future__ import annotations

import dspy

from core.errors import ModelError
from core.telemetry import DEGRADED
from pipeline.brief import Brief, Gaps
from pipeline.language_model import Models
from pipeline.retrieve import LOOKUPS, retrieve
from pipeline.sources import Knowledge
from signatures.rewrite_query import RewriteQuery


class Rewriter(dspy.Module):
    """A second search for questions that look for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.rewrite = dspy.Predict(RewriteQuery)

    async def aforward(
        self, brief: Brief, knowledge: Knowledge | None, models: Models, gaps: Gaps, *, deadline: float | None = None
    ) -> Brief:
        """The brief as it was when it has pages already, or the model fails."""
        if brief.passages or not brief.nearest_pages or brief.question.intent not in LOOKUPS:
            return brief
        findings = brief.cause.statement if brief.cause else ""
        try:
            with models.step("rewrite", deadline=deadline):
                rewritten = await self.rewrite.acall(findings=findings, question=brief.question.text)
        except ModelError as error:
            DEGRADED.labels("rewrite", error.reason).inc()
            gaps.add(f"model: the pages were searched for in the question's own words alone ({error})")
            return brief
        return await retrieve(brief, knowledge, gaps, words=rewritten.query)
