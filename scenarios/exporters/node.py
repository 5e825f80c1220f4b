"""node_exporter 1.5 and later, on every Proxmox node, guest and the NAS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.baseline import GIB, READ_SIZE, WRITE_SIZE
from scenarios.exporters.exposition import Family, Row, Sheet, Values, scaled, whole
from scenarios.exporters.node_filesystem import filesystems
from scenarios.exporters.node_identity import identity, units
from scenarios.exporters.node_network import connections, network, nfs
from scenarios.exporters.node_zfs import pools
from scenarios.shapes import Floats
from scenarios.state import Counter, Gauge, Model, State, each, machines
from scenarios.targets import Target

MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
BUSY_SHARES = {"irq": 0.004, "nice": 0.016, "softirq": 0.03, "system": 0.25, "user": 0.70}


def families(model: Model, targets: Sequence[Target]) -> list[Family]:
    """Everything node_exporter says; `targets` are one per host."""
    sheet = Sheet(model, targets)
    _processor(sheet)
    _memory(sheet)
    _disks(sheet)
    filesystems(sheet)
    pools(sheet)
    network(sheet)
    connections(sheet)
    nfs(sheet)
    units(sheet)
    identity(sheet)
    sheet.process(sheet.entities, memory=22e6)
    return sheet.families


def _processor(sheet: Sheet) -> None:
    model, hosts = sheet.model, sheet.entities
    cores = np.array([model.homelab.machine(host).cores for host in hosts])
    groups = machines(model.homelab, hosts)
    busy = Counter(model, "cpu", groups, hosts)
    iowait = Counter(model, "iowait", each(hosts), hosts)
    steal = Counter(model, "steal", each(hosts), hosts)
    booted = np.array([model.started_first(host) for host in hosts])

    def modes(state: State) -> Floats:
        """Seconds per core: hosts × modes × times."""
        used, waiting, stolen = (counter(state) / cores[:, None] for counter in (busy, iowait, steal))
        idle = np.maximum(state.last_start(hosts) * -1 + state.times, 0.0) - used - waiting - stolen
        rest = [used * BUSY_SHARES[mode] for mode in BUSY_SHARES]
        return np.stack([idle, waiting, *rest[:3], stolen, *rest[3:]], axis=1)

    order = [(number, mode) for number, count in enumerate(cores) for _ in range(count) for mode in range(len(MODES))]
    host_rows, mode_rows = (np.array(column) for column in zip(*order, strict=True))
    rows = [
        Row(number, {"cpu": str(cpu), "mode": mode})
        for number, count in enumerate(cores)
        for cpu in range(count)
        for mode in MODES
    ]
    text = "Seconds the CPUs spent in each mode."
    sheet.add("node_cpu_seconds_total", "counter", text, rows, lambda state: modes(state)[host_rows, mode_rows])

    running, queued, blocked = (
        Gauge(model, "cpu", groups),
        Gauge(model, "queue", each(hosts)),
        Gauge(model, "blocked", each(hosts)),
    )

    def load(over: float) -> Values:
        """An average over two points stands for the kernel's decaying one."""

        def at(state: State) -> Floats:
            now = running(state) + queued(state) + blocked(state)
            before = state.earlier(over)
            return np.round((now + running(before) + queued(before) + blocked(before)) / 2, 2)

        return at

    for minutes in (1, 5, 15):
        sheet.each(f"node_load{minutes}", "gauge", f"{minutes}m load average.", load(minutes * 60.0))
    sheet.each(
        "node_procs_blocked",
        "gauge",
        "Number of processes blocked waiting for I/O to complete.",
        lambda s: np.round(blocked(s)),
    )
    sheet.each(
        "node_procs_running",
        "gauge",
        "Number of processes in runnable state.",
        lambda s: 1 + np.round(running(s) + queued(s)),
    )
    sheet.each(
        "node_context_switches_total",
        "counter",
        "Total number of context switches.",
        lambda s: np.round(busy(s) * 4100),
    )
    sheet.each("node_intr_total", "counter", "Total number of interrupts serviced.", lambda s: np.round(busy(s) * 2300))
    sheet.each("node_forks_total", "counter", "Total number of forks.", lambda s: np.round(busy(s) * 6))
    sheet.each("node_boot_time_seconds", "gauge", "Node boot time, in unixtime.", lambda s: s.last_start(hosts))
    sheet.each(
        "node_time_seconds",
        "gauge",
        "System time in seconds since epoch (1970).",
        lambda s: np.repeat(s.times[None], len(booted), axis=0),
    )


