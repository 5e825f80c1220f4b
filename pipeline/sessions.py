"""Sessions: who asked what before. They are kept in the store, and survive a restart and a SIGKILL.

Imports SQLAlchemy; `pipeline.conversation` holds what needs none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from pydantic import ValidationError
from sqlalchemy import Column, Connection, Float, Integer, String, Table, Text, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from core import clock
from core.errors import StoreError
from core.redact import redact
from core.store import METADATA, Store
from pipeline.conversation import Conversation, Turn, check_session_id, fold, shortened

LOG = logging.getLogger(__name__)

KEPT_TURNS = 200
KEPT_FOR = timedelta(days=30)
"""A session that nobody spoke in for so long is forgotten."""
MAX_SESSIONS = 5_000
WAIT_S = 10.0
"""How long a question waits for the one before it in the same session; it then goes on with what is known."""
ATTEMPTS = 5
MAX_WRITTEN_SUMMARY = 2_000

Summarise = Callable[[str], Awaitable[str]]
"""Given what was said so far, in lines, a shorter text of it: a call of a model."""

_SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", String, primary_key=True),
    Column("last_at", Float, nullable=False, index=True),  # seconds since 1970, UTC, of this machine's clock
    Column("summary", Text, nullable=False, default=""),
    Column("summarised", Integer, nullable=False, default=0),  # the number of the last turn that the summary covers
)
_TURNS = Table(
    "turns",
    METADATA,
    Column("session_id", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, without gaps
    Column("body", Text, nullable=False),  # a Turn as JSON
)


@dataclass
class Talk:
    """One question's hold on its session."""

    conversation: Conversation
    _sessions: Sessions
    alone: bool = True
    """False when an earlier question of the session was still being answered, so that this one does not know of it."""

    async def remember(self, turn: Turn) -> None:
        """Add the turn after whatever was said meanwhile. Raises StoreError."""
        await asyncio.to_thread(self._sessions.append, self.conversation.session_id, turn)


class Sessions:
    """Safe to use from many tasks, threads and processes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._locks: WeakValueDictionary[tuple[int, str], asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, session_id: str, *, wait_s: float = WAIT_S) -> AsyncIterator[Talk]:
        """Hold the session while a question of it is answered; another of the same session waits, at most `wait_s`.

        Raises InvalidInput for an identifier that cannot be used, StoreError when what was said before cannot be read.
        """
        session_id = check_session_id(session_id)
        lock = self._locks.setdefault((id(asyncio.get_running_loop()), session_id), asyncio.Lock())
        held = False
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                held = await lock.acquire()
        try:
            yield Talk(await asyncio.to_thread(self.load, session_id), self, alone=held)
        finally:
            if held:
                lock.release()

    def load(self, session_id: str) -> Conversation:
        """What was said, within the budget of `pipeline.conversation`; an unknown session is an empty one. Blocks."""
        with self._store.read() as connection:
            first, turns = _turns(connection, session_id)
            written = connection.execute(
                select(_SESSIONS.c.summary, _SESSIONS.c.summarised).where(_SESSIONS.c.id == session_id)
            ).first()
        summary, through = written or ("", 0)
        return shortened(session_id, turns, summary=summary, summarised=max(0, through - first + 1))

    def append(self, session_id: str, turn: Turn) -> None:
        """Write the turn, and forget what is too old or too much. Blocks; raises StoreError."""
        for _ in range(ATTEMPTS):
            try:
                with self._store.begin() as connection:
                    _append(connection, session_id, turn)
            except IntegrityError:  # another process took the number
                continue
            return
        raise StoreError(f"store: session {session_id!r} is written to by too many at once; ask again")

    async def summarise(self, session_id: str, summarise: Summarise) -> bool:
        """Let a model write the summary of the turns that are no longer told in full; whether there was anything to do.

        What it raises is raised. Meant to run after the answer, in its own time.
        """

        def older() -> tuple[str, int]:
            with self._store.read() as connection:
                first, turns = _turns(connection, session_id)
            count = len(turns) - len(shortened(session_id, turns).turns)
            return fold(turns[:count]), first + count - 1 if count else 0

        said, through = await asyncio.to_thread(older)
        if not said:
            return False
        text = redact((await summarise(said)).strip())[:MAX_WRITTEN_SUMMARY]

        def write() -> None:
            with self._store.begin() as connection:
                connection.execute(
                    update(_SESSIONS).where(_SESSIONS.c.id == session_id).values(summary=text, summarised=through)
                )

        await asyncio.to_thread(write)
        return True


def _turns(connection: Connection, session_id: str) -> tuple[int, list[Turn]]:
    """The number of the oldest turn that is kept, and all turns from there on."""
    mine = _TURNS.c.session_id == session_id
    rows = connection.execute(select(_TURNS.c.number, _TURNS.c.body).where(mine).order_by(_TURNS.c.number)).all()
    return (rows[0].number if rows else 1), [_read(row.body, session_id) for row in rows]


def _read(body: str, session_id: str) -> Turn:
    try:
        return Turn.model_validate_json(body)
    except ValidationError as error:
        raise StoreError(f"store: a turn of session {session_id!r} cannot be read; begin a new session") from error


def _append(connection: Connection, session_id: str, turn: Turn) -> None:
    mine = _TURNS.c.session_id == session_id
    number = (connection.scalar(select(func.max(_TURNS.c.number)).where(mine)) or 0) + 1
    connection.execute(insert(_TURNS).values(session_id=session_id, number=number, body=turn.model_dump_json()))
    connection.execute(delete(_TURNS).where(mine, _TURNS.c.number <= number - KEPT_TURNS))
    now = clock.now()
    touched = connection.execute(update(_SESSIONS).where(_SESSIONS.c.id == session_id).values(last_at=now.timestamp()))
    if not touched.rowcount:
        connection.execute(insert(_SESSIONS).values(id=session_id, last_at=now.timestamp(), summary="", summarised=0))
        _forget(connection, now)


def _forget(connection: Connection, now: datetime) -> None:
    """Sessions that nobody spoke in for long, and the oldest of too many; looked for when a new one begins."""
    kept = select(_SESSIONS.c.id).order_by(_SESSIONS.c.last_at.desc()).limit(MAX_SESSIONS)
    too_old = _SESSIONS.c.last_at < (now - KEPT_FOR).timestamp()
    connection.execute(delete(_SESSIONS).where(too_old | _SESSIONS.c.id.not_in(kept)))
    connection.execute(delete(_TURNS).where(_TURNS.c.session_id.not_in(select(_SESSIONS.c.id))))
