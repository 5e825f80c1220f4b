"""Sessions over a real SQLite file: order, restart, SIGKILL, bounds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import InvalidInput, ModelUnavailable, StoreError
from core.store import Store
from core.vocabulary import Window
from pipeline.conversation import Turn
from pipeline.sessions import KEPT_TURNS, MAX_SESSIONS, Sessions

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)


def turn(number: int, **found) -> Turn:
    return Turn(at=NOW, question=f"question {number}", intent="metric_question", answer=f"answer {number}", **found)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "assistant.db"


@pytest.fixture
def sessions(path):
    return Sessions(Store(path))


def numbers(path: Path, session_id: str) -> list[int]:
    """The numbers of the questions of a session, in order, as a new process would read them."""
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT body FROM turns WHERE session_id = ? ORDER BY number", (session_id,))
        return [int(json.loads(body)["question"].split()[1]) for (body,) in rows]


async def test_a_session_is_known_after_a_restart(sessions, path) -> None:
    whole = turn(
        1,
        subjects=("media",),
        families=("memory",),
        alert_names=("HostHighMemory",),
        window=Window(start=NOW - timedelta(hours=1), end=NOW),
        named_window=True,
        onset=NOW,
        cause_entity="tdarr",
    )
    async with sessions.turn("night") as talk:
        assert talk.conversation.turns == ()
        await talk.remember(whole)
    async with Sessions(Store(path)).turn("night") as talk:
        assert talk.conversation.turns == (whole,)
    async with Sessions(Store(path)).turn("day") as talk:
        assert talk.conversation.turns == ()


async def test_two_questions_at_once_in_a_session_do_not_tangle(sessions, path) -> None:
    """The second sees what the first one said; those of another session do not wait."""
    order: list[str] = []
    first_is_in, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with sessions.turn("night") as talk:
            first_is_in.set()
            await go_on.wait()
            await talk.remember(turn(1))
            order.append("first")

    async def second() -> None:
        await first_is_in.wait()
        async with sessions.turn("night") as talk:
            order.append(f"second after {len(talk.conversation.turns)}")
            await talk.remember(turn(2))

    async def elsewhere() -> None:
        await first_is_in.wait()
        async with sessions.turn("day") as talk:
            order.append("elsewhere")
            await talk.remember(turn(3))
        go_on.set()

    await asyncio.gather(first(), second(), elsewhere())
    assert order == ["elsewhere", "first", "second after 1"]
    assert numbers(path, "night") == [1, 2]


async def test_a_question_does_not_wait_forever_for_the_one_before_it(sessions, path) -> None:
    async with sessions.turn("night") as stuck:
        async with sessions.turn("night", wait_s=0.05) as talk:
            await talk.remember(turn(2))
        await stuck.remember(turn(1))
    assert numbers(path, "night") == [2, 1]
    async with sessions.turn("night", wait_s=5) as talk:
        assert len(talk.conversation.turns) == 2


async def test_a_question_that_fails_lets_the_next_one_in(sessions) -> None:
    async def fail() -> None:
        async with sessions.turn("night"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with asyncio.timeout(5), sessions.turn("night", wait_s=60) as talk:
        assert talk.conversation.turns == ()


def test_many_threads_and_stores_write_one_session(path) -> None:
    """As many processes would: each with its own connection, none losing a turn."""
    stores = [Sessions(Store(path)) for _ in range(4)]

    def write(place: int) -> None:
        for number in range(10):
            stores[place].append("night", turn(place * 100 + number))

    threads = [threading.Thread(target=write, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    written = numbers(path, "night")
    assert sorted(written) == [place * 100 + number for place in range(4) for number in range(10)]
    for place in range(4):
        assert [n for n in written if n // 100 == place] == [place * 100 + number for number in range(10)]


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from core.store import Store
from pipeline.conversation import Turn
from pipeline.sessions import Sessions

async def main():
    sessions = Sessions(Store(Path(sys.argv[1])))
    number = 0
    while True:
        async with sessions.turn("night") as talk:
            await talk.remember(Turn(at=datetime.now(UTC), question=f"question {number}", intent="status", answer="x"))
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


def test_a_session_survives_sigkill(path) -> None:
    """Every turn that was remembered before the process died is there, in order; at most the last one was not told of."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(10)]
    os.kill(writer.pid, signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().splitlines() if line]
    writer.wait(10)
    written = numbers(path, "night")
    assert written[: len(told)] == told
    assert len(written) - len(told) in (0, 1)
    assert Sessions(Store(path)).load("night").turns[-1].question == f"question {written[-1]}"


