"""The cap on what a run may cost."""

from datetime import UTC, date, datetime

import pytest

from core.costs import ModelCall, Price, Prices
from optimise.spending import ANSWER_TOKENS, CapReachedError, Spending, estimated_usd

PRICES = Prices(as_of=date(2026, 11, 1), source="a test", models={"p/m": Price(input=10.0, output=50.0)})


def call(input_tokens: int) -> ModelCall:
    return ModelCall(at=datetime(2026, 11, 20, tzinfo=UTC), model="p/m", step="synthesise", input_tokens=input_tokens)


def test_a_call_that_might_pass_the_cap_is_refused() -> None:
    spending = Spending(PRICES, cap_usd=0.05)
    for _ in range(4):
        assert spending.refuse() is None
        spending.record(call(1000))  # a cent each
    assert spending.refuse() is None, "the fifth is still within the cap"
    spending.check()
    spending.record(call(1000))
    assert "the cap of 0.05 USD is reached: 0.0500 USD were spent in 5 calls" in str(spending.refuse())
    with pytest.raises(CapReachedError, match="5 calls"):
        spending.check()


def test_the_dearest_call_so_far_is_what_the_next_may_cost() -> None:
    spending = Spending(PRICES, cap_usd=0.05)
    spending.record(call(3000))
    assert spending.refuse() is not None


def test_an_optimiser_cannot_mistake_the_cap_for_a_bad_answer() -> None:
    assert not issubclass(CapReachedError, Exception)


def test_an_estimate_counts_question_and_answer() -> None:
    assert estimated_usd(PRICES, "p/m", 100, 2000) == pytest.approx(100 * (2000 * 10 + ANSWER_TOKENS * 50) * 1e-6)
    assert estimated_usd(PRICES, "p/other", 100, 2000) is None
