"""What "now" is, and how a point in time is read and written at the edges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.errors import InvalidInput

FUTURE_TOLERANCE = timedelta(seconds=60)
"""Clocks of two machines differ a little; a time further ahead than this is a mistake."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing of a homelab was measured before; near the year 1 arithmetic with times overflows."""


def now() -> datetime:
    """The current time, UTC-aware."""
    return datetime.now(UTC)


def to_utc(moment: datetime) -> datetime:
    """The same instant in UTC. A naive datetime is refused (ValueError): its zone would be a guess."""
    if moment.tzinfo is None:
        raise ValueError("a time needs a zone, for instance 2026-11-20T03:10:00Z")
    return moment.astimezone(UTC)


def parse_at(text: str, *, field: str = "--at") -> datetime:
    """An ISO 8601 instant from a person or a client, in the past or present.

    Raises InvalidInput, naming `field`, when it is malformed, has no zone, lies before EARLIEST or in the future.
    """
    try:
        moment = to_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{field}: {text[:40]!r} is not a time with a zone; write it like 2026-11-20T03:10:00Z"
        ) from None
    if moment < EARLIEST:
        raise InvalidInput(f"{field}: {text.strip()[:40]} lies before {EARLIEST:%Y-%m-%d}; nothing was measured then")
    return refuse_future(moment, field=field)


def refuse_future(moment: datetime, *, field: str) -> datetime:
    """`moment` itself, or InvalidInput when it has not happened yet."""
    if moment > now() + FUTURE_TOLERANCE:
        raise InvalidInput(f"{field}: {isoformat(moment)} lies in the future; nothing was measured then")
    return moment


def isoformat(moment: datetime) -> str:
    """ISO 8601 with a Z, to the second."""
    return to_utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")
