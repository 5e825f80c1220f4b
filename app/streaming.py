"""Server-sent events of one question: what its work tells on the way, then the answer; `POST /ask/stream` and the tests read the same."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic_core import to_json

from core.errors import SreError
from core.vocabulary import Answer
from pipeline.progress import Progress

LOG = logging.getLogger(__name__)
PING_S = 15.0
"""Proxies close a connection on which nothing comes for long."""
EVENTS = """The stream's events, each with JSON as its data: `plan` (what will be asked), `understood` (intent, subjects, window), `source`
(one that answered: name, seconds, one-line finding), `passages` (pages found), `token` (a piece of the answer's text; one of a higher
`draft` begins it anew), `verification` (which sentences did not stand), and last `answer`, the very `Answer` of `POST /ask`, or
`error` with one line. A client that disconnects cancels the work, the call of a language model included."""

STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}
"""What the API's documentation says of it."""


async def as_events(
    progress: AsyncGenerator[Progress | Answer], on_answer: Callable[[Answer], object]
) -> AsyncGenerator[bytes]:
    """Encoded for the wire. An error before the first event is raised, a later one is an event of its own."""
    number = 0
    async with aclosing(_with_pings(progress)) as told:
        try:
            async for one in told:
                if one is None:
                    yield KEEPALIVE_COMMENT
                    continue
                name = "answer" if isinstance(one, Answer) else one.event
                if isinstance(one, Answer):
                    on_answer(one)
                yield format_sse_event(event=name, data_str=one.model_dump_json(), id=str(number))
                number += 1
        except SreError as error:
            if not number:
                raise
            yield _problem(str(error))
        except Exception as error:
            if not number:
                raise
            LOG.exception("a streamed question failed")
            yield _problem(f"internal error: {type(error).__name__}; see the log of the server")


def _problem(text: str) -> bytes:
    return format_sse_event(event="error", data_str=to_json({"error": text}).decode())


async def _with_pings(progress: AsyncGenerator[Progress | Answer]) -> AsyncGenerator[Progress | Answer | None]:
    """None whenever nothing was told for PING_S. Closes what it reads."""
    try:
        while True:
            waiting = asyncio.ensure_future(anext(progress, None))
            while not (await asyncio.wait({waiting}, timeout=PING_S))[0]:
                yield None
            one = waiting.result()
            if one is None:
                return
            yield one
    finally:
        # Where a client left, Starlette cancels every wait, this one as well: who is read must not depend on it to end.
        if waiting.cancel():
            await asyncio.wait({waiting})
        else:
            await progress.aclose()


async def begun(events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same events, the first of which has come: what is wrong with a question is then an answer of its own, and no stream."""
    first = await anext(events)

    async def all_of_them() -> AsyncGenerator[bytes]:
        async with aclosing(events):
            yield first
            async for event in events:
                yield event

    return all_of_them()
