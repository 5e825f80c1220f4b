"""The time of a question within a conversation: "before that happened", "at that time", or the time that is talked about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from core.vocabulary import Alert, Window
from pipeline.brief import Question
from pipeline.conversation import Conversation, Turn
from pipeline.references import Moment, means_now, moment_in
from pipeline.when import AROUND_A_POINT
from tools.inventory import Inventory

BEFORE_THAT = timedelta(hours=24)
"""How far "before that happened" looks back, where the words do not say."""
_STRETCHES = frozenset({"what_changed", "log_question", "alert_summary"})
"""Answers about a stretch of time: "and before that?" is before the stretch."""


def window_of(
    question: Question,
    conversation: Conversation,
    turn: Turn,
    *,
    loose: bool,
    alerts: Sequence[Alert],
    inventory: Inventory,
    now: datetime,
) -> tuple[Window, bool]:
    """The window, and whether words named it. A time in the question itself counts, then the time that the talk is about."""
    moment = moment_in(question.text)
    if moment is not None:
        stretch = turn.window if loose and turn.intent in _STRETCHES and turn.named_window else None
        happened = _happened(conversation, turn, alerts, inventory)
        return _beside(moment, stretch or Window(start=happened, end=happened), now), True
    if question.named_window or means_now(question.text):
        return question.window, question.named_window
    talked_of = _talked_of(conversation)
    if talked_of is None or talked_of.start >= now:
        return question.window, False
    return Window(start=talked_of.start, end=min(talked_of.end, now)), True


def _beside(moment: Moment, that: Window, now: datetime) -> Window:
    start, end = min(that.start, now), min(that.end, now)
    if moment.when == "before":
        return Window(start=start - (moment.length or BEFORE_THAT), end=start)
    if moment.when == "after":
        return Window(start=end, end=min(end + moment.length, now) if moment.length else now)
    return Window(start=start - AROUND_A_POINT, end=min(end + AROUND_A_POINT, now))


def _happened(conversation: Conversation, turn: Turn, alerts: Sequence[Alert], inventory: Inventory) -> datetime:
    """When that which is talked about began: as an answer about the same found, else its first alert, else when it was asked about."""
    about = {*turn.subjects, *turn.alert_names, turn.cause_entity} - {None}
    for earlier in reversed(conversation.turns):
        same = not about or about & {*earlier.subjects, *earlier.alert_names, earlier.cause_entity}
        if earlier.onset is not None and same:
            return earlier.onset
    started = [a.starts_at for a in alerts if a.name in turn.alert_names or inventory.entity_of(a.labels) in about]
    if started:
        return min(started)
    return turn.window.start if turn.named_window and turn.window else turn.at


def _talked_of(conversation: Conversation) -> Window | None:
    """The time that the last question named. A look at what was before that ("what changed before it?") does not change it."""
    for turn in reversed(conversation.turns):
        if moment_in(turn.question) is None:
            return turn.window if turn.named_window else None
    return None
