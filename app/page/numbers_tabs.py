"""The tabs that tell of the assistant itself: how it does as a service, and how its evaluations went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from app.page.backing import Backing
from core import clock
from core.costs import load_prices
from core.errors import SreError
from core.ledger import Ledger
from core.store import FILE_NAME, Store
from core.telemetry import REGISTRY
from optimise.tracking import EvaluationRun, Tracking

PERIODS = {"day": "today", "week": "this week", "month": "this month"}
INCIDENTS = "No incident is kept yet. This tab will list them with their root cause analyses; until then, ask “draft a root cause analysis”, or POST /rca."
REPORTS = "No report is written yet. This tab will show the weekly reliability report once it is built."
OBJECTIVES = "Service level objectives and their error budgets are not defined yet; this tab will show them with their burn rates."


@dataclass(frozen=True)
class _Answered:
    """Since the server started."""

    total: float
    by_code: float
    with_gaps: float
    seconds: float
    degraded: float


async def reliability_html(backing: Backing) -> str:
    """What was answered since the start, and what language models cost."""
    seen = _answered()
    rows: list[Sequence[str]] = [
        ("questions answered since the start", f"{seen.total:.0f}"),
        ("of them written by code alone", f"{seen.by_code:.0f}"),
        ("of them with something that could not be seen", f"{seen.with_gaps:.0f}"),
        ("mean time of an answer", f"{seen.seconds / seen.total:.2f} s" if seen.total else "none yet"),
        ("steps down from the full program", f"{seen.degraded:.0f}"),
    ]
    return f'{_table(("", ""), rows)}<h4>Cost</h4>{await _cost(backing)}<p class="hint">{OBJECTIVES}</p>'


async def evals_html(backing: Backing) -> str:
    """The last evaluations, newest first."""
    settings = backing.settings

    def read() -> Sequence[EvaluationRun]:
        return Tracking(settings.mlflow_tracking_uri, settings.data_dir).latest_evaluations()

    try:
        runs = await asyncio.to_thread(read)
    except SreError as error:
        return f'<p class="problem">{escape(str(error))}</p>'
    if not runs:
        return '<p class="hint">No evaluation was kept yet: run “make eval”, then look here again; “make mlflow” compares them case by case.</p>'
    rows = [
        (
            *(f"{run.at.astimezone(backing.zone):%Y-%m-%d %H:%M}", run.name, run.split, f"{run.cases}"),
            *(f"{run.passed:.1%}", f"{run.confidently_wrong:.1%}", run.program),
        )
        for run in runs
    ]
    head = ("when", "run", "split", "cases", "passed", "confidently wrong", "program")
    return f'{_table(head, rows)}<p class="hint">Case by case: make compare A=… B=…, or make mlflow.</p>'


async def _cost(backing: Backing) -> str:
    settings = backing.settings
    if settings.lm is None:
        return '<p class="hint">No language model is configured (SRE_LM), so nothing was spent.</p>'
    try:
        ledger = Ledger(
            Store(settings.data_dir / FILE_NAME), load_prices(settings.lm_prices), settings.daily_budget_usd
        )
        totals = await asyncio.to_thread(ledger.totals, clock.now())
    except SreError as error:
        return f'<p class="problem">{escape(str(error))}</p>'
    rows = [
        (PERIODS[period], model, f"{spent.calls}", f"{spent.cost_usd:.4f} US dollars")
        for period, models in totals.items()
        for model, spent in models.items()
    ]
    budget = f"The daily budget is {settings.daily_budget_usd:g} US dollars." if settings.daily_budget_usd else ""
    return f"{_table(('when', 'model', 'calls', 'cost'), rows)}<p>{budget}</p>"


def _answered() -> _Answered:
    by_name: dict[str, float] = {}
    code = 0.0
    for family in REGISTRY.collect():
        for sample in family.samples:
            by_name[sample.name] = by_name.get(sample.name, 0.0) + sample.value
            if sample.name == "sre_questions_total" and sample.labels.get("mode") == "deterministic":
                code += sample.value
    return _Answered(
        total=by_name.get("sre_questions_total", 0.0),
        by_code=code,
        with_gaps=by_name.get("sre_gaps_total", 0.0),
        seconds=by_name.get("sre_question_duration_seconds_sum", 0.0),
        degraded=by_name.get("sre_degraded_total", 0.0),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="sheet"><tr>{top}</tr>{body}</table>'
