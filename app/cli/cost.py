"""`sre cost`: what language models cost today, this week and this month."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from core.costs import Prices
    from core.ledger import Period, Spent

TITLES = {"day": "today", "week": "this week", "month": "this month"}
COLUMNS = ("", "model", "calls", "input", "from cache", "to cache", "output", "cost")


def cost(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """What language models cost this day, week and month (UTC), by model, and what the daily budget is."""
    from core import clock
    from core.costs import load_prices
    from core.ledger import Ledger  # imports SQLAlchemy
    from core.settings import load_settings
    from core.store import FILE_NAME, Store

    settings = load_settings()
    prices = load_prices(settings.lm_prices)
    database = settings.data_dir / FILE_NAME
    totals: Mapping[Period, Mapping[str, Spent]] = {"day": {}, "week": {}, "month": {}}
    if database.exists():
        totals = Ledger(Store(database), prices, settings.daily_budget_usd).totals(clock.now())
    if as_json:
        print(json.dumps(_as_json(totals, prices, settings.daily_budget_usd), indent=2))
        return
    _show(totals)
    print(_budget(totals, settings.daily_budget_usd))
    print(f"Estimated from the prices of {prices.as_of} in {settings.lm_prices}.")
    for problem in (prices.problem(model) for model in {**totals["week"], **totals["month"]}):
        if problem:
            print(f"! {problem}")


def _as_json(totals: Mapping[Period, Mapping[str, Spent]], prices: Prices, budget: float) -> dict[str, Any]:
    told: dict[str, Any] = {
        period: {
            "cost_usd": round(sum(spent.cost_usd for spent in models.values()), 6),
            "models": {model: asdict(spent) for model, spent in models.items()},
        }
        for period, models in totals.items()
    }
    return {**told, "daily_budget_usd": budget, "prices": {"as_of": str(prices.as_of), "source": prices.source}}


def _show(totals: Mapping[Period, Mapping[str, Spent]]) -> None:
    from rich.console import Console
    from rich.table import Table

    if not totals["month"] and not totals["week"]:
        print("No model was called this month.")
        return
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for period, models in totals.items():
        rows = list(models.items())
        for place, (model, spent) in enumerate(rows):
            table.add_row("" if place else TITLES[period], model, *_figures(spent))
        if len(rows) > 1:
            table.add_row("", "all models", *_figures(_sum([spent for _, spent in rows])), style="bold")
        if not rows:
            table.add_row(TITLES[period], "none", "0", "", "", "", "", "$0.00")
    Console().print(table)


def _figures(spent: Spent) -> list[str]:
    tokens = (spent.input_tokens, spent.cache_read_tokens, spent.cache_write_tokens, spent.output_tokens)
    money = "price unknown" if spent.unpriced == spent.calls else f"${spent.cost_usd:.4f}"
    partly = f" + {spent.unpriced} unpriced" if 0 < spent.unpriced < spent.calls else ""
    return [f"{spent.calls:,}", *(f"{count:,}" for count in tokens), money + partly]


def _sum(parts: list[Spent]) -> Spent:
    return type(parts[0])(**{f.name: sum(getattr(part, f.name) for part in parts) for f in fields(parts[0])})


def _budget(totals: Mapping[Period, Mapping[str, Spent]], budget: float) -> str:
    if not budget:
        return "There is no daily budget (SRE_DAILY_BUDGET_USD is 0)."
    spent = sum(spent.cost_usd for spent in totals["day"].values())
    left = f"${budget - spent:.2f} left" if spent < budget else "spent: answers are written by code until midnight UTC"
    return f"Daily budget: ${budget:.2f}, {left} (SRE_DAILY_BUDGET_USD)."
