"""Windows out of words, exactly. Now is Friday 2026-11-20 10:00 in Amsterdam (09:00 UTC) unless a test says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.time_lengths import LONGEST
from pipeline.when import parse_window

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=AMSTERDAM)


def local(text: str) -> datetime:
    """Read it: "20 03:10" is the 20th of this November; a full ISO time stands for itself; "now" is NOW."""
    if text == "now":
        return NOW
    return datetime.fromisoformat(text if len(text) > 10 else f"2026-11-{text}").replace(tzinfo=AMSTERDAM)


STRETCHES = [
    ("What happened last night?", "19 20:00", "20 08:00", "last night"),
    ("anything odd overnight", "19 20:00", "20 08:00", "overnight"),
    ("what went on during the night", "19 20:00", "20 08:00", "during the night"),
    ("Any alerts since Friday 18:00?", "13 18:00", "now", "since Friday 18:00"),
    ("since Friday at 03:10", "20 03:10", "now", "since Friday at 03:10"),
    ("errors in the last 24h", "19 10:00", "now", "in the last 24h"),
    ("cpu over the past 3 days on media", "17 10:00", "now", "over the past 3 days"),
    ("restarts in the last 90 minutes", "20 08:30", "now", "in the last 90 minutes"),
    ("last 15m", "20 09:45", "now", "last 15m"),
    ("the last 1h30m please", "20 08:30", "now", "last 1h30m"),
    ("in the past hour", "20 09:00", "now", "in the past hour"),
    ("in the last half an hour", "20 09:30", "now", "in the last half an hour"),
    ("over the past couple of days", "18 10:00", "now", "over the past couple of days"),
    ("in the past few hours", "20 07:00", "now", "in the past few hours"),
    ("in the last day", "19 10:00", "now", "in the last day"),
    ("in the last week", "13 10:00", "now", "in the last week"),
    ("over the last 2 weeks", "06 10:00", "now", "over the last 2 weeks"),
    ("jellyfin has been slow for 20 minutes", "20 09:40", "now", "been slow for 20 minutes"),
    ("what changed yesterday?", "19 00:00", "20 00:00", "yesterday"),
    ("the day before yesterday", "18 00:00", "19 00:00", "the day before yesterday"),
    ("what changed today", "20 00:00", "now", "today"),
    ("why was it slow this morning", "20 05:00", "now", "this morning"),
    ("yesterday morning", "19 05:00", "19 12:00", "yesterday morning"),
    ("yesterday evening", "19 18:00", "20 00:00", "yesterday evening"),
    ("last evening", "19 18:00", "20 00:00", "last evening"),
    ("on Tuesday night", "17 20:00", "18 08:00", "on Tuesday night"),
    ("on Tuesday", "17 00:00", "18 00:00", "on Tuesday"),
    ("last Friday", "13 00:00", "14 00:00", "last Friday"),
    ("Friday morning", "20 05:00", "now", "Friday morning"),
    ("this week", "16 00:00", "now", "this week"),
    ("last week", "09 00:00", "16 00:00", "last week"),
    ("last month", "2026-10-01 00:00", "2026-11-01 00:00", "last month"),
    ("this month", "01 00:00", "now", "this month"),
    ("over the weekend", "14 00:00", "16 00:00", "over the weekend"),
    ("since monday", "16 00:00", "now", "since monday"),
    ("since yesterday", "19 00:00", "now", "since yesterday"),
    ("since last night", "19 20:00", "now", "since last night"),
    ("since 2 hours ago", "20 08:00", "now", "since 2 hours ago"),
    ("slow since 2 hours", "20 08:00", "now", "since 2 hours"),
    ("since 10 minutes", "20 09:50", "now", "since 10 minutes"),
    ("since about 30 days", "2026-10-21 11:00", "now", "since about 30 days"),
    ("for the last half hour", "20 09:30", "now", "for the last half hour"),
    ("media is slow for 3 hours", "20 07:00", "now", "for 3 hours"),
    ("down for 3 hours yesterday", "19 00:00", "20 00:00", "yesterday"),
    ("from 2026-11-18 to 9999-12-31", "18 00:00", "19 00:00", "from 2026-11-18"),
    ("since 03:10", "20 03:10", "now", "since 03:10"),
    ("since 22:00 something is wrong", "19 22:00", "now", "since 22:00"),
    ("since fri 18:00", "13 18:00", "now", "since fri 18:00"),
    ("from 22:00 onwards", "19 22:00", "now", "from 22:00"),
    ("from 22:00 until now", "19 22:00", "now", "from 22:00"),
    ("after 22:00 yesterday", "19 22:00", "now", "after 22:00 yesterday"),
    ("what changed before 03:10?", "19 21:10", "20 03:10", "before 03:10"),
    ("the 10 minutes before 03:10", "20 03:00", "20 03:10", "before 03:10"),
    ("yesterday at 3", "19 00:00", "20 00:00", "yesterday at 3"),
    ("between 2am and 4am", "20 02:00", "20 04:00", "between 2am and 4am"),
    ("between 2 and 4am", "20 02:00", "20 04:00", "between 2 and 4am"),
    ("between 11 and 1pm yesterday", "19 11:00", "19 13:00", "between 11 and 1pm yesterday"),
    ("between 09:00 and 11:00", "20 09:00", "now", "between 09:00 and 11:00"),
    ("from 22:00 to 23:30", "19 22:00", "19 23:30", "from 22:00 to 23:30"),
    ("22:00-02:00", "19 22:00", "20 02:00", "22:00-02:00"),
    ("yesterday between 2am and 4am", "19 02:00", "19 04:00", "between 2am and 4am"),
    ("between 2am and 4am on Tuesday", "17 02:00", "17 04:00", "between 2am and 4am on Tuesday"),
    ("between 2 and 4 last night", "20 02:00", "20 04:00", "between 2 and 4 last night"),
    ("from Friday 18:00 to Saturday 09:00", "13 18:00", "14 09:00", "from Friday 18:00 to Saturday 09:00"),
    ("between Monday and Wednesday", "16 00:00", "19 00:00", "between Monday and Wednesday"),
    ("from Thursday to Monday", "12 00:00", "17 00:00", "from Thursday to Monday"),
    ("on 18 November", "18 00:00", "19 00:00", "on 18 November"),
    ("on Nov 3rd", "03 00:00", "04 00:00", "on Nov 3rd"),
    ("on the 3rd of May", "2026-05-03 00:00", "2026-05-04 00:00", "on the 3rd of May"),
    ("since 2026-11-18", "18 00:00", "now", "since 2026-11-18"),
    ("Dec 24", "2025-12-24 00:00", "2025-12-25 00:00", "Dec 24"),
    ("3 days ago", "17 00:00", "18 00:00", "3 days ago"),
    ("a week ago", "13 00:00", "14 00:00", "a week ago"),
    ("Will the disk fill up like it grew in the last 24h?", "19 10:00", "now", "in the last 24h"),
]


@pytest.mark.parametrize(("text", "start", "end", "phrase"), STRETCHES, ids=[row[0] for row in STRETCHES])
def test_a_stretch_is_read_exactly(text: str, start: str, end: str, phrase: str) -> None:
    found = parse_window(text, now=NOW, zone=AMSTERDAM)
    assert found is not None
    assert (found.window.start, found.window.end) == (local(start), local(end))
    assert found.phrase == phrase
    assert not found.explicit_point


POINTS = [
    ("Why did the CPU spike at 03:10?", "20 03:10"),
    ("why was jellyfin down at 3am", "20 03:00"),
    ("at 11pm", "19 23:00"),
    ("at 3 p.m.", "19 15:00"),
    ("at 10:30", "19 10:30"),
    ("around 14:30 yesterday", "19 14:30"),
    ("yesterday around 14:30", "19 14:30"),
    ("at 03:10 on Tuesday", "17 03:10"),
    ("Tuesday, 03:10", "17 03:10"),
    ("Friday 03:10", "20 03:10"),
    ("Friday 18:00", "13 18:00"),
    ("fri 18:00", "13 18:00"),
    ("on 18 November at 14:00", "18 14:00"),
    ("2026-11-18 03:10", "18 03:10"),
    ("2026-11-18T02:10:00Z", "18 03:10"),
    ("2026-11-18T03:10+01:00", "18 03:10"),
    ("at 02:10 UTC", "20 03:10"),
    ("last night at 2", "20 02:00"),
    ("last night around 11", "19 23:00"),
    ("3am last night", "20 03:00"),
    ("at 3 in the morning", "20 03:00"),
    ("this morning at 3am", "20 03:00"),
    ("at noon yesterday", "19 12:00"),
    ("at midnight", "20 00:00"),
    ("2 hours ago", "20 08:00"),
    ("half an hour ago", "20 09:30"),
    ("five minutes ago", "20 09:55"),
    ("3 days ago at 14:00", "17 14:00"),
    ("Why was the media VM slow at 03:10, was it the backup on Tuesday?", "17 03:10"),
    ("Yesterday something broke, why was pve1 slow around 14:30?", "19 14:30"),
    ("right after 03:10", "20 03:10"),
    ("it crashed just now", "now"),
]


@pytest.mark.parametrize(("text", "at"), POINTS, ids=[row[0] for row in POINTS])
def test_a_point_gets_half_an_hour_to_either_side(text: str, at: str) -> None:
    found = parse_window(text, now=NOW, zone=AMSTERDAM)
    assert found is not None
    assert found.at == local(at)
    assert found.explicit_point
    assert found.window.start == local(at) - timedelta(minutes=30)
    assert found.window.end == min(local(at) + timedelta(minutes=30), NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24 containers are running",
        "is 85 % normal?",
        "what listens on port 8080",
        "why is VM 104 slow",
        "10.0.20.14",
        "is media:9100 up",
        "https://jellyfin.home.lan:8096/web",
        "10.0.20.11:53",
        "how often does the backup run",
        "May I restart it?",
        "which of these 3 may fail",
        "is sun a host",
        "is mon ok",
        "why is CPU high on mon",
        "wait a second",
        "the second disk",
        "show me the last 5 alerts",
        "the last backup",
        "the last 5 MB of the log",
        "jellyfin:10.11.2",
        "postgres:17 on db",
        "traefik v3.5",
        "de:ad:be:ef:10:20",
        "24/7",
        "at 95 % of 16 GB",
        "load between 2 and 4",
        "between 2 and 4 cores",
        "p95 at 12",
        "is it hot right now?",
        "Is CPU higher than yesterday?",
        "compared to last week",
        "same time yesterday",
        "every Friday",
        "when does the certificate expire, next Friday?",
        "Will the disk be full by Friday?",
        "will it restart at 18:00",
        "what is planned tonight",
        "this evening",
        "31 February",
        "2031-01-01",
        "why was media slow on 0001-01-01?",
        "since 9999-12-31",
        "9999-12-31 night",
        "9999-12-31T23:59:59Z",
        "between 0001-01-01 and 9999-12-31",
        "1999-12-31",
        "will it last for 2 days",
        "for 5 s",
        "99:99",
        "25:10",
        "2026-13-45T10:00:00Z",
        "in the last 0 minutes",
        "things seem slow",
        "silence it for 2 hours",
        "march through the runbook",
        "error E0310 in sda1",
        "explain HostHighCpu",
    ],
)
def test_no_time_is_found_where_there_is_none(text: str) -> None:
    assert parse_window(text, now=NOW, zone=AMSTERDAM) is None


def test_three_in_the_morning_last_night_has_not_ended_yet() -> None:
    now = datetime(2026, 11, 20, 3, 0, tzinfo=AMSTERDAM)
    for text, start in [("last night", "19 20:00"), ("tonight", "19 20:00"), ("this morning", "20 00:00")]:
        found = parse_window(text, now=now, zone=AMSTERDAM)
        assert found is not None
        assert (found.window.start, found.window.end) == (local(start), now)


def test_tonight_and_this_evening_have_begun_by_nine() -> None:
    now = datetime(2026, 11, 20, 21, 0, tzinfo=AMSTERDAM)
    for text in ("tonight", "this evening"):
        found = parse_window(text, now=now, zone=AMSTERDAM)
        assert found is not None
        assert (found.window.start, found.window.end) == (local("20 18:00"), now)


def test_the_zone_of_the_person_counts_not_that_of_now() -> None:
    found = parse_window("at 03:10", now=NOW.astimezone(UTC), zone=ZoneInfo("America/New_York"))
    assert found is not None
    assert found.at == datetime(2026, 11, 20, 8, 10, tzinfo=UTC)


def test_a_day_is_23_or_25_hours_long_when_the_clocks_change() -> None:
    for month, day, hours in [(3, 30, 23), (10, 26, 25)]:
        found = parse_window("yesterday", now=datetime(2026, month, day, 12, tzinfo=AMSTERDAM), zone=AMSTERDAM)
        assert found is not None
        assert found.window.length == timedelta(hours=hours)


def test_a_duration_is_not_stretched_when_the_clocks_change() -> None:
    now = datetime(2026, 10, 25, 12, tzinfo=AMSTERDAM)
    found = parse_window("in the last 24h", now=now, zone=AMSTERDAM)
    assert found is not None
    assert found.window.length == timedelta(hours=24)


def test_an_hour_that_came_twice_is_covered_both_times() -> None:
    now = datetime(2026, 10, 25, 12, tzinfo=AMSTERDAM)
    point = parse_window("at 02:30", now=now, zone=AMSTERDAM)
    stretch = parse_window("between 02:00 and 02:45", now=now, zone=AMSTERDAM)
    assert point is not None
    assert stretch is not None
    assert point.window.start == datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    assert point.window.end == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    assert stretch.window.start == datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    assert stretch.window.end == datetime(2026, 10, 25, 1, 45, tzinfo=UTC)


def test_an_absurd_duration_is_cut() -> None:
    found = parse_window("in the last 999999 years", now=NOW, zone=AMSTERDAM)
    assert found is not None
    assert found.window.length == LONGEST


WORDS = [
    "last", "since", "at", "3", "03:10", "am", "Friday", "and", "between", "night",
    "2 hours ago", "to", "for", "0001-01-01", "9999-12-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "morning", "May", "-", "yesterday",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)))
def test_whatever_is_written_the_window_lies_in_the_past(text: str) -> None:
    found = parse_window(text, now=NOW, zone=AMSTERDAM)
    if found is not None:
        assert found.window.start < found.window.end <= NOW
        assert found.phrase in text
