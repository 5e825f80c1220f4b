"""`sre alerts`: what fires now, grouped by severity."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.screen import say

if TYPE_CHECKING:
    from core.vocabulary import Alert


WIDE = 200
"""Columns when the output goes to a file or a pipe."""


def alerts(*, as_json: Annotated[bool, typer.Option("--json", help="Print the alerts as JSON.")] = False) -> None:
    """Show what fires now: severity, name, host or service, since when."""
    from core.settings import load_settings

    settings = load_settings()
    say(
        f"asking {settings.alertmanager_url or settings.grafana_url or settings.prometheus_url or 'nobody: no source is configured'}"
    )
    from app.wiring import build_sources
    from core.clock import now
    from pipeline.brief import Gaps
    from pipeline.firing import current_alerts

    gaps = Gaps()
    moment = now()
    found = asyncio.run(current_alerts(build_sources(settings), moment, moment, gaps))
    if as_json:
        print(
            json.dumps(
                {"alerts": [alert.model_dump(mode="json") for alert in found or ()], "gaps": gaps.lines}, indent=2
            )
        )
    else:
        if found is not None:
            _table(found)
        for gap in gaps.lines:
            say(f"not seen: {gap}")
    if found is None:
        raise typer.Exit(1)


def _table(found: Sequence[Alert]) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from core.clock import now
    from pipeline.alert_evidence import severity_rank
    from pipeline.wording import ago

    if not found:
        print("No alert is firing.")
        return
    table = Table("severity", Column("alert", no_wrap=True), Column("where", no_wrap=True), "state", "since", "summary")
    for alert in sorted(found, key=lambda a: (severity_rank(a), a.name, a.starts_at)):
        where = alert.labels.get("service") or alert.labels.get("name") or alert.labels.get("instance", "")
        row = (alert.severity, alert.name, where, alert.state, ago(alert.starts_at, now()), alert.summary)
        table.add_row(*(Text(cell) for cell in row))
    console = Console()
    console.print(table, width=console.width if console.is_terminal else WIDE)
