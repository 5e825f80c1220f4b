"""prometheus-pve-exporter 3.5: one target tells of every node, guest and storage of the cluster.

Its traffic metrics are counters that it declares as gauges, as upstream does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.baseline import GIB
from scenarios.exporters.exposition import Family, Row, Sheet, constant, whole
from scenarios.shapes import Floats
from scenarios.state import Counter, Gauge, Model, State, each, machines
from scenarios.targets import Target

STORAGES = {"local": 94.0, "local-lvm": 780.0}
"""GiB."""


def families(model: Model, targets: Sequence[Target]) -> list[Family]:
    sheet = Sheet(model, targets)
    homelab = model.homelab
    names = [*homelab.nodes, *homelab.guests]
    ids = [f"node/{name}" if name in homelab.nodes else homelab.guests[name].pve_id for name in names]
    rows = [Row(0, {"id": found}) for found in ids]
    reached, silent = Gauge(model, "up", each(names)), Gauge(model, "silent", each(names))

    def up(state: State) -> Floats:
        """Proxmox also sees what nobody reaches over the network."""
        return reached(state) + silent(state)

    groups = machines(homelab, names)
    cores = np.array([homelab.machine(name).cores for name in names])[:, None]
    memory = [homelab.machine(name).memory * GIB for name in names]
    text = "Node/VM/CT-Status is online/running"
    storage_rows = [Row(0, {"id": f"storage/{node}/{storage}"}) for node in homelab.nodes for storage in STORAGES]
    nodes_of_storage = [node for node in homelab.nodes for _ in STORAGES]
    node_up = Gauge(model, "up", each(nodes_of_storage))
    sheet.add(
        "pve_up", "gauge", text, [*rows, *storage_rows], lambda s: (np.vstack([up(s), node_up(s)]) > 0.5).astype(float)
    )
    cpu = Gauge(model, "cpu", groups)
    text = "CPU utilization (share of the allocated cores)"
    sheet.add("pve_cpu_usage_ratio", "gauge", text, rows, lambda state: cpu(state) / cores)
    sheet.fixed("pve_cpu_usage_limit", "gauge", "Number of available CPUs", rows, cores[:, 0])
    sheet.fixed("pve_memory_size_bytes", "gauge", "Number of available memory in bytes", rows, memory)
    used = Gauge(model, "memory", groups)
    sheet.add("pve_memory_usage_bytes", "gauge", "Used memory in bytes", rows, lambda state: np.floor(used(state)))
    _disks(sheet, names, rows, storage_rows)
    for metric, signal, text in (
        (
            "pve_network_transmit_bytes",
            "net_tx",
            "The amount of traffic in bytes that was sent by the guest over the network since it was started.",
        ),
        (
            "pve_network_receive_bytes",
            "net_rx",
            "The amount of traffic in bytes that was sent to the guest over the network since it was started.",
        ),
        (
            "pve_disk_write_bytes",
            "disk_write",
            "The amount of bytes the guest wrote to its block devices since the guest was started.",
        ),
        (
            "pve_disk_read_bytes",
            "disk_read",
            "The amount of bytes the guest read from its block devices since the guest was started.",
        ),
    ):
        guests = list(homelab.guests)
        moved = Counter(model, signal, machines(homelab, guests), guests)
        sheet.add(metric, "gauge", text, rows[len(homelab.nodes) :], whole(moved))

    def uptime(state: State) -> Floats:
        return np.where(up(state) > 0.5, np.floor(state.times - state.last_start(names)), 0.0)

    sheet.add("pve_uptime_seconds", "gauge", "Uptime of node or virtual guest in seconds", rows, uptime)
    _about(sheet)
    return sheet.families


def _disks(sheet: Sheet, names: Sequence[str], rows: Sequence[Row], storage_rows: Sequence[Row]) -> None:
    """Proxmox sees inside containers only: a VM's use is 0."""
    model, homelab = sheet.model, sheet.model.homelab
    groups = [[name] if name in homelab.nodes else machines(homelab, [name])[0] for name in names]
    used = Gauge(model, "disk_used", groups)
    visible = np.array([name in homelab.nodes or homelab.guests[name].type == "lxc" for name in names])[:, None]
    sizes = [
        homelab.nodes[name].disk * GIB if name in homelab.nodes else homelab.guests[name].disk * GIB for name in names
    ]
    storages = [size * GIB for _ in homelab.nodes for size in STORAGES.values()]
    shares = np.array([0.35 + 0.25 * model.draw("storage", row.labels["id"]) for row in storage_rows]) * np.array(
        storages
    )

    def usage(state: State) -> Floats:
        own = np.floor(np.where(visible, used(state), 0.0))
        return np.vstack([own, np.repeat(shares[:, None], len(state.times), axis=1)])

    both = [*rows, *storage_rows]
    sheet.fixed(
        "pve_disk_size_bytes",
        "gauge",
        "Storage size in bytes (for type 'storage'), root image size for VMs (for types 'qemu' and 'lxc').",
        both,
        [*sizes, *storages],
    )
    sheet.add(
        "pve_disk_usage_bytes",
        "gauge",
        "Used disk space in bytes (for type 'storage'), used root image space for VMs (for types 'qemu' and 'lxc').",
        both,
        usage,
    )


def _about(sheet: Sheet) -> None:
    homelab = sheet.model.homelab
    guests = homelab.guests.values()
    rows = [
        Row(
            0,
            {
                "id": guest.pve_id,
                "name": guest.name,
                "node": guest.node,
                "tags": "",
                "template": "0",
                "type": guest.type,
            },
        )
        for guest in guests
    ]
    sheet.info("pve_guest_info", "VM/CT info", rows)
    rows = [
        Row(0, {"id": f"node/{name}", "level": "", "name": name, "nodeid": str(number)})
        for number, name in enumerate(homelab.nodes, 1)
    ]
    sheet.info("pve_node_info", "Node info", rows)
    rows = [
        Row(
            0,
            {
                "content": "images,rootdir",
                "id": f"storage/{node}/{storage}",
                "node": node,
                "plugintype": "dir" if storage == "local" else "lvmthin",
                "storage": storage,
            },
        )
        for node in homelab.nodes
        for storage in STORAGES
    ]
    sheet.info("pve_storage_info", "Storage info", rows)
    rows = [Row(0, {"id": guest.pve_id, "node": guest.node, "type": guest.type}) for guest in guests]
    sheet.fixed("pve_onboot_status", "gauge", "Proxmox vm config onboot value", rows, [1.0] * len(rows))
    sheet.info(
        "pve_cluster_info",
        "Cluster info",
        [Row(0, {"id": "cluster/home", "nodes": str(len(homelab.nodes)), "quorate": "1", "version": "3"})],
    )
    sheet.info(
        "pve_version_info",
        "Proxmox VE version info",
        [Row(0, {"release": "9.0", "repoid": "b2b5d0c0f0a3", "version": "9.0.11"})],
    )
    sheet.add(
        "pve_not_backed_up_total",
        "gauge",
        "Total number of virtual guests not covered by any backup job.",
        [Row(0, {"id": "cluster/home"})],
        constant([0.0]),
    )
