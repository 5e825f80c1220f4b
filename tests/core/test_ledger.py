"""What was spent, and the daily budget."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from core.costs import ModelCall, Price, Prices
from core.errors import StoreError
from core.ledger import Ledger, Spent, beginnings
from core.store import Store

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)  # a Friday
PRICES = Prices(
    as_of=date(2026, 11, 1),
    source="a list",
    models={"anthropic/big": Price(input=3, output=15), "ollama/*": Price(input=0, output=0)},
)


def call(at: datetime = NOW, model: str = "anthropic/big", tokens: int = 100_000) -> ModelCall:
    """With the default model and tokens: $0.30."""
    return ModelCall(at=at, model=model, step="synthesise", input_tokens=tokens, seconds=1.5)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(Store(tmp_path / "assistant.db"), PRICES, 1.0)


def test_a_recorded_call_comes_back_with_its_cost(ledger) -> None:
    assert ledger.record(call()).cost_usd == pytest.approx(0.30)
    assert ledger.record(call(model="ollama/qwen")).cost_usd == 0.0
    assert ledger.record(call(model="else/where")).cost_usd is None


def test_spent_today_is_what_was_called_since_midnight_utc(ledger) -> None:
    ledger.record(call())
    ledger.record(call(datetime(2026, 11, 20, 0, 0, tzinfo=UTC)))
    ledger.record(call(datetime(2026, 11, 19, 23, 59, 59, tzinfo=UTC)))
    assert ledger.spent_today(NOW) == pytest.approx(0.60)
    ledger.flush()
    assert ledger.spent_today(NOW) == pytest.approx(0.60)


def test_days_are_those_of_utc_wherever_now_is_told(ledger) -> None:
    ledger.record(call(datetime(2026, 11, 19, 23, 30, tzinfo=UTC)))
    evening = NOW.astimezone(timezone(timedelta(hours=-8)))
    assert ledger.spent_today(evening) == 0.0


def test_the_budget_holds_once_it_is_spent(ledger) -> None:
    for _ in range(3):
        ledger.record(call())
        assert ledger.over_budget(NOW) is None
    ledger.record(call())
    ledger.flush()
    assert ledger.over_budget(NOW) == (
        "budget: $1.20 of $1.00 a day are spent (SRE_DAILY_BUDGET_USD); models are asked again after midnight UTC"
    )
    assert ledger.over_budget(NOW + timedelta(days=1)) is None


def test_the_budget_counts_what_other_processes_spent(tmp_path) -> None:
    mine, other = (Ledger(Store(tmp_path / "assistant.db"), PRICES, 1.0) for _ in range(2))
    other.record(call(tokens=400_000))
    other.flush()
    assert mine.over_budget(NOW)


def test_a_budget_of_nothing_is_no_limit(tmp_path) -> None:
    ledger = Ledger(Store(tmp_path / "assistant.db"), PRICES, 0.0)
    ledger.record(call(tokens=10_000_000))
    assert ledger.over_budget(NOW) is None


def test_no_model_is_called_when_nobody_can_tell_what_was_spent(tmp_path) -> None:
    (tmp_path / "assistant.db").write_text("not a database " * 500)
    ledger = Ledger(Store(tmp_path / "assistant.db"), PRICES, 1.0)
    assert "budget: it cannot be told what was spent today (store: " in (ledger.over_budget(NOW) or "")
    ledger.record(call())
    with pytest.raises(StoreError):
        ledger.flush()


def test_what_could_not_be_written_is_written_later(tmp_path) -> None:
    path = tmp_path / "assistant.db"
    ledger = Ledger(Store(path, busy_timeout_s=0.05), PRICES, 1.0)
    with Store(path).begin():
        pass
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.record(call())
    with pytest.raises(StoreError, match="another process is writing"):
        ledger.flush()
    assert ledger.spent_today(NOW) == pytest.approx(0.30)
    other.execute("ROLLBACK")
    other.close()
    ledger.record(call())
    ledger.flush()
    assert Ledger(Store(path), PRICES, 1.0).spent_today(NOW) == pytest.approx(0.60)


def test_totals_by_period_and_model_the_dearest_first(ledger) -> None:
    ledger.record(call(model="ollama/qwen"))
    ledger.record(call())
    ledger.record(call(model="else/where"))
    ledger.record(call(NOW - timedelta(days=4)))  # Monday
    ledger.record(call(NOW - timedelta(days=5)))  # Sunday, the week before
    ledger.record(call(NOW - timedelta(days=20)))  # October
    totals = ledger.totals(NOW)
    assert list(totals["day"]) == ["anthropic/big", "else/where", "ollama/qwen"]
    assert totals["day"]["anthropic/big"] == Spent(1, 100_000, 0, 0, 0, 1.5, pytest.approx(0.30), 0)
    assert totals["day"]["else/where"].unpriced == 1
    assert totals["week"]["anthropic/big"].calls == 2
    assert totals["month"]["anthropic/big"].calls == 3


def test_what_is_too_old_is_forgotten(ledger, tmp_path) -> None:
    ledger.record(call(NOW - timedelta(days=401)))
    ledger.flush()
    ledger.record(call())
    ledger.flush()
    with sqlite3.connect(tmp_path / "assistant.db") as connection:
        assert connection.execute("SELECT count(*) FROM model_calls").fetchone() == (1,)


def test_periods_begin_at_midnight_on_monday_and_on_the_first() -> None:
    assert beginnings(NOW) == {
        "day": datetime(2026, 11, 20, tzinfo=UTC),
        "week": datetime(2026, 11, 16, tzinfo=UTC),
        "month": datetime(2026, 11, 1, tzinfo=UTC),
    }


def test_a_process_that_ends_writes_first(tmp_path) -> None:
    program = (
        "import sys\nfrom datetime import UTC, date, datetime\nfrom pathlib import Path\n"
        "from core.costs import ModelCall, Price, Prices\nfrom core.ledger import Ledger\nfrom core.store import Store\n"
        "prices = Prices(as_of=date(2026, 11, 1), source='a list', models={'a/b': Price(input=3, output=15)})\n"
        "ledger = Ledger(Store(Path(sys.argv[1])), prices, 1.0)\n"
        "at = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)\n"
        "for _ in range(50): ledger.record(ModelCall(at=at, model='a/b', step='rca', input_tokens=1000))\n"
    )
    path = tmp_path / "assistant.db"
    subprocess.run([sys.executable, "-c", program, path], cwd=ROOT, check=True, timeout=60)
    assert Ledger(Store(path), PRICES, 1.0).totals(NOW)["day"]["a/b"].calls == 50
