"""What a range of samples says, worked out in code: levels, trend, the onset of a shift, gaps, and a plot's worth of points.

Pure functions over numpy arrays: `times` are unix seconds, ascending; `values` may hold NaN and infinities, which count as missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from core.vocabulary import SeriesSummary, Window

Floats = NDArray[np.float64]

MAX_POINTS = 240
GAP_STEPS = 2.5
SHIFT_SIGMAS = 5.0
"""How far the median must move, in robust standard deviations of the time before, to be called a shift."""

_BAND_SIGMAS = 3.0
_MIN_BASELINE = 5
_MIN_RUN = 3
_MAD_TO_SIGMA = 1.4826
_RELATIVE_FLOOR = 0.004  # a constant series must move by 2 % of its level (5 sigmas of 0.4 %) to count
_BAND_FLOOR = 0.0002  # but the beginning of such a move is seen earlier
_ABSOLUTE_FLOOR = 1e-9  # rounding noise around zero is no movement
_TREND_POINTS = 60
_CLIP = 10.0
_SPLITS = 4
_DOUBT = 10.0  # a baseline of 10 samples knows its own noise so badly that the bar is doubled


@dataclass(frozen=True, slots=True)
class Shift:
    """Values from `index` up to `end` lie at `after` instead of `before`; `score` is that distance in robust sigmas."""

    index: int
    end: int
    before: float
    after: float
    score: float


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a range query as it came: unix seconds and values, of equal length."""

    labels: Mapping[str, str]
    times: Floats
    values: Floats


def summarise(series: Series, *, step_s: float, window: Window) -> SeriesSummary | None:
    """The summary of one series, or None when it holds no finite value."""
    finite = np.isfinite(series.values)
    times, values = series.times[finite], series.values[finite]
    if not values.size:
        return None
    shift = find_shift(values)
    return SeriesSummary(
        labels=dict(series.labels),
        last=float(values[-1]),
        minimum=float(values.min()),
        mean=float(
            np.clip(values.mean(), values.min(), values.max())
        ),  # the sum rounds; the mean of equals is not beside them
        maximum=float(values.max()),
        trend_per_hour=trend_per_hour(times, values),
        onset=datetime.fromtimestamp(times[shift.index], UTC) if shift else None,
        before=shift.before if shift else None,
        after=shift.after if shift else None,
        gaps=count_gaps(times, step_s=step_s, window=window),
        samples=int(values.size),
        points=downsample(times, values),
    )


def most_telling(series: Sequence[Series], limit: int) -> list[Series]:
    """At most `limit` series, those first that shifted most, then those with the largest last values."""
    if len(series) > 4 * limit:  # looking for a shift costs half a millisecond each; these two, far less
        deviating = sorted(series, key=lambda one: (-_deviation(one.values), _by_name(one)))[: 2 * limit]
        largest = sorted(series, key=lambda one: (-_last(one.values), _by_name(one)))[: 2 * limit]
        series = list({id(one): one for one in (*deviating, *largest)}.values())
    return sorted(series, key=_telling)[:limit]


def trend_per_hour(times: Floats, values: Floats) -> float:
    """The slope of a robust line (Theil-Sen: the median of all pairwise slopes), in units per hour."""
    if values.size < 2 or values.min() == values.max():
        return 0.0
    return _slope(times, values) * 3600


def count_gaps(times: Floats, *, step_s: float, window: Window) -> int:
    """How many stretches longer than 2.5 steps hold no sample, those at the ends of the window included."""
    edges = np.concatenate(([window.start.timestamp()], times, [window.end.timestamp()]))
    return int((np.diff(edges) > GAP_STEPS * step_s).sum())


