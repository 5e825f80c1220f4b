"""What was said before in a session: its turns, and what is left of the older ones. Pure, no I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.errors import InvalidInput
from core.vocabulary import Answer, Frozen, Intent, UtcDatetime, Window
from pipeline.brief import Brief, Question

MAX_ANSWER_CHARACTERS = 600
MAX_QUESTION_CHARACTERS = 400
MOST_SINGLED_OUT = 3
"""So many that a ranking found beyond a threshold are what one goes on to ask about."""
MAX_SUBJECTS = 20
"""Of a turn; a question about a group of hosts may have many."""
MAX_SESSION_ID_CHARACTERS = 200
_CITED = re.compile(r" ?\[[EKC]\d[^\]]{0,60}\]")
"""Numbers of items of another answer."""
CHARACTERS_PER_TOKEN = 3
"""Fewer than English has, so that names and numbers do not overrun a budget."""
RECENT_TOKENS = 900
SUMMARY_TOKENS = 400
MAX_RECENT = 8
LINE_CHARACTERS = 160


class Turn(Frozen):
    """A question and what came of it. `onset` is when the symptom or the alert began; `window` what was looked at, and
    `named_window` whether the words named it.

    `subjects` are those of the question, `cause_entity` what was found at fault. `families` are names of `signals.yaml`.
    """

    at: UtcDatetime
    question: str
    intent: Intent
    subjects: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    alert_names: tuple[str, ...] = ()
    window: Window | None = None
    named_window: bool = False
    onset: UtcDatetime | None = None
    cause_entity: str | None = None
    answer: str = ""


class Conversation(Frozen):
    """The last turns, oldest first, and a summary of those before: what it was about verbatim, then a line each."""

    session_id: str
    turns: tuple[Turn, ...] = ()
    summary: str = ""

    @property
    def last(self) -> Turn | None:
        return self.turns[-1] if self.turns else None

    def as_text(self) -> str:
        """For a model to read; empty when nothing was said."""
        told = [f"Earlier: {self.summary}"] if self.summary else []
        for turn in self.turns:
            about = f" (about {', '.join(turn.subjects)})" if turn.subjects else ""
            told.append(f"Asked{about}: {turn.question}\nAnswered: {_CITED.sub('', turn.answer)}")
        return "\n".join(told)


def check_session_id(text: str, *, field: str = "session_id") -> str:
    """Raises InvalidInput when it is empty, too long, or holds what cannot be printed."""
    if not text.strip() or len(text) > MAX_SESSION_ID_CHARACTERS or not text.isprintable():
        raise InvalidInput(f"{field}: write 1 to {MAX_SESSION_ID_CHARACTERS} printable characters")
    return text.strip()


def turn_of(question: Question, answer: Answer, brief: Brief | None = None) -> Turn:
    """What to remember of an answered question. Its text was redacted when the question was read and the answer written."""
    subjects, alert_names = question.subjects or answer.subjects, question.alert_names
    if brief is not None and len(brief.explained) == 1:
        alert = brief.explained[0][0]
        place = brief.inventory.entity_of(alert.labels)
        subjects = subjects or ((place,) if place else ())
        alert_names = alert_names or (alert.name,)
    if brief is not None and not subjects:
        beyond = [row.entity for ranking in brief.rankings for row in ranking.rows[: ranking.shown] if row.breached]
        subjects = tuple(dict.fromkeys(beyond)) if len(set(beyond)) <= MOST_SINGLED_OUT else ()
    return Turn(
        at=question.at,
        question=cut(question.text, MAX_QUESTION_CHARACTERS),
        intent=answer.intent,
        subjects=subjects[:MAX_SUBJECTS],
        families=tuple(family.name for family in question.families),
        alert_names=alert_names[:MAX_SUBJECTS],
        window=question.window,
        named_window=question.named_window,
        onset=_onset(brief) if brief else None,
        cause_entity=answer.cause.entity if answer.cause else None,
        answer=cut(answer.answer, MAX_ANSWER_CHARACTERS),
    )


def _onset(brief: Brief) -> UtcDatetime | None:
    """When what was explained began: the first of its alerts, or the first finding on the way to the cause that has an onset."""
    onsets = [finding.series.onset for finding in brief.chain if finding.series and finding.series.onset]
    started = [alert.starts_at for alert, _ in brief.explained]
    return min([*onsets, *started], default=None)


def shortened(session_id: str, turns: Sequence[Turn], *, summary: str = "", summarised: int = 0) -> Conversation:
    """The conversation within its budget of tokens. `summary` was written by a model over the first `summarised` turns."""
    kept, room = 0, RECENT_TOKENS * CHARACTERS_PER_TOKEN
    for turn in reversed(turns[-MAX_RECENT:]):
        room -= len(turn.question) + len(turn.answer) + LINE_CHARACTERS
        if room < 0 and kept:
            break
        kept += 1
    older = turns[: len(turns) - kept]
    return Conversation(
        session_id=session_id,
        turns=tuple(turns[len(turns) - kept :]),
        summary=fold(older, written=summary, covered=summarised) if older else "",
    )


def fold(turns: Sequence[Turn], *, written: str = "", covered: int = 0) -> str:
    """Turns in few words: every subject verbatim, what a model wrote of the first `covered`, and a line for each that came after.

    At most SUMMARY_TOKENS: the oldest lines are left out first, the subjects last.
    """
    names = (name for turn in reversed(turns) for name in (*turn.subjects, *turn.alert_names, turn.cause_entity or ""))
    room = SUMMARY_TOKENS * CHARACTERS_PER_TOKEN - LINE_CHARACTERS
    about = cut(", ".join(dict.fromkeys(name for name in names if name)), room // 2)
    head = [f"It was about {about}."] if about else []
    if written:
        head.append(cut(written, room - len(about)))
    room -= sum(len(line) for line in head)
    told: list[str] = []
    for turn in reversed(turns[covered:]):
        told.append(_line(turn))
        room -= len(told[-1]) + 1
        if room < 0:
            told[-1] = f"({len(turns) - covered - len(told) + 1} older questions are left out)"
            break
    return "\n".join([*head, *reversed(told)])


def _line(turn: Turn) -> str:
    cause = f"; at fault: {turn.cause_entity}" if turn.cause_entity else ""
    about = f" ({', '.join(turn.subjects[:3])}{cause})" if turn.subjects else ""
    return f"- {turn.at:%Y-%m-%d %H:%M}Z {cut(' '.join(turn.question.split()), LINE_CHARACTERS // 2)}{about}"


def cut(text: str, characters: int) -> str:
    """At most so many characters, the cut marked."""
    return text if len(text) <= characters else f"{text[: characters - 1].rstrip()}…"
