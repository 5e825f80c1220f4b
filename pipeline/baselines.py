"""What is usual for each series at each hour of the week: a baseline, and how it is made of samples. Pure, no I/O.

An hour of the week is one of 168, from Monday 00:00 on, by the clock on the wall of one time zone: a nightly job stays in its hour when
the clocks change. What is kept of an hour is a band, the quantiles 5, 50 and 95 % of what was sampled in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from core.vocabulary import Window
from pipeline.brief import Usual
from pipeline.signals import Signal

Floats = NDArray[np.floating]

HOURS = 168
SHARES = (0.05, 0.5, 0.95)
FEWEST_DAYS = 3
"""An hour of the day that was seen on fewer days is not known."""
FEWEST_WEEKS = 3
"""An hour of the week that was seen in fewer weeks is taken for one of its own only when two weeks agree on a notable difference."""
AGREE = 0.5
"""They do when they differ by at most so much of their distance from the same hour of the other days."""
ODD = 4.0
"""An hour on one day is left out when it is so many spreads, and a notable step of the signal, away from that hour on other days."""
ODD_SHARE = 4
"""And only where at most every fourth day (one of three) is: what is odd more often is no incident."""
LEVEL = timedelta(days=7)
"""A series whose last days lie beyond what was before, by a notable step, has a new level, and only they count."""
_MAD_SIGMAS = 1.4826


@dataclass(frozen=True)
class Bands:
    """`quantiles` (SHARES; NaN where nothing is known) by series and hour of the week; each rests on `seen` weeks where `weekly`, else days."""

    quantiles: NDArray[np.float32]
    seen: NDArray[np.uint8]
    weekly: NDArray[np.bool_]


@dataclass(frozen=True)
class Baseline:
    """What one signal usually is. A row of `bands` is the series that `series_key` gives the name at the same place of `keys`."""

    signal: str
    keys: tuple[str, ...]
    bands: Bands
    window: Window
    zone: ZoneInfo

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {key: row for row, key in reversed(list(enumerate(self.keys)))}

    def usual(self, labels: Mapping[str, str], at: datetime) -> Usual | None:
        """The band of a series at the hour of the week of `at`; None where it is not known."""
        row = self._rows.get(series_key(labels))
        if row is None:
            return None
        hour = int(hours_of_week([at.timestamp()], self.zone)[0])
        low, middle, high = (float(value) for value in self.bands.quantiles[row, hour])
        if not np.isfinite(middle):
            return None
        return Usual(low, middle, high, int(self.bands.seen[row, hour]), weekly=bool(self.bands.weekly[row, hour]))

    def edges(self, labels: Mapping[str, str], hours: NDArray[np.int64]) -> tuple[Floats, Floats] | None:
        """Low and high end of a series' band at each of `hours` of the week; None for a series that is not known."""
        row = self._rows.get(series_key(labels))
        if row is None:
            return None
        return self.bands.quantiles[row, hours, 0], self.bands.quantiles[row, hours, -1]


def series_key(labels: Mapping[str, str]) -> str:
    """What a series is known by: its labels, in an order of their own."""
    return json.dumps({name: labels[name] for name in sorted(labels) if name != "__name__"}, ensure_ascii=False)


def hours_of_week(times: Sequence[float] | Floats, zone: ZoneInfo) -> NDArray[np.int64]:
    """Unix seconds as hours of the week."""
    local = [datetime.fromtimestamp(at, zone) for at in times]
    return np.array([at.weekday() * 24 + at.hour for at in local], dtype=np.int64)


def learn_bands(times: Floats, values: Floats, signal: Signal, zone: ZoneInfo) -> Bands:
    """Bands of the rows of `values`, a column for each of `times` (unix seconds, ascending, at least one); NaN: nothing sampled.

    An hour of the week has a band of its own where three weeks saw it, or two that agree on something notable; else it takes that of
    its hour of the day, where three days saw it. Hours that stand apart from their like, an incident's, are left out of both.
    """
    values = _at_its_level(times, np.asarray(values, dtype=np.float32), signal)
    grid = _grid(times, values, zone)
    series, weeks, _, slots = grid.shape
    middles = quantiles(grid, (0.5,))[..., 0]
    by_week = grid.transpose(0, 2, 1, 3)
    by_day = grid.reshape(series, weeks * 7, 24, slots).transpose(0, 2, 1, 3)
    own = _Pool.of(by_week, middles.transpose(0, 2, 1), signal)
    day = _Pool.of(by_day, middles.reshape(series, weeks * 7, 24).transpose(0, 2, 1), signal).repeated(7)
    apart = np.abs(own.bands[..., 1] - day.bands[..., 1])
    agree = (apart >= _step(day.bands[..., 1], signal)) & (own.reach <= AGREE * apart)
    weekly = (own.seen >= FEWEST_WEEKS) | ((own.seen == 2) & agree)
    known = weekly | (day.seen >= FEWEST_DAYS)
    bands = np.where(weekly[..., None], own.bands, np.where(known[..., None], day.bands, np.nan))
    seen = np.where(weekly, own.seen, np.where(known, day.seen, 0))
    return Bands(bands.astype(np.float32), np.minimum(seen, 255).astype(np.uint8), weekly)


