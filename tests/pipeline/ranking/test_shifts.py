"""rank_shifts on frames whose truth is known by construction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from pipeline.rank import SeriesKind, rank_shifts

START = datetime(2026, 3, 2, tzinfo=UTC)
SAMPLES, ONSET_AT = 300, 200
ONSET = START + timedelta(seconds=15 * ONSET_AT)


def frame(step_s: int = 15, samples: int = SAMPLES, **columns: np.ndarray | float) -> pd.DataFrame:
    index = pd.date_range(START, periods=samples, freq=f"{step_s}s")
    return pd.DataFrame({name: np.broadcast_to(values, samples) for name, values in columns.items()}, index=index)


def noise(level: float = 1.0, spread: float = 0.05, seed: int = 1, samples: int = SAMPLES) -> np.ndarray:
    return level + spread * np.random.default_rng(seed).standard_normal(samples)


def step(by: float, at: int = ONSET_AT, samples: int = SAMPLES) -> np.ndarray:
    return np.where(np.arange(samples) >= at, by, 0.0)


def test_the_series_that_moved_comes_first_with_its_time_and_levels() -> None:
    found = rank_shifts(frame(a_cpu=noise(seed=1), b_cpu=noise(seed=2) + step(1.0), c_cpu=noise(seed=3)), ONSET)
    assert found[0].series == "b_cpu"
    assert found[0].direction == "up"
    assert abs(found[0].at - ONSET) <= timedelta(seconds=15)
    assert found[0].before == pytest.approx(1.0, abs=0.05)
    assert found[0].after == pytest.approx(2.0, abs=0.2)
    assert found[0].score > 5 * found[1].score


def test_a_constant_column_is_left_out_and_one_that_was_constant_does_not_win_by_division() -> None:
    data = frame(a_limit=512.0, b_bytes=1e9 + step(1e6), c_latency=noise() + step(3.0))
    found = rank_shifts(data, ONSET)
    assert [shift.series for shift in found] == ["c_latency", "b_bytes"]
    assert found[1].score <= 10


def test_half_a_percent_of_steady_bytes_is_no_event() -> None:
    data = frame(a_mem=noise(8e9, 1e5) + step(4e7), b_latency=noise(0.2, 0.01, seed=4) + step(0.1))
    assert next(shift.series for shift in rank_shifts(data, ONSET)) == "b_latency"
    assert rank_shifts(data, ONSET)[1].score < 4


def test_a_fall_is_bad_only_where_the_name_or_the_caller_says_so() -> None:
    data = frame(
        a_cpu=noise() - step(0.6), b_availability=noise(seed=2) - step(0.6), c_custom=noise(seed=3) - step(0.6)
    )
    scores = {shift.series: shift.score for shift in rank_shifts(data, ONSET)}
    assert scores["b_availability"] > scores["c_custom"] > scores["a_cpu"]
    stated = rank_shifts(data, ONSET, kinds={"a_cpu": SeriesKind(bad="down")})
    assert {shift.series: shift.direction for shift in stated}["a_cpu"] == "down"
    assert {shift.series: shift.score for shift in stated}["a_cpu"] > 4 * scores["a_cpu"] * 0.9


def test_a_counter_is_read_as_a_rate_and_a_reset_is_no_shift() -> None:
    rates = np.full(SAMPLES, 10.0) + noise(0.0, 0.5)
    quiet = np.cumsum(rates * 15)
    quiet[150:] -= quiet[150]
    busy = np.cumsum((rates + step(20.0)) * 15)
    found = rank_shifts(frame(a_requests_total=quiet, b_requests_total=busy), ONSET)
    assert found[0].series == "b_requests_total"
    assert found[0].before == pytest.approx(10, abs=1)
    assert all(shift.score < 5 for shift in found if shift.series == "a_requests_total")


def test_a_counter_without_a_telling_name_is_recognised() -> None:
    grows = np.cumsum(np.abs(noise(10, 1)))
    assert all(shift.score < 6 for shift in rank_shifts(frame(a_sum_of_things=grows), ONSET))


def test_missing_samples_neither_hide_a_shift_nor_make_one() -> None:
    rng = np.random.default_rng(5)
    lost = rng.random((2, SAMPLES)) < 0.4
    quiet, moved = noise(seed=6), noise(seed=7) + step(1.0)
    quiet[lost[0]], moved[lost[1]] = np.nan, np.nan
    found = rank_shifts(frame(a_cpu=quiet, b_cpu=moved, c_cpu=np.full(SAMPLES, np.nan)), ONSET)
    assert [shift.series for shift in found] == ["b_cpu", "a_cpu"]
    assert found[1].score < 5


def test_one_stray_sample_is_no_shift() -> None:
    stray = noise(seed=8)
    stray[250] += 40
    data = frame(a_latency=stray, b_latency=noise(seed=9) + step(0.5))
    assert rank_shifts(data, ONSET)[0].series == "b_latency"


def test_the_usual_evening_peak_is_no_shift() -> None:
    """Four days at five minutes; the onset lies in the rise that comes every day."""
    samples, per_day = 4 * 288, 288
    hours = np.arange(samples) / 12
    rhythm = 10 + 5 * np.sin(2 * np.pi * (hours - 15) / 24)
    at = 3 * per_day + 16 * 12
    data = frame(
        300, samples, a_load=rhythm + noise(0, 0.2, 1, samples), b_cpu=rhythm / 10 + noise(0, 0.03, 2, samples)
    )
    data["b_cpu"] += step(0.5, at, samples)
    onset = START + timedelta(seconds=300 * at)
    found = rank_shifts(data.iloc[: at + 36], onset)
    assert found[0].series == "b_cpu"
    assert found[0].score > 8
    assert all(shift.score < 5 for shift in found if shift.series == "a_load")


def test_a_shift_before_the_onset_is_dated_where_it_began() -> None:
    data = frame(a_cpu=noise() + step(1.0, ONSET_AT - 20))
    assert abs(rank_shifts(data, ONSET)[0].at - (ONSET - timedelta(seconds=300))) <= timedelta(seconds=30)


def test_a_frame_of_normal_times_may_stand_in_for_the_past() -> None:
    normal = frame(a_cpu=noise(seed=1), b_cpu=noise(seed=2))
    broken_all_along = frame(a_cpu=noise(seed=3) + 2, b_cpu=noise(seed=4))
    assert rank_shifts(broken_all_along, START, baseline=normal)[0].series == "a_cpu"


@pytest.mark.parametrize(
    "data", [frame(samples=0), frame(samples=2, a_cpu=1.0), pd.DataFrame(index=pd.DatetimeIndex([]))]
)
def test_too_little_data_gives_no_shift(data: pd.DataFrame) -> None:
    assert rank_shifts(data, ONSET) == []


def test_an_onset_after_the_end_gives_no_shift() -> None:
    assert rank_shifts(frame(a_cpu=noise()), ONSET + timedelta(days=9)) == []


def test_what_is_no_frame_of_times_is_refused() -> None:
    with pytest.raises(TypeError, match="DatetimeIndex"):
        rank_shifts(pd.DataFrame({"a": [1.0, 2.0]}), ONSET)
    with pytest.raises(ValueError, match="same name"):
        rank_shifts(pd.DataFrame([[1.0, 2.0]], columns=["a", "a"], index=pd.date_range(START, periods=1)), ONSET)
