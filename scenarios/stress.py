"""A real disturbance of this machine, watched by a real node_exporter, Prometheus and Alertmanager on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import psutil
import yaml

from core.clock import now
from core.errors import LabError
from scenarios import disturbance
from scenarios.binaries import Binaries
from scenarios.processes import Processes, choose_ports
from scenarios.prometheus_config import ALERTMANAGER_CONFIGURATION, Ports, alertmanager_command, prometheus_command

StressKind = Literal["cpu", "memory", "disk", "service"]
GIB = 1024**3
MEMORY_SHARE, MOST_MEMORY = 0.5, 4 * GIB
DISK_SHARE, MOST_DISK = 0.2, 4 * GIB
QUIET_BEFORE_S = 20.0
"""Watched before the disturbance begins, so that there is something to compare with."""
READY_DEADLINE_S = 30.0
SCRAPE_S = 1


@dataclass(frozen=True)
class Plan:
    """What will be done, in words and numbers; decided from what is free now. `amount` is cores or bytes."""

    kind: StressKind
    amount: int
    seconds: int
    words: str
    alert: str
    expression: str


@dataclass(frozen=True)
class StressReady:
    """`env` is what the assistant needs; `begins_at` is when the disturbance starts (UTC)."""

    env: dict[str, str]
    alert: str
    begins_at: datetime
    seconds: int


def plan(kind: StressKind, seconds: int, directory: Path) -> Plan:
    """Bounded by what this machine has free. Raises LabError when that is too little to be seen."""
    if not 60 <= seconds <= disturbance.LONGEST_S:
        raise LabError(f"--for: {seconds} s; a disturbance lasts between 60 and {disturbance.LONGEST_S} s")
    match kind:
        case "cpu":
            cores = psutil.cpu_count() or 1
            words = f"keep all {cores} cores busy at the lowest priority for {seconds} s"
            busy = 'avg by (instance, job) (rate(node_cpu_seconds_total{mode="idle"}[10s]))'
            return Plan(kind, cores, seconds, words, "HostHighCpu", f"1 - {busy} > 0.85")
        case "memory":
            free = psutil.virtual_memory().available
            amount = _enough(min(int(free * MEMORY_SHARE), MOST_MEMORY), "memory")
            words = f"hold {amount / GIB:.1f} GiB of the {free / GIB:.1f} GiB that are available for {seconds} s"
            expression = f"node_memory_MemAvailable_bytes < {free - int(0.6 * amount)}"
            return Plan(kind, amount, seconds, words, "HostMemoryDropped", expression)
        case "disk":
            free = shutil.disk_usage(directory).free
            amount = _enough(min(int(free * DISK_SHARE), MOST_DISK), "disk space")
            words = (
                f"fill {amount / GIB:.1f} GiB of the {free / GIB:.1f} GiB that are free at {directory} for {seconds} s"
            )
            expression = f'node_filesystem_free_bytes{{mountpoint="{_mount_of(directory)}"}} < {_free(directory) - int(0.6 * amount)}'
            return Plan(kind, amount, seconds, words, "HostDiskFilling", expression)
        case "service":
            words = f"start a small service on loopback that stops answering after {disturbance.SERVES_S:.0f} s, for {seconds} s"
            return Plan(kind, 1, seconds, words, "ServiceDown", 'up{job="stress"} == 0')


def _enough(amount: int, what: str) -> int:
    if amount < GIB // 8:
        raise LabError(f"too little {what} is free here for a disturbance that could be seen")
    return amount


def _mount_of(directory: Path) -> str:
    """Where the file system of the directory is mounted."""
    return str(next(path for path in [directory.resolve(), *directory.resolve().parents] if path.is_mount()))


def _free(directory: Path) -> int:
    """As node_filesystem_free_bytes counts: what is kept for root included."""
    told = os.statvfs(directory)
    return told.f_bfree * told.f_frsize


class Stress:
    """One disturbance with what watches it. Ends by itself after `plan.seconds`; `stop` ends it sooner and leaves nothing behind."""

    def __init__(
        self,
        plan: Plan,
        *,
        directory: Path,
        binaries: Binaries,
        port_base: int | None = None,
        progress: Callable[[str], None],
        quiet_s: float = QUIET_BEFORE_S,
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._binaries = binaries
        self._port_base = port_base
        self._progress = progress
        self._quiet_s = quiet_s
        self._processes = Processes(directory / "output")
        self._ends = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._processes.stop()

    def start(self) -> StressReady:
        """Returns when everything watches and the disturbance has begun. Raises LabError."""
        exporter = self._binaries.node_exporter
        if exporter is None:
            raise LabError(
                "node_exporter is missing: install prometheus-node-exporter (apt) or node_exporter (brew), and try again"
            )
        names = ("Prometheus", "Alertmanager", "node_exporter", "the service")
        *ports, service_port = choose_ports(self._port_base, names)
        at = Ports(*ports)
        self._progress("starting node_exporter, Prometheus and Alertmanager")
        self._configure(at, service_port)
        seconds = self._plan.seconds
        line = disturbance.command(
            self._plan.kind, self._plan.amount, seconds=seconds, directory=self._directory, port=service_port
        )
        if self._plan.kind == "service":
            self._processes.start("disturbance", line)
        node = self._processes.start(
            "node-exporter", [exporter, f"--web.listen-address=127.0.0.1:{at.exporter}"], port=at.exporter
        )
        manager = self._processes.start(
            "alertmanager", alertmanager_command(self._binaries.alertmanager, self._directory, at), port=at.alertmanager
        )
        server = self._processes.start(
            "prometheus", prometheus_command(self._binaries.prometheus, self._directory, at), port=at.prometheus
        )
        self._processes.wait_ready(node, "/metrics", deadline_s=READY_DEADLINE_S)
        self._processes.wait_ready(manager, "/-/ready", deadline_s=READY_DEADLINE_S)
        self._processes.wait_ready(server, "/-/ready", deadline_s=READY_DEADLINE_S)
        if self._plan.kind != "service":
            self._progress(f"watching this machine for {self._quiet_s:g} s, then: {self._plan.words}")
            time.sleep(self._quiet_s)
            self._processes.start("disturbance", line)
        self._ends = time.monotonic() + self._plan.seconds
        env = {
            "SRE_PROMETHEUS_URL": f"http://127.0.0.1:{at.prometheus}",
            "SRE_ALERTMANAGER_URL": f"http://127.0.0.1:{at.alertmanager}",
        }
        return StressReady(env, self._plan.alert, now(), self._plan.seconds)

    def wait(self) -> None:
        """Until the disturbance is over."""
        while time.monotonic() < self._ends:
            time.sleep(0.5)

    def _configure(self, ports: Ports, service_port: int) -> None:
        host = socket.gethostname()
        jobs = {"node": ports.exporter} | ({"stress": service_port} if self._plan.kind == "service" else {})
        config = self._directory / "config"
        config.mkdir(parents=True)
        prometheus: dict[str, Any] = {
            "global": {
                "scrape_interval": f"{SCRAPE_S}s",
                "scrape_timeout": f"{SCRAPE_S}s",
                "evaluation_interval": f"{SCRAPE_S}s",
            },
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports.alertmanager}"]}]}]},
            "scrape_configs": [
                {
                    "job_name": job,
                    "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": f"{host}:{port}"}}],
                }
                for job, port in jobs.items()
            ],
        }
        rule = {
            "alert": self._plan.alert,
            "expr": self._plan.expression,
            "for": "5s",
            "labels": {"severity": "warning"},
            "annotations": {
                "summary": f"{{{{ $labels.instance }}}}: a disturbance made on purpose ({self._plan.words})"
            },
        }
        rules = {"groups": [{"name": "stress", "rules": [rule]}]}
        for name, document in {
            "prometheus.yml": prometheus,
            "rules.yml": rules,
            "alertmanager.yml": ALERTMANAGER_CONFIGURATION,
        }.items():
            (config / name).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
