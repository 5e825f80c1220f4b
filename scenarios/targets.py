"""What the lab's Prometheus scrapes: jobs, addresses and labels as in a real homelab."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from scenarios.topology import Homelab

HTTP_TIMEOUT_S = 9.5
"""Prometheus' usual scrape timeout of 10 s, less blackbox_exporter's margin of 0.5 s."""


@dataclass(frozen=True)
class Target:
    """`address` is the host:port the scrape goes to; `labels` are the target's own, `instance` included, `job` not.

    `runs_on` and `entity` are the simulator's: the entity whose absence makes the scrape fail, and the one it tells about.
    """

    job: str
    address: str
    labels: dict[str, str]
    runs_on: str
    entity: str
    path: str = "/metrics"
    params: dict[str, str] = field(default_factory=dict)

    @property
    def instance(self) -> str:
        return self.labels["instance"]


def homelab_targets(homelab: Homelab) -> Iterator[Target]:
    """Every target, grouped by job."""
    for host in homelab.hosts:
        yield _plain("node", f"{host}:9100", host)
    for guest in homelab.guests.values():
        if guest.docker:
            yield _plain("cadvisor", f"{guest.name}:8080", guest.name)
    yield from _probes(homelab)
    yield from _hardware(homelab)
    yield from _network_services(homelab)


def _hardware(homelab: Homelab) -> Iterator[Target]:
    """Proxmox, disks and UPS. The exporter of the cluster and that of the UPS are services of the homelab themselves."""
    node = next(iter(homelab.nodes))
    if "pve-exporter" in homelab.services:
        params = {"cluster": "1", "module": "default", "node": "1", "target": node}
        yield Target("pve", "pve-exporter:9221", {"instance": node}, "pve-exporter", node, "/pve", params)
    for host in (*homelab.nodes, *([homelab.nas] if homelab.nas else [])):
        yield _plain("smartctl", f"{host}:9633", host)
    for device in homelab.devices.values():
        if device.kind == "ups" and "nut-exporter" in homelab.services:
            labels, params = {"instance": device.name}, {"ups": device.name}
            yield Target("nut", "nut-exporter:9199", labels, "nut-exporter", device.name, "/ups_metrics", params)


def _network_services(homelab: Homelab) -> Iterator[Target]:
    """Resolvers, by an exporter beside each, and the reverse proxy, which tells itself."""
    for service in homelab.services.values():
        if service.kind == "dns":
            port, job = (9618, "adguard") if service.name in homelab.resolvers else (9167, "unbound")
            address = f"{service.host}:{port}"
            labels = {"service": service.name} if job == "unbound" else {}
            yield Target(job, address, {"instance": address, **labels}, service.host, service.name)
    if homelab.proxy:
        address = f"{homelab.services[homelab.proxy].host}:8082"
        yield Target("traefik", address, {"instance": address}, homelab.proxy, homelab.proxy)


def _plain(job: str, address: str, host: str) -> Target:
    return Target(job, address, {"instance": address}, host, host)


def _probes(homelab: Homelab) -> Iterator[Target]:
    """blackbox_exporter asked about each service; `instance` is what it probed."""
    if "blackbox" not in homelab.services:
        return
    for service in homelab.services.values():
        labels = {"service": service.name}
        if service.web:
            url = f"https://{service.name}.{homelab.domain}"
            yield _probe("blackbox-http", "http_2xx", url, {}, service.name)
        elif service.name in homelab.resolvers:
            yield _probe("blackbox-dns", "dns_udp", f"{homelab.guests[service.host].address}:53", labels, service.name)
        elif service.image or (service.unit and service.kind != "dns"):
            yield _probe("blackbox-tcp", "tcp_connect", f"{service.host}:{service.port}", labels, service.name)


def _probe(job: str, module: str, probed: str, labels: dict[str, str], service: str) -> Target:
    return Target(
        job,
        "blackbox:9115",
        {"instance": probed, **labels},
        "blackbox",
        service,
        "/probe",
        {"module": module, "target": probed},
    )
