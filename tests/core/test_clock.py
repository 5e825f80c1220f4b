"""Points in time at the edges."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import EARLIEST, FUTURE_TOLERANCE, isoformat, now, parse_at, refuse_future, to_utc
from core.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-20T03:10:00Z", datetime(2025, 11, 20, 3, 10, tzinfo=UTC)),
        (" 2025-11-20T04:10:00+01:00 ", datetime(2025, 11, 20, 3, 10, tzinfo=UTC)),
        ("2025-11-20 03:10:00.250Z", datetime(2025, 11, 20, 3, 10, 0, 250000, tzinfo=UTC)),
        ("20251120T031000Z", datetime(2025, 11, 20, 3, 10, tzinfo=UTC)),
    ],
)
def test_parse_at_gives_utc(text, expected):
    moment = parse_at(text)
    assert moment == expected
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2025-11-20", "2025-11-20T03:10:00", "2025-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "\0\x01", "x" * 100_000],
)  # fmt: skip
def test_parse_at_refuses_and_names_the_field(text):
    with pytest.raises(InvalidInput) as caught:
        parse_at(text, field="at")
    message = str(caught.value)
    assert message.startswith("at: ")
    assert "2026-11-20T03:10:00Z" in message
    assert len(message) < 200
    assert "\n" not in message


@pytest.mark.parametrize("text", ["1999-12-31T23:59:59Z", "0001-01-02T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_before_anything_was_measured_is_refused(text):
    with pytest.raises(InvalidInput, match=r"^at: .* lies before 2000-01-01"):
        parse_at(text, field="at")
    assert parse_at("2000-01-01T00:00:00Z") == EARLIEST


@given(st.text(max_size=60))
def test_parse_at_never_fails_otherwise(text):
    with suppress(InvalidInput):
        assert parse_at(text).tzinfo is UTC


def test_the_future_is_refused_beyond_the_tolerance():
    inside = now() + FUTURE_TOLERANCE / 2
    assert refuse_future(inside, field="at") is inside
    with pytest.raises(InvalidInput, match=r"^at: .*Z lies in the future"):
        refuse_future(now() + 2 * FUTURE_TOLERANCE, field="at")
    with pytest.raises(InvalidInput, match="future"):
        parse_at((now() + timedelta(days=1)).isoformat())


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="needs a zone"):
        to_utc(datetime(2025, 11, 20))  # noqa: DTZ001  the very mistake


def test_isoformat_is_utc_to_the_second():
    local = datetime(2025, 11, 20, 4, 10, 5, 999, tzinfo=timezone(timedelta(hours=1)))
    assert isoformat(local) == "2025-11-20T03:10:05Z"
    assert parse_at(isoformat(local)) == datetime(2025, 11, 20, 3, 10, 5, tzinfo=UTC)


def test_now_is_aware():
    assert now().tzinfo is UTC
