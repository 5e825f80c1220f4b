"""`sre timeline`: what happened around a moment."""

from __future__ import annotations

import asyncio
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.screen import say, working
from core.clock import parse_at

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.vocabulary import Timeline

STYLES = {"alert": "red", "resolved": "green", "change": "cyan", "shift": "yellow", "log": "dim"}
WIDE = 200
"""Columns when the output goes to a file or a pipe."""


def timeline(
    *,
    at: Annotated[str | None, typer.Option(help="The moment, e.g. 2026-11-20T03:10:00Z; now if left out.")] = None,
    around: Annotated[str, typer.Option(help="How far to both sides of it: 90m, 2h, 1d.")] = "2h",
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show alerts, changes, shifts and log lines in the order of time, with the suspected cause marked."""
    from pipeline.time_lengths import parse_length

    moment, reach = parse_at(at) if at is not None else None, parse_length(around, field="--around")
    with working("looking"):
        from app.wiring import build_timeline
        from core.settings import load_settings

        settings = load_settings()
        found = asyncio.run(build_timeline(settings, at=moment, around=reach))
    if as_json:
        print(found.model_dump_json(indent=2))
        return
    _show(found, settings.zone)


def _show(found: Timeline, zone: ZoneInfo) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from core.clock import now
    from pipeline.wording import moment

    console = Console() if sys.stdout.isatty() else Console(width=WIDE)
    console.print(Text(found.statement, style="bold"))
    if found.events:
        table = Table(Column("when", no_wrap=True), "what", Column("where", no_wrap=True), "event")
        for event in found.events:
            why = f" ({'; '.join(event.reasons)})" if event.suspected and event.reasons else ""
            mark = ("◄ suspected: ", "bold red") if event.suspected else ""
            text = Text.assemble(mark, event.text, why, (f"  {PurePath(event.source).name}", "dim"))
            row = (Text(moment(event.at, zone, now=now())), Text(event.kind), Text(event.entity or ""), text)
            table.add_row(*row, style=STYLES[event.kind])
        console.print(table)
    for gap in found.gaps:
        say(f"not seen: {gap}")
