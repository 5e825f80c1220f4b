"""The normal of each series: its middle, its spread up and down, and its daily rhythm where there is one. Robust throughout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY_S = 86_400.0
BUCKET_S = 1_800.0
RHYTHM_DAYS = 1.9
"""A rhythm is learnt from two days or more (a few samples may be missing at the ends)."""
RHYTHM_GAIN = 0.7
"""It is used where it leaves at most so much of the spread."""
TAIL = 0.98
_TAIL_SIGMAS = 2.054
_IQR_SIGMAS = 1.349
SMALLEST_PART = 0.01
"""A spread is at least so much of the middle: half a percent more memory is no event, however steady memory is."""
STEP_PART = 0.1
"""Where the normal never moved, a departure counts at most 1/STEP_PART spreads, whatever its unit."""
LOST, ALL_BUT_LOST = 3.0, 0.75
"""But what was steadily there and is lost (up: 1, then 0) counts so much more."""


@dataclass(frozen=True)
class Normal:
    """One entry per series. `expected` has a row per series and a column per moment of the frame when a rhythm was found."""

    middle: Floats
    up: Floats
    down: Floats
    expected: Floats | None

    def departures(self, values: Floats) -> Floats:
        """How far each value is from normal, in spreads of that direction; signed, NaN where there is no value."""
        away = values - (self.middle[:, None] if self.expected is None else self.expected)
        up, down = self.up.copy(), self.down.copy()
        reach = np.nanmax(np.where(np.isfinite(away), np.abs(away), 0.0), axis=1, initial=0.0)
        floor = np.fmax(STEP_PART * reach, SMALLEST_PART * np.abs(self.middle))
        lost = np.nanmax(np.where(np.isfinite(away), -away, 0.0), axis=1, initial=0.0) >= ALL_BUT_LOST * self.middle
        up = np.where(up > 0, up, floor)
        down = np.where(down > 0, down, np.where(lost & (self.middle > 0), floor / LOST, floor))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(away == 0, 0.0, away / np.where(away > 0, up[:, None], down[:, None]))


def learn_normal(times: Floats, values: Floats, moments: Floats) -> Normal:
    """From normal times (rows per series, NaN allowed) what to expect at `moments`, all in unix seconds."""
    middle, up, down = _spread(values)
    if not len(times) or times[-1] - times[0] < RHYTHM_DAYS * DAY_S:
        return Normal(middle, *_floored(middle, up, down), None)
    profile = _profile(times, values)
    usual, rest_up, rest_down = _spread(values - profile[:, _bucket(times)])
    rhythmic = (rest_up + rest_down) < RHYTHM_GAIN * (up + down)
    expected = np.where(
        rhythmic[:, None], profile[:, _bucket(moments)] + np.nan_to_num(usual)[:, None], middle[:, None]
    )
    up, down = np.where(rhythmic, rest_up, up), np.where(rhythmic, rest_down, down)
    return Normal(middle, *_floored(middle, up, down), expected)


def _spread(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Median, and the spread above and below it: of the middle half or of the tail, whichever is wider, as standard deviations."""
    low, quarter, middle, three_quarters, high = _quantiles(values, (1 - TAIL, 0.25, 0.5, 0.75, TAIL))
    body = (three_quarters - quarter) / _IQR_SIGMAS
    return middle, np.fmax(body, (high - middle) / _TAIL_SIGMAS), np.fmax(body, (middle - low) / _TAIL_SIGMAS)


def _floored(middle: Floats, up: Floats, down: Floats) -> tuple[Floats, Floats]:
    """A spread of zero stays zero (the departure itself sets its scale then); a tiny one grows to a part of the middle."""
    floor = SMALLEST_PART * np.abs(middle)
    return np.where(up > 0, np.fmax(up, floor), 0.0), np.where(down > 0, np.fmax(down, floor), 0.0)


def _quantiles(values: Floats, shares: tuple[float, ...]) -> list[Floats]:
    """Linear quantiles of each row without its NaNs; one sort serves all (numpy's nanquantile loops over rows)."""
    if not values.shape[1]:
        return [np.full(len(values), np.nan) for _ in shares]
    ordered = np.sort(values, axis=1)
    last = np.isfinite(values).sum(axis=1) - 1
    rows = np.arange(len(values))
    found = []
    for share in shares:
        place = np.maximum(last, 0) * share
        lower = np.floor(place).astype(int)
        upper = np.minimum(lower + 1, np.maximum(last, 0))
        part = place - lower
        found.append(ordered[rows, lower] * (1 - part) + ordered[rows, upper] * part)
    return found


def _bucket(times: Floats) -> NDArray[np.int64]:
    return np.asarray((times % DAY_S) // BUCKET_S, dtype=np.int64)


def _profile(times: Floats, values: Floats) -> Floats:
    """The median of each half hour of the day (UTC), smoothed with its neighbours; gaps take the overall median."""
    count = int(DAY_S // BUCKET_S)
    buckets = _bucket(times)
    overall = _quantiles(values, (0.5,))[0]
    profile = np.empty((len(values), count))
    for bucket in range(count):
        near = np.isin(buckets, [(bucket - 1) % count, bucket, (bucket + 1) % count])
        own = _quantiles(values[:, near], (0.5,))[0] if near.any() else overall
        profile[:, bucket] = np.where(np.isfinite(own), own, overall)
    return profile
