"""Which series left their own normal around an onset, how far, and when.

The score is a signed robust maximum: how far the series went in its bad direction after the onset, in spreads of its own normal. It
follows the robust scaler of BARO (Pham et al., FSE 2024), with spreads that see tails and steps, so that a constant column or
one of byte scale does not win by division.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.ranking.normal import learn_normal
from pipeline.ranking.rates import counting, to_rates
from pipeline.ranking.series_names import SeriesKind, guess_kind, guess_role

if TYPE_CHECKING:
    from pandas import DataFrame

Floats = NDArray[np.float64]

LEAD = 0.15
"""The share of the time before the onset that may belong to the fault already: a cause moves before its symptom."""
LONGEST_LEAD_S = 1800.0
FEWEST_BEFORE = 4
"""Samples of a normal; with fewer nothing can be said of a series."""
BEYOND = 4.0
"""Spreads from the normal at which a series counts as having left it."""
CLEAR_SHIFT = 8.0
"""Spreads at which a shift is sure enough to exonerate what came after it."""
EARLY = 0.03
"""And at least so much of its largest departure: the noise before a large move is not its beginning."""
TOP_SHARE, TOP_MOST = 0.02, 5
"""The extreme is the k-th largest sample after the onset, so that one stray sample makes no shift."""
AGAINST = 0.25
"""What a move in the good direction counts."""
UNKNOWN_DOWN, LOAD_DOWN = 0.6, 0.4
"""What a fall counts where the name says nothing, and where it measures load: less load is an effect more often than a cause."""
GONE, NEXT_TO_NOTHING = 0.6, 0.25
"""What a fall counts that leaves less than a quarter, whatever the direction that hurts."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A series that moved. `score` is in robust spreads, `before` its median, `after` the level that it reached, `at` UTC."""

    series: str
    score: float
    direction: Literal["up", "down"]
    at: datetime
    before: float
    after: float


def rank_shifts(
    frame: DataFrame,
    onset: datetime,
    *,
    baseline: DataFrame | None = None,
    kinds: Mapping[str, SeriesKind] | None = None,
) -> list[Shift]:
    """The shifts of the columns of `frame` around `onset`, the largest first.

    `frame` has a DatetimeIndex (without a zone: UTC), one column per series, gaps allowed. `baseline` is a frame of normal times with
    the same columns; without it the frame's own past is the normal. `kinds` says of a series whether it is a counter and which
    direction is bad; where it is missing, the name is read. Columns that never move, or have too few samples, are left out.
    """
    frame = frame.select_dtypes(["number", "bool"])
    names = [str(name) for name in frame.columns]
    if frame.columns.has_duplicates:
        raise ValueError("two columns have the same name; a series is known by its name")
    frame = frame.sort_index()
    past = None
    if baseline is not None:
        normal = baseline.sort_index().reindex(columns=frame.columns)
        past = _seconds(normal), _rows(normal)
    moment = (onset if onset.tzinfo else onset.replace(tzinfo=UTC)).timestamp()
    return shifts_of(names, _seconds(frame), _rows(frame), moment, past=past, kinds=kinds)


def shifts_of(
    names: Sequence[str],
    times: Floats,
    values: Floats,
    onset: float,
    *,
    past: tuple[Floats, Floats] | None = None,
    kinds: Mapping[str, SeriesKind] | None = None,
) -> list[Shift]:
    """`rank_shifts` on arrays: `times` in unix seconds, ascending; `values` one row per series; NaN where nothing was sampled.

    `past` are times and values of normal times.
    """
    start = onset - (_lead(times, onset) if past is None else 0.0)
    after = times >= start
    if not len(names) or not after.any():
        return []
    kinds_of = [(kinds or {}).get(name) or guess_kind(name) for name in names]
    counters = np.array([kind.counter for kind in kinds_of]) | counting(values)
    values = to_rates(times, values, counters)
    if past is None:
        normal_times, normal_values = times[~after], values[:, ~after]
    else:
        normal_times, normal_values = past[0], to_rates(*past, counters)
    normal = learn_normal(normal_times, normal_values, times)
    departures = normal.departures(values)
    up, down = _weights(names, kinds_of, kinds or {})
    down = np.where(_gone(values[:, after], normal.middle), np.fmax(down, GONE), down)
    scores, upwards = _score(departures[:, after], up, down)
    judged = np.isfinite(normal_values).sum(axis=1) >= FEWEST_BEFORE
    first = int(np.flatnonzero(after)[0])
    found = []
    for row in np.flatnonzero(judged & (scores > 0)).tolist():
        signed = departures[row] if upwards[row] else -departures[row]
        place = _departure(signed, first)
        found.append(
            Shift(
                series=names[row],
                score=round(float(scores[row]), 4),
                direction="up" if upwards[row] else "down",
                at=datetime.fromtimestamp(times[place], UTC),
                before=float(normal.middle[row]),
                after=float(values[row, place + int(np.nanargmax(signed[place:]))]),
            )
        )
    return sorted(found, key=lambda shift: -shift.score)


