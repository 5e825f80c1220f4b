"""The cap on what a run may cost."""

from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from dspy import lm15

from core.costs import CallOutcome, ModelCall, Price, Prices
from core.errors import ModelRefused
from optimise.spending import ANSWER_TOKENS, MISCOUNT, Spending, StoppedError, Unsent, tokens_of

PRICES = Prices(
    as_of=date(2026, 11, 1),
    source="a test",
    models={"p/m": Price(input=10.0, output=50.0, cache_write=20.0), "p/small": Price(input=1.0, output=5.0)},
)
MAX_TOKENS = 1000
MOST_USD = MAX_TOKENS * 50e-6 + 4 * MISCOUNT * 20e-6
"""What the request below may cost: four tokens, all written to the provider's cache, and the longest answer."""


def request(text: str = "disks are full today", max_tokens: int = MAX_TOKENS) -> lm15.Request:
    message = lm15.Message(role="user", parts=(lm15.TextPart(text),))
    return lm15.Request(model="m", messages=(message,), config=lm15.Config(max_tokens=max_tokens))


def call(input_tokens: int, outcome: CallOutcome = "ok") -> ModelCall:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return ModelCall(at=at, model="p/m", step="synthesise", input_tokens=input_tokens, outcome=outcome)


class Sent:
    """Counts what reaches the provider."""

    def __init__(self) -> None:
        self.requests = 0

    async def complete(self, asked: lm15.Request) -> lm15.Response:
        self.requests += 1
        return lm15.Response(None, asked.model, lm15.Message.assistant("yes"), "stop", lm15.Usage())

    async def stream(self, asked: lm15.Request) -> AsyncGenerator[Any, None]:
        yield await self.complete(asked)

    async def aclose(self) -> None:
        self.requests = -1


async def test_a_call_that_might_pass_the_cap_is_not_sent() -> None:
    spending, sent = Spending(PRICES, ["p/m", "p/small"], cap_usd=MOST_USD + 0.025), Sent()
    capped = spending.around(sent)
    for _ in range(3):
        await capped.complete(request())
        spending.check()
        spending.record(call(1000))  # a cent each
    with pytest.raises(ModelRefused, match=r"cap of 0\.08 USD is reached: 0\.0300 USD were spent in 3 calls"):
        await capped.complete(request())
    assert sent.requests == 3
    assert spending.reached
    with pytest.raises(StoppedError, match=r"3 calls, and the next one may cost up to 0\.0501; raise --cap"):
        spending.check()


async def test_not_even_the_first_call_may_pass_the_cap() -> None:
    sent = Sent()
    with pytest.raises(ModelRefused, match="0 calls"):
        await Spending(PRICES, ["p/m"], cap_usd=MOST_USD * 0.99).around(sent).complete(request())
    assert sent.requests == 0
    await Spending(PRICES, ["p/m"], cap_usd=MOST_USD * 1.01).around(sent).complete(request())
    assert sent.requests == 1


async def test_a_stream_is_held_back_too() -> None:
    sent = Sent()
    with pytest.raises(ModelRefused, match="cap"):
        [event async for event in Spending(PRICES, ["p/m"], cap_usd=0.0).around(sent).stream(request())]
    assert sent.requests == 0


def test_a_call_that_was_given_up_on_counts_as_much_as_it_may_have_cost() -> None:
    spending = Spending(PRICES, ["p/m"], cap_usd=1.0)
    spending.admit(request())
    spending.record(call(4, "unavailable"))
    assert spending.usd == pytest.approx(MOST_USD)
    spending.record(call(0, "refused"))
    assert (spending.usd, spending.calls, spending.answered) == (pytest.approx(MOST_USD), 1, 0)


def test_a_model_without_cost_is_never_held_back() -> None:
    free = Prices(as_of=date(2026, 11, 1), source="a test", models={"ollama/*": Price(input=0, output=0)})
    spending = Spending(free, ["ollama/any"], cap_usd=0.0)
    spending.admit(request())
    spending.check()


def test_an_optimiser_cannot_mistake_a_stop_for_a_bad_answer() -> None:
    assert not issubclass(StoppedError, Exception)


async def test_an_estimate_counts_question_and_answer() -> None:
    unsent = Unsent()
    with pytest.raises(ModelRefused):
        await unsent.around(Sent()).complete(request())
    unsent.record(call(0, "refused"))
    assert [(made.input_tokens, made.output_tokens) for made in unsent.calls] == [(4, ANSWER_TOKENS)]
    assert tokens_of(request()) == 4
