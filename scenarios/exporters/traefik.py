"""Traefik 3's own metrics: requests and their duration per published service, certificates, configuration reloads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.exporters.exposition import Family, Row, Sheet, constant, scaled
from scenarios.exporters.latency_histogram import LatencyHistogram
from scenarios.shapes import Floats
from scenarios.state import Counter, Gauge, Model, State, each
from scenarios.targets import Target

GOOD_ANSWERS = {("200", "GET"): 0.74, ("200", "POST"): 0.14, ("304", "GET"): 0.09, ("404", "GET"): 0.03}
BAD_ANSWER = ("502", "GET")
BUCKETS_S = (0.1, 0.3, 1.2, 5.0)


def families(model: Model, targets: Sequence[Target]) -> list[Family]:
    """Counters start at 0 with Traefik; a service's own restart does not touch them."""
    sheet = Sheet(model, targets)
    proxy = targets[0].entity
    services = [service.name for service in model.homelab.services.values() if service.web]
    owners = [proxy] * len(services)
    good, bad = (Counter(model, signal, each(services), owners) for signal in ("served", "errors"))
    labels = [{"code": code, "method": method, "protocol": "http"} for code, method in (*GOOD_ANSWERS, BAD_ANSWER)]
    rows = [Row(0, {**own, "service": f"{service}@docker"}) for service in services for own in labels]
    shares = np.array(list(GOOD_ANSWERS.values()))[None, :, None]

    def requests(state: State) -> Floats:
        answered = np.concatenate([good(state)[:, None] * shares, bad(state)[:, None]], axis=1)
        counts: Floats = np.floor(answered.reshape(len(rows), -1))
        return counts

    text = "How many HTTP requests processed on a service, partitioned by status code, protocol, and method."
    sheet.add("traefik_service_requests_total", "counter", text, rows, requests)
    everything = [Row(0, {**own, "entrypoint": "websecure"}) for own in labels]
    text = "How many HTTP requests processed on an entrypoint, partitioned by status code, protocol, and method."
    sheet.add(
        "traefik_entrypoint_requests_total", "counter", text, everything,
        lambda state: requests(state).reshape(len(services), len(labels), -1).sum(axis=0),
    )  # fmt: skip
    _durations(sheet, services, proxy)
    _traffic(sheet, services, good)
    started = model.started_first(proxy)
    sheet.each("traefik_config_last_reload_success", "gauge", "Last config reload success", constant([started + 4.0]))
    sheet.each("traefik_config_reloads_total", "counter", "Config reloads", constant([31.0]))
    open_rows = [Row(0, {"entrypoint": "websecure", "protocol": "TCP"})]
    busy = Gauge(model, "served", [services])
    sheet.add(
        "traefik_open_connections",
        "gauge",
        "How many open connections exist, by entryPoint and protocol",
        open_rows,
        lambda s: np.round(busy(s) * 2.5),
    )
    expires = Gauge(model, "certificate_expires", each(services))
    domain = model.homelab.domain
    certificates = [
        Row(
            0,
            {
                "cn": f"{service}.{domain}",
                "sans": f"{service}.{domain}",
                "serial": f"{round(model.draw(service, 'serial') * 1e15)}",
            },
        )
        for service in services
    ]
    sheet.add(
        "traefik_tls_certs_not_after",
        "gauge",
        "Certificate expiration timestamp",
        certificates,
        lambda s: np.round(expires(s)),
    )
    sheet.process([proxy], memory=120e6)
    return sheet.families


def _durations(sheet: Sheet, services: Sequence[str], proxy: str) -> None:
    histogram = LatencyHistogram(sheet.model, services, [proxy] * len(services), BUCKETS_S)
    rows: list[Row] = []
    for service in services:
        labels = {"code": "200", "method": "GET", "protocol": "http", "service": f"{service}@docker"}
        bounds = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
        rows += [Row(0, {**labels, "le": bound}, "_bucket") for bound in bounds]
        rows += [Row(0, labels, "_sum"), Row(0, labels, "_count")]
    share = GOOD_ANSWERS["200", "GET"]

    def values(state: State) -> Floats:
        """Services × (buckets, +Inf, sum, count), the counts whole."""
        found = histogram(state) * share
        counts = np.floor(found)
        counts[:, -2] = found[:, -2]
        return counts.reshape(len(rows), -1)

    text = "How long it took to process the request on a service, partitioned by status code, protocol, and method."
    sheet.add("traefik_service_request_duration_seconds", "histogram", text, rows, values)


def _traffic(sheet: Sheet, services: Sequence[str], good: Counter) -> None:
    sizes = np.array([4_000 + 60_000 * sheet.model.draw(service, "size") for service in services])
    labels = {"code": "200", "method": "GET", "protocol": "http"}
    rows = [Row(0, {**labels, "service": f"{service}@docker"}) for service in services]
    share = GOOD_ANSWERS["200", "GET"]
    text = (
        "The total size of responses in bytes returned by a service, partitioned by status code, protocol, and method."
    )
    sheet.add("traefik_service_responses_bytes_total", "counter", text, rows, scaled(good, sizes * share))
    up = Gauge(sheet.model, "up", each(services))
    rows = [Row(0, {"service": f"{service}@docker", "url": f"http://{service}:80"}) for service in services]
    text = "service server is up, described by gauge value of 0 or 1."
    sheet.add("traefik_service_server_up", "gauge", text, rows, lambda state: (up(state) > 0.5).astype(float))
