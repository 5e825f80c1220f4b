"""unbound_exporter (letsencrypt) beside each Unbound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.exporters.exposition import Family, Row, Sheet, constant, picked, scaled, where_up
from scenarios.state import Counter, Gauge, Model, each
from scenarios.targets import Target

HIT_SHARE = 0.78
BUCKETS = {
    "0.000512": 0.02,
    "0.004096": 0.11,
    "0.016384": 0.35,
    "0.065536": 0.78,
    "0.262144": 0.96,
    "1": 0.995,
    "+Inf": 1.0,
}
RCODES = {"NOERROR": 0.91, "NXDOMAIN": 0.086, "SERVFAIL": 0.004}
TYPES = {"A": 0.58, "AAAA": 0.31, "HTTPS": 0.06, "PTR": 0.05}
CACHES = {"message": 6.1e6, "rrset": 11.8e6}


def families(model: Model, targets: Sequence[Target]) -> list[Family]:
    """With Unbound down only `unbound_up` 0 remains."""
    sheet = Sheet(model, targets)
    names = sheet.entities
    count = len(names)
    up = Gauge(model, "up", each(names))
    asked = Counter(model, "queries", each(names), names)
    takes = Gauge(model, "resolve_time", each(names))
    sheet.each(
        "unbound_up",
        "gauge",
        "Whether scraping Unbound's metrics was successful.",
        lambda s: (up(s) > 0.5).astype(float),
    )
    thread = {"thread": "0"}
    for name, share, text in (
        ("queries", 1.0, "Total number of queries received."),
        ("cache_hits", HIT_SHARE, "Total number of queries that were successfully answered using a cache lookup."),
        ("cache_misses", 1 - HIT_SHARE, "Total number of cache queries that needed recursive processing."),
        (
            "recursive_replies",
            1 - HIT_SHARE,
            "Total number of replies sent to queries that needed recursive processing.",
        ),
        ("prefetches", 0.02, "Total number of cache prefetches performed."),
    ):
        sheet.each(f"unbound_{name}_total", "counter", text, where_up(scaled(asked, share), up), thread)
    for name, label, shares, text in (
        (
            "unbound_answer_rcodes_total",
            "rcode",
            RCODES,
            "Total number of answers to queries, from cache or from recursion, by response code.",
        ),
        ("unbound_query_types_total", "type", TYPES, "Total number of queries with a given query type."),
    ):
        rows = [Row(number, {label: key}) for number in range(count) for key in shares]
        spread = [number for number in range(count) for _ in shares]
        values = scaled(picked(asked, spread), list(shares.values()) * count)
        sheet.add(name, "counter", text, rows, where_up(values, picked(up, spread)))
    recursion = where_up(lambda state: takes(state) * 3, up)
    sheet.each(
        "unbound_recursion_time_seconds_avg",
        "gauge",
        "Average time it took to answer queries that needed recursive processing.",
        recursion,
    )
    sheet.each(
        "unbound_recursion_time_seconds_median",
        "gauge",
        "The median of the time it took to answer queries that needed recursive processing.",
        where_up(lambda s: takes(s) * 2, up),
    )
    _response_time(sheet, asked, up)
    rows = [Row(number, {"cache": cache}) for number in range(count) for cache in CACHES]
    spread = [number for number in range(count) for _ in CACHES]
    text = "Memory in bytes in use by caches."
    sheet.add(
        "unbound_memory_caches_bytes",
        "gauge",
        text,
        rows,
        where_up(constant(list(CACHES.values()) * count), picked(up, spread)),
    )
    sheet.each(
        "unbound_request_list_current_all",
        "gauge",
        "Current size of the request list, including internally generated queries.",
        where_up(constant([1.0] * count), up),
        thread,
    )
    started = Counter(model, "up", each(names), names)
    sheet.each(
        "unbound_time_up_seconds_total", "counter", "Uptime since server boot in seconds.", where_up(started, up)
    )
    sheet.process([model.homelab.services[name].host for name in names], memory=13e6)
    return sheet.families


def _response_time(sheet: Sheet, asked: Counter, up: Gauge) -> None:
    """The histogram of recursions."""
    count = len(sheet.entities)
    missed = scaled(asked, 1 - HIT_SHARE)
    rows, shares, spread = [], [], []
    for number in range(count):
        for bound, share in BUCKETS.items():
            rows.append(Row(number, {"le": bound}, "_bucket"))
            shares.append(share)
        rows += [Row(number, {}, "_sum"), Row(number, {}, "_count")]
        shares += [0.052, 1.0]
        spread += [number] * (len(BUCKETS) + 2)
    values = scaled(picked(missed, spread), np.array(shares))
    sheet.add(
        "unbound_response_time_seconds",
        "histogram",
        "Query response time in seconds.",
        rows,
        where_up(values, picked(up, spread)),
    )
