"""A histogram of request durations whose latency may change under a fault, still in closed form.

Requests are counted exactly; the latency they see is taken as constant between the knots of its modulation (a climb is cut into
steps), log-normally spread around it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scenarios.shapes import Floats, Modulation
from scenarios.state import Counter, Model, State, each

SPREAD = 0.6
STEPS = 8


@dataclass(frozen=True)
class _Changing:
    """Of one service: `weights[i]` hold from `knots[i-1]` to `knots[i]`, when `requests` and `counted` had been reached."""

    knots: Floats
    weights: Floats
    requests: Floats
    counted: Floats


class LatencyHistogram:
    """Rows per service: cumulative counts for each bound and +Inf, then the sum in seconds, then the count."""

    def __init__(self, model: Model, services: Sequence[str], owners: Sequence[str], bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.requests = Counter(model, "served", each(services), owners)
        usual = model.bases["latency"]
        self.weights = np.stack([self._weights(usual[service]) for service in services])
        self.changing: dict[int, _Changing] = {}
        for row, service in enumerate(services):
            modulation = model.tables["latency"].modulation(service)
            # After a restart of its owner the histogram begins anew; that one keeps the usual weights.
            if len(modulation.start) and len(model.starts(owners[row])) == 1:
                self.changing[row] = self._follow(model, row, service, usual[service], modulation)

    def __call__(self, state: State) -> Floats:
        """Services × rows × times."""
        requests = self.requests(state)
        found = requests[:, None, :] * self.weights[:, :, None]
        for row, changing in self.changing.items():
            index = np.searchsorted(changing.knots, state.times, side="right")
            since = requests[row] - changing.requests[index]
            found[row] = changing.counted[index].T + changing.weights[index].T * since
        return found

    def _follow(self, model: Model, row: int, service: str, usual: float, modulation: Modulation) -> _Changing:
        knots = _steps(modulation.start)
        middles = np.append((knots[1:] + knots[:-1]) / 2, knots[-1] + 1.0)
        scale, offset = modulation.at(middles)
        weights = np.stack(
            [self._weights(usual), *(self._weights(usual * a + b) for a, b in zip(scale, offset, strict=True))]
        )
        table = model.tables["served"]
        requests = np.concatenate([[0.0], table.integral(service, knots) - self.requests.before[row]])
        counted = np.concatenate([np.zeros((1, weights.shape[1])), np.diff(requests)[:, None] * weights[:-1]]).cumsum(
            axis=0
        )
        return _Changing(knots, weights, requests, counted)

    def _weights(self, latency: float) -> Floats:
        """The share of requests within each bound, all of them, their mean duration, and again all."""
        middle = math.log(max(latency, 1e-6)) - SPREAD**2 / 2
        within = [(1 + math.erf((math.log(bound) - middle) / (SPREAD * math.sqrt(2)))) / 2 for bound in self.bounds]
        return np.array([*within, 1.0, latency, 1.0])


def _steps(knots: Floats) -> Floats:
    """The knots, each stretch between two cut into equal steps."""
    if len(knots) < 2:
        return knots
    cuts = np.arange(STEPS) / STEPS
    inner = (knots[:-1, None] + np.diff(knots)[:, None] * cuts).ravel()
    return np.append(inner, knots[-1])
