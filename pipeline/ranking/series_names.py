"""What the name of a series tells when nothing else does: which direction is bad, whether it counts, what kind of thing it measures.

The words are those of exporters in general; no name of a host or service stands here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Direction = Literal["up", "down", "both"]
Role = Literal["resource", "service", "load", "unknown"]
"""What moves first: a resource (processor, memory, disk, link), then what a service shows (latency, errors); load comes from outside."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_COUNTERS = ("total", "count", "sum", "bucket")
_DOWN = frozenset(
    [
        "up",
        "availability",
        "available",
        "avail",
        "free",
        "idle",
        "success",
        "successes",
        "healthy",
        "health",
        "hit",
        "hits",
        "ready",
        "uptime",
        "alive",
        "online",
        "remaining",
        "left",
        "runtime",
        "charge",
    ]
)
_LOAD = frozenset(
    [
        "load",
        "workload",
        "requests",
        "request",
        "req",
        "rps",
        "qps",
        "queries",
        "throughput",
        "rate",
        "calls",
        "hits",
        "traffic",
        "sessions",
        "users",
        "visits",
        "ops",
        "messages",
        "volume",
    ]
)
_SERVICE = frozenset(
    [
        "latency",
        "duration",
        "delay",
        "error",
        "errors",
        "err",
        "fail",
        "failed",
        "failure",
        "failures",
        "fault",
        "faults",
        "timeout",
        "timeouts",
        "p50",
        "p75",
        "p90",
        "p95",
        "p99",
        "p999",
        "response",
        "success",
        "availability",
        "up",
        "healthy",
        "health",
        "status",
        "drop",
        "dropped",
        "lookup",
    ]
)
_RESOURCE = frozenset(
    [
        "cpu",
        "processor",
        "core",
        "cores",
        "mem",
        "memory",
        "rss",
        "heap",
        "oom",
        "swap",
        "disk",
        "diskio",
        "io",
        "iops",
        "iowait",
        "inode",
        "fs",
        "filesystem",
        "read",
        "reads",
        "write",
        "writes",
        "net",
        "network",
        "socket",
        "sockets",
        "bandwidth",
        "receive",
        "transmit",
        "rx",
        "tx",
        "packet",
        "packets",
        "throttled",
        "throttle",
        "steal",
        "temperature",
        "power",
        "battery",
        "threads",
        "fds",
        "saturation",
        "utilization",
        "utilisation",
        "usage",
        "connections",
        "queue",
    ]
)


_RESOURCES = {
    "cpu": "cpu cores core processor load1 load5 steal throttled throttle",
    "memory": "mem memory rss heap swap oom working",
    "disk": "disk diskio io iops iowait fs filesystem read reads write writes inode busy",
    "network": "net network receive transmit rx tx bandwidth",
    "connections": "connections sockets socket fds threads",
}
_RESOURCE_OF = {word: name for name, listed in _RESOURCES.items() for word in listed.split()}


@dataclass(frozen=True)
class SeriesKind:
    """How to read a series. A counter only grows, but for resets; `bad` is the direction that hurts."""

    counter: bool = False
    bad: Direction = "both"


def words_of(series: str) -> tuple[str, ...]:
    """The words of a name, in lower case: `cartsDb_cpuUsage` → carts, db, cpu, usage."""
    return tuple(word.lower() for word in _WORD.findall(series))


def guess_kind(series: str) -> SeriesKind:
    """From the name alone. A name that says nothing is taken as "both"."""
    own = _measured(series)
    counter = bool(own) and own[-1] in _COUNTERS and len(own) > 1
    if any(word in _DOWN for word in own) and not any(
        word in {"error", "errors", "failed", "failures"} for word in own
    ):
        return SeriesKind(counter, "down")
    role = guess_role(series)
    return SeriesKind(counter, "up" if role in {"resource", "service"} else "both")


def guess_role(series: str) -> Role:
    own = _measured(series)
    for role, words in (("service", _SERVICE), ("resource", _RESOURCE), ("load", _LOAD)):
        if any(word in words for word in own):
            return role  # type: ignore[return-value]  # the tuple above holds roles only
    return "unknown"


def resource_of(series: str) -> str | None:
    """cpu, memory, disk, network or connections: what the series says is used; None for anything else."""
    if guess_role(series) == "service":
        return None
    return next((_RESOURCE_OF[word] for word in _measured(series) if word in _RESOURCE_OF), None)


def _measured(series: str) -> tuple[str, ...]:
    """The words behind the entity, which stands before the first "_" or ":"; all of them when nothing is behind."""
    rest = re.split(r"[_:]", series, maxsplit=1)
    return words_of(rest[1]) if len(rest) > 1 else words_of(series)
