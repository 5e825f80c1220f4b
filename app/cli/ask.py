"""`sre ask`: one question, or a file of them."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Annotated, Any

import typer

from app.cli.screen import Batch, read_lines, working
from app.cli.watching import ask_once
from core.clock import parse_at
from core.errors import InvalidInput


def ask(
    question: Annotated[str | None, typer.Argument(help="The question, in plain words.", show_default=False)] = None,
    *,
    session: Annotated[str | None, typer.Option(help="Identifier of a conversation.")] = None,
    at: Annotated[str | None, typer.Option(help="Ask about a past moment, e.g. 2026-11-20T03:10:00Z.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")] = False,
    batch: Annotated[str | None, typer.Option(help='File of {"question": …} lines ("-": standard input).')] = None,
) -> None:
    """Ask about alerts, hosts, services, logs and runbooks."""
    if batch is not None:
        _ask_batch(batch)
        return
    if question is None:
        raise InvalidInput('question: none was given; ask something like: sre ask "Why is jellyfin slow?"')
    moment = parse_at(at) if at is not None else None
    from pipeline.classify import check_question

    text = check_question(question)
    with working("looking") as say:
        from app.wiring import build_assistant
        from core.settings import load_settings

        answer = asyncio.run(ask_once(build_assistant(load_settings()), text, at=moment, session=session, say=say))
    if as_json:
        print(answer.model_dump_json(indent=2))
        return
    from app.cli.answer import show

    show(answer)


def _ask_batch(path: str) -> None:
    """One JSON result a line, in order; a line that fails gives {"error": …} and the exit code of `Batch`."""
    from app.wiring import build_assistant
    from core.logging import configure_logging
    from core.settings import load_settings

    settings = load_settings()
    configure_logging("WARNING")
    assistant = build_assistant(settings)
    done = Batch()

    async def run() -> None:
        async with assistant:
            for number, line in read_lines(path):
                with done.line():
                    body = _question_of(line, number)
                    at: datetime | None = parse_at(body["at"], field=f"line {number}: at") if body.get("at") else None
                    answer = await assistant.ask(body["question"], at=at, session_id=body.get("session_id"))
                    print(answer.model_dump_json(), flush=True)

    asyncio.run(run())
    if done.exit_code:
        raise typer.Exit(done.exit_code)


def _question_of(line: str, number: int) -> dict[str, Any]:
    try:
        body = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"line {number}: not JSON: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("question"), str):
        raise InvalidInput(f'line {number}: question: write {{"question": "…"}}')
    if unknown := body.keys() - {"question", "session_id", "at"}:
        raise InvalidInput(f"line {number}: no such field: {', '.join(sorted(unknown))}")
    for name in ("session_id", "at"):
        if body.get(name) is not None and not isinstance(body[name], str):
            raise InvalidInput(f"line {number}: {name}: write it as text")
    return body
