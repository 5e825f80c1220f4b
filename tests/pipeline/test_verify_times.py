"""Times in a text, in the reader's zone or their own, and the real times that they may mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.verification.times import read_moments, real_times, without_times
from pipeline.wording import moment

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)
ONSET = datetime(2026, 11, 20, 2, 55, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "03:55", "03:55:00", "03:55 CET", "02:55 UTC", "02:55Z", "3:55 am", "2026-11-20T02:55:00Z", "2026-11-20 03:55", "2026-11-20T03:55+01:00",
        "20 November 2026 at 03:55", "Nov 20", "20 November", "2026-11-20", "around 03:52", "about 4 am", "shortly before 4:00", "21:55 EST",
        "today", "this morning", "last night", "Friday", "03:55 on 20 November", "today at 03:55", "overnight",
    ],
)  # fmt: skip
def test_a_time_is_what_is_written(text: str) -> None:
    (found,) = read_moments(f"It began {text}.", NOW, BERLIN)
    assert found.is_(ONSET)
    assert found.written in text


@pytest.mark.parametrize(
    "text",
    [
        "03:54", "03:57", "03:55:30", "02:55 CET", "03:55 UTC", "3:55 pm", "2026-11-19 03:55", "19 November", "around 03:40", "yesterday", "Thursday",
        "03:55 on 19 November", "yesterday at 03:55", "last week", "this evening", "noon", "about 3 am",
    ],
)  # fmt: skip
def test_another_time_is_not(text: str) -> None:
    assert not any(found.is_(ONSET) for found in read_moments(f"It began {text}.", NOW, BERLIN))


@pytest.mark.parametrize(
    "text", ["10.0.20.11:53", "media:9100", "16:90", "2026-13-45", "1:2", "version 3.10", "may 5 of them"]
)
def test_what_looks_like_a_time_is_none(text: str) -> None:
    assert [found.at for found in read_moments(text, NOW, BERLIN) if found.at] == []


def test_the_zone_behind_a_range_is_that_of_both_ends() -> None:
    start, end = read_moments("between 02:10 and 03:10 UTC", NOW, BERLIN)
    assert start.is_(NOW - timedelta(hours=1))
    assert end.is_(NOW)


def test_a_time_without_a_day_in_a_source_was_the_last_one() -> None:
    assert list(real_times("22:00:00 UTC and 02:55:00 UTC", NOW, BERLIN)) == [
        ONSET - timedelta(hours=4, minutes=55),
        ONSET,
    ]


def test_times_leave_no_numbers_and_move_nothing() -> None:
    text = "since 03:55:00 CET on 2026-11-20, 15 min ago"
    assert without_times(text) == "since " + " " * 12 + " on " + " " * 10 + ", 15 min ago"


@given(
    st.integers(min_value=1_600_000_000, max_value=1_900_000_000),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
def test_a_moment_stands_as_this_project_words_it(seconds: int, name: str) -> None:
    zone, real = ZoneInfo(name), datetime.fromtimestamp(seconds, UTC)
    (found,) = read_moments(moment(real, zone), real, zone)
    assert found.is_(real)
    assert not found.is_(real + timedelta(seconds=2))