def _score(beyond: Floats, up: Floats, down: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The weighted k-th extreme of each row, and whether it is upwards."""
    count = np.isfinite(beyond).sum(axis=1)
    ordered = np.sort(np.where(np.isfinite(beyond), beyond, np.inf), axis=1)
    k = np.clip(np.ceil(TOP_SHARE * count).astype(int), 1, TOP_MOST)
    rows = np.arange(len(beyond))
    width = max(beyond.shape[1] - 1, 0)
    high = ordered[rows, np.clip(count - k, 0, width)]
    low = ordered[rows, np.clip(k - 1, 0, width)]
    high, low = np.where(count > 0, high, 0.0), np.where(count > 0, low, 0.0)
    rise, fall = np.maximum(high, 0) * up, np.maximum(-low, 0) * down
    return np.maximum(rise, fall), rise >= fall


def _weights(
    names: Sequence[str], kinds: Sequence[SeriesKind], stated: Mapping[str, SeriesKind]
) -> tuple[Floats, Floats]:
    """What a rise and a fall of each series count; where somebody stated that both are bad, both count fully."""
    up, down = np.ones(len(names)), np.ones(len(names))
    for row, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        if kind.bad == "up":
            down[row] = AGAINST
        elif kind.bad == "down":
            up[row] = AGAINST
        elif name not in stated:
            down[row] = LOAD_DOWN if guess_role(name) == "load" else UNKNOWN_DOWN
    return up, down


def _gone(values: Floats, middle: Floats) -> NDArray[np.bool_]:
    """Which series fell to next to nothing: what they measure has stopped."""
    lowest = np.min(np.where(np.isfinite(values), np.abs(values), np.inf), axis=1)
    return np.asarray((middle > 0) & (lowest < NEXT_TO_NOTHING * middle))


def _departure(signed: Floats, first_after: int) -> int:
    """Where the series left its normal: the first sample beyond it that is no stray one; backwards if it was beyond already."""
    seen = np.flatnonzero(np.isfinite(signed))
    largest = float(np.nanmax(signed[first_after:]))
    beyond = signed[seen] >= min(max(BEYOND, EARLY * largest), largest)
    held = beyond & (np.convolve(np.append(beyond, beyond[-1:].repeat(2)), (1, 1, 1))[2 : 2 + len(beyond)] >= 2)
    later = np.flatnonzero(held & (seen >= first_after))
    if not len(later):
        later = np.flatnonzero(beyond & (seen >= first_after))
    place = int(later[0])
    if seen[place] == seen[seen >= first_after][0]:
        while place > 0 and held[place - 1]:
            place -= 1
    return int(seen[place])


def _lead(times: Floats, onset: float) -> float:
    """Seconds before the onset that are not taken as normal."""
    before = times[times < onset]
    if len(before) < 20:
        return 0.0
    return float(min(LEAD * (onset - before[0]), LONGEST_LEAD_S))


def _seconds(frame: DataFrame) -> Floats:
    """The index in unix seconds."""
    import pandas as pd

    index = frame.index
    if not isinstance(index, pd.DatetimeIndex):
        raise TypeError(f"the index is a {type(index).__name__}; rank_shifts needs a DatetimeIndex (UTC)")
    utc = index.tz_localize(UTC) if index.tz is None else index.tz_convert(UTC)
    return (utc.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64) / 1e9).astype(np.float64)


def _rows(frame: DataFrame) -> Floats:
    """One row per column of the frame, infinities as gaps."""
    rows = np.array(frame.to_numpy(dtype=np.float64, na_value=np.nan).T, order="C")
    rows[~np.isfinite(rows)] = np.nan
    return rows
