"""A language model as judge of answers, beside the checks of `optimise.scoring` and never instead of them. Off unless one is named."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator

from core.costs import ModelCall
from core.errors import BadModelAnswer, ConfigurationError, ModelError
from core.redact import redact
from core.settings import Settings
from core.vocabulary import Answer
from optimise.cases import Expect
from optimise.context import Context
from optimise.report import TurnResult
from pipeline.language_model import Models, build_models

LOG = logging.getLogger(__name__)
MAX_ANSWER = 8_000
"""Characters of an answer that are judged."""


class Judge:
    """Safe to share between tasks. `name` is the model's."""

    def __init__(self, models: Models) -> None:
        self.name = models.name
        self._models = models

    async def judged(self, result: TurnResult, expect: Expect, answer: Answer, context: Context) -> TurnResult:
        """The result with the judge's grade; as it was, with the reason in the log, where the judge gave none."""
        try:
            grade = await self.grade(expect, answer, context)
        except ModelError as error:
            LOG.warning("%s did not judge the answer to %r: %s", self.name, context.question[:80], error)
            return result
        return result.model_copy(update={"judged": grade})

    async def grade(self, expect: Expect, answer: Answer, context: Context) -> float:
        """0..1. Raises ModelError."""
        import dspy  # takes a second to import

        from signatures.judge_answer import JudgeAnswer

        with self._models.step("synthesise"):
            said = await dspy.Predict(JudgeAnswer).acall(
                question=context.question,
                expected="\n".join(f"- {line}" for line in _expected(expect, context)) or "nothing in particular",
                answer=redact(answer.answer[:MAX_ANSWER]),
            )
        grade = float(said.grade)
        if not math.isfinite(grade) or not 0 <= grade <= 1:
            raise BadModelAnswer(f"{self.name} graded {said.grade}; a grade lies between 0 and 1")
        return grade

    async def aclose(self) -> None:
        await self._models.aclose()


def build_judge(
    settings: Settings,
    model: str | None,
    *,
    on_call: Callable[[ModelCall], None],
    refuse: Callable[[], str | None] = lambda: None,
) -> Judge | None:
    """`model` is named as in SRE_LM; None: no judge. Sends nothing; `on_call` and `refuse` as for `build_models`.

    SRE_LM_BASE_URL is that of the judge only where it is of the same provider. Raises ConfigurationError: a model that writes
    answers itself, or one without a key.
    """
    if model is None:
        return None
    for name, setting in ((settings.lm, "SRE_LM"), (settings.lm_small, "SRE_LM_SMALL")):
        if name is not None and _model(name) == _model(model):
            raise ConfigurationError(
                f"judge: {model[:60]!r} is {setting}, which would judge what it wrote itself; name another model"
            )
    same_provider = settings.lm is not None and settings.lm.partition("/")[0] == model.partition("/")[0]
    own = {
        "lm": model,
        "lm_small": None,
        "lm_base_url": settings.lm_base_url if same_provider or not settings.lm else None,
    }
    try:
        models = build_models(settings.model_copy(update=own), on_call=on_call, refuse=refuse)
    except ConfigurationError as error:
        raise ConfigurationError(f"judge: {str(error).removeprefix('SRE_LM: ')}") from None
    return Judge(models) if models else None


def _model(name: str) -> str:
    """Without the provider: a model behind two doors is one model."""
    return name.strip().rpartition("/")[2].lower()


def _expected(expect: Expect, context: Context) -> Iterator[str]:
    """What a good answer says, in words."""
    truth = context.truth
    entity = expect.cause_entity if expect.names("cause_entity") else truth.entity if truth else None
    if expect.abstain:
        yield "that no cause can be named with confidence"
    elif entity is not None:
        yield f"that {entity} is the cause"
    change = context.changes.get((expect.change if expect.names("change") else truth.change if truth else None) or "")
    if change is not None:
        yield f"that this change brought it about: {change.title}"
    elif expect.names("change"):
        yield "that no change explains it"
    yield from expect.facts
    for page in (expect.runbook,) if isinstance(expect.runbook, str) else expect.runbook or ():
        yield f"the steps of {page}"
    yield from (f"never: {phrase}" for phrase in expect.forbidden)
    yield from (f"that this is missing: {gap}" for gap in expect.gaps)
