"""Sources that misbehave: the answer still comes, in time, and says what was not seen."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from app.wiring import build_assistant
from core.settings import Settings


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes every connection and never answers."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:

        def accept() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    for connection in held:
        connection.close()


def ask(settings: Settings, text: str = "is anything wrong?"):
    return asyncio.run(build_assistant(settings).ask(text))


def test_a_source_that_hangs_becomes_a_gap(silent, tmp_path) -> None:
    settings = Settings(
        _env_file=None, prometheus_url=silent, alertmanager_url=silent, data_dir=tmp_path, source_timeout_s=0.5
    )
    answer = ask(settings)
    assert any(gap.startswith("prometheus: ") for gap in answer.gaps)
    assert any(gap.startswith("alertmanager: ") for gap in answer.gaps)
    assert answer.cause is None
    assert answer.usage.latency_s.total < settings.question_deadline_s


def test_the_deadline_always_ends_in_an_answer(silent, tmp_path) -> None:
    settings = Settings(
        _env_file=None, prometheus_url=silent, data_dir=tmp_path, source_timeout_s=60, question_deadline_s=1
    )
    answer = ask(settings, "why is jellyfin slow?")
    assert any(gap.startswith("deadline: ") for gap in answer.gaps)
    assert answer.answer


def test_many_questions_at_once_do_not_mix(tmp_path) -> None:
    async def many():
        assistant = build_assistant(Settings(_env_file=None, data_dir=tmp_path))
        texts = ["tell me a joke", "how do I set up a new LXC?", "weekly report", "how are you?"] * 10
        return await asyncio.gather(*(assistant.ask(t, session_id=str(n)) for n, t in enumerate(texts)))

    answers = asyncio.run(many())
    assert [a.session_id for a in answers] == [str(n) for n in range(40)]
    assert [a.intent for a in answers] == ["out_of_scope", "runbook_lookup", "report", "self_status"] * 10
