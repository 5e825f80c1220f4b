"""Lets the model summarise what a long conversation no longer tells in full, after the answer, while nobody waits for it."""

from __future__ import annotations

import asyncio
import logging

import dspy

from core.errors import ModelError, StoreError
from pipeline.language_model import Models
from pipeline.sessions import Sessions
from signatures.summarise_conversation import SummariseConversation

LOG = logging.getLogger(__name__)


class Shortener(dspy.Module):
    """Until it has run, and where it fails, the older turns are told by code, a line each."""

    def __init__(self) -> None:
        super().__init__()
        self.summarise = dspy.Predict(SummariseConversation)
        self._running: set[asyncio.Task[None]] = set()

    def start(self, sessions: Sessions, models: Models, session_id: str) -> None:
        task = asyncio.create_task(self._shorten(sessions, models, session_id))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def stop(self) -> None:
        for task in self._running:
            task.cancel()

    async def _shorten(self, sessions: Sessions, models: Models, session_id: str) -> None:
        async def write(turns: str) -> str:
            with models.step("summarise"):
                written = await self.summarise.acall(turns=turns)
            return str(written.summary)

        try:
            await sessions.summarise(session_id, write)
        except (ModelError, StoreError) as error:
            LOG.info("a conversation was not summarised", extra={"problem": str(error)})
