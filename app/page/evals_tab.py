"""Evaluations: the last ones that were kept, and what one won and lost against another, case by case."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from app.page.backing import Backing
from app.page.sheet import sheet
from core.errors import SreError
from optimise.comparison import Comparison, compare
from optimise.tracking import EvaluationRun, Tracking

NOTHING = "No evaluation was kept yet: run “make eval”, then look here again; “make mlflow” shows each in full."


@dataclass(frozen=True)
class EvalsTab:
    """Its components."""

    runs: gr.HTML
    before: gr.Dropdown
    after: gr.Dropdown
    compare: gr.Button
    compared: gr.HTML


def evals_tab() -> EvalsTab:
    runs = gr.HTML("")
    with gr.Row():
        before = gr.Dropdown([], label="Compare", min_width=160, filterable=False)
        after = gr.Dropdown([], label="with", min_width=160, filterable=False)
        button = gr.Button("Compare", min_width=80)
    return EvalsTab(runs, before, after, button, gr.HTML(""))


def listing(backing: Backing) -> Callable[[], Awaitable[tuple[str, Any, Any]]]:
    """What the tab shows when it is opened: the runs, and both choices, the latest against the one before."""

    async def read() -> tuple[str, Any, Any]:
        try:
            runs = await asyncio.to_thread(_tracking(backing).latest_evaluations)
        except SreError as error:
            return f'<p class="problem">{escape(str(error))}</p>', gr.skip(), gr.skip()
        choices = [(f"{_when(run, backing)} {run.name}", run.id) for run in runs]
        newest, older = (choices[0][1] if runs else None), (choices[1][1] if len(runs) > 1 else None)
        return _runs(runs, backing), gr.Dropdown(choices, value=older), gr.Dropdown(choices, value=newest)

    return read


def comparing(backing: Backing) -> Callable[[str | None, str | None], Awaitable[str]]:
    """What the button does."""

    async def tell(before: str | None, after: str | None) -> str:
        if not before or not after:
            return '<p class="hint">Two evaluations are needed.</p>'
        tracking = _tracking(backing)
        try:
            reports = [await asyncio.to_thread(tracking.report, run) for run in (before, after)]
            found = await asyncio.to_thread(compare, *reports)
        except SreError as error:
            return f'<p class="problem">{escape(str(error))}</p>'
        return _compared(found)

    return tell


def _runs(runs: Sequence[EvaluationRun], backing: Backing) -> str:
    if not runs:
        return f'<p class="hint">{NOTHING}</p>'
    rows = [
        (_when(run, backing), run.name, run.split, f"{run.cases}", f"{run.passed:.1%}", f"{run.confidently_wrong:.1%}")
        for run in runs
    ]
    return sheet(("when", "run", "split", "cases", "passed", "confidently wrong"), rows)


def _compared(found: Comparison) -> str:
    rows = [
        ("won" if each.won else "lost", each.id, each.kind, each.reason)
        for each in sorted(found.turned, key=lambda each: each.won)
    ]
    turned = sheet(("", "case", "kind", "why"), rows) if rows else "<p>No case turned.</p>"
    return f"<p>{escape(found.summary())}</p>{turned}"


def _when(run: EvaluationRun, backing: Backing) -> str:
    return f"{run.at.astimezone(backing.zone):%Y-%m-%d %H:%M}"


def _tracking(backing: Backing) -> Tracking:
    return Tracking(backing.settings.mlflow_tracking_uri, backing.settings.data_dir)
