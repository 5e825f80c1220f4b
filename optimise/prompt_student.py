"""The prompt that writes answers, as DSPy's optimisers take it: asked by the whole assistant over staged incidents, judged by the scorer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any, Protocol, Self

import dspy

from optimise.cases import LoadedCase
from optimise.report import CaseResult
from optimise.spending import Spending, StoppedError
from signatures.synthesise import Synthesise

PROMPT = "synthesise.write"
"""Its name in the program's state. The other prompts are asked seldom, and code can do without them."""
FIRST_LINES = 6
MODEL_GAP = "model: "


class Asking(Protocol):
    """Asks a case with a given prompt; `optimise.rehearsed.Rehearsed` does."""

    async def ask(self, case: LoadedCase, prompt: dspy.Predict) -> CaseResult: ...


class Desk:
    """What all copies of the student share: the cases, who asks them, the cap, and why the model would not be asked now (`down`)."""

    def __init__(
        self,
        asking: Asking,
        cases: Mapping[str, LoadedCase],
        spending: Spending,
        runner: asyncio.Runner,
        down: Callable[[], str | None],
    ) -> None:
        self._asking = asking
        self._cases = cases
        self._spending = spending
        self._runner = runner
        self._down = down

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self

    def ask(self, number: str, prompt: dspy.Predict) -> CaseResult:
        """Blocks. Raises StoppedError at the cap, and where a model that is away would make every prompt look bad."""
        self._spending.check()
        asked = self._asking.ask(self._cases[number], prompt)
        result = self._runner.run(asked, context=copy_context())  # DSPy's trace is in the context
        self._spending.check()
        reason = self._down()
        if reason is None and not self._spending.answered:
            reason = next(iter(_of_the_model(result)), "no model was asked")
        if reason is not None:
            raise StoppedError(reason.removeprefix(MODEL_GAP))
        return result

    def question(self, number: str) -> str:
        """The first of the case."""
        return self._cases[number].case.turns[0].question


class AnswerPrompt(dspy.Module):
    """The student: one predictor. Its result is a case, asked with whatever the predictor's prompt is now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.write = dspy.Predict(Synthesise)
        self.desk = desk

    def forward(self, case: str) -> dspy.Prediction:
        result = self.desk.ask(case, self.write)
        return dspy.Prediction(answer=result.turns[-1].answer, result=result)


def worth(result: CaseResult) -> float:
    """1 for a case that passes in the model's words; less for each check that failed; 0 where code had to answer in its place."""
    if any(turn.mode != "llm" for turn in result.turns):
        return 0.0
    return 1.0 if result.passed else 0.8 / (1 + len(result.failed_checks))


def feedback(result: CaseResult) -> str:
    """What the scorer says, for a model that improves the prompt."""
    lines = [f"- {check}" for turn in result.turns for check in turn.failed]
    lines += [f"- {gap}" for gap in _of_the_model(result)]
    if any(turn.mode != "llm" for turn in result.turns):
        lines.insert(0, "- nothing usable was written, so that code had to answer")
    return "\n".join(["What was wrong:", *lines[:FIRST_LINES]]) if lines else "All that was checked holds."


def _of_the_model(result: CaseResult) -> list[str]:
    return [gap for turn in result.turns for gap in turn.gaps if gap.startswith(MODEL_GAP)]
