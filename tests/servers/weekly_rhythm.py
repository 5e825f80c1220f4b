"""Four weeks of two machines' memory in a real Prometheus: nas has a backup every Sunday from 02:00 to 03:00, in Berlin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from backfilled_series import Series

BERLIN = ZoneInfo("Europe/Berlin")
STEP_S = 600
NOW = datetime.fromtimestamp(datetime.now(UTC).timestamp() // STEP_S * STEP_S, UTC)
WEEKS = 4
ORDINARY, BACKUP, STUCK = 0.45, 0.80, 0.97


def latest(weekday: int, hour: int, minute: int = 0) -> datetime:
    """The last such moment in Berlin (Monday is 0), at least a day ago."""
    day = (NOW - timedelta(days=1)).astimezone(BERLIN)
    while day.weekday() != weekday:
        day -= timedelta(days=1)
    return day.replace(hour=hour, minute=minute).astimezone(UTC)


INCIDENT = latest(2, 14)
"""A Wednesday afternoon on which media's memory was full for two hours."""


def memory(name: str, at: datetime) -> float:
    local = at.astimezone(BERLIN)
    noise = 0.002 * (at.timestamp() // STEP_S % 7 - 3)
    if name == "nas" and local.weekday() == 6 and local.hour == 2:
        return BACKUP + noise
    if name == "media" and INCIDENT <= at < INCIDENT + timedelta(hours=2):
        return STUCK + noise
    return ORDINARY + noise


def rhythm() -> Iterable[Series]:
    """In an order that keeps the samples of a metric together."""
    moments = [NOW - timedelta(seconds=STEP_S * place) for place in range(WEEKS * 7 * 86_400 // STEP_S, -1, -1)]
    labels = {name: {"job": "node", "instance": f"{name}:9100"} for name in ("nas", "media")}

    def samples(name: str, share: bool) -> Iterator[tuple[float, float]]:
        for at in moments:
            yield at.timestamp(), round(1e9 * (1 - memory(name, at))) if share else 1e9

    yield from (("node_memory_MemAvailable_bytes", labels[name], samples(name, share=True)) for name in labels)
    yield from (("node_memory_MemTotal_bytes", labels[name], samples(name, share=False)) for name in labels)
    yield from (("up", labels[name], [(at.timestamp(), 1.0) for at in moments]) for name in labels)
    crowd = [
        (NOW - timedelta(minutes=4 * place)).timestamp() for place in range(45, -1, -1)
    ]  # at whatever moments it is looked at
    for number in range(1_001):
        of = {"job": "node", "instance": f"crowd{number}:9100"}
        yield "node_netstat_Tcp_CurrEstab", of, [(at, 5.0) for at in crowd]