def _memory(sheet: Sheet) -> None:
    model, hosts = sheet.model, sheet.entities
    total = np.array([model.homelab.machine(host).memory * GIB // 4096 * 4096 for host in hosts])[:, None]
    used = Gauge(model, "memory", machines(model.homelab, hosts))

    def share(of_available: float = 0.0, of_total: float = 0.0, of_used: float = 0.0) -> Values:
        def at(state: State) -> Floats:
            taken = used(state)
            return np.floor(((total - taken) * of_available + total * of_total + taken * of_used) / 4096) * 4096

        return at

    for name, values in {
        "MemTotal": share(of_total=1.0),
        "MemAvailable": share(of_available=1.0),
        "MemFree": share(of_available=0.42),
        "Cached": share(of_available=0.52),
        "Buffers": share(of_available=0.04),
        "Active": share(of_used=0.7, of_available=0.2),
        "Inactive": share(of_used=0.2, of_available=0.3),
        "Slab": share(of_total=0.03),
        "SReclaimable": share(of_total=0.02),
        "Dirty": share(of_available=0.0004),
        "SwapTotal": share(),
        "SwapFree": share(),
    }.items():
        sheet.each(f"node_memory_{name}_bytes", "gauge", f"Memory information field {name}_bytes.", values)
    sheet.each(
        "node_vmstat_oom_kill", "untyped", "/proc/vmstat information field oom_kill.", lambda s: s.oom_kills(hosts)
    )
    faults = Counter(model, "cpu", machines(model.homelab, hosts), hosts)
    for name, rate in {"pgfault": 3400.0, "pgmajfault": 0.4}.items():
        text = f"/proc/vmstat information field {name}."
        sheet.each(f"node_vmstat_{name}", "untyped", text, whole(scaled(faults, rate)))


def _disks(sheet: Sheet) -> None:
    """Block devices; a container has none of its own. The load is spread evenly over a machine's disks."""
    model, homelab = sheet.model, sheet.model.homelab
    rows: list[Row] = []
    hosts: list[str] = []
    for number, host in enumerate(sheet.entities):
        if not model.has("disk_busy", host):
            continue
        machine = homelab.nodes.get(host) or homelab.devices.get(host)
        for device in [disk.device for disk in machine.disks] if machine else ["sda"]:
            rows.append(Row(number, {"device": device}))
            hosts.append(host)
    shares = np.array([1 / hosts.count(host) for host in hosts])
    groups = machines(homelab, hosts)
    read, written = Counter(model, "disk_read", groups, hosts), Counter(model, "disk_write", groups, hosts)
    own = each(hosts)
    for name, text, values in (
        ("read_bytes", "The total number of bytes read successfully.", whole(scaled(read, shares))),
        ("written_bytes", "The total number of bytes written successfully.", whole(scaled(written, shares))),
        (
            "reads_completed",
            "The total number of reads completed successfully.",
            whole(scaled(read, shares / READ_SIZE)),
        ),
        (
            "writes_completed",
            "The total number of writes completed successfully.",
            whole(scaled(written, shares / WRITE_SIZE)),
        ),
        (
            "read_time_seconds",
            "The total number of seconds spent by all reads.",
            scaled(Counter(model, "read_wait", own, hosts), shares),
        ),
        (
            "write_time_seconds",
            "This is the total number of seconds spent by all writes.",
            scaled(Counter(model, "write_wait", own, hosts), shares),
        ),
        ("io_time_seconds", "Total seconds spent doing I/Os.", Counter(model, "disk_busy", own, hosts)),
    ):
        sheet.add(f"node_disk_{name}_total", "counter", text, rows, values)
