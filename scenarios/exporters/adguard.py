"""adguard-exporter (henrywhitaker3) beside each AdGuard Home. Its totals are those of AdGuard's statistics: the last 24 hours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.exporters.exposition import Family, Row, Sheet, Values, where_up
from scenarios.shapes import Floats
from scenarios.signals import DAY_S
from scenarios.state import Counter, Gauge, Model, State, each
from scenarios.targets import Target

BLOCKED_SHARE = 0.17
UPSTREAM_PORT = "127.0.0.1:5335"


def families(model: Model, targets: Sequence[Target]) -> list[Family]:
    """While AdGuard itself is down only `adguard_running` 0 and the scrape errors remain."""
    sheet = Sheet(model, targets)
    names = sheet.entities
    servers = [
        {"server": f"http://{model.homelab.guests[model.homelab.services[name].host].address}:3000"} for name in names
    ]
    rows = [Row(number, labels) for number, labels in enumerate(servers)]
    up, healthy, takes = (Gauge(model, signal, each(names)) for signal in ("up", "healthy", "resolve_time"))
    asked = Counter(model, "queries", each(names), names)

    def last_day(share: float) -> Values:
        def at(state: State) -> Floats:
            now = asked(state)
            return np.round(np.maximum(now - np.minimum(asked(state.earlier(DAY_S)), now), 0) * share)

        return where_up(at, up)

    def runs(state: State) -> Floats:
        return (up(state) > 0.5).astype(float)

    sheet.add("adguard_running", "gauge", "Whether AdGuard is running or not", rows, runs)
    sheet.add("adguard_protection_enabled", "gauge", "Whether DNS filtering is enabled", rows, where_up(runs, up))
    sheet.add("adguard_queries", "gauge", "Total queries processed in the last 24 hours", rows, last_day(1.0))
    sheet.add(
        "adguard_queries_blocked",
        "gauge",
        "Total queries that have been blocked from filter lists",
        rows,
        last_day(BLOCKED_SHARE),
    )
    text = "The average query processing time in seconds"
    average = where_up(lambda state: np.where(healthy(state) > 0.5, takes(state), 5.0), up)
    sheet.add("adguard_avg_processing_time_seconds", "gauge", text, rows, average)
    upstream = [Row(row.target, {**row.labels, "upstream": UPSTREAM_PORT}) for row in rows]
    sheet.add(
        "adguard_top_upstreams",
        "gauge",
        "The number of responses for the top upstream servers",
        upstream,
        last_day(1 - BLOCKED_SHARE),
    )
    text = "The average response time for each of the top upstream servers"
    sheet.add("adguard_top_upstreams_avg_response_time_seconds", "gauge", text, upstream, average)
    down = Counter(model, "up", each(names), [model.homelab.services[name].host for name in names])
    first = np.array([model.started_first(model.homelab.services[name].host) for name in names])[:, None]

    def scrape_errors(state: State) -> Floats:
        """One for every 15 seconds of absence."""
        missed: Floats = np.floor(np.maximum(state.times - first - down(state), 0) / 15 + 1e-3)
        return missed

    sheet.add("adguard_scrape_errors_total", "counter", "The number of errors scraping a target", rows, scrape_errors)
    hosts = [model.homelab.services[name].host for name in names]
    sheet.process(hosts, memory=15e6)
    return sheet.families
