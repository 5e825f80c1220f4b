"""What stands around every request to a language model: budget, breaker, deadline, retries, and the account of what it cost."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Protocol, TypeVar

import stamina
import stamina.instrumentation
from dspy import lm15

from core.clock import now
from core.costs import CallOutcome, ModelCall
from core.errors import BadModelAnswer, ModelError, ModelRefused, ModelUnavailable
from core.telemetry import busy
from pipeline.model_breaker import Breaker, CutShort
from pipeline.model_endpoint import Endpoint
from pipeline.model_errors import MALFORMED, model_error

# Retries show in the ledger. The default hooks would also print them, through structlog, into the output of `--json`.
stamina.instrumentation.set_on_retry_hooks(())

DEADLINE: ContextVar[float | None] = ContextVar("model_deadline", default=None)
"""When the current step has to be over, on the event loop's clock (`loop.time()`)."""

SHOW: ContextVar[Callable[[str | None], None] | None] = ContextVar("model_show", default=None)
"""Takes the model's words as they come, None each time that it begins; without one an answer is asked for whole."""

_ATTEMPTS = 3
_MAY_PASS = (lm15.RateLimitError, lm15.ServerError, lm15.TimeoutError, lm15.TransportError)
_CHARS_PER_TOKEN = 4
_T = TypeVar("_T")
_OUTCOMES: dict[type[ModelError], CallOutcome] = {
    ModelUnavailable: "unavailable",
    ModelRefused: "refused",
    BadModelAnswer: "bad",
}


@dataclass(frozen=True, slots=True)
class _Budget:
    """On the event loop's clock."""

    started: float
    end: float


@dataclass(slots=True)
class _Report:
    usage: lm15.Usage | None = None


class Upstream(Protocol):
    """An async engine of DSPy that belongs to one event loop."""

    async def complete(self, request: lm15.Request) -> lm15.Response: ...
    def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]: ...
    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for every request. `timeout_s` bounds a call with all its retries; `output_tokens` bounds an answer."""

    timeout_s: float
    output_tokens: int
    on_call: Callable[[ModelCall], None]
    refuse: Callable[[], str | None]


class Line:
    """One endpoint's connections, an upstream for each event loop (sockets cannot move to another), and its breaker."""

    def __init__(self, endpoint: Endpoint, connect: Callable[[], Upstream], breaker: Breaker) -> None:
        self.endpoint = endpoint
        self.breaker = breaker
        self._connect = connect
        self._upstreams: dict[asyncio.AbstractEventLoop, Upstream] = {}
        self._lock = Lock()

    def upstream(self) -> Upstream:
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop not in self._upstreams:
                # Connections of a loop that has ended cannot be closed any more, only forgotten.
                self._upstreams = {known: kept for known, kept in self._upstreams.items() if not known.is_closed()}
                self._upstreams[loop] = self._connect()
            return self._upstreams[loop]

    async def aclose(self) -> None:
        """Close this event loop's connections. A later request opens new ones."""
        with self._lock:
            upstream = self._upstreams.pop(asyncio.get_running_loop(), None)
        if upstream is not None:
            await upstream.aclose()