def test_a_session_keeps_so_many_turns(sessions, path) -> None:
    for number in range(KEPT_TURNS + 5):
        sessions.append("night", turn(number))
    assert numbers(path, "night") == list(range(5, KEPT_TURNS + 5))


def test_a_session_that_nobody_spoke_in_is_forgotten(sessions, path) -> None:
    sessions.append("old", turn(1))
    sessions.append("new", turn(2))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE sessions SET last_at = last_at - 31 * 86400 WHERE id = 'old'")
    sessions.append("newest", turn(3))
    assert (numbers(path, "old"), numbers(path, "new")) == ([], [2])


def test_of_too_many_sessions_the_oldest_are_forgotten(sessions, path) -> None:
    sessions.append("first", turn(1))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE sessions SET last_at = last_at - 3600")
        connection.executemany(
            "INSERT INTO sessions SELECT ?, last_at + 60, '', 0 FROM sessions WHERE id = 'first'",
            [(f"s{number}",) for number in range(MAX_SESSIONS)],
        )
    sessions.append("last", turn(2))
    assert (numbers(path, "first"), numbers(path, "last")) == ([], [2])
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (MAX_SESSIONS,)


@pytest.mark.parametrize("session_id", ["", "  ", "x" * 201, "two\nlines", "bell\x07"])
async def test_an_identifier_that_cannot_be_used_is_refused(sessions, session_id) -> None:
    with pytest.raises(InvalidInput, match="session_id: "):
        async with sessions.turn(session_id):
            pass


async def test_a_database_that_cannot_be_read_is_told(path) -> None:
    path.write_text("not a database " * 500)
    sessions = Sessions(Store(path))
    with pytest.raises(StoreError, match="move the file away"):
        async with sessions.turn("night"):
            pass


async def test_a_turn_of_another_version_is_told(sessions, path) -> None:
    sessions.append("night", turn(1))
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE turns SET body = '{"mood": "good"}'""")
    with pytest.raises(StoreError, match="begin a new session"):
        async with sessions.turn("night"):
            pass


async def test_a_model_may_write_the_summary_of_what_is_no_longer_told_in_full(sessions) -> None:
    for number in range(20):
        sessions.append("night", turn(number, subjects=(f"host{number}",)))
    asked: list[str] = []

    async def write(said: str) -> str:
        asked.append(said)
        return "  They looked at hosts. password=hunter2hunter2  "

    assert await sessions.summarise("night", write)
    assert "question 3" in asked[0]
    assert "question 19" not in asked[0]
    conversation = sessions.load("night")
    assert "They looked at hosts." in conversation.summary
    assert "hunter2" not in conversation.summary
    assert "question 3" not in conversation.summary
    assert "host3," in conversation.summary  # subjects stay as they were
    sessions.append("night", turn(20))
    sessions.append("night", turn(21))
    assert "question 13" in sessions.load("night").summary  # what came after the model's summary


async def test_a_model_that_fails_leaves_the_summary_as_it_was(sessions) -> None:
    for number in range(20):
        sessions.append("night", turn(number))
    before = sessions.load("night")

    async def fail(_: str) -> str:
        raise ModelUnavailable("down")

    with pytest.raises(ModelUnavailable):
        await sessions.summarise("night", fail)
    assert sessions.load("night") == before


async def test_a_short_session_needs_no_summary(sessions) -> None:
    sessions.append("night", turn(1))

    async def never(_: str) -> str:
        raise AssertionError

    assert not await sessions.summarise("night", never)
