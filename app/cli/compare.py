"""`sre compare`: two evaluations, case by case."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.screen import say
from core.errors import ConfigurationError, InvalidInput

if TYPE_CHECKING:
    from core.settings import Settings
    from optimise.comparison import Comparison
    from optimise.report import Report

RUN_ID = re.compile(r"[0-9a-f]{32}")
WIDTH = 140
NAMED = 10
SIDE = "A report (JSON file of sre eval --output), a run in MLflow, or a program's version or alias there."
Candidates = list[tuple[str, Callable[[], "Report"]]]
"""Reports that a name may stand for, the latest first: the hash of their cases (empty if that is not known), and how to read them."""


def comparison(
    before: Annotated[str, typer.Argument(metavar="A", help=SIDE, show_default=False)],
    after: Annotated[
        str, typer.Argument(metavar="B", help="The same; what B wins and loses against A is told.", show_default=False)
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Keep the comparison in MLflow, too.")] = True,
) -> None:
    """Tell what B wins and loses against A, with the first reason of each, and a 95 % interval of the difference."""
    from core.settings import load_settings
    from optimise.comparison import compare
    from optimise.tracking import Tracking

    settings = load_settings()
    found = compare(*_reports(before, after, settings))
    print(found.model_dump_json(indent=2)) if as_json else show(found)
    if not log:
        return
    tracking = Tracking(settings.mlflow_tracking_uri, settings.data_dir)
    try:
        tracking.check()
        run = tracking.log_comparison(found, f"compare {found.before} {found.after}")
    except ConfigurationError as error:
        say(f"the comparison is not logged: {error}; --no-log leaves it out")
    else:
        say(f"logged in MLflow as run {run}; make mlflow shows it")


def show(found: Comparison) -> None:
    """What was lost, then what was won, kinds that changed, what has no partner, and the difference."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=WIDTH, soft_wrap=True)
    columns = found.table()
    if found.turned:
        table = Table(*columns)
        for row in zip(*columns.values(), strict=True):
            table.add_row(*(Text(cell) for cell in row), style="red" if "lost" in row else "green")
        console.print(table)
    for name, kind in found.kinds.items():
        if kind.before != kind.after:
            print(f"{name}: {kind.before} of {kind.total} before, {kind.after} after")
    for side, alone in (("A", found.only_before), ("B", found.only_after)):
        if alone:
            more = f" and {len(alone) - NAMED} more (--json has all)" if len(alone) > NAMED else ""
            print(f"only in {side}: {', '.join(alone[:NAMED])}{more}")
    if not found.same_data:
        print("The cases or scenarios of A and B differ; pairs have the same id and seed, and may ask something else.")
    print(found.summary())


def _reports(before: str, after: str, settings: Settings) -> tuple[Report, Report]:
    """Of programs with several evaluations the latest two over the same cases, else the latest."""
    a, b = _candidates(before, settings), _candidates(after, settings)
    alike = ((one, other) for cases, one in a for others, other in b if cases and cases == others)
    read_a, read_b = next(alike, (a[0][1], b[0][1]))
    return read_a(), read_b()


def _candidates(name: str, settings: Settings) -> Candidates:
    from optimise.tracking import MAX_REPORT_BYTES, Tracking, read_report

    path = Path(name)
    if path.is_file():
        if path.stat().st_size > MAX_REPORT_BYTES:
            raise InvalidInput(f"{name}: larger than {MAX_REPORT_BYTES:,} bytes; it is no report")
        try:
            report = read_report(path.read_text(encoding="utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{name}: cannot be read: {error}") from None
        return [(report.data_hash, lambda: report)]
    if path.suffix == ".json":
        raise InvalidInput(f"{name}: no such file; sre eval --output {name} writes one")
    from optimise.registry import Registry

    tracking = Tracking(settings.mlflow_tracking_uri, settings.data_dir)
    if RUN_ID.fullmatch(name):
        return [("", lambda: tracking.report(name))]
    found = Registry(settings.mlflow_tracking_uri, settings.data_dir).find(name)
    runs = tracking.evaluations(found.sha256)
    if not runs:
        raise InvalidInput(
            f"{name}: version {found.version} was never evaluated; run: sre eval --program {found.version} --output FILE"
        )
    return [(data_hash, lambda run=run: tracking.report(run)) for run, data_hash in runs]  # type: ignore[misc]
