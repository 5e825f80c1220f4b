"""`sre cost`, as a process over a real ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core import clock
from core.costs import ModelCall, load_prices
from core.ledger import Ledger
from core.store import FILE_NAME, Store

ROOT = Path(__file__).resolve().parents[2]
COST = "import typer\nfrom app.cli.cost import cost\ntyper.run(cost)"
PRICES = """
as_of: 2026-11-01
source: a list
models:
  anthropic/big: {input: 3, cache_read: 0.3, output: 15}
  ollama/*: {input: 0, output: 0}
"""


@pytest.fixture
def cost(tmp_path):
    (tmp_path / "prices.yaml").write_text(PRICES)

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        set_here = {
            "PATH": "/usr/bin:/bin",
            "COLUMNS": "140",
            "SRE_DATA_DIR": str(tmp_path / "data"),
            "SRE_LM_PRICES": str(tmp_path / "prices.yaml"),
            **environment,
        }
        return subprocess.run(
            [sys.executable, "-c", COST, *arguments], cwd=ROOT, env=set_here, capture_output=True, text=True, timeout=60
        )

    return run


@pytest.fixture
def spent(tmp_path):
    """$0.33 and 2,000 cached tokens of one model today, a free call, and one without a price."""
    (tmp_path / "prices.yaml").write_text(PRICES)
    ledger = Ledger(Store(tmp_path / "data" / FILE_NAME), load_prices(tmp_path / "prices.yaml"), 1.0)
    now = clock.now()
    ledger.record(
        ModelCall(at=now, model="anthropic/big", step="rca", input_tokens=100_000, output_tokens=2_000, seconds=2)
    )
    ledger.record(ModelCall(at=now, model="anthropic/big", step="rca", cache_read_tokens=2_000, seconds=1))
    ledger.record(ModelCall(at=now, model="ollama/qwen", step="classify", input_tokens=1_000, seconds=1))
    ledger.record(ModelCall(at=now, model="else/where", step="rca", input_tokens=1_000, seconds=1))
    ledger.flush()


def test_day_week_and_month_by_model(cost, spent) -> None:
    done = cost()
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "today anthropic/big 2 100,000 2,000 0 2,000 $0.3306" in lines
    assert "this week anthropic/big 2 100,000 2,000 0 2,000 $0.3306" in lines
    assert "this month anthropic/big 2 100,000 2,000 0 2,000 $0.3306" in lines
    assert lines.count("ollama/qwen 1 1,000 0 0 0 $0.0000") == 3
    assert lines.count("else/where 1 1,000 0 0 0 price unknown") == 3
    assert lines.count("all models 4 102,000 2,000 0 2,000 $0.3306 + 1 unpriced") == 3
    assert "Daily budget: $1.00, $0.67 left (SRE_DAILY_BUDGET_USD)." in lines
    assert any(line.startswith("! SRE_LM_PRICES: there is no price of else/where") for line in lines)


def test_json(cost, spent) -> None:
    told = json.loads(cost("--json").stdout)
    assert told["day"]["cost_usd"] == pytest.approx(0.3306)
    assert told["month"]["models"]["anthropic/big"] == {
        "calls": 2,
        "input_tokens": 100_000,
        "cache_read_tokens": 2_000,
        "cache_write_tokens": 0,
        "output_tokens": 2_000,
        "seconds": 3.0,
        "cost_usd": pytest.approx(0.3306),
        "unpriced": 0,
    }
    assert told["week"]["models"]["else/where"]["unpriced"] == 1
    assert told["daily_budget_usd"] == 1.0
    assert told["prices"] == {"as_of": "2026-11-01", "source": "a list"}


def test_a_spent_budget_is_told(cost, spent) -> None:
    assert (
        "Daily budget: $0.20, spent: answers are written by code until midnight UTC"
        in cost(SRE_DAILY_BUDGET_USD="0.2").stdout
    )


def test_nothing_was_called_and_nothing_is_made(cost, tmp_path) -> None:
    done = cost(SRE_DAILY_BUDGET_USD="0")
    assert done.returncode == 0, done.stderr
    assert "No model was called this month." in done.stdout
    assert "There is no daily budget" in done.stdout
    assert not (tmp_path / "data").exists()


def test_a_broken_table_of_prices_is_named(cost, tmp_path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES.replace("output: 15", "output: cheap"))
    done = cost()
    assert done.returncode != 0
    assert "ConfigurationError: SRE_LM_PRICES: " in done.stderr
    assert "models.anthropic/big.output" in done.stderr
