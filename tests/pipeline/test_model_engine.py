"""Claude's API and OpenAI's over real sockets: each way to fail is one kind of error, on time, and accounted for."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import dspy
import pytest
from asked_models import (
    DECLINED,
    KEY,
    LENGTH,
    PIECES,
    PROVIDERS,
    STREAMED,
    WHOLE,
    Asked,
    Explain,
    Program,
    asked,
    settings,
)
from model_wire import Reply, Stall, chat, error

from core.errors import BadModelAnswer, ModelRefused, ModelUnavailable, SreError
from pipeline.language_model import build_models


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_and_what_it_cost(provider: str) -> None:
    async with asked(provider, WHOLE[provider]()) as it:
        assert await it.answer() == "The disk is full [E1]."
        (call,) = it.calls
    assert (call.model, call.step, call.outcome) == (f"{provider}/m", "synthesise", "ok")
    assert (call.cache_read_tokens, call.output_tokens) == (100, 7)
    assert (call.input_tokens, call.cache_write_tokens) == {"anthropic": (12, 3), "openai": (20, 0)}[provider]
    assert call.seconds > 0


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (error(401, "authentication_error", f"invalid x-api-key {KEY}"), ModelRefused, r"key was not accepted \(401\); check .*API_KEY"),
        (error(403, "permission_error", "not yours"), ModelRefused, r"key was not accepted \(403\)"),
        (error(404, "not_found_error", "model: m"), ModelRefused, r"not found \(404\); check SRE_LM and SRE_LM_BASE_URL http"),
        (error(400, "invalid_request_error", "odd"), ModelRefused, r"the request was refused \(400\): odd"),
        (error(429, "rate_limit_error", "slow", retry_after="60"), ModelUnavailable, r"too many requests \(429\), may be asked again in 60 s"),
        (error(429, "rate_limit_error", "slow", retry_after="Mon, 23 Nov 2099 00:00:00 GMT"), ModelUnavailable, r"asked again in \d{9,} s"),
        (Reply(b'{"id": "msg_1", "content": ['), BadModelAnswer, "not what the API documents.*not JSON"),
        (Reply(b"<html>Welcome</html>", headers={"content-type": "text/html"}), BadModelAnswer, "not what the API documents"),
        (Reply([]), BadModelAnswer, "not what the API documents"),
    ],
)  # fmt: skip
async def test_what_will_not_pass_is_not_tried_again(
    provider: str, answer: Reply, kind: type[SreError], says: str
) -> None:
    async with asked(provider, answer) as it:
        failure = await it.failure()
        assert len(it.wire.requests) == len(it.calls) == 1
    assert type(failure) is kind
    assert str(failure).startswith(f"{provider}/m: ")
    assert re.search(says, str(failure))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "first",
    [
        error(429, "rate_limit_error", "slow", retry_after="0"),
        error(500, "api_error", "oops"),
        error(503, "api_error", "oops"),
        error(529, "overloaded_error", "Overloaded"),
        Reply({}, promised=5000),
    ],
)
async def test_what_may_pass_is_tried_again(provider: str, first: Reply) -> None:
    async with asked(provider, first, WHOLE[provider]()) as it:
        assert await it.answer() == "The disk is full [E1]."
        assert it.outcomes == ["unavailable", "ok"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_wait_that_the_provider_asks_for_is_kept_when_it_fits(provider: str) -> None:
    async with asked(provider, error(429, "rate_limit_error", "slow", retry_after="1"), WHOLE[provider]()) as it:
        began = asyncio.get_running_loop().time()
        await it.answer()
        assert asyncio.get_running_loop().time() - began >= 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_wait_that_the_deadline_has_no_room_for_is_not_begun(provider: str) -> None:
    async with asked(provider, error(429, "rate_limit_error", "slow", retry_after="2"), WHOLE[provider]()) as it:
        failure = await it.failure(deadline=asyncio.get_running_loop().time() + 1)
        assert "may be asked again in 2 s" in str(failure)
        assert it.outcomes == ["unavailable"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_it_gives_up_after_three_attempts(provider: str) -> None:
    async with asked(provider, error(529, "overloaded_error", "Overloaded"), lm_timeout_s=2) as it:
        assert "overloaded or broken (529)" in str(await it.failure())
        assert it.outcomes == ["unavailable"] * 3


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_stalled_socket_ends_on_time_and_is_charged_by_its_length(provider: str) -> None:
    async with asked(provider, Stall(), lm_timeout_s=0.3) as it:
        failure = await it.failure()
        assert isinstance(failure, ModelUnavailable)
        assert "no complete answer within 0.3 s" in str(failure)
        assert it.outcomes == ["unavailable"]
        assert it.calls[0].input_tokens > 50


@pytest.mark.parametrize("provider", [*PROVIDERS, "ollama"])
async def test_nothing_listens(provider: str) -> None:
    models = build_models(settings(provider, "http://127.0.0.1:9", lm_timeout_s=1), on_call=lambda call: None)
    assert models is not None
    says = rf"{provider}/m: no complete answer; is it running, .* http://127.0.0.1:9"
    with pytest.raises(ModelUnavailable, match=says), models.step("synthesise"):
        await dspy.Predict(Explain).acall(question="why?")
    await models.aclose()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_deadline_of_a_caller_passes_through_and_hangs_up(provider: str) -> None:
    async with asked(provider, Stall()) as it:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.3):
                await it.answer()
        assert not isinstance(caught.value, SreError)
        assert it.outcomes == ["unavailable"]
        async with asyncio.timeout(10):
            while it.wire.hung_up != 1:
                await asyncio.sleep(0.01)
        assert it.models.unavailable() is None


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_is_down_is_left_alone(provider: str) -> None:
    async with asked(provider, error(500, "api_error", "oops"), lm_timeout_s=0.5) as it:
        for _ in range(3):
            await it.failure()
        sent = len(it.wire.requests)
        assert "failed 3 times in a row" in str(it.models.unavailable())
        assert isinstance(await it.failure(), ModelUnavailable)
        assert len(it.wire.requests) == len(it.calls) == sent


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_too_little_time_says_nothing_about_the_provider(provider: str) -> None:
    async with asked(provider, Stall()) as it:
        for _ in range(4):
            failure = await it.failure(deadline=asyncio.get_running_loop().time() + 0.05)
            assert "that the question's deadline left" in str(failure)
        assert it.models.unavailable() is None


async def test_after_the_deadline_nothing_is_sent() -> None:
    async with asked("openai", chat()) as it:
        failure = await it.failure(deadline=asyncio.get_running_loop().time() - 1)
        assert "deadline has passed" in str(failure)
        assert it.wire.requests == it.calls == []


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_that_cannot_be_used_is_paid_for(provider: str) -> None:
    declined, cut = (WHOLE[provider]("no", stop=stop[provider]) for stop in (DECLINED, LENGTH))
    async with asked(provider, declined, cut) as it:
        refusal, cut_off = await it.failure(), await it.failure()
        assert isinstance(refusal, ModelRefused)
        assert "declined" in str(refusal)
        assert isinstance(cut_off, BadModelAnswer)
        assert "2048 tokens" in str(cut_off)
        assert it.outcomes == ["refused", "bad"]
        assert [call.output_tokens for call in it.calls] == [7, 7]


async def test_what_is_not_in_the_form_is_quoted_short_and_redacted() -> None:
    async with asked("openai", chat('{"password": "hunter2hunter2"}' + " x" * 500)) as it:
        failure = await it.failure()
    assert isinstance(failure, BadModelAnswer)
    assert "not in the asked-for form (answer)" in str(failure)
    assert "hunter2" not in str(failure)
    assert len(str(failure)) < 300


async def test_a_prompt_that_is_too_long_is_no_outage() -> None:
    async with asked("openai", error(400, "context_length_exceeded", "too long")) as it:
        failure = await it.failure()
    assert isinstance(failure, BadModelAnswer)
    assert "SRE_LM_CONTEXT_TOKENS" in str(failure)


async def streamed(it: Asked) -> tuple[list[str], SreError | None]:
    """What a reader saw, the whole answer last, and how it failed."""
    listener = dspy.streaming.StreamListener("answer")
    stream = dspy.streamify(Program(it.models), stream_listeners=[listener], is_async_program=True)
    seen: list[str] = []
    try:
        async for item in stream(question="why?"):
            seen.append(item.answer if isinstance(item, dspy.Prediction) else item.chunk)  # noqa: PERF401 - what came before an error counts
    except SreError as failure:
        return seen, failure
    return seen, None


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_can_be_streamed(provider: str) -> None:
    async with asked(provider, STREAMED[provider](*PIECES)) as it:
        chunks, failure = await streamed(it)
        assert failure is None
        assert len(chunks) > 2
        assert chunks[-1] == "The disk is full [E1]."
        (call,) = it.calls
        assert (call.outcome, call.cache_read_tokens, call.output_tokens) == ("ok", 100, 7)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("how", "kind"),
    [({"ends": False}, ModelUnavailable), ({"fails": True}, ModelUnavailable), ({"stop": DECLINED}, ModelRefused)],
)
async def test_a_stream_that_does_not_end_well(provider: str, how: dict[str, Any], kind: type[SreError]) -> None:
    how = {name: value[provider] if isinstance(value, dict) else value for name, value in how.items()}
    async with asked(provider, STREAMED[provider](*PIECES, **how)) as it:
        _, failure = await streamed(it)
        assert type(failure) is kind
        assert len(it.wire.requests) == 1
        assert it.outcomes == ["refused" if kind is ModelRefused else "unavailable"]
