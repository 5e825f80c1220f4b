"""Our models, talking to a small server that says what a provider would."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import dspy
import pytest
from model_wire import Events, ModelWire, Reply, Stall, chat, chat_events, claude, claude_events

from core.costs import ModelCall
from core.errors import SreError
from core.settings import Settings
from pipeline.language_model import Models, build_models

KEY = "sk-ant-api03-Jx3mPq7VbT5nYw2R"
PROVIDERS = ["anthropic", "openai"]
WHOLE: dict[str, Callable[..., Reply]] = {"anthropic": claude, "openai": chat}
STREAMED: dict[str, Callable[..., Events]] = {"anthropic": claude_events, "openai": chat_events}
LENGTH = {"anthropic": "max_tokens", "openai": "length"}
DECLINED = {"anthropic": "refusal", "openai": "content_filter"}
PIECES = ("[[ ## ans", "wer ## ]]\n", "The disk is ", "full [E1].\n\n", "[[ ## completed ## ]]")


class Explain(dspy.Signature):
    """Say why."""

    question: str = dspy.InputField()
    answer: str = dspy.OutputField()


class Program(dspy.Module):
    def __init__(self, models: Models) -> None:
        super().__init__()
        self._models = models
        self.explain = dspy.Predict(Explain)

    async def aforward(self, question: str) -> dspy.Prediction:
        with self._models.step("synthesise"):
            return await self.explain.acall(question=question)


def settings(provider: str, url: str | None, **values: object) -> Settings:
    given = {
        "lm": f"{provider}/m",
        "lm_base_url": url,
        "lm_api_key": KEY,
        "anthropic_api_key": KEY,
        "lm_timeout_s": 5,
        "lm_context_tokens": 8192,
    }
    return Settings(_env_file=None, **{**given, **values})  # type: ignore[call-arg]


class Asked:
    """A wire with these answers, the models that talk to it, and what they reported."""

    def __init__(self, wire: ModelWire, models: Models, calls: list[ModelCall]) -> None:
        self.wire = wire
        self.models = models
        self.calls = calls

    async def answer(self, question: str = "why?", *, step: Any = "synthesise", deadline: float | None = None) -> str:
        with self.models.step(step, deadline=deadline):
            prediction = await dspy.Predict(Explain).acall(question=question)
        return str(prediction.answer)

    async def failure(self, **options: Any) -> SreError:
        with pytest.raises(SreError) as caught:
            await self.answer(**options)
        shown = "".join(traceback.format_exception(caught.value))
        assert KEY not in shown
        assert "\n" not in str(caught.value)
        return caught.value

    @property
    def outcomes(self) -> list[str]:
        return [call.outcome for call in self.calls]


@asynccontextmanager
async def asked(
    provider: str,
    *answers: Reply | Events | Stall,
    together: int = 1,
    refuse: Callable[[], str | None] = lambda: None,
    **values: Any,
) -> AsyncIterator[Asked]:
    calls: list[ModelCall] = []
    async with ModelWire(answers, together=together) as wire:
        models = build_models(settings(provider, wire.url, **values), on_call=calls.append, refuse=refuse)
        assert models is not None
        yield Asked(wire, models, calls)
        await models.aclose()
