"""The assistant as a production service: its own metrics, and the meter that each question carries.

Metric names follow the Prometheus naming rules (base units, `_total` for counters). They live in a registry of our own, so that
two applications in one process (tests) do not collide.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from core.costs import ModelCall
from core.vocabulary import Latency, Usage

Kind = Literal["tools", "llm", "retrieval"]

REGISTRY = CollectorRegistry()
QUESTIONS = Counter(
    "sre_questions_total", "Questions answered, by intent and mode.", ["intent", "mode"], registry=REGISTRY
)
QUESTION_SECONDS = Histogram(
    "sre_question_duration_seconds",
    "Wall time of a question.",
    ["intent"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30),
    registry=REGISTRY,
)
SOURCE_REQUESTS = Counter(
    "sre_source_requests_total",
    "Requests to a source, by outcome (ok, unavailable, refused, rejected, bad_response).",
    ["source", "outcome"],
    registry=REGISTRY,
)
SOURCE_SECONDS = Histogram(
    "sre_source_request_duration_seconds", "Wall time of one request to a source.", ["source"], registry=REGISTRY
)
GAPS = Counter("sre_gaps_total", "Answers that had to state at least one gap.", registry=REGISTRY)
LLM_CALLS = Counter(
    "sre_llm_calls_total",
    "Requests to a language model, by outcome (ok, unavailable, refused, bad).",
    ["model", "step", "outcome"],
    registry=REGISTRY,
)
LLM_TOKENS = Counter(
    "sre_llm_tokens_total",
    "Tokens, by kind (input, cache_read, cache_write, output).",
    ["model", "kind"],
    registry=REGISTRY,
)
LLM_COST = Counter("sre_llm_cost_usd_total", "Estimated cost in US dollars.", ["model"], registry=REGISTRY)
LLM_SECONDS = Histogram(
    "sre_llm_call_duration_seconds",
    "Wall time of one request to a language model.",
    ["model"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30),
    registry=REGISTRY,
)
DEGRADED = Counter(
    "sre_degraded_total",
    "Steps down from the full program, by the step that failed and why (unavailable, refused, bad_answer, core_lost).",
    ["step", "reason"],
    registry=REGISTRY,
)
PROGRAM = Gauge("sre_program_info", "1 for the program that answers.", ("version", "source"), registry=REGISTRY)
KNOWLEDGE_PASSAGES = Gauge("sre_knowledge_passages", "Passages in the index of documents.", registry=REGISTRY)


class Meter:
    """Counts the calls of one question and the wall time during which each kind of work was in flight.

    Overlapping work of one kind is counted once, so `tools` is the time with at least one source request open.
    """

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._open: dict[str, int] = {}
        self._since: dict[str, float] = {}
        self._busy: dict[str, float] = {}
        self.tool_calls = 0
        self.model_calls: list[ModelCall] = []

    def charge(self, call: ModelCall) -> None:
        self.model_calls.append(call)

    def usage(self) -> Usage:
        """What the question has cost so far. A call whose price is unknown adds nothing to the cost."""
        calls = self.model_calls
        return Usage(
            llm_calls=len(calls),
            input_tokens=sum(call.input_tokens for call in calls),
            cache_read_tokens=sum(call.cache_read_tokens for call in calls),
            cache_write_tokens=sum(call.cache_write_tokens for call in calls),
            output_tokens=sum(call.output_tokens for call in calls),
            cost_usd=round(sum(call.cost_usd or 0.0 for call in calls), 6),
            tool_calls=self.tool_calls,
            latency_s=self.latency(),
        )

    @contextmanager
    def busy(self, kind: Kind) -> Iterator[None]:
        if self._open.get(kind, 0) == 0:
            self._since[kind] = time.perf_counter()
        self._open[kind] = self._open.get(kind, 0) + 1
        if kind == "tools":
            self.tool_calls += 1
        try:
            yield
        finally:
            self._open[kind] -= 1
            if self._open[kind] == 0:
                self._busy[kind] = self._busy.get(kind, 0.0) + time.perf_counter() - self._since[kind]

    def latency(self) -> Latency:
        """Seconds so far, what is still in flight included."""
        now = time.perf_counter()
        busy = dict(self._busy)
        for kind, since in self._since.items():
            if self._open.get(kind):
                busy[kind] = busy.get(kind, 0.0) + now - since
        seconds = {kind: round(value, 4) for kind, value in busy.items()}
        return Latency(total=round(now - self._started, 4), **seconds)


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """A fresh meter for everything that runs inside, tasks started there included."""
    meter = Meter()
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


@contextmanager
def busy(kind: Kind) -> Iterator[None]:
    """Charge what runs inside to the current question's meter, if there is one."""
    meter = _METER.get()
    if meter is None:
        yield
        return
    with meter.busy(kind):
        yield


def charge(call: ModelCall) -> None:
    """Count a call of a language model, and charge it to the current question's meter, if there is one."""
    LLM_CALLS.labels(call.model, call.step, call.outcome).inc()
    LLM_SECONDS.labels(call.model).observe(call.seconds)
    for kind in ("input", "cache_read", "cache_write", "output"):
        LLM_TOKENS.labels(call.model, kind).inc(getattr(call, f"{kind}_tokens"))
    LLM_COST.labels(call.model).inc(call.cost_usd or 0.0)
    meter = _METER.get()
    if meter is not None:
        meter.charge(call)
