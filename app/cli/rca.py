"""`sre rca`: a draft of a root cause analysis."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from app.cli.screen import working
from app.cli.watching import ask_once
from core.clock import parse_at


def rca(
    subject: Annotated[
        str | None, typer.Argument(help="A host, service or alert; without one, what fires.", show_default=False)
    ] = None,
    *,
    at: Annotated[str | None, typer.Option(help="A moment of the incident, e.g. 2026-11-20T03:10:00Z.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole answer as JSON.")] = False,
) -> None:
    """Draft a root cause analysis: timeline, evidence, cause, impact, follow-ups."""
    moment = parse_at(at) if at is not None else None
    from pipeline.rca import question_about

    question = question_about(subject)
    with working("looking") as say:
        from app.wiring import build_assistant
        from core.settings import load_settings

        answer = asyncio.run(ask_once(build_assistant(load_settings()), question, at=moment, say=say))
    if as_json:
        print(answer.model_dump_json(indent=2))
        return
    from app.cli.answer import show

    show(answer)