def downsample(times: Floats, values: Floats, limit: int = MAX_POINTS) -> tuple[tuple[float, float], ...]:
    """At most `limit` (time, value) pairs that keep each stretch's extremes, and the last point."""
    if values.size > limit:
        picked = {values.size - 1}
        for stretch in np.array_split(np.arange(values.size - 1), (limit - 1) // 2):
            picked |= {int(stretch[values[stretch].argmin()]), int(stretch[values[stretch].argmax()])}
        kept = np.array(sorted(picked))
        times, values = times[kept], values[kept]
    return tuple(zip(times.tolist(), values.tolist(), strict=True))


def find_shift(values: Floats) -> Shift | None:
    """Where finite `values` left their own earlier level, in the strongest way; None when nothing moved.

    The best split in two, by difference of means over clipped values (a CUSUM), is found for a rise and for a fall; each is then
    traced back to where it left the band of what came before. Where that fails because a long ramp drowns its own baseline, the
    part before the split is split again. A shift that ended again within the values counts too; a steady ramp over all of them
    has no earlier level and is a trend, not a shift.
    """
    if values.size < _MIN_BASELINE + _MIN_RUN or values.min() == values.max():
        return None
    found = [shift for sign in (1.0, -1.0) if (shift := _shift_towards(values, sign)) is not None]
    return max(found, key=lambda shift: (min(shift.score, 1e6), -shift.index), default=None)


def _shift_towards(values: Floats, sign: float) -> Shift | None:
    split = values.size
    for _ in range(_SPLITS):
        if split < _MIN_BASELINE + _MIN_RUN:
            return None
        split, strength = _best_split(values[:split], sign)
        if strength < SHIFT_SIGMAS:
            return None
        if (shift := _traced_back(values, split, sign)) is not None:
            return shift
    return None


def _best_split(values: Floats, sign: float) -> tuple[int, float]:
    """The index before and after which the means differ most in the direction of `sign`, and how much, in sigmas."""
    center = np.median(values)
    noise = max(_sigma(np.diff(values)) / np.sqrt(2), _floor(float(center)))
    sums = np.cumsum(np.clip((values - center) / noise, -_CLIP, _CLIP))
    total, size = sums[-1], values.size
    split = np.arange(_MIN_BASELINE, size - _MIN_RUN + 1)
    left = sums[split - 1]
    strength = sign * ((total - left) / (size - split) - left / split) * np.sqrt(split * (size - split) / size)
    best = int(strength.argmax())
    return int(split[best]), float(strength[best])


def _traced_back(values: Floats, split: int, sign: float) -> Shift | None:
    """The run of values beyond the band of what came before it, found around `split`; None when it is not far enough."""
    run = _run_beyond(values, split, sign)
    if run is None:
        return None
    # The first baseline held the beginning of the run; without it the band is narrower and the run begins earlier.
    start, end = _run_beyond(values, max(run[0], _MIN_BASELINE), sign) or run
    if start < max(_MIN_BASELINE, values.size // 20):
        return None
    baseline = values[:start]
    before, after = float(np.median(baseline)), float(np.median(values[start:end]))
    if _drifts_there(baseline, distance=end / 2, by=after - before):
        return None
    # Seldom but regular blips leave the MAD at zero; the 95th percentile knows them (1.96 sigmas, were it normal).
    blips = float(np.quantile(np.abs(baseline - before), 0.95)) / 1.96
    noise = max(_sigma(baseline), blips, _floor(before)) * (1 + _DOUBT / start)
    score = sign * (after - before) / noise
    return Shift(start, end, before, after, score) if score >= SHIFT_SIGMAS else None


def _run_beyond(values: Floats, split: int, sign: float) -> tuple[int, int] | None:
    """Start and end of the run outside the band of `values[:split]` that holds the first such value from `split` on."""
    level = float(np.median(values[:split]))
    beyond = sign * (values - level) > _BAND_SIGMAS * max(
        _sigma(values[:split]), _BAND_FLOOR * abs(level), _ABSOLUTE_FLOOR
    )
    outside = np.flatnonzero(beyond)
    position = int(np.searchsorted(outside, split))
    if position == outside.size:
        return None
    # Neighbours in `outside` that are at most _MIN_RUN apart belong to one run: a lone value back in the band ends nothing.
    breaks = np.concatenate(([0], np.flatnonzero(np.diff(outside) > _MIN_RUN) + 1, [outside.size]))
    after = int(np.searchsorted(breaks, position, side="right"))
    first, last = int(breaks[after - 1]), int(breaks[after]) - 1
    return (int(outside[first]), int(outside[last]) + 1) if last - first + 1 >= _MIN_RUN else None


def _drifts_there(baseline: Floats, *, distance: float, by: float) -> bool:
    """Whether the baseline's own clear drift, continued for `distance` samples, already covers most of the move."""
    x = np.arange(baseline.size, dtype=np.float64)
    slope = _slope(x, baseline)
    clear = abs(slope) * baseline.size > 2 * _sigma(baseline - slope * x)
    return clear and slope * np.sign(by) * distance > abs(by) / 2


def _slope(x: Floats, y: Floats) -> float:
    """Theil-Sen over at most 60 points, evenly spread."""
    picked = np.unique(np.linspace(0, x.size - 1, _TREND_POINTS).round().astype(int))
    first, second = np.triu_indices(picked.size, k=1)
    x, y = x[picked], y[picked]
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))


def _sigma(values: Floats) -> float:
    return _MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def _floor(level: float) -> float:
    return max(_RELATIVE_FLOOR * abs(level), _ABSOLUTE_FLOOR)


def _deviation(values: Floats) -> float:
    """How far the third-farthest value lies from the median, in robust sigmas (two lone spikes do not count)."""
    finite = values[np.isfinite(values)]
    if finite.size < _MIN_RUN:
        return 0.0
    center = float(np.median(finite))
    distance = np.partition(np.abs(finite - center), -_MIN_RUN)[-_MIN_RUN]
    return float(distance) / max(_sigma(finite), _floor(center))


def _last(values: Floats) -> float:
    """The magnitude of the last finite value; below every magnitude when there is none."""
    finite = values[np.isfinite(values)]
    return abs(float(finite[-1])) if finite.size else -1.0


def _telling(series: Series) -> tuple[float, float, tuple[tuple[str, str], ...]]:
    shift = find_shift(series.values[np.isfinite(series.values)])
    return -(shift.score if shift else 0.0), -_last(series.values), _by_name(series)


def _by_name(series: Series) -> tuple[tuple[str, str], ...]:
    """Breaks ties, so that the same answer is cut the same way each time."""
    return tuple(sorted(series.labels.items()))
