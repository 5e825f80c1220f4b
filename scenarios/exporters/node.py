"""node_exporter 1.5 and later, on every Proxmox node, guest and the NAS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.baseline import GIB, READ_SIZE, WRITE_SIZE
from scenarios.exporters.exposition import Family, Row, Sheet, Values, constant, picked, scaled, whole
from scenarios.exporters.node_filesystem import filesystems
from scenarios.shapes import Floats
from scenarios.state import Counter, Gauge, Model, State, each, machines
from scenarios.targets import Target
from scenarios.topology import Homelab

MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
BUSY_SHARES = {"irq": 0.004, "nice": 0.016, "softirq": 0.03, "system": 0.25, "user": 0.70}
OFFLINE_MEMORY_SHARE = 0.985
"""MemTotal of what the hypervisor gives; the kernel keeps the rest."""


def families(model: Model, targets: Sequence[Target]) -> list[Family]:
    """Everything node_exporter says; `targets` are one per host."""
    sheet = Sheet(model, targets)
    _processor(sheet)
    _memory(sheet)
    _disks(sheet)
    filesystems(sheet)
    _network(sheet)
    _nfs(sheet)
    _units(sheet)
    _identity(sheet)
    sheet.process(sheet.entities, memory=22e6)
    return sheet.families


def cores_of(homelab: Homelab, host: str) -> int:
    machine = homelab.nodes.get(host) or homelab.guests.get(host) or homelab.devices[host]
    return machine.cores


def memory_of(homelab: Homelab, host: str) -> float:
    """Bytes."""
    machine = homelab.nodes.get(host) or homelab.guests.get(host) or homelab.devices[host]
    return machine.memory * GIB


def _processor(sheet: Sheet) -> None:
    model, hosts = sheet.model, sheet.entities
    cores = np.array([cores_of(model.homelab, host) for host in hosts])
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
    total = np.array([memory_of(model.homelab, host) // 4096 * 4096 for host in hosts])[:, None]
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
        sheet.each(f"node_vmstat_{name}", "untyped", text, lambda s, rate=rate: np.round(faults(s) * rate))


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


def _network(sheet: Sheet) -> None:
    model, hosts, homelab = sheet.model, sheet.entities, sheet.model.homelab
    devices = ["vmbr0" if host in homelab.nodes else "eth0" for host in hosts]
    rows = [Row(number, {"device": device}) for number, device in enumerate(devices)]
    groups = machines(homelab, hosts)
    for way, signal in (("receive", "net_rx"), ("transmit", "net_tx")):
        moved = Counter(model, signal, groups, hosts)
        for name, factor in (("bytes", 1.0), ("packets", 1 / 900)):
            text = f"Network device statistic {way}_{name}."
            sheet.add(f"node_network_{way}_{name}_total", "counter", text, rows, whole(scaled(moved, factor)))
        for name in ("drop", "errs"):
            text = f"Network device statistic {way}_{name}."
            sheet.add(f"node_network_{way}_{name}_total", "counter", text, rows, constant([0.0] * len(rows)))
    sheet.fixed("node_network_up", "gauge", "Value is 1 if operstate is 'up', 0 otherwise.", rows, [1.0] * len(rows))
    speeds = [125e6 if homelab.host_of(host) in homelab.guests else 312.5e6 for host in hosts]
    sheet.fixed("node_network_speed_bytes", "gauge", "Network device property: speed_bytes.", rows, speeds)
    addresses = [
        (homelab.nodes.get(host) or homelab.guests.get(host) or homelab.devices[host]).address for host in hosts
    ]
    labels = [
        {"address": address, "device": device, "netmask": "24", "scope": "global"}
        for address, device in zip(addresses, devices, strict=True)
    ]
    text = "node network address by device"
    sheet.info("node_network_address_info", text, [Row(number, found) for number, found in enumerate(labels)])


NFS_METHODS = {
    "Access": 0.10,
    "Close": 0.04,
    "Commit": 0.03,
    "Getattr": 0.30,
    "Lookup": 0.09,
    "Open": 0.04,
    "Read": 0.29,
    "Write": 0.11,
}


def _nfs(sheet: Sheet) -> None:
    model = sheet.model
    clients = [(number, host) for number, host in enumerate(sheet.entities) if model.has("nfs_ops", host)]
    hosts = [host for _, host in clients]
    calls = Counter(model, "nfs_ops", each(hosts), hosts)
    again = Counter(model, "nfs_retransmissions", each(hosts), hosts)
    plain = [Row(number, {}) for number, _ in clients]
    sheet.add("node_nfs_rpcs_total", "counter", "Total number of RPCs performed.", plain, lambda s: np.floor(calls(s)))
    text = "Number of RPC transmissions performed."
    sheet.add("node_nfs_rpc_retransmissions_total", "counter", text, plain, lambda s: np.floor(again(s)))
    by_method = [Row(number, {"method": method, "proto": "4"}) for number, _ in clients for method in NFS_METHODS]
    shares = np.array(list(NFS_METHODS.values()) * len(clients))[:, None]
    spread = picked(calls, [row for row in range(len(clients)) for _ in NFS_METHODS])
    text = "Number of NFS procedures invoked."
    sheet.add("node_nfs_requests_total", "counter", text, by_method, lambda s: np.floor(spread(s) * shares))
    nas = [number for number, host in enumerate(sheet.entities) if host == model.homelab.nas]
    served = Counter(model, "nfs_ops", [hosts for _ in nas], [sheet.entities[number] for number in nas])
    served_rows = [Row(number, {"method": method, "proto": "4"}) for number in nas for method in NFS_METHODS]
    served_shares = np.array(list(NFS_METHODS.values()) * len(nas))[:, None]
    text = "Total number NFSd Requests by method and protocol."
    everywhere = picked(served, [row for row in range(len(nas)) for _ in NFS_METHODS])
    sheet.add(
        "node_nfsd_requests_total", "counter", text, served_rows, lambda s: np.floor(everywhere(s) * served_shares)
    )


UNIT_STATES = ("activating", "active", "deactivating", "failed", "inactive")


def _units(sheet: Sheet) -> None:
    """The systemd units of services that are not containers, and the few that every machine has."""
    model, homelab = sheet.model, sheet.model.homelab
    units: list[tuple[int, str, str]] = []
    for number, host in enumerate(sheet.entities):
        units += [(number, service.unit, service.name) for service in homelab.services_on(host) if service.unit]
        common = ["ssh.service", "chrony.service"]
        guest = homelab.guests.get(host)
        common += ["docker.service"] if guest and guest.docker else []
        common += ["pveproxy.service", "pvestatd.service"] if host in homelab.nodes else []
        common += ["nfs-server.service", "zfs-zed.service"] if host == homelab.nas else []
        units += [(number, unit, host) for unit in common]
    rows = [
        Row(number, {"name": unit, "state": state, "type": "simple"})
        for number, unit, _ in units
        for state in UNIT_STATES
    ]
    up = Gauge(model, "up", each([entity for _, _, entity in units]))
    active, failed = UNIT_STATES.index("active"), UNIT_STATES.index("failed")

    def states(state: State) -> Floats:
        runs = up(state) > 0.5
        found = np.zeros((len(units), len(UNIT_STATES), len(state.times)))
        found[:, active], found[:, failed] = runs, ~runs
        return found.reshape(len(rows), -1)

    sheet.add("node_systemd_unit_state", "gauge", "Systemd unit", rows, states)


def _identity(sheet: Sheet) -> None:
    homelab, hosts = sheet.model.homelab, sheet.entities
    labels = []
    for host in hosts:
        release = (
            "6.14.11-4-pve"
            if host in homelab.nodes or (host in homelab.guests and homelab.guests[host].type == "lxc")
            else "6.12.48+deb13-amd64"
        )
        version = "#1 SMP PREEMPT_DYNAMIC"
        labels.append(
            {
                "domainname": "(none)",
                "machine": "x86_64",
                "nodename": host,
                "release": release,
                "sysname": "Linux",
                "version": version,
            }
        )
    text = "Labeled system information as provided by the uname system call."
    sheet.info("node_uname_info", text, [Row(number, found) for number, found in enumerate(labels)])
    build = {
        "branch": "HEAD",
        "goversion": "go1.24.9",
        "revision": "654f19dee6a0c41de78a8d6d870e8c742cdb43b9",
        "version": "1.9.1",
    }
    text = "A metric with a constant '1' value labeled by version, revision, branch, and goversion from which node_exporter was built."
    sheet.info("node_exporter_build_info", text, [Row(number, build) for number in range(len(hosts))])
    release = {
        "id": "debian",
        "name": "Debian GNU/Linux",
        "pretty_name": "Debian GNU/Linux 13 (trixie)",
        "version_id": "13",
    }
    sheet.info(
        "node_os_info",
        "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, pretty_name, variant, variant_id, version, version_codename, version_id.",
        [Row(number, release) for number in range(len(hosts))],
    )
    offset = Gauge(sheet.model, "clock_offset", each(hosts))
    sheet.each("node_timex_offset_seconds", "gauge", "Time offset in between local system and reference clock.", offset)
    sheet.each(
        "node_timex_sync_status", "gauge", "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
        lambda state: (np.abs(offset(state)) < 0.5).astype(float),
    )  # fmt: skip
    sheet.each(
        "node_timex_maxerror_seconds", "gauge", "Maximum error in seconds.", lambda state: np.abs(offset(state)) + 0.004
    )
