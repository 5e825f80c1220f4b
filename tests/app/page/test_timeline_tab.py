"""The moment to look at, in a person's own words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.page import timeline_tab
from app.page.timeline_tab import _looked_at
from core.errors import InvalidInput

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
TWO_HOURS = timedelta(hours=2)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_tab, "now", lambda: NOW)


@pytest.mark.parametrize("words", ["", " ", "now", "Now"])
def test_nothing_means_now(words: str) -> None:
    assert _looked_at(words, TWO_HOURS, BERLIN) == (None, TWO_HOURS)


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("03:10", datetime(2026, 11, 23, 2, 10, tzinfo=UTC)),
        ("2026-11-20 03:10", datetime(2026, 11, 20, 2, 10, tzinfo=UTC)),
        ("2026-11-20T03:10Z", datetime(2026, 11, 20, 3, 10, tzinfo=UTC)),
        ("yesterday 18:00", datetime(2026, 11, 22, 17, tzinfo=UTC)),
    ],
)
def test_a_point_is_of_the_readers_zone_unless_it_says_so(words: str, at: datetime) -> None:
    assert _looked_at(words, TWO_HOURS, BERLIN) == (at, TWO_HOURS)


def test_a_stretch_is_seen_whole() -> None:
    at, around = _looked_at("last night", TWO_HOURS, BERLIN)
    assert at is not None
    assert (at - around, at + around) == (
        datetime(2026, 11, 22, 19, tzinfo=UTC),
        datetime(2026, 11, 23, 7, tzinfo=UTC),
    )


@pytest.mark.parametrize("words", ["soon", "tomorrow 03:00", "x" * 10_000])
def test_what_is_no_time_of_the_past_is_told_with_examples(words: str) -> None:
    with pytest.raises(InvalidInput, match=r"Moment: .* last night") as error:
        _looked_at(words, TWO_HOURS, BERLIN)
    assert len(str(error.value)) < 200
