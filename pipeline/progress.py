"""What a question's work tells while it goes on: the plan, each source as it answers, what was found, the words as they are written.

Whoever wants to watch runs the work in `watched`; the steps `tell`, which costs next to nothing where nobody does. What is told is for
people: it is redacted, and it decides nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, ClassVar, TypeVar

from core.redact import redact
from core.vocabulary import Frozen, Intent, UtcDatetime, Window
from pipeline.brief import Question

T = TypeVar("T")
MAX_WAITING = 10_000
"""Events of one question that nobody has taken yet; what comes beyond is dropped, the result never."""


class Progress(Frozen):
    """Base of what is told. `event` is its name in the stream."""

    event: ClassVar[str]


class Plan(Progress):
    """At once: what the question is, about which moment (UTC), what will be asked, and when the answer comes at the latest."""

    event: ClassVar[str] = "plan"
    question: str
    at: UtcDatetime
    sources: tuple[str, ...]
    model: str | None = None
    deadline_s: float
    session_id: str | None = None


class Understood(Progress):
    """What code made of the words."""

    event: ClassVar[str] = "understood"
    intent: Intent
    subjects: tuple[str, ...] = ()
    alert_names: tuple[str, ...] = ()
    window: Window


def understood(question: Question) -> Understood:
    return Understood(
        intent=question.intent,
        subjects=question.subjects,
        alert_names=question.alert_names,
        window=question.window,
    )


class SourceRead(Progress):
    """A source has answered, or has not (`ok` false): `finding` says in one line what it gave, `seconds` is how long it took."""

    event: ClassVar[str] = "source"
    source: str
    seconds: float
    finding: str
    ok: bool = True


class Found(Frozen):
    """A passage without its text."""

    id: str
    document: str
    heading: str
    score: float


class PassagesFound(Progress):
    """The pages that the answer may quote."""

    event: ClassVar[str] = "passages"
    passages: tuple[Found, ...]


class Token(Progress):
    """The next piece of the answer's text. A piece of a higher `draft` begins the text anew: what was shown of lower ones is void."""

    event: ClassVar[str] = "token"
    draft: int
    text: str


class Cut(Frozen):
    """A sentence that does not stand in what it cites."""

    sentence: str
    why: str


class Verification(Progress):
    """What checking the written answer gave. `checked` is false where code wrote it: that quotes nothing but what was read."""

    event: ClassVar[str] = "verification"
    checked: bool
    kept: float = 1.0
    cut: tuple[Cut, ...] = ()


_LISTENER: ContextVar[Callable[[Progress], None] | None] = ContextVar("progress", default=None)


def tell(event: Progress) -> None:
    """To whoever watches this question."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(event)


def is_watched() -> bool:
    return _LISTENER.get() is not None


class Reading:
    """What a source gave, as its reader says it."""

    def __init__(self) -> None:
        self.finding = ""
        self.ok = True

    def found(self, finding: str) -> None:
        self.finding = finding

    def failed(self, why: str = "could not be read") -> None:
        self.finding, self.ok = why, False


@contextmanager
def reading(source: str) -> Iterator[Reading]:
    """Around the reading of a source: tells how long it took and what it gave. Without a finding nothing is told."""
    one, started = Reading(), time.perf_counter()
    try:
        yield one
    finally:
        if one.finding and is_watched():
            seconds = round(time.perf_counter() - started, 4)
            tell(SourceRead(source=source, seconds=seconds, finding=redact(one.finding), ok=one.ok))


async def watched(work: Coroutine[Any, Any, T]) -> AsyncGenerator[Progress | T]:
    """Everything that the work tells, and its result last. Raises what it raises; closing the generator cancels it."""
    waiting: asyncio.Queue[Progress | None] = asyncio.Queue()

    def listen(event: Progress) -> None:
        if waiting.qsize() < MAX_WAITING:
            waiting.put_nowait(event)

    token = _LISTENER.set(listen)
    try:
        task = asyncio.create_task(work)  # takes the listener with it
    finally:
        _LISTENER.reset(token)
    task.add_done_callback(lambda _: waiting.put_nowait(None))
    try:
        while (event := await waiting.get()) is not None:
            yield event
        yield task.result()
    finally:
        task.cancel()  # does nothing when it is done
        with suppress(asyncio.CancelledError, Exception):
            await task
