"""How the assistant does as a service: what it answered, and what that cost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from app.page.backing import Backing
from app.page.sheet import sheet
from core import clock
from core.costs import load_prices
from core.errors import SreError
from core.ledger import Ledger
from core.store import FILE_NAME, Store
from core.telemetry import REGISTRY

PERIODS = {"day": "today", "week": "this week", "month": "this month"}
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
    return f'{sheet(("", ""), rows)}<h4>Cost</h4>{await _cost(backing)}<p class="hint">{OBJECTIVES}</p>'


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
    return f"{sheet(('when', 'model', 'calls', 'cost'), rows)}<p>{budget}</p>"


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
