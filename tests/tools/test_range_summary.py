"""Series as homelabs have them, with a known truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.vocabulary import Window
from tools.range_summary import (
    Floats,
    Series,
    count_gaps,
    downsample,
    find_shift,
    most_telling,
    summarise,
    trend_per_hour,
)

START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
STEP_S = 15.0
SIZE = 240
INDEX = np.arange(SIZE, dtype=np.float64)
TIMES = START.timestamp() + STEP_S * INDEX
WINDOW = Window(start=START, end=START + timedelta(seconds=STEP_S * (SIZE - 1)))


def noise(scale: float = 1.0, *, seed: int = 7, size: int = SIZE) -> Floats:
    return np.random.default_rng(seed).normal(0.0, scale, size)


def after(index: int) -> Floats:
    return (index <= INDEX).astype(np.float64)


def a_series(values: Floats, times: Floats = TIMES, **labels: str) -> Series:
    return Series(labels, times, values)


MOVES = {
    "cpu jumps": (0.2 + noise(0.02) + 0.7 * after(120), 120, 1),
    "a probe fails": (1 - after(230), 230, 0),
    "a counter of restarts begins to rise": (0.05 * after(100), 100, 0),
    "memory in bytes steps up": (8e9 + noise(1e7) + 2e9 * after(180), 180, 1),
    "a leak in the last quarter": (4e9 + noise(1e6) + 5e6 * np.maximum(0, INDEX - 180), 180, 3),
    "a leak nearly all along": (4e9 + noise(2e7) + 2e7 * np.maximum(0, INDEX - 30), 30, 12),
    "free space falls": (5e11 - 2e9 * np.maximum(0, INDEX - 90) + noise(1e8), 90, 3),
    "only the last three points": (noise(0.01) + after(237), 237, 0),
    "it passed again": (noise(0.1) + 5 * (after(100) - after(140)), 100, 0),
    "it decays": (noise(0.1) + 10 * np.exp(-np.maximum(0, INDEX - 150) / 10), 150, 3),
}


@pytest.mark.parametrize("name", MOVES)
def test_the_onset_of_a_move_is_found(name: str) -> None:
    values, onset, tolerance = MOVES[name]
    shift = find_shift(values)
    assert shift is not None
    assert abs(shift.index - onset) <= tolerance


STILL = {
    "constant": np.full(SIZE, 4.2e9),
    "constant zero": np.zeros(SIZE),
    "rounding noise": 1e-13 * noise(),
    "white noise": noise(),
    "white noise in bytes": 1e10 + noise(1e8),
    "a steady ramp": 3.0 * INDEX,
    "a steady noisy ramp": 0.1 * INDEX + noise(0.1),
    "lone spikes": noise() + 50.0 * (INDEX % 47 == 0),
    "regular blips": (INDEX % 9 == 0).astype(np.float64),
    "a step of half a percent": 1e9 + 5e6 * after(100),
    "a sawtooth": INDEX % 40 + noise(0.1),
    "too short to say": np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
}


@pytest.mark.parametrize("name", STILL)
def test_what_did_not_move_has_no_onset(name: str) -> None:
    assert find_shift(STILL[name]) is None


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-3, 1e12), st.integers(0, 500))
def test_the_unit_of_a_series_does_not_change_where_it_moved(scale: float, seed: int) -> None:
    values = 10 + noise(seed=seed) + 12 * after(150)
    plain, scaled = find_shift(values), find_shift(scale * values)
    assert plain is not None
    assert scaled is not None
    assert scaled.index == plain.index
    assert scaled.after == pytest.approx(scale * plain.after)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=300))
def test_any_values_give_a_summary_within_their_own_range(values: list[float]) -> None:
    times = START.timestamp() + STEP_S * np.arange(len(values), dtype=np.float64)
    summary = summarise(a_series(np.array(values, dtype=np.float64), times), step_s=STEP_S, window=WINDOW)
    finite = [value for value in values if np.isfinite(value)]
    assert (summary is None) == (not finite)
    if summary is not None:
        assert summary.samples == len(finite)
        assert (summary.minimum, summary.maximum, summary.last) == (min(finite), max(finite), finite[-1])
        assert summary.minimum <= summary.mean <= summary.maximum
        assert len(summary.points) <= 240
        assert (summary.onset is None) == (summary.before is None) == (summary.after is None)


def test_a_summary_tells_levels_onset_and_trend() -> None:
    values = 2e9 + 3e9 * after(120)
    summary = summarise(a_series(values, instance="media:9100"), step_s=STEP_S, window=WINDOW)
    assert summary is not None
    assert summary.labels == {"instance": "media:9100"}
    assert (summary.last, summary.minimum, summary.mean, summary.maximum) == (5e9, 2e9, 3.5e9, 5e9)
    assert (summary.before, summary.after) == (2e9, 5e9)
    assert summary.onset == START + timedelta(minutes=30)
    assert summary.gaps == 0
    assert summary.samples == SIZE


def test_the_trend_is_per_hour_and_ignores_outliers() -> None:
    values = 100 + 2.0 * INDEX + 1e6 * (INDEX % 50 == 0)
    assert trend_per_hour(TIMES, values) == pytest.approx(2.0 * 3600 / STEP_S, rel=0.02)
    assert trend_per_hour(TIMES, np.full(SIZE, 0.1)) == 0.0
    assert trend_per_hour(TIMES[:1], values[:1]) == 0.0


def test_a_value_that_is_none_is_missing() -> None:
    values = np.where((INDEX > 50) & (INDEX < 60), np.nan, 1.0)
    values[100] = np.inf
    summary = summarise(a_series(values), step_s=STEP_S, window=WINDOW)
    assert summary is not None
    assert summary.gaps == 1, "nine missing steps are a gap, one is not"
    assert (summary.maximum, summary.samples) == (1.0, SIZE - 10)


def test_gaps_at_the_ends_of_the_window_count() -> None:
    assert count_gaps(TIMES, step_s=STEP_S, window=WINDOW) == 0
    assert count_gaps(TIMES[10:], step_s=STEP_S, window=WINDOW) == 1
    assert count_gaps(TIMES[10:-10], step_s=STEP_S, window=WINDOW) == 2
    assert count_gaps(np.delete(TIMES, slice(100, 120)), step_s=STEP_S, window=WINDOW) == 1


def test_points_keep_the_extremes_and_the_last() -> None:
    times = np.arange(5000.0)
    values = np.zeros(5000)
    values[1234], values[4321], values[-1] = 9.0, -9.0, 5.0
    points = downsample(times, values)
    assert len(points) <= 240
    assert {(1234.0, 9.0), (4321.0, -9.0), (4999.0, 5.0)} <= set(points)
    assert list(points) == sorted(points)
    assert len(downsample(TIMES, INDEX)) == SIZE


@pytest.mark.parametrize("count", [20, 900])
def test_the_most_telling_series_are_kept(count: int) -> None:
    quiet = [a_series(5 + noise(seed=index), name=f"quiet{index}") for index in range(count)]
    moved = a_series(noise(0.1) + 3 * after(200), name="moved")
    moved_more = a_series(noise(0.1) + 4 * (after(150) - after(190)), name="moved more")
    large = a_series(np.full(SIZE, 1e6), name="large")
    empty = a_series(np.full(SIZE, np.nan), name="empty")
    kept = most_telling([empty, *quiet, moved, large, moved_more], 3)
    assert [series.labels["name"] for series in kept] == ["moved more", "moved", "large"]
