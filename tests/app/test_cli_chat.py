"""`sre chat`, as a process: a conversation is piped in, ends, and is gone on with."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.store import FILE_NAME, Store
from pipeline.sessions import Sessions

ROOT = Path(__file__).resolve().parents[2]
CHAT = "import typer\nfrom app.cli.chat import chat\ntyper.run(chat)"


@pytest.fixture
def environment(tmp_path):
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "SRE_DATA_DIR": str(tmp_path / "data"),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }


def chat(environment, *arguments: str, said: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHAT, *arguments],
        cwd=ROOT,
        env=environment,
        input=said,
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_a_conversation_is_told_its_name_and_gone_on_with(environment, tmp_path) -> None:
    first = chat(environment, said="Summarize alerts\n\nand yesterday?\n")
    assert first.returncode == 0, first.stderr
    session = re.search(r"sre chat --session (\S+)\)", first.stderr)
    assert session is not None
    assert first.stdout.count("deterministic · alert_summary") == 2
    second = chat(environment, "--session", session[1], said="and the day before yesterday?\n")
    assert second.stdout.count("deterministic · alert_summary") == 1
    turns = Sessions(Store(tmp_path / "data" / FILE_NAME)).load(session[1]).turns
    assert [turn.question for turn in turns] == [
        "Summarize alerts",
        "and yesterday?",
        "and the day before yesterday?",
    ]


def test_a_question_that_cannot_be_read_does_not_end_the_conversation(environment) -> None:
    done = chat(environment, said=f"{'x' * 9_000}\nSummarize alerts\n")
    assert done.returncode == 0
    assert "error: question: 9,000 characters are too long" in done.stderr
    assert "deterministic · alert_summary" in done.stdout


def test_each_conversation_has_a_name_of_its_own(environment) -> None:
    names = {re.search(r"session (\S+)", chat(environment, said="").stderr)[1] for _ in range(2)}
    assert len(names) == 2


def test_a_name_that_cannot_be_used_is_refused(environment) -> None:
    done = chat(environment, "--session", "two\nlines", said="")
    assert done.returncode != 0
    assert "InvalidInput: --session: " in done.stderr


def test_ctrl_d_ends_it_on_a_terminal(environment) -> None:
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", CHAT], cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        shown = until(terminal, "› ")
        assert "Ctrl-D ends it" in shown
        os.write(terminal, b"Summarize alerts\n")
        shown = until(terminal, "› ", after="alert_summary")
        os.write(terminal, b"\x04")
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        os.close(terminal)


def until(terminal: int, wanted: str, *, after: str = "") -> str:
    """What the terminal shows until `wanted` stands at its end, after `after` was shown."""
    shown, deadline = "", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65_536).decode(errors="replace")
        if after in shown and re.search(rf"{re.escape(wanted)}(\x1b\S*)?$", shown):
            return shown
    raise AssertionError(f"{wanted!r} was not shown: {shown[-2000:]!r}")