@dataclass(frozen=True)
class _Pool:
    """By series and hour: the band of all days or weeks that saw the hour, the odd ones left out.

    `seen` counts those that are left, `reach` is how far their middles are apart.
    """

    bands: Floats
    seen: NDArray[np.int64]
    reach: Floats

    @classmethod
    def of(cls, samples: Floats, middles: Floats, signal: Signal) -> _Pool:
        """`samples` by series, hour, day or week, and place within the hour; `middles` are the medians over the latter."""
        kept = np.where(_odd(middles, signal), np.nan, middles)
        samples = np.where(np.isnan(kept)[..., None], np.nan, samples)
        lowest, highest = np.fmin.reduce(kept, axis=-1), np.fmax.reduce(kept, axis=-1)
        flat = samples.reshape(*samples.shape[:2], -1)
        return cls(quantiles(flat, SHARES), np.isfinite(kept).sum(axis=-1), highest - lowest)

    def repeated(self, times: int) -> _Pool:
        return _Pool(
            np.tile(self.bands, (1, times, 1)), np.tile(self.seen, (1, times)), np.tile(self.reach, (1, times))
        )


def _odd(middles: Floats, signal: Signal) -> NDArray[np.bool_]:
    """Which of at least three stand apart from the others."""
    centre = quantiles(middles, (0.5,))
    apart = np.abs(middles - centre)
    spread = _MAD_SIGMAS * quantiles(apart, (0.5,))
    odd = (apart >= _step(centre, signal)) & (apart > ODD * spread)
    count = np.isfinite(middles).sum(axis=-1, keepdims=True)
    few = odd.sum(axis=-1, keepdims=True) <= np.fmax(1, count // ODD_SHARE)
    return np.asarray(odd & few & (count >= FEWEST_DAYS))


def _at_its_level(times: Floats, values: Floats, signal: Signal) -> Floats:
    """The values, without those before the level changed."""
    new = times > times[-1] - LEVEL.total_seconds()
    if new.all():
        return values
    now = quantiles(values[:, new], (0.5,))
    low, before, high = (each[:, None] for each in quantiles(values[:, ~new], SHARES).T)
    moved = (np.abs(now - before) >= _step(before, signal)) & ((now < low) | (now > high))
    return np.where(moved & ~new, np.nan, values)


def _step(level: Floats, signal: Signal) -> Floats:
    """What is a notable change from a level."""
    return np.fmax(signal.notable, signal.relative * np.abs(level))


def _grid(times: Floats, values: Floats, zone: ZoneInfo) -> Floats:
    """Values by series, week, hour of the week and place within the hour; an hour that the clock repeats has twice the places."""
    hours = hours_of_week(times, zone)
    mondays = np.array([datetime.fromtimestamp(at, zone).toordinal() for at in times], dtype=np.int64) - hours // 24
    weeks = (mondays - mondays[0]) // 7
    place = np.zeros(len(times), dtype=np.int64)
    seen: dict[tuple[int, int], int] = {}
    for column, cell in enumerate(zip(weeks.tolist(), hours.tolist(), strict=True)):
        place[column] = seen[cell] = seen.get(cell, -1) + 1
    shape = (len(values), int(weeks.max()) + 1, HOURS, int(place.max()) + 1)
    grid = np.full(shape, np.nan, dtype=np.float32)
    grid[:, weeks, hours, place] = values
    return grid


def quantiles(values: Floats, shares: Sequence[float]) -> Floats:
    """Linear quantiles over the last axis without its NaNs, NaN where there is nothing else (numpy's own loop over rows)."""
    if not values.shape[-1]:
        return np.full((*values.shape[:-1], len(shares)), np.nan)
    ordered = np.sort(values, axis=-1)
    last = np.maximum(np.isfinite(ordered).sum(axis=-1, keepdims=True) - 1, 0)
    place = last * np.asarray(shares)
    lower = np.floor(place).astype(np.int64)
    upper = np.minimum(lower + 1, last)
    below, above = np.take_along_axis(ordered, lower, axis=-1), np.take_along_axis(ordered, upper, axis=-1)
    return np.asarray(below + (above - below) * (place - lower))
