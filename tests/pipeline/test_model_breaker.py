"""The breaker around a model's provider."""

from __future__ import annotations

import time

import pytest

from core.errors import BadModelAnswer, ModelRefused, ModelUnavailable
from pipeline.model_breaker import Breaker, CutShort


def fail(breaker: Breaker, error: BaseException, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)), breaker.guarded():
            raise error


def opened(reset_s: float = 60) -> Breaker:
    breaker = Breaker("ollama", threshold=2, reset_s=reset_s)
    fail(breaker, ModelUnavailable("down"), 2)
    return breaker


def after_its_rest() -> Breaker:
    breaker = opened(reset_s=0.001)
    time.sleep(0.01)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker("ollama", threshold=2)
    fail(breaker, ModelUnavailable("down"))
    with breaker.guarded():
        pass
    fail(breaker, ModelUnavailable("down"))
    assert breaker.refusal() is None
    fail(breaker, ModelUnavailable("down"))
    assert breaker.refusal() == "ollama: failed 2 times in a row; not asked again for 30 s"


def test_an_open_one_runs_nothing() -> None:
    ran = False
    with pytest.raises(ModelUnavailable, match="ollama: failed 2 times in a row"), opened().guarded():
        ran = True
    assert not ran


@pytest.mark.parametrize(
    "error", [ModelRefused("no"), BadModelAnswer("odd"), CutShort("late"), KeyboardInterrupt(), ValueError()]
)
def test_only_an_unavailable_provider_counts(error: BaseException) -> None:
    breaker = Breaker("ollama", threshold=2)
    fail(breaker, error, 5)
    assert breaker.refusal() is None


def test_one_probe_at_a_time() -> None:
    breaker = after_its_rest()
    assert breaker.refusal() is None
    refused = pytest.raises(ModelUnavailable, match="being tried again by another request")
    with breaker.guarded(), refused, breaker.guarded():
        pass
    with breaker.guarded(), breaker.guarded():
        assert breaker.refusal() is None


def test_a_failed_probe_opens_it_again() -> None:
    breaker = Breaker("ollama", threshold=1, reset_s=0.2)
    fail(breaker, ModelUnavailable("down"))
    time.sleep(0.25)
    fail(breaker, ModelUnavailable("still down"))
    assert "not asked again" in (breaker.refusal() or "")


def test_a_cancelled_probe_leaves_the_way_to_the_next() -> None:
    breaker = after_its_rest()
    fail(breaker, KeyboardInterrupt())
    with breaker.guarded():
        assert breaker.refusal() is not None
    assert breaker.refusal() is None
