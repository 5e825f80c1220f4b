"""`sre chat`: a conversation in the terminal, in which a question may refer to the ones before it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.screen import say, say_error, working
from app.cli.watching import watch
from app.session_ids import new_session_id
from core.errors import SreError

if TYPE_CHECKING:
    from pipeline.assistant import Assistant

PROMPT = "› "


def chat(
    *,
    session: Annotated[str | None, typer.Option(help="Go on with this conversation.", show_default=False)] = None,
) -> None:
    """Ask one question after the other: "why?", "and yesterday?", "show me its logs". Ctrl-D ends it."""
    from app.cli.answer import show
    from app.wiring import build_assistant
    from core.logging import configure_logging
    from core.settings import load_settings
    from pipeline.conversation import check_session_id

    session_id = check_session_id(session, field="--session") if session is not None else new_session_id()
    settings = load_settings()
    configure_logging("WARNING")
    assistant = build_assistant(settings)
    say(f"session {session_id} (go on later with: sre chat --session {session_id}); Ctrl-D ends it")
    with asyncio.Runner() as runner, closing_behind(assistant, runner):  # one loop, so that connections stay open
        for question in questions():
            try:
                with working("looking") as told:
                    answer = runner.run(watch(assistant, question, session=session_id, say=told))
            except SreError as error:
                say_error(str(error))
            except KeyboardInterrupt:
                say("stopped; Ctrl-D ends the conversation")
            else:
                show(answer)


@contextmanager
def closing_behind(assistant: Assistant, runner: asyncio.Runner) -> Iterator[None]:
    try:
        yield
    finally:
        runner.run(assistant.__aexit__())


def questions() -> Iterator[str]:
    """The lines that a person types, or that are piped in, until the end; empty ones are passed over."""
    prompt = ""
    if sys.stdin.isatty():
        prompt = PROMPT
        with suppress(ImportError):
            import readline  # noqa: F401  editing and history of lines; not there on every system
    while True:
        try:
            line = input(prompt)
        except EOFError:
            if prompt:
                print()
            return
        except UnicodeDecodeError:
            say_error("question: it is not UTF-8 text")
            continue
        if line.strip():
            yield line
