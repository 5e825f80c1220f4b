"""The cap on what an optimisation may cost, and what it would cost."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from dspy import lm15

from core.costs import ModelCall, Prices
from core.errors import ModelRefused
from pipeline.model_engine import Engine
from pipeline.tokens import count_tokens

ANSWER_TOKENS = 400
"""What an answer of at most 250 words takes, with its form."""


class CapReachedError(BaseException):
    """The cap ends the run. No Exception, since DSPy's optimisers would count one as a bad answer and go on."""


class Spending:
    """What a run has paid for, in US dollars. A call that might pass `cap_usd`, as the dearest one so far would, is not sent."""

    def __init__(self, prices: Prices, cap_usd: float) -> None:
        self._prices = prices
        self.cap_usd = cap_usd
        self.usd = 0.0
        self.calls = 0
        self._dearest = 0.0
        self._refused = False

    def record(self, call: ModelCall) -> None:
        cost = self._prices.cost(call) or 0.0
        self.usd += cost
        self.calls += 1
        self._dearest = max(self._dearest, cost)

    def refuse(self) -> str | None:
        """Why the next call is not sent."""
        if self.usd + self._dearest <= self.cap_usd:
            return None
        self._refused = True
        return f"the cap of {self.cap_usd:.2f} USD is reached: {self.usd:.4f} USD were spent in {self.calls} calls"

    def check(self) -> None:
        """Raises CapReachedError once a call was refused."""
        if self._refused:
            raise CapReachedError(self.refuse())


class Counting:
    """An engine that counts what would be sent, and sends nothing."""

    supports_function_calling = False

    def __init__(self) -> None:
        self.input_tokens: list[int] = []

    def around(self, _: Engine) -> Engine:
        return self

    async def complete(self, request: lm15.Request) -> lm15.Response:
        texts = [str(request.system or "")]
        texts += [getattr(part, "text", "") for message in request.messages for part in message.parts]
        self.input_tokens.append(sum(map(count_tokens, texts)))
        raise ModelRefused("a dry run sends nothing")

    async def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        yield await self.complete(request)

    async def aclose(self) -> None:
        """There is nothing to close."""


def estimated_usd(prices: Prices, model: str, calls: int, input_tokens: float) -> float | None:
    """What so many calls of the model would cost; None where the table of prices does not know it."""
    price = prices.of(model)
    if price is None:
        return None
    return calls * (input_tokens * price.input + ANSWER_TOKENS * price.output) * 1e-6
