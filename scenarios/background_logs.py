"""Log lines of an ordinary day: the same for the same service and minute, whatever is asked first."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.signals import unit_interval
from scenarios.topology import Homelab, Service

SLOT_S = 240
LINES: dict[str, tuple[tuple[str, str], ...]] = {
    "web": (
        ("info", 'GET /api/health 200 {ms}ms "Prometheus-blackbox"'),
        ("info", "GET / 200 {ms}ms"),
        ("info", "scheduled task finished in {ms} ms"),
        ("info", "session refreshed for user {user}"),
        ("info", "cache hit ratio {percent}%"),
        ("warning", "slow query took {slow} ms, retried once"),
    ),
    "dns": (
        ("info", "filter list refreshed: {many} rules"),
        ("info", "answered {many} queries, {percent}% from cache"),
        ("warning", "upstream answered SERVFAIL for one name, used the cached answer"),
    ),
    "proxy": (
        ("info", "configuration received from provider docker: no changes"),
        ("info", "{many} requests routed in the last interval"),
        ("warning", "client closed the connection before the answer was complete"),
    ),
    "database": (
        ("info", "checkpoint complete: wrote {many} buffers ({percent}%)"),
        ("info", "automatic vacuum of table finished in {ms} ms"),
        ("info", "connection authorized: user={user} application_name=app"),
    ),
    "app": (
        ("info", "heartbeat ok"),
        ("info", "processed {percent} items in {ms} ms"),
        ("info", "scheduled task finished in {ms} ms"),
    ),
}
USERS = ("anna", "ben", "guest", "tablet", "sync")
WARNING_SHARE = 0.02


def background(homelab: Homelab, *, seed: int, start: float, end: float) -> Iterator[tuple[float, Service, str, str]]:
    """(unix time, service, level, line) in order of time, `start` included and `end` not."""
    for slot in range(int(start // SLOT_S), int(end // SLOT_S) + 1):
        found = [_line(service, slot, seed) for service in homelab.services.values()]
        yield from (entry for entry in sorted(found, key=lambda entry: entry[0]) if start <= entry[0] < end)


def _line(service: Service, slot: int, seed: int) -> tuple[float, Service, str, str]:
    def draw(what: str) -> float:
        return unit_interval(seed, service.name, slot, what)

    lines = LINES["web" if service.web else service.kind]
    wanted = "warning" if draw("level") < WARNING_SHARE else "info"
    fitting = [line for level, line in lines if level == wanted] or [line for _, line in lines]
    level = wanted if any(own == wanted for own, _ in lines) else "info"
    text = fitting[int(draw("line") * len(fitting))].format(
        ms=8 + int(90 * draw("ms")),
        slow=1100 + int(900 * draw("slow")),
        percent=40 + int(55 * draw("percent")),
        many=800 + int(9000 * draw("many")),
        user=USERS[int(draw("user") * len(USERS))],
    )
    return slot * SLOT_S + round(SLOT_S * draw("at"), 3), service, level, text
