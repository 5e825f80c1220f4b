"""Counters as rates per second, resets understood; over matrices with one row per series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_STEPS = 30
"""A series that only grows over so many samples counts something, whatever its name."""
GROWING, FALLING = 0.6, 0.01


def counting(values: Floats) -> NDArray[np.bool_]:
    """Which rows only grow, but for a reset or two: counters, though nobody said so."""
    steps = np.diff(values, axis=1)
    known = np.isfinite(steps).sum(axis=1)
    grows = (steps > 0).sum(axis=1)
    falls = (steps < 0).sum(axis=1)
    grows_all_along = (known >= FEWEST_STEPS) & (grows >= GROWING * known) & (falls <= FALLING * known)
    return np.asarray(grows_all_along & (np.nanmin(np.where(np.isfinite(values), values, np.inf), axis=1) >= 0))


def to_rates(times: Floats, values: Floats, counters: NDArray[np.bool_]) -> Floats:
    """The rows that `counters` marks as rates per second since the last sample; after a reset the counter began at zero."""
    if not counters.any():
        return values
    rows = values[counters]
    seen = np.isfinite(rows)
    places = np.where(seen, np.arange(rows.shape[1]), 0)
    np.maximum.accumulate(places, axis=1, out=places)
    last = np.concatenate([np.zeros((len(rows), 1), dtype=places.dtype), places[:, :-1]], axis=1)
    before = np.take_along_axis(rows, last, axis=1)
    passed = times[None, :] - times[last]
    grown = rows - before
    grown = np.where(grown < 0, rows, grown)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = grown / passed
    rates[~seen | ~np.isfinite(rates)] = np.nan
    rated = values.copy()
    rated[counters] = rates
    return rated
