"""What was said on the page, whole: each question with its answer, so that a reload, another tab or a restart loses nothing.

`pipeline.sessions` keeps what later questions need of earlier ones; this keeps what people saw, and what they thought of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError
from sqlalchemy import Column, Float, Integer, Row, String, Table, Text, delete, func, insert, select, update

from core import clock
from core.redact import redact
from core.store import METADATA, Store
from core.vocabulary import Answer
from pipeline.conversation import MAX_RECENT

Verdict = Literal["up", "down"]
KEPT_FOR = timedelta(days=30)
"""What was judged is kept until it is one of too many."""
MOST_ROWS = 10_000
ROWS_SHOWN = 50
"""The last of a conversation; older ones stay in the store."""
MAX_COMMENT = 2_000

_ROWS = Table(
    "transcript",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("session_id", String, nullable=False, index=True),
    Column("at", Float, nullable=False, index=True),  # seconds since 1970, UTC
    Column("question", Text, nullable=False),
    Column("answer", Text),  # an Answer as JSON; null until it is there
    Column("problem", Text),  # why there is none
    Column("verdict", String),
    Column("comment", Text),
)


@dataclass(frozen=True)
class Said:
    """One question and what came of it. Without an answer and a problem it is still being answered, or was interrupted."""

    id: int
    session_id: str
    at: datetime
    question: str
    answer: Answer | None = None
    problem: str | None = None
    verdict: Verdict | None = None
    comment: str = ""


@dataclass(frozen=True)
class Talked:
    """A conversation, by its first question."""

    session_id: str
    question: str
    last_at: datetime


class Transcript:
    """Safe to use from many threads and processes. Calls block; they raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def asked(self, session_id: str, question: str) -> int:
        """Write the question down before it is answered; its number."""
        now = clock.now()
        with self._store.begin() as connection:
            row = insert(_ROWS).values(session_id=session_id, at=now.timestamp(), question=redact(question))
            number = int(connection.scalars(row.returning(_ROWS.c.id)).one())
            too_old = (_ROWS.c.at < (now - KEPT_FOR).timestamp()) & _ROWS.c.verdict.is_(None)
            connection.execute(delete(_ROWS).where(too_old | (_ROWS.c.id <= number - MOST_ROWS)))
        return number

    def answered(self, number: int, answer: Answer) -> None:
        self._set(number, answer=answer.model_dump_json())

    def failed(self, number: int, problem: str) -> None:
        self._set(number, problem=redact(problem))

    def judge(self, number: int, verdict: Verdict, comment: str = "") -> None:
        """What a person thinks of the answer; said again, it replaces what was said before."""
        self._set(number, verdict=verdict, comment=redact(comment.strip())[:MAX_COMMENT])

    def of(self, session_id: str) -> Sequence[Said]:
        """The last ROWS_SHOWN of a conversation, oldest first."""
        mine = select(_ROWS).where(_ROWS.c.session_id == session_id).order_by(_ROWS.c.id.desc()).limit(ROWS_SHOWN)
        with self._store.read() as connection:
            return [_said(row) for row in reversed(connection.execute(mine).all())]

    def state(self, session_id: str) -> str:
        """Changes whenever the conversation does, whoever changed it; cheap to ask."""
        mine = select(_ROWS.c.id, _ROWS.c.answer.is_not(None) | _ROWS.c.problem.is_not(None)).where(
            _ROWS.c.session_id == session_id
        )
        with self._store.read() as connection:
            rows = connection.execute(mine.order_by(_ROWS.c.id.desc()).limit(ROWS_SHOWN)).all()
        return ",".join(f"{number}{'!' if over else ''}" for number, over in rows)

    def judged(self) -> Sequence[Said]:
        """Every answer that somebody judged, oldest first."""
        with self._store.read() as connection:
            rows = connection.execute(select(_ROWS).where(_ROWS.c.verdict.is_not(None)).order_by(_ROWS.c.id)).all()
        return [_said(row) for row in rows]

    def before(self, said: Said) -> tuple[str, ...]:
        """The questions of its conversation that were answered before it, oldest first, as many as a follow-up can mean."""
        earlier = (_ROWS.c.session_id == said.session_id) & (_ROWS.c.id < said.id) & _ROWS.c.answer.is_not(None)
        newest_first = select(_ROWS.c.question).where(earlier).order_by(_ROWS.c.id.desc()).limit(MAX_RECENT)
        with self._store.read() as connection:
            return tuple(reversed(connection.scalars(newest_first).all()))

    def conversations(self, limit: int = 20) -> Sequence[Talked]:
        """Those that somebody spoke in last, newest first."""
        ends = select(
            _ROWS.c.session_id, func.min(_ROWS.c.id).label("first"), func.max(_ROWS.c.at).label("last")
        ).group_by(_ROWS.c.session_id)
        ends = ends.order_by(func.max(_ROWS.c.at).desc()).limit(limit)
        found = ends.subquery()
        with self._store.read() as connection:
            rows = connection.execute(
                select(found.c.session_id, found.c.last, _ROWS.c.question)
                .join(_ROWS, _ROWS.c.id == found.c.first)
                .order_by(found.c.last.desc())
            ).all()
        return [Talked(row.session_id, row.question, datetime.fromtimestamp(row.last, UTC)) for row in rows]

    def _set(self, number: int, **values: Any) -> None:
        with self._store.begin() as connection:
            connection.execute(update(_ROWS).where(_ROWS.c.id == number).values(**values))


def _said(row: Row[Any]) -> Said:
    answer, problem = None, row.problem
    if row.answer is not None:
        try:
            answer = Answer.model_validate_json(row.answer)
        except ValidationError:
            problem = "this answer was written by another version and cannot be shown; ask again"
    at = datetime.fromtimestamp(row.at, UTC)
    return Said(row.id, row.session_id, at, row.question, answer, problem, row.verdict, row.comment or "")
