"""What a question takes over from the conversation: "and yesterday?" is about the host of before, yesterday. Rules, no model, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from core.vocabulary import Alert, Intent, Window
from pipeline.brief import Question
from pipeline.classify import CHANGES_LOOKBACK, OF_WHAT_AILS, classify, concerns
from pipeline.conversation import Conversation, Turn
from pipeline.follow_up_time import window_of
from pipeline.references import accuses, is_bare, is_bare_why, is_fragment, means_all, moment_in, points_at
from pipeline.signals import load_domain
from pipeline.spoken_of import Meant, meant_by
from tools.inventory import Inventory, Unknown

MAX_CANDIDATES = 5
MOST_ALERTS = 3
"""That a search for a page is given."""
UNCLEAR = frozenset({"follow_up", "clarify", "out_of_scope"})
APART = frozenset({"self_status", "report"})
"""Questions about the assistant, not about what was talked of."""
TAKEN_OVER = frozenset(
    {"explain_alert", "alert_summary", "metric_question", "what_changed", "log_question", "status", "rca_draft"}
)
LOOKUPS = frozenset({"runbook_lookup", "playbook_lookup"})
BECAUSE = OF_WHAT_AILS | {"what_changed"}
PAGES_AND_LINES = frozenset({*LOOKUPS, "log_question", "what_changed"})
_ABOUT_A_STATE = re.compile(
    r"\b(?:since|long|still|when|bad|better|worse|again|gone|over|fixed|normal)\b", re.IGNORECASE
)
_MAX_WORDS_OF_A_NAME = 3

Classify = Callable[[str], Question]


def resolve(
    question: Question,
    conversation: Conversation,
    *,
    inventory: Inventory,
    alerts: Sequence[Alert],
    now: datetime,
    zone: ZoneInfo,
    stray: bool = False,
) -> Question:
    """The question with its subjects, time, families, alert names and intent as the conversation completes them.

    One that stands by itself comes back as it is. One that may mean several things gets the intent follow_up, with those things
    as its subjects. `alerts` are those that fire at `now`; `stray` says that the question by itself is about nothing known.
    """
    if question.intent in APART or (question.intent == "out_of_scope" and question.sure):
        return question

    def understand(text: str) -> Question:
        return classify(text, inventory=inventory, alerts=alerts, now=now, zone=zone, session_id=question.session_id)

    if (answered := _told_what_was_asked(question, conversation, understand)) is not None:
        return answered
    turn = next((turn for turn in reversed(conversation.turns) if turn.intent not in (UNCLEAR | APART)), None)
    if turn is not None and turn.cause_entity and question.intent not in LOOKUPS and accuses(question.text):
        return _with_accused(question, turn, inventory)
    own = bool(question.subjects or question.unknown or question.alert_names)
    what = None if own else points_at(question.text)
    loose = is_bare(question.text) or is_fragment(question.text) or _is_a_name(question)
    refers = what or loose or (stray and not own) or moment_in(question.text) or question.intent == "follow_up"
    if turn is None or not refers:
        return question
    meant = Meant(question.subjects, question.alert_names)
    if not own and not means_all(question.text):
        meant = meant_by(what, turn, inventory, other_measure=bool(question.families))
    if meant.unsure_of:
        return replace(question, intent="follow_up", subjects=meant.unsure_of[:MAX_CANDIDATES])
    at_fault = next((turn.cause_entity for turn in reversed(conversation.turns) if turn.cause_entity), None)
    completed = _about(question, turn, meant, inventory, understand)
    if completed.intent in LOOKUPS:
        firing = [alert.name for alert in alerts if concerns(alert, completed.subjects, inventory)]
        telling = [
            name for name in dict.fromkeys([at_fault, *firing[:MOST_ALERTS]]) if name and name not in completed.text
        ]
        completed = replace(completed, text=f"{completed.text} ({', '.join(telling)})") if telling else completed
    window, named = window_of(completed, conversation, turn, loose=loose, alerts=alerts, inventory=inventory, now=now)
    return replace(completed, window=window, named_window=named)


def _with_accused(question: Question, turn: Turn, inventory: Inventory) -> Question:
    """Whether the named change explains what was talked of: the question is about that, not about what is accused."""
    meant = meant_by(None, turn, inventory, other_measure=False)
    subjects = meant.subjects or (() if meant.alert_names else (turn.cause_entity or "",))
    return replace(question, intent="explain_alert", subjects=subjects, alert_names=meant.alert_names, sure=True)


def _about(question: Question, turn: Turn, meant: Meant, inventory: Inventory, understand: Classify) -> Question:
    """The question read once more, with the names beside it that it left out."""
    gone = [
        name for name in meant.subjects if inventory.complete and inventory.entities and name not in inventory.entities
    ]
    names = (*meant.alert_names, *(f"`{name}`" for name in meant.subjects))
    full = understand(f"{question.text} ({', '.join(names)})") if names else question
    left_open = not full.sure or full.intent in UNCLEAR
    intent = _intent_of(question, turn) if left_open else full.intent
    families = question.families
    if not families and (left_open or is_bare(question.text)):
        families = tuple(family for family in load_domain().families if family.name in turn.families)
    window = question.window
    if intent == "what_changed" and not question.named_window:
        window = Window(start=question.at - CHANGES_LOOKBACK, end=question.at)
    return replace(
        question,
        text=_searchable(question.text, meant, turn) if intent in LOOKUPS else question.text,
        intent=intent,
        subjects=tuple(name for name in meant.subjects if name not in gone),
        unknown=(*question.unknown, *(Unknown(name=name) for name in gone if name not in question.subjects)),
        families=families,
        alert_names=meant.alert_names,
        window=window,
        sure=True,
        because=intent in BECAUSE and full.because,
    )


def _intent_of(question: Question, turn: Turn) -> Intent:
    """What a question is after that does not say so: what the one before it was after, or how things are."""
    if is_bare_why(question.text):
        return "explain_alert"
    if question.families and turn.intent not in LOOKUPS:
        return "metric_question"
    if turn.intent in PAGES_AND_LINES and not _ABOUT_A_STATE.search(question.text):
        return turn.intent
    if turn.intent in TAKEN_OVER - PAGES_AND_LINES:
        return turn.intent
    return "explain_alert" if turn.alert_names else "metric_question"


def _searchable(text: str, meant: Meant, turn: Turn) -> str:
    """The question with what it is about, so that a search for pages has words to look for."""
    names = [*meant.alert_names, *meant.subjects]
    if not meant.alert_names:
        names += [name.replace("_", " ") for name in turn.families]
    return f"{text} ({', '.join(names) or turn.question})"


def _is_a_name(question: Question) -> bool:
    """ "jellyfin": a name and nothing that says what of it."""
    return bool(question.subjects) and not question.sure and len(question.text.split()) <= _MAX_WORDS_OF_A_NAME


def _told_what_was_asked(question: Question, conversation: Conversation, understand: Classify) -> Question | None:
    """After "Things seem slow" and being asked which, "jellyfin" is: things seem slow, on jellyfin."""
    last = conversation.last
    if last is None or last.intent not in {"follow_up", "clarify"} or not _is_a_name(question):
        return None
    names = ", ".join(f"`{name}`" for name in question.subjects)
    full = understand(f"{last.question} ({names})")
    if full.intent in UNCLEAR or not full.sure:
        return None
    return replace(full, text=f"{last.question} ({', '.join(question.subjects)})", subjects=question.subjects)
