"""What a question knows of the ones before it, and what is kept of it for those after."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from core.errors import StoreError
from core.vocabulary import Answer
from pipeline.conversation import turn_of
from pipeline.inquiry import Inquiry
from pipeline.last_good import LastGood, key_of
from pipeline.sessions import Sessions, Talk

PATIENCE = 0.4
"""The share of the deadline for which a question waits for an earlier one of its session."""


class Memory:
    """Sessions, and the last good answers of a model; either may be absent. A store that fails is a gap."""

    def __init__(self, sessions: Sessions | None, last_good: LastGood | None) -> None:
        self.sessions = sessions
        self._last_good = last_good

    async def talk(self, inquiry: Inquiry, stack: AsyncExitStack, *, deadline_s: float) -> Talk | None:
        """Hold the question's session until its answer is remembered; two questions at once would not know of each other."""
        if self.sessions is None or inquiry.session_id is None:
            return None
        try:
            talk = await stack.enter_async_context(self.sessions.turn(inquiry.session_id, wait_s=deadline_s * PATIENCE))
        except StoreError as error:
            inquiry.gaps.add(f"{error}; this question stands alone")
            return None
        if not talk.alone:
            inquiry.gaps.add("session: its last question is still being answered; this one does not know of it")
        inquiry.conversation = talk.conversation
        return talk

    async def remember(self, answer: Answer, inquiry: Inquiry, talk: Talk | None) -> Answer:
        """The answer, once what later questions need of it is stored."""
        brief = inquiry.brief
        if brief is None:
            return answer
        try:
            if talk is not None:
                await talk.remember(turn_of(brief.question, answer, brief))
            alone = inquiry.conversation is None or not inquiry.conversation.turns
            if answer.mode == "llm" and inquiry.live and alone and self._last_good is not None:
                await asyncio.to_thread(self._last_good.keep, key_of(brief.question), answer, inquiry.asked_at)
        except StoreError as error:
            return answer.model_copy(update={"gaps": (*answer.gaps, f"{error}; this answer is not remembered")})
        return answer

    async def recall(self, inquiry: Inquiry) -> None:
        """The model's last good answer to the same question, for when it cannot be asked now."""
        if self._last_good is None or inquiry.brief is None or not inquiry.live:
            return
        try:
            key = key_of(inquiry.brief.question)
            inquiry.last_good = await asyncio.to_thread(self._last_good.recall, key, inquiry.asked_at)
        except StoreError as unreadable:
            inquiry.gaps.add(str(unreadable))
