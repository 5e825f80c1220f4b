"""blackbox_exporter: services asked over HTTPS through the reverse proxy, by TCP, and resolvers by DNS.

The HTTP module checks the certificate's date but does not refuse it (`insecure_skip_verify`), so an expired one is still seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scenarios.exporters.exposition import Family, Row, Sheet, Values, constant, scaled
from scenarios.shapes import Floats
from scenarios.state import Gauge, Model, State, each
from scenarios.targets import HTTP_TIMEOUT_S, Target

CONNECT_S, TLS_S, TRANSFER_S = 0.0006, 0.006, 0.002
DNS_TIMEOUT_S = 5.0
PHASES = ("connect", "processing", "resolve", "tls", "transfer")


@dataclass(frozen=True)
class _Probe:
    """What a probe finds, each targets × times: times in seconds."""

    success: Floats
    duration: Floats
    lookup: Floats
    latency: Floats
    status: Floats


ProbeFunction = Callable[[State], _Probe]


def http_families(model: Model, targets: Sequence[Target]) -> list[Family]:
    sheet = Sheet(model, targets)
    probe = _http_probe(sheet)
    _outcome(sheet, probe)
    count = len(targets)

    def phases(state: State) -> Floats:
        found = probe(state)
        reached, resolved = found.status > 0, found.lookup < HTTP_TIMEOUT_S
        by_name = {
            "connect": np.where(reached, CONNECT_S, 0),
            "processing": np.where(reached, found.latency, 0),
            "resolve": np.where(resolved, found.lookup, 0),
            "tls": np.where(reached, TLS_S, 0),
            "transfer": np.where(reached, TRANSFER_S, 0),
        }
        return np.stack([by_name[name] for name in PHASES], axis=1).reshape(count * len(PHASES), -1)

    rows = [Row(number, {"phase": phase}) for number in range(count) for phase in PHASES]
    text = "Duration of http request by phase, summed over all redirects"
    sheet.add("probe_http_duration_seconds", "gauge", text, rows, phases)
    sheet.each("probe_http_status_code", "gauge", "Response HTTP status code", lambda state: probe(state).status)
    sheet.each(
        "probe_http_ssl",
        "gauge",
        "Indicates if SSL was used for the final redirect",
        lambda s: (probe(s).status > 0).astype(float),
    )
    sheet.each(
        "probe_http_version",
        "gauge",
        "Returns the version of HTTP of the probe response",
        lambda s: np.where(probe(s).status > 0, 2.0, 0.0),
    )
    sheet.each("probe_http_redirects", "gauge", "The number of redirects", constant([0.0] * count))
    sheet.each("probe_failed_due_to_regex", "gauge", "Indicates if probe failed due to regex", constant([0.0] * count))
    expires = Gauge(model, "certificate_expires", each(sheet.entities))
    sheet.each(
        "probe_ssl_earliest_cert_expiry", "gauge", "Returns last SSL chain expiry in unixtime",
        lambda state: np.where(probe(state).status > 0, np.round(expires(state)), np.nan),
    )  # fmt: skip
    return sheet.families


def tcp_families(model: Model, targets: Sequence[Target]) -> list[Family]:
    sheet = Sheet(model, targets)
    up, silent, lookup = (Gauge(model, signal, each(sheet.entities)) for signal in ("up", "silent", "lookup"))
    latency = Gauge(model, "latency", each(sheet.entities))

    def probe(state: State) -> _Probe:
        waited = lookup(state)
        resolved = waited < HTTP_TIMEOUT_S
        success = (up(state) + silent(state) > 0.5) & resolved
        duration = np.where(resolved, waited + np.where(success, CONNECT_S, 0.0002), HTTP_TIMEOUT_S)
        return _Probe(
            success.astype(float), duration, np.minimum(waited, HTTP_TIMEOUT_S), latency(state), success.astype(float)
        )

    _outcome(sheet, probe)
    return sheet.families


def dns_families(model: Model, targets: Sequence[Target]) -> list[Family]:
    sheet = Sheet(model, targets)
    healthy, up, takes = (Gauge(model, signal, each(sheet.entities)) for signal in ("healthy", "up", "resolve_time"))

    def probe(state: State) -> _Probe:
        answer = takes(state)
        success = (healthy(state) > 0.5) & (up(state) > 0.5) & (answer < DNS_TIMEOUT_S)
        none = np.zeros_like(answer)
        return _Probe(
            success.astype(float),
            np.where(success, answer + CONNECT_S, DNS_TIMEOUT_S),
            none,
            answer,
            success.astype(float),
        )

    _outcome(sheet, probe)

    def succeeded(state: State) -> Floats:
        return probe(state).success

    for name, text in (
        ("answer", "Returns number of entries in the answer resource record list"),
        ("additional", "Returns number of entries in the additional resource record list"),
        ("authority", "Returns number of entries in the authority resource record list"),
    ):
        wanted = 1.0 if name == "answer" else 0.0
        sheet.each(f"probe_dns_{name}_rrs", "gauge", text, scaled(succeeded, wanted))
    sheet.each(
        "probe_dns_query_succeeded",
        "gauge",
        "Displays whether or not the query was executed successfully",
        succeeded,
    )

    phases = ("connect", "request", "resolve")
    rows = [Row(number, {"phase": phase}) for number in range(len(targets)) for phase in phases]

    def durations(state: State) -> Floats:
        found = probe(state)
        request = np.where(found.success > 0, found.latency, 0.0)
        fixed = np.zeros_like(request)
        return np.stack([fixed + CONNECT_S, request, fixed], axis=1).reshape(len(rows), -1)

    sheet.add("probe_dns_duration_seconds", "gauge", "Duration of DNS request by phase", rows, durations)
    return sheet.families


def _http_probe(sheet: Sheet) -> ProbeAt:
    """Through the proxy: 502 when only the service is gone, no status when the name or the proxy is."""
    model, services = sheet.model, sheet.entities
    up, healthy = (Gauge(model, signal, each(services)) for signal in ("up", "healthy"))
    latency, lookup = (Gauge(model, signal, each(services)) for signal in ("latency", "lookup"))
    proxy = [model.homelab.proxy] * len(services) if model.homelab.proxy else services
    proxy_up, proxy_healthy = (Gauge(model, signal, each(proxy)) for signal in ("up", "healthy"))

    def probe(state: State) -> _Probe:
        waited, answer = lookup(state), latency(state)
        behind = (up(state) > 0.5) & (healthy(state) > 0.5)
        through = (proxy_up(state) > 0.5) & (proxy_healthy(state) > 0.5) & (waited < HTTP_TIMEOUT_S)
        answer = np.where(behind, answer, CONNECT_S)
        whole = waited + CONNECT_S + TLS_S + answer + TRANSFER_S
        in_time = whole < HTTP_TIMEOUT_S
        success = behind & through & in_time
        status = np.where(through & in_time, np.where(behind, 200.0, 502.0), 0.0)
        gone = np.where(waited < HTTP_TIMEOUT_S, waited + CONNECT_S, HTTP_TIMEOUT_S)
        duration = np.where(through, np.minimum(whole, HTTP_TIMEOUT_S), gone)
        return _Probe(success.astype(float), duration, np.minimum(waited, HTTP_TIMEOUT_S), answer, status)

    return ProbeAt(probe)


class ProbeAt:
    """Remembers the probe of the last state it was asked for: every family of a job needs the same one."""

    def __init__(self, probe: ProbeFunction) -> None:
        self._probe = probe
        self._last: tuple[State, _Probe] | None = None

    def __call__(self, state: State) -> _Probe:
        last = self._last
        if last is None or last[0] is not state:
            last = self._last = (state, self._probe(state))
        return last[1]


def _outcome(sheet: Sheet, probe: ProbeFunction) -> None:
    """What every module reports."""

    def of(field: str) -> Values:
        return lambda state: getattr(probe(state), field)

    sheet.each("probe_success", "gauge", "Displays whether or not the probe was a success", of("success"))
    sheet.each(
        "probe_duration_seconds", "gauge", "Returns how long the probe took to complete in seconds", of("duration")
    )
    sheet.each(
        "probe_dns_lookup_time_seconds", "gauge", "Returns the time taken for probe dns lookup in seconds", of("lookup")
    )
    sheet.each(
        "probe_ip_protocol",
        "gauge",
        "Specifies whether probe ip protocol is IP4 or IP6",
        constant([4.0] * len(sheet.targets)),
    )
