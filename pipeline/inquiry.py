"""One question on its way through the program, and what is known so far: a deadline in between loses none of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.vocabulary import Answer
from pipeline.brief import Brief, Gaps
from pipeline.conversation import Conversation
from pipeline.draft_shown import DraftShown
from pipeline.synthesise import Written

LAST_WORD_S = 0.5
"""Kept free before the deadline, so that a model that is still writing becomes an answer by code and not nothing."""


@dataclass
class Inquiry:
    """`live`: it is about now, not about a past moment. `asked_at` is UTC."""

    text: str
    asked_at: datetime
    live: bool
    session_id: str | None = None
    conversation: Conversation | None = None
    gaps: Gaps = field(default_factory=Gaps)
    ends: float = 0.0
    """On the event loop's clock, as is all that is made of it."""
    brief: Brief | None = None
    written: Written | None = None
    last_good: tuple[Answer, datetime] | None = None
    shown: DraftShown = field(default_factory=lambda: DraftShown(("answer", "draft")))
    """What whoever watches has read of the answer."""

    @property
    def until(self) -> float:
        """When the model has to be done, so that code can still answer."""
        return self.ends - LAST_WORD_S

    @property
    def half_time(self) -> float:
        """Half of what is left: an investigation must leave time to write the answer."""
        now = asyncio.get_running_loop().time()
        return now + max(0.0, self.until - now) / 2

    def with_gaps(self, brief: Brief) -> Brief:
        """The brief with what could not be read until now, which the model is told, too."""
        return replace(brief, gaps=tuple(self.gaps.lines))
