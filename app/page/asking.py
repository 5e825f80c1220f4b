"""Questions of the page while they are answered: they belong to the server, not to the tab that asked.

A tab that reloads, or a second one, watches the same work; when nobody watches, it still ends with an answer in the transcript, at the
latest at the question's deadline. Stopping the server stops them; what had no answer by then is shown as interrupted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from app.transcript import Transcript
from core.errors import InvalidInput, SreError
from core.vocabulary import Answer
from pipeline.assistant import Assistant
from pipeline.classify import check_question
from pipeline.conversation import cut
from pipeline.progress import Progress

LOG = logging.getLogger(__name__)
MOST_AT_ONCE = 64
"""Questions under way, over all conversations."""
SHOWN_EVERY_S = 0.1
"""What a model writes is drawn no more often."""
MAX_REFUSED = 400
"""Characters that are kept of a question that could not be asked."""


class Running:
    """One question under way, and what it has told so far."""

    def __init__(self, row: int, question: str) -> None:
        self.row = row
        self.question = question
        self.events: list[Progress] = []
        self.task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def told(self, event: Progress) -> None:
        self.events.append(event)
        self.wake()

    def wake(self) -> None:
        """Everybody who watches looks again."""
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def done(self) -> bool:
        return self.task is not None and self.task.done()

    async def changes(self) -> AsyncGenerator[None]:
        """Once for what was told already, then whenever more was; ends with the work."""
        seen = 0
        while True:
            changed = self._changed
            if len(self.events) > seen:
                seen = len(self.events)
                yield None
            if self.done:
                return
            if len(self.events) == seen:
                await changed.wait()
            await asyncio.sleep(SHOWN_EVERY_S)


class Asking:
    """Belongs to the server's event loop. `on_answer` is told of each question and its answer."""

    def __init__(
        self, assistant: Assistant, transcript: Transcript, on_answer: Callable[[str, Answer], object]
    ) -> None:
        self._assistant = assistant
        self.transcript = transcript
        self._on_answer = on_answer
        self._running: dict[str, list[Running]] = {}
        self._beginning = asyncio.Lock()

    def of(self, session_id: str) -> Running | None:
        """The question of a conversation that is being answered; those asked after it wait for it."""
        return next(iter(self._running.get(session_id, [])), None)

    def find(self, session_id: str, row: int) -> Running | None:
        return next((each for each in self._running.get(session_id, []) if each.row == row), None)

    async def ask(self, session_id: str, text: str) -> Running:
        """Write the question down and begin with it; one that is under way already, word for word, is not asked again.

        Raises StoreError; what is wrong with the question is told in its place.
        """
        async with self._beginning:
            return await self._begin(session_id, text)

    async def _begin(self, session_id: str, text: str) -> Running:
        try:
            text = check_question(text)
            self._check_room()
        except InvalidInput as error:
            row = await asyncio.to_thread(self.transcript.asked, session_id, cut(text, MAX_REFUSED))
            await asyncio.to_thread(self.transcript.failed, row, str(error))
            return _over(row, text)
        running = next((each for each in self._running.get(session_id, []) if each.question == text), None)
        if running is not None:
            return running
        row = await asyncio.to_thread(self.transcript.asked, session_id, text)
        running = Running(row, text)
        self._running.setdefault(session_id, []).append(running)
        running.task = asyncio.create_task(self._answer(running, session_id, text))
        running.task.add_done_callback(lambda _: self._ended(session_id, running))
        return running

    def _check_room(self) -> None:
        if sum(map(len, self._running.values())) >= MOST_AT_ONCE:
            raise InvalidInput(f"question: {MOST_AT_ONCE} are being answered already; ask again in a moment")

    async def stop(self, session_id: str) -> None:
        """Stop what is under way in a conversation, the call of a language model included."""
        tasks = [running.task for running in self._running.get(session_id, []) if running.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def aclose(self) -> None:
        for session_id in list(self._running):
            await self.stop(session_id)

    async def _answer(self, running: Running, session_id: str, text: str) -> None:
        try:
            async with aclosing(self._assistant.stream(text, session_id=session_id)) as events:
                async for event in events:
                    if isinstance(event, Answer):
                        await asyncio.to_thread(self.transcript.answered, running.row, event)
                        self._on_answer(text, event)
                    else:
                        running.told(event)
        except SreError as error:
            await self._failed(running, str(error))
        except Exception as error:
            LOG.exception("a question of the page failed")
            await self._failed(running, f"internal error: {type(error).__name__}; see the log of the server")

    async def _failed(self, running: Running, problem: str) -> None:
        try:
            await asyncio.to_thread(self.transcript.failed, running.row, problem)
        except SreError as error:
            LOG.warning("%s", error)

    def _ended(self, session_id: str, running: Running) -> None:
        left = [each for each in self._running.get(session_id, []) if each is not running]
        self._running.pop(session_id, None)
        if left:
            self._running[session_id] = left
        running.wake()


def _over(row: int, question: str) -> Running:
    """One that needs no work."""
    running = Running(row, question)
    running.task = asyncio.create_task(asyncio.sleep(0))
    running.task.add_done_callback(lambda _: running.wake())
    return running