class ModelEngine:
    """The requests of one step of the program to one model, as an async engine of DSPy. Raises ModelError."""

    supports_function_calling = False

    def __init__(self, step: str, line: Line, policy: Policy) -> None:
        self._step = step
        self._line = line
        self._policy = policy

    async def complete(self, request: lm15.Request) -> lm15.Response:
        request, budget = self._bounded(request), self._budget()
        with busy("llm"), self._line.breaker.guarded(), self._translated():
            return await self._with_retries(request, budget)

    async def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        """The same as a stream of lm15 events. Not retried: what was shown cannot be taken back."""
        request, budget = self._bounded(request), self._budget()
        with busy("llm"), self._line.breaker.guarded(), self._translated(), self._reported(request) as report:
            async with aclosing(self._line.upstream().stream(request)) as events:
                while (event := await self._in_time(anext(events, None), budget)) is not None:
                    if event.type == "end":
                        report.usage = event.usage
                        self._refuse_unfinished(event.finish_reason)
                    yield event

    async def aclose(self) -> None:
        await self._line.aclose()

    def _bounded(self, request: lm15.Request) -> lm15.Request:
        """The request with its limit on output, unless the daily budget refuses it."""
        reason = self._policy.refuse()
        if reason is not None:
            raise ModelRefused(reason)
        limit = request.config.max_tokens or self._policy.output_tokens
        return replace(request, config=replace(request.config, max_tokens=limit))

    def _budget(self) -> _Budget:
        started = asyncio.get_running_loop().time()
        end = started + self._policy.timeout_s
        deadline = DEADLINE.get()
        if deadline is not None and deadline <= started:
            raise CutShort(f"{self._line.endpoint.name}: the question's deadline has passed; nothing was asked")
        return _Budget(started, end if deadline is None else min(end, deadline))

    async def _with_retries(self, request: lm15.Request, budget: _Budget) -> lm15.Response:
        """The first answer within the budget. What may pass by itself is tried again, when the provider allows it in time."""
        loop = asyncio.get_running_loop()
        longest_wait = self._policy.timeout_s / 10

        def wait(error: Exception) -> bool | float:
            if not isinstance(error, _MAY_PASS):
                return False
            told = getattr(error, "retry_after", None)
            if told is None:
                return bool(loop.time() + 2 * longest_wait < budget.end)
            told += random.uniform(0, longest_wait / 5)  # noqa: S311 - spreads the requests of many questions; no secret
            return told if loop.time() + told < budget.end else False

        async for attempt in stamina.retry_context(
            on=wait,
            attempts=_ATTEMPTS,
            timeout=None,
            wait_initial=longest_wait / 5,
            wait_max=longest_wait,
            wait_jitter=longest_wait / 5,
        ):
            with attempt, self._reported(request) as report:
                response = await self._in_time(self._asked(request), budget)
                report.usage = response.usage
                self._refuse_unfinished(response.finish_reason)
                return response
        raise AssertionError("stamina always runs at least one attempt")

    async def _asked(self, request: lm15.Request) -> lm15.Response:
        """The whole answer, its words shown to whoever watches while they come."""
        show = SHOW.get()
        if show is None:
            return await self._line.upstream().complete(request)
        show(None)
        async with aclosing(_shown(self._line.upstream().stream(request), show)) as events:
            return await lm15.amaterialize_response(events, request)

    async def _in_time(self, waiting: Awaitable[_T], budget: _Budget) -> _T:
        try:
            async with asyncio.timeout_at(budget.end) as limit:
                return await waiting
        except TimeoutError:
            if not limit.expired():
                raise
        seconds = budget.end - budget.started
        name = self._line.endpoint.name
        if seconds < self._policy.timeout_s / 2:
            raise CutShort(f"{name}: no complete answer in the {seconds:.1f} s that the question's deadline left")
        raise ModelUnavailable(
            f"{name}: no complete answer within {seconds:.1f} s; a slow model needs a higher SRE_LM_TIMEOUT_S and SRE_QUESTION_DEADLINE_S"
        )

    def _refuse_unfinished(self, finish_reason: str | None) -> None:
        name = self._line.endpoint.name
        if finish_reason == "content_filter":
            raise ModelRefused(f"{name}: the model declined to answer")
        if finish_reason == "length":
            limit = self._policy.output_tokens
            raise BadModelAnswer(
                f"{name}: the answer was cut off after {limit} tokens at most, or where the model's context ends; "
                "use a model that writes less, or raise SRE_LM_CONTEXT_TOKENS if it reads more"
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (lm15.LM15Error, *MALFORMED) as error:
            # Not chained: the provider's exception may quote what must not be logged.
            raise model_error(self._line.endpoint, error) from None

    @contextmanager
    def _reported(self, request: lm15.Request) -> Iterator[_Report]:
        """Tell what this request cost, whatever becomes of it.

        One that was given up on was read by the provider all the same: it is charged by its length.
        """
        report, at, started = _Report(), now(), time.perf_counter()
        outcome: CallOutcome = "ok"
        try:
            yield report
        except Exception as error:
            known = model_error(self._line.endpoint, error)
            outcome = next(outcome for kind, outcome in _OUTCOMES.items() if isinstance(known, kind))
            if isinstance(error, ModelUnavailable):
                report.usage = _estimated(request)
            raise
        except BaseException:  # cancelled, or nobody reads the stream any more
            if report.usage is None:
                outcome, report.usage = "unavailable", _estimated(request)
            raise
        finally:
            seconds = time.perf_counter() - started
            tokens = _tokens(self._line.endpoint, report.usage or lm15.Usage())
            call = ModelCall(at, self._line.endpoint.name, self._step, seconds=seconds, outcome=outcome, **tokens)
            self._policy.on_call(call)


async def _shown(events: AsyncGenerator[Any, None], show: Callable[[str | None], None]) -> AsyncGenerator[Any, None]:
    async with aclosing(events):
        async for event in events:
            if event.type == "delta" and event.delta.type == "text":
                show(event.delta.text)
            yield event


class BlockingEngine:
    """The same for callers without an event loop: optimisers, which run in threads of their own."""

    supports_function_calling = False

    def __init__(self, engine: ModelEngine) -> None:
        self._engine = engine

    def complete(self, request: lm15.Request) -> lm15.Response:
        return asyncio.run(self._complete(request))

    async def _complete(self, request: lm15.Request) -> lm15.Response:
        try:
            return await self._engine.complete(request)
        finally:
            await self._engine.aclose()


def _tokens(endpoint: Endpoint, usage: lm15.Usage) -> dict[str, int]:
    """What was billed, by kind. Anthropic counts cached input apart; the others count it as input, and two leave out reasoning."""
    read, written = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    fresh, output = usage.input_tokens or 0, usage.output_tokens or 0
    if endpoint.dialect != "anthropic":
        fresh = max(0, fresh - read - written)
    if endpoint.provider in {"gemini", "xai"}:
        output += usage.reasoning_tokens or 0
    return {"input_tokens": fresh, "cache_read_tokens": read, "cache_write_tokens": written, "output_tokens": output}


def _estimated(request: lm15.Request) -> lm15.Usage:
    texts = [str(request.system or "")] + [
        getattr(part, "text", "") for message in request.messages for part in message.parts
    ]
    return lm15.Usage(input_tokens=sum(map(len, texts)) // _CHARS_PER_TOKEN)
