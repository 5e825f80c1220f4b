"""cAdvisor on every guest that runs Docker: one set of series per container."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from scenarios.baseline import GIB, MIB
from scenarios.exporters.exposition import Family, Labels, Row, Sheet, Values, constant, scaled, where_up, whole
from scenarios.shapes import Floats
from scenarios.state import Counter, Gauge, Model, State, each
from scenarios.targets import Target
from scenarios.topology import Homelab, Service

CACHE_SHARE = 0.22
"""Page cache that counts as used but not as working set, relative to the usual memory."""


def families(model: Model, targets: Sequence[Target]) -> list[Family]:
    """A container's series vanish while it is stopped, and its counters start at 0 with it."""
    sheet = Sheet(model, targets)
    _containers(sheet)
    cores = [model.homelab.machine(host).cores for host in sheet.entities]
    memory = [model.homelab.machine(host).memory * GIB // 4096 * 4096 for host in sheet.entities]
    sheet.each("machine_cpu_cores", "gauge", "Number of logical CPU cores.", constant(cores))
    sheet.each("machine_memory_bytes", "gauge", "Amount of memory installed on the machine.", constant(memory))
    version = {
        "cadvisorRevision": "8d2a5bc1",
        "cadvisorVersion": "v0.52.1",
        "dockerVersion": "28.5.1",
        "kernelVersion": "6.12.48+deb13-amd64",
        "osVersion": "Alpine Linux v3.22",
    }
    text = "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision."
    sheet.info("cadvisor_version_info", text, [Row(number, version) for number in range(len(targets))])
    sheet.process(sheet.entities, memory=68e6)
    return sheet.families


def container_labels(homelab: Homelab, service: Service) -> Labels:
    """As cAdvisor attaches them with Docker Compose."""
    identity = hashlib.sha256(f"{service.host}/{service.name}".encode()).hexdigest()
    beside = [
        need for need in service.needs if need in homelab.services and homelab.services[need].host == service.host
    ]
    return {
        "container_label_com_docker_compose_depends_on": ",".join(f"{need}:service_started:false" for need in beside),
        "container_label_com_docker_compose_project": service.host,
        "container_label_com_docker_compose_service": service.name,
        "id": f"/system.slice/docker-{identity}.scope",
        "image": service.image or "",
        "name": service.name,
    }


def _containers(sheet: Sheet) -> None:
    model, homelab = sheet.model, sheet.model.homelab
    hosts = {host: number for number, host in enumerate(sheet.entities)}
    services = [service for service in homelab.services.values() if service.image and service.host in hosts]
    names = [service.name for service in services]
    labels = [container_labels(homelab, service) for service in services]
    answering, silent = Gauge(model, "up", each(names)), Gauge(model, "silent", each(names))

    def up(state: State) -> Floats:
        return answering(state) + silent(state)

    def put(name: str, kind: str, text: str, values: Values, extra: Labels | None = None) -> None:
        rows = [
            Row(hosts[service.host], {**own, **(extra or {})}) for service, own in zip(services, labels, strict=True)
        ]
        sheet.add(f"container_{name}", "counter" if kind == "counter" else "gauge", text, rows, where_up(values, up))

    def counter(signal: str) -> Counter:
        return Counter(model, signal, each(names), names)

    cpu = counter("cpu")
    put("cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.", cpu, {"cpu": "total"})
    put("cpu_user_seconds_total", "counter", "Cumulative user cpu time consumed in seconds.", scaled(cpu, 0.74))
    put("cpu_system_seconds_total", "counter", "Cumulative system cpu time consumed in seconds.", scaled(cpu, 0.26))
    memory = Gauge(model, "memory", each(names))
    cache = np.array([service.mem * MIB * CACHE_SHARE for service in services])[:, None]
    put("memory_working_set_bytes", "gauge", "Current working set in bytes.", lambda s: np.floor(memory(s)))
    put(
        "memory_usage_bytes",
        "gauge",
        "Current memory usage in bytes, including all memory regardless of when it was accessed",
        lambda s: np.floor(memory(s) + cache),
    )
    put("memory_rss", "gauge", "Size of RSS in bytes.", lambda s: np.floor(memory(s) * 0.88))
    put("memory_cache", "gauge", "Number of bytes of page cache memory.", lambda s: np.floor(memory(s) * 0.1 + cache))
    put("memory_failcnt", "counter", "Number of memory usage hits limits", constant([0.0] * len(names)))
    limits = [(service.limit or 0) * MIB for service in services]
    put("spec_memory_limit_bytes", "gauge", "Memory limit for the container.", constant(limits))
    put("spec_cpu_shares", "gauge", "CPU share of the container.", constant([1024.0] * len(names)))
    put(
        "start_time_seconds",
        "gauge",
        "Start time of the container since unix epoch in seconds.",
        lambda s: np.floor(s.last_start(names)),
    )
    put("last_seen", "gauge", "Last time a container was seen by the exporter", lambda s: _whole_seconds(s, len(names)))
    put(
        "oom_events_total",
        "counter",
        "Count of out of memory events observed for the container",
        lambda s: s.oom_kills(names),
    )
    for way, signal in (("receive", "net_rx"), ("transmit", "net_tx")):
        moved = counter(signal)
        word = "received" if way == "receive" else "transmitted"
        put(
            f"network_{way}_bytes_total",
            "counter",
            f"Cumulative count of bytes {word}",
            whole(moved),
            {"interface": "eth0"},
        )
        text = f"Cumulative count of errors encountered while {way[:-1] if way == 'receive' else way}ing"
        put(f"network_{way}_errors_total", "counter", text, constant([0.0] * len(names)), {"interface": "eth0"})
    for way, signal in (("reads", "disk_read"), ("writes", "disk_write")):
        text = f"Cumulative count of bytes {'read' if way == 'reads' else 'written'}"
        put(f"fs_{way}_bytes_total", "counter", text, whole(counter(signal)), {"device": "/dev/sda"})
    used = Gauge(model, "disk_used", each(names))
    text = "Number of bytes that are consumed by the container on this filesystem."
    put("fs_usage_bytes", "gauge", text, lambda s: np.floor(used(s) / 4096) * 4096, {"device": "/dev/sda1"})


def _whole_seconds(state: State, count: int) -> Floats:
    return np.repeat(np.floor(state.times)[None], count, axis=0)
