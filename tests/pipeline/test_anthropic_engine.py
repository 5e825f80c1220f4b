"""What is sent to Anthropic's Messages API."""

from __future__ import annotations

from typing import Any

import dspy
import pytest
from model_wire import ModelWire, claude

from core.settings import Settings
from pipeline.language_model import build_models

KEY = "sk-ant-api03-Jx3mPq7VbT5nYw2R"
CACHED = {"type": "ephemeral"}


class Explain(dspy.Signature):
    """Say why."""

    question: str = dspy.InputField()
    answer: str = dspy.OutputField()


async def sent(*questions: str, demos: list[Any] | None = None, **values: Any) -> list[tuple[str, dict[str, str], Any]]:
    """The requests for these questions: path, headers, body."""
    explain = dspy.Predict(Explain)
    explain.demos = demos or []
    async with ModelWire([claude()]) as wire:
        settings = Settings(
            _env_file=None, lm="anthropic/claude-x", lm_base_url=wire.url, anthropic_api_key=KEY, **values
        )  # type: ignore[call-arg]
        models = build_models(settings, on_call=lambda call: None)
        assert models is not None
        for question in questions:
            with models.step("synthesise"):
                await explain.acall(question=question)
        await models.aclose()
    return wire.requests


async def test_one_request_says_what_the_api_documents() -> None:
    ((path, headers, body),) = await sent("why?")
    assert path == "/v1/messages"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["anthropic-version"]
    assert set(body) == {"model", "max_tokens", "system", "messages"}
    assert (body["model"], body["max_tokens"]) == ("claude-x", 8192)
    assert [message["role"] for message in body["messages"]] == ["user"]


async def test_the_system_prompt_is_cached_and_the_same_for_each_question() -> None:
    first, second = [body for _, _, body in await sent("why?", "since when?")]
    assert first["system"] == second["system"]
    assert [block["cache_control"] for block in first["system"]] == [CACHED]
    assert "cache_control" not in str(first["messages"])


async def test_examples_are_cached_as_well() -> None:
    ((_, _, body),) = await sent("why?", demos=[{"question": "Why is nas slow?", "answer": "Its disk is full [E1]."}])
    *_, example, question = body["messages"]
    assert example["role"] == "assistant"
    assert example["content"][0]["cache_control"] == CACHED
    assert isinstance(question["content"], str)


@pytest.mark.parametrize(("context", "longest"), [(4096, 1024), (8192, 2048), (200_000, 8192)])
async def test_the_answer_is_bounded_by_the_context(context: int, longest: int) -> None:
    ((_, _, body),) = await sent("why?", lm_context_tokens=context)
    assert body["max_tokens"] == longest


async def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would read a key and an address there."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "other-token")
    ((_, headers, _),) = await sent("why?")
    assert headers["authorization"] == f"Bearer {KEY}"
