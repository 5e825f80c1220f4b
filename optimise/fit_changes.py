"""Fits the weights by which changes are ranked: maximum likelihood of the conditional logit, with a ridge penalty.

Every scenario counts the same however often it was replayed. The penalty and the bar are chosen by cross-validation over scenarios:
what is learnt from some has to hold on the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.ranking.change_signs import Signs
from pipeline.ranking.change_weights import NONE_SIGNS, SIGNS, ChangeWeights
from pipeline.ranking.changes import clear_winner, probabilities

STRENGTH = 20.0
"""How the likelihood is scaled beside the penalty, whatever the number of scenarios."""
FOLDS = 8
Row = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """An incident: the signs of its candidates, what speaks for none, and which one it was (None: none of them)."""

    scenario: str
    signs: tuple[Signs, ...]
    none: Mapping[str, float]
    right: int | None
    weight: float = 1.0


@dataclass(frozen=True)
class Ranked:
    """Shares, each scenario counting once."""

    right: float
    decoy: float
    abstains: float


def fit(examples: Sequence[Example], penalty: float, start: ChangeWeights) -> ChangeWeights:
    """The weights that make what happened most likely; delays and priors stay as in `start`."""
    from scipy.optimize import minimize  # 0.5 s that only a fit pays for; it ships no types

    rows = [_rows(each, start) for each in examples]
    often = Counter(each.scenario for each in examples)
    shares = [STRENGTH * each.weight / often[each.scenario] / len(often) for each in examples]
    free = np.ones(len(SIGNS) + len(NONE_SIGNS))
    free[len(SIGNS)] = 0.0  # how often it is none of them at all is not held back

    def loss(weights: Row) -> tuple[float, Row]:
        total, slope = float(penalty * (free * weights) @ weights), 2 * penalty * free * weights
        for (matrix, right), share in zip(rows, shares, strict=True):
            utilities = matrix @ weights
            parts = np.exp(utilities - utilities.max())
            parts /= parts.sum()
            total -= share * float(np.log(parts[right] + 1e-12))
            parts[right] -= 1
            slope = slope + share * (parts @ matrix)
        return total, slope

    found = minimize(loss, np.zeros(len(free)), jac=True, method="L-BFGS-B").x
    signs = {name: round(float(value), 3) for name, value in zip(SIGNS, found[: len(SIGNS)], strict=True)}
    none = {name: round(float(value), 3) for name, value in zip(NONE_SIGNS, found[len(SIGNS) :], strict=True)}
    return replace(start, signs=signs, none=none)


def _rows(example: Example, start: ChangeWeights) -> tuple[Row, int]:
    """A row for each candidate that is not excluded, and a last one for none of them; which of the rows is right."""
    kept = [place for place, own in enumerate(example.signs) if not own.excluded]
    matrix = np.zeros((len(kept) + 1, len(SIGNS) + len(NONE_SIGNS)))
    for row, place in enumerate(kept):
        own = example.signs[place]
        values = {**own.values, "late": own.late(start)}
        matrix[row, : len(SIGNS)] = [values.get(name, 0.0) for name in SIGNS]
    matrix[-1, len(SIGNS) :] = [example.none.get(name, 0.0) for name in NONE_SIGNS]
    return matrix, kept.index(example.right) if example.right in kept else len(kept)


def judge(examples: Sequence[Example], weights: Sequence[ChangeWeights]) -> Ranked:
    """How they would be ranked, each by weights of its own."""
    right: dict[str, list[bool]] = {}
    abstains: dict[str, list[bool]] = {}
    decoy: dict[str, list[bool]] = {}
    for each, own in zip(examples, weights, strict=True):
        blamed = blamed_by(each, own)
        (abstains if each.right is None else right).setdefault(each.scenario, []).append(blamed == each.right)
        decoy.setdefault(each.scenario, []).append(blamed is not None and blamed != each.right)
    return Ranked(_share(right), _share(decoy), _share(abstains))


def blamed_by(example: Example, weights: ChangeWeights) -> int | None:
    """Which candidate clears the bar."""
    scores, none = probabilities(example.signs, example.none, weights)
    return clear_winner(scores, none, weights.bar)


def cross_validated(
    examples: Sequence[Example], penalty: float, start: ChangeWeights, *, seed: int = 0
) -> list[ChangeWeights]:
    """For each example weights that were fitted without any example of its scenario."""
    scenarios = sorted({each.scenario for each in examples})
    np.random.default_rng(seed).shuffle(scenarios)
    found: dict[str, ChangeWeights] = {}
    for fold in range(min(FOLDS, len(scenarios))):
        held = set(scenarios[fold::FOLDS])
        fitted = fit([each for each in examples if each.scenario not in held], penalty, start)
        found |= dict.fromkeys(held, fitted)
    return [found[each.scenario] for each in examples]


def _share(by_scenario: Mapping[str, Sequence[bool]]) -> float:
    return float(np.mean([np.mean(own) for own in by_scenario.values()])) if by_scenario else 1.0
