"""Asking while a person looks on: each source is shown when it answers, as `POST /ask/stream` tells it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

from core.vocabulary import Answer

if TYPE_CHECKING:
    from pipeline.assistant import Assistant

Say = Callable[[str], None]


async def ask_once(
    assistant: Assistant, text: str, *, at: datetime | None = None, session: str | None = None, say: Say
) -> Answer:
    """In an event loop of its own, whose connections are closed behind it."""
    async with assistant:
        return await watch(assistant, text, at=at, session=session, say=say)


async def watch(
    assistant: Assistant, text: str, *, at: datetime | None = None, session: str | None = None, say: Say
) -> Answer:
    """The answer; what leads to it is said line by line."""
    from app.progress_lines import line_of

    async with aclosing(assistant.stream(text, at=at, session_id=session)) as events:
        async for event in events:
            if isinstance(event, Answer):
                return event
            if line := line_of(event):
                say(line)
    raise AssertionError("a stream ends with its answer")
