"""The fit of the change weights: what tells causes apart gains weight, and nothing is learnt from what is held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimise.fit_changes import Example, blamed_by, cross_validated, fit, judge
from pipeline.ranking.change_signs import Signs
from pipeline.ranking.change_weights import ChangeWeights, load_weights

NEUTRAL = ChangeWeights(signs={}, none={}, bar=0.4)


def incident(number: int, *, right: int | None) -> Example:
    """Four candidates; the right one speaks of the symptom's topic, the latest of them is a decoy."""
    draw = np.random.default_rng(number)
    signs = [
        Signs({"near": float(draw.normal(0, 0.1)), "same_topic": float(place == right)}, ("",), kind="config_commit")
        for place in range(4)
    ]
    return Example(f"scenario-{number}", tuple(signs), {"always": 1.0}, right)


MADE = [incident(number, right=number % 4 if number % 3 else None) for number in range(30)]


def test_what_tells_causes_apart_gains_weight() -> None:
    weights = fit(MADE, 0.01, NEUTRAL)
    assert weights.signs["same_topic"] > 2
    assert abs(weights.signs["near"]) < weights.signs["same_topic"] / 2
    found = judge(MADE, [weights] * len(MADE))
    assert (found.right, found.decoy, found.abstains) == (1.0, 0.0, 1.0)


def test_a_stronger_penalty_trusts_each_sign_less() -> None:
    weak, strong = (fit(MADE, penalty, NEUTRAL).signs["same_topic"] for penalty in (0.01, 1.0))
    assert 0 < strong < weak


def test_an_excluded_candidate_is_never_blamed() -> None:
    weights = fit(MADE, 0.01, NEUTRAL)
    one = MADE[1]
    assert one.right is not None
    without = replace(one, signs=tuple(replace(s, excluded=place == one.right) for place, s in enumerate(one.signs)))
    assert blamed_by(one, weights) == one.right
    assert blamed_by(without, weights) is None


def test_nothing_is_learnt_from_the_scenario_that_is_judged() -> None:
    """One scenario contradicts all others: fitted without it, it must come out wrong."""
    odd = replace(MADE[1], scenario="odd", right=(MADE[1].right or 0) ^ 1)
    examples = [*MADE, odd]
    weights = cross_validated(examples, 0.01, NEUTRAL)
    assert blamed_by(odd, weights[-1]) == MADE[1].right


@pytest.mark.parametrize("often", [1, 5])
def test_a_scenario_counts_the_same_however_often_it_was_replayed(often: int) -> None:
    once = fit(MADE, 0.05, NEUTRAL)
    again = fit([*MADE, *[MADE[0]] * (often - 1)], 0.05, NEUTRAL)
    assert again.signs["same_topic"] == pytest.approx(once.signs["same_topic"], abs=0.02)


def test_the_shipped_weights_say_what_the_trade_knows() -> None:
    signs = load_weights().signs
    assert min(signs["itself"], signs["same_topic"], signs["same_words"], signs["late"]) > 0
    assert max(signs["harmless"], signs["from_outside"]) < 0
