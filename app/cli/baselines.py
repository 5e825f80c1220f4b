"""`sre baselines`: what was learnt to be usual, and learning it now."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.screen import counting, say
from core.errors import ConfigurationError

if TYPE_CHECKING:
    from core.settings import Settings
    from pipeline.baseline_store import Kept
    from pipeline.learnt import Baselines
    from pipeline.signals import Signal

baselines = typer.Typer(add_completion=False)
COLUMNS = ("signal", "series", "learnt", "from", "size")


@baselines.callback(invoke_without_command=True)
def show(
    context: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """What was learnt to be usual at each hour of the week: for how many series of each signal, when, and from how long a past."""
    if context.invoked_subcommand is not None:
        return
    learnt, settings = _baselines()
    rows: list[tuple[Signal, Kept | None]]
    rows = learnt.status() if _exists(settings) else [(signal, None) for signal in learnt.signals]
    if as_json:
        print(json.dumps([_as_json(signal, kept) for signal, kept in rows], indent=2))
        return
    _show(rows)


@baselines.command()
def learn(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Learn everything anew from the last weeks in Prometheus. A running `sre serve` does so daily by itself."""
    from app.baseline_refresh import build_learner
    from core.clock import now

    learnt, settings = _baselines()
    learner = build_learner(settings, learnt)
    started = time.monotonic()
    say("learning from the last 4 weeks …")
    with counting("learning") as progress:
        done = asyncio.run(learner.learn(now(), progress=progress))
    seconds = time.monotonic() - started
    for problem in done.problems:
        say(f"not learnt: {problem}")
    if as_json:
        told = {"signals": done.signals, "series": done.series, "requests": done.requests, "problems": done.problems}
        print(json.dumps({**told, "seconds": round(seconds, 1)}, indent=2))
    else:
        print(f"{done.signals} signals, {done.series} series, {done.requests} requests, in {seconds:.1f} s")
    if done.problems and not done.signals:
        raise typer.Exit(1)


def _baselines() -> tuple[Baselines, Settings]:
    from app.wiring import build_baselines
    from core.settings import load_settings
    from core.store import FILE_NAME, Store

    settings = load_settings()
    found = build_baselines(settings, Store(settings.data_dir / FILE_NAME))
    if found is None:
        raise ConfigurationError("SRE_PROMETHEUS_URL: it is not set, and baselines are learnt from Prometheus")
    return found, settings


def _exists(settings: Settings) -> bool:
    """To look at what was learnt makes no database."""
    from core.store import FILE_NAME

    return (settings.data_dir / FILE_NAME).exists()


def _as_json(signal: Signal, kept: Kept | None) -> dict[str, Any]:
    from core.clock import isoformat

    if kept is None:
        return {"signal": signal.name, "learnt_at": None}
    start, end = isoformat(kept.window.start), isoformat(kept.window.end)
    told = {"learnt_at": isoformat(kept.learnt_at), "series": kept.series, "bytes": kept.size}
    return {"signal": signal.name, **told, "from": start, "to": end}


def _show(rows: list[tuple[Signal, Kept | None]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from core.clock import now
    from pipeline.wording import ago, size

    known = [kept for _, kept in rows if kept is not None]
    if not known:
        print("Nothing is learnt yet. Run: sre baselines learn (a running `sre serve` learns daily by itself).")
        return
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for signal, kept in rows:
        if kept is None:
            table.add_row(signal.name, "not learnt")
            continue
        table.add_row(
            signal.name, f"{kept.series:,}", ago(kept.learnt_at, now()), f"{kept.days:.0f} days", size(kept.size)
        )
    Console().print(table)
    total = sum(kept.series for kept in known)
    print(f"{len(known)} of {len(rows)} signals, {total:,} series, {size(sum(kept.size for kept in known))}.")
