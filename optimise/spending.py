"""The cap on what an optimisation may cost, and what it would cost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from dspy import lm15

from core.costs import ModelCall, Prices
from core.errors import ModelRefused
from pipeline.model_engine import Upstream
from pipeline.tokens import count_tokens

ANSWER_TOKENS = 400
"""What an answer of at most 250 words takes, with its form."""
MISCOUNT = 1.25
"""How many times as many tokens as ours a provider's own tokenizer may find in a request."""


class StoppedError(BaseException):
    """Ends a run that can be gone on with. No Exception, since DSPy's optimisers would count one as a bad answer and go on."""


class Spending:
    """What a run has cost in US dollars, with what it had paid before it was broken off.

    A call that might pass `cap_usd`, if its answer were as long as it may be, is not sent. Calls are made one after the other.
    """

    def __init__(self, prices: Prices, models: Sequence[str], cap_usd: float) -> None:
        """`models` are those that may be asked; each has a price."""
        self._prices = prices
        known = [price for model in models if (price := prices.of(model)) is not None]
        self._input_usd = max(max(price.input, price.cache_write or 0.0) for price in known) * 1e-6
        self._output_usd = max(price.output for price in known) * 1e-6
        self.cap_usd = cap_usd
        self.usd = 0.0
        self.calls = 0
        self.answered = 0
        self._at_most = 0.0
        self._refused: str | None = None

    def around(self, upstream: Upstream) -> Upstream:
        """The provider, asked only within the cap."""
        return _Capped(upstream, self)

    def admit(self, request: lm15.Request) -> None:
        """Raises ModelRefused when the request might pass the cap."""
        self._at_most = tokens_of(request) * MISCOUNT * self._input_usd
        self._at_most += (request.config.max_tokens or 0) * self._output_usd
        if self.usd + self._at_most > self.cap_usd:
            self._refused = (
                f"the cap of {self.cap_usd:.2f} USD is reached: {self.usd:.4f} USD were spent in {self.calls} calls, "
                f"and the next one may cost up to {self._at_most:.4f}; raise --cap"
            )
            raise ModelRefused(self._refused)

    def record(self, call: ModelCall) -> None:
        """A call that was given up on may have been answered, and billed, all the same."""
        given_up = call.outcome == "unavailable" and call.input_tokens > 0
        cost = self._at_most if given_up else self._prices.cost(call) or 0.0
        self.usd += cost
        self.calls += (
            given_up or call.input_tokens + call.cache_read_tokens + call.cache_write_tokens + call.output_tokens > 0
        )
        self.answered += call.outcome == "ok"

    @property
    def reached(self) -> bool:
        return self._refused is not None

    def check(self) -> None:
        """Raises StoppedError once a call was refused."""
        if self._refused is not None:
            raise StoppedError(self._refused)


class _Capped:
    def __init__(self, upstream: Upstream, spending: Spending) -> None:
        self._upstream = upstream
        self._spending = spending

    async def complete(self, request: lm15.Request) -> lm15.Response:
        self._spending.admit(request)
        return await self._upstream.complete(request)

    async def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        self._spending.admit(request)
        async for event in self._upstream.stream(request):
            yield event

    async def aclose(self) -> None:
        await self._upstream.aclose()


class Unsent:
    """Stands in the provider's place and sends nothing. `calls` are those that would have been made, each with an answer of usual length."""

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []
        self._input_tokens = 0

    def around(self, _: Upstream) -> Upstream:
        return self

    def record(self, call: ModelCall) -> None:
        self.calls.append(replace(call, input_tokens=self._input_tokens, output_tokens=ANSWER_TOKENS))

    async def complete(self, request: lm15.Request) -> lm15.Response:
        self._input_tokens = tokens_of(request)
        raise ModelRefused("an estimate sends nothing")

    async def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        yield await self.complete(request)

    async def aclose(self) -> None:
        """There is nothing to close."""


def tokens_of(request: lm15.Request) -> int:
    """By our own tokenizer."""
    texts = [str(request.system or "")]
    texts += [getattr(part, "text", "") for message in request.messages for part in message.parts]
    return sum(map(count_tokens, texts))
