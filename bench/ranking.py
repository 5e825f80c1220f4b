"""Measures the ranking of shifts and entities over generated incidents, and its speed."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from app.cli.screen import say
from bench.figures import Figure, Part, load_average
from bench.incidents import Hardness, Incident, incidents
from pipeline.rank import rank_entities, rank_shifts

INCIDENTS = 300
SEED = 7
SERIES, SAMPLES = 5000, 1000
RUNS = 5
HARDER = Hardness(noise=2.0, missing=0.1)


def measure_ranking() -> Part:
    """Every incident twice: with the topology of its calls, and without."""
    before = load_average()
    figures = [
        *_first("", list(incidents(INCIDENTS, seed=SEED)), 0.9),
        *_first(
            ", noise doubled, 10 % of samples missing", list(incidents(INCIDENTS, seed=SEED, hardness=HARDER)), None
        ),
        Figure(
            f"rank_shifts, {SERIES} series × {SAMPLES} samples, one core", "s", 1, [_seconds() for _ in range(RUNS)]
        ),
    ]
    about = f"Ranking over {INCIDENTS} generated incidents (`bench/incidents.py`, 1 s to 5 min between samples, 6 fault kinds, 6 to 27 services)."
    return Part(about, figures, before, load_average())


def _first(suffix: str, found: Sequence[Incident], target: float | None) -> list[Figure]:
    say(f"ranking {len(found)} incidents{suffix}")
    shifts = [rank_shifts(incident.frame, incident.onset) for incident in found]
    with_calls = [
        rank_entities(own, topology=incident.topology)[0].entity == incident.culprit
        for own, incident in zip(shifts, found, strict=True)
    ]
    alone = [rank_entities(own)[0].entity == i.culprit for own, i in zip(shifts, found, strict=True)]
    loudest = [own[0].series.startswith(f"{i.culprit}_") for own, i in zip(shifts, found, strict=True)]
    return [
        Figure(f"right entity first, topology known{suffix}", "", target, [_share(with_calls)], more_is_better=True),
        Figure(f"right entity first, no topology{suffix}", "", None, [_share(alone)]),
        Figure(f"the loudest series is the culprit's{suffix}", "", None, [_share(loudest)]),
    ]


def _share(right: Sequence[bool]) -> float:
    return sum(right) / len(right)


def _seconds() -> float:
    values = np.random.default_rng(0).standard_normal((SAMPLES, SERIES))
    values[600:, 5] += 20
    index = pd.date_range("2026-03-02", periods=SAMPLES, freq="1min", tz="UTC")
    frame = pd.DataFrame(values, index=index, columns=[f"s{number // 10}_m{number % 10}" for number in range(SERIES)])
    started = time.process_time()
    rank_shifts(frame, frame.index[600])
    return time.process_time() - started


if __name__ == "__main__":
    print("\n".join(measure_ranking().lines()))
