"""The models as the program uses them: a model for each step, in tasks and in threads, and no key anywhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dspy
import pytest
from asked_models import KEY, PROVIDERS, WHOLE, Explain, Program, asked
from model_wire import chat, claude

from core.errors import InvalidInput, ModelRefused
from core.settings import Settings
from pipeline.language_model import build_models, model_problem


async def test_a_spent_budget_sends_nothing() -> None:
    async with asked("openai", chat(), refuse=lambda: "budget: 1.02 of 1.00 USD spent today") as it:
        failure = await it.failure()
        assert isinstance(failure, ModelRefused)
        assert str(failure) == "budget: 1.02 of 1.00 USD spent today"
        assert it.wire.requests == []


async def test_small_steps_go_to_the_small_model() -> None:
    async with asked("ollama", chat(), lm_small="ollama/tiny") as it:
        for step in ("classify", "investigate", "rewrite", "synthesise", "summarise", "rca"):
            await it.answer(step=step)
        assert [call.model for call in it.calls] == ["ollama/tiny", "ollama/m"] * 3
        assert [body["model"] for _, _, body in it.wire.requests] == ["tiny", "m"] * 3
        assert it.models.name == "ollama/m"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_sixty_questions_at_once_are_all_in_flight(provider: str) -> None:
    """The server answers nobody before it has all sixty."""
    async with asked(provider, WHOLE[provider](), together=60, lm_timeout_s=60) as it:
        answers = await asyncio.gather(*(it.answer() for _ in range(60)))
        assert answers == ["The disk is full [E1]."] * 60


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_threads_without_an_event_loop(provider: str) -> None:
    """As optimisers call it."""
    async with asked(provider, WHOLE[provider]()) as it:

        def ask() -> str:
            with it.models.step("synthesise"):
                return str(dspy.Predict(Explain)(question="why?").answer)

        assert set(await asyncio.gather(*(asyncio.to_thread(ask) for _ in range(4)))) == {"The disk is full [E1]."}
        assert it.outcomes == ["ok"] * 4


@pytest.mark.parametrize(
    "passing", [InvalidInput("mine"), ValueError("mine"), TimeoutError("mine"), asyncio.CancelledError()]
)
async def test_errors_that_are_not_about_the_model_pass_through(passing: BaseException) -> None:
    async with asked("openai", chat()) as it:
        with pytest.raises(type(passing)) as caught, it.models.step("investigate"):
            raise passing
        assert caught.value is passing


async def test_no_key_is_kept_where_it_could_be_seen(tmp_path: Path) -> None:
    async with asked("anthropic", claude()) as it:
        program = Program(it.models)
        with it.models.step("synthesise"):
            await program.acall(question="why?")
            model = dspy.settings.lm
            program.save(tmp_path / "program.json")
        program.explain.set_lm(model)
        with pytest.raises(TypeError, match="cannot be saved"):
            program.save(tmp_path / "with_model.json")
        shown = [
            (tmp_path / "program.json").read_text(),
            repr(model),
            repr(vars(model)),
            repr(it.models),
            repr(vars(it.models)),
        ]
        assert KEY in it.wire.requests[0][1]["authorization"]
    assert not any(KEY in text for text in shown)
    assert model.history == []


def test_no_model_is_set() -> None:
    none = Settings(_env_file=None)  # type: ignore[call-arg]
    assert build_models(none, on_call=lambda call: None) is None
    assert model_problem(none) is None


def test_a_problem_is_told_without_building() -> None:
    wrong = Settings(_env_file=None, lm="anthropic/m", anthropic_api_key="a b")  # type: ignore[call-arg]
    assert (model_problem(wrong) or "").startswith("ANTHROPIC_API_KEY: holds a space")
