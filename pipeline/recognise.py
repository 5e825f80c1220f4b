"""Asks the model what a question is after, where the rules of `intents.yaml` do not know."""

from __future__ import annotations

from dataclasses import replace

import dspy

from core.errors import ModelError
from core.telemetry import DEGRADED
from pipeline.brief import Gaps, Question
from pipeline.language_model import Models
from signatures.classify_question import ClassifyQuestion
from tools.inventory import Inventory

MOST_NAMES = 200


class Recogniser(dspy.Module):
    """The intent, and the hosts and services it is about; only those that the inventory knows are taken over."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = dspy.Predict(ClassifyQuestion)

    async def aforward(
        self,
        question: Question,
        inventory: Inventory,
        conversation: str,
        models: Models,
        gaps: Gaps,
        *,
        deadline: float | None = None,
    ) -> Question:
        """The question as it was when the model fails."""
        names = ", ".join(sorted(inventory.entities)[:MOST_NAMES])
        try:
            with models.step("classify", deadline=deadline):
                seen = await self.ask.acall(known_names=names, conversation=conversation, question=question.text)
        except ModelError as error:
            DEGRADED.labels("classify", error.reason).inc()
            gaps.add(f"model: the question was understood by rules alone ({error})")
            return question
        if seen.intent == "follow_up":  # what it follows is known by rules, or not at all
            return question
        named = [name for each in seen.subjects for name in inventory.resolve(each).subjects]
        return replace(
            question, intent=seen.intent, subjects=question.subjects or tuple(dict.fromkeys(named)), sure=True
        )
