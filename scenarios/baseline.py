"""What is usual: the base of every signal of every entity, worked out from the topology.

A host's own row is its operating system; what its services use comes on top (see `State.total`). Sizes that the topology does not
tell are drawn from the seed, small enough that a healthy homelab stays far from every alert at any hour.
"""

from __future__ import annotations

from scenarios.signals import DAY_S, unit_interval
from scenarios.topology import Device, Guest, Homelab, Node, Service

MIB, GIB = 2**20, 2**30
READ_SIZE, WRITE_SIZE = 32 * 1024, 16 * 1024
"""Bytes per disk request, for turning throughput into requests."""
SSD_SERVICE_S, HDD_SERVICE_S = 0.0007, 0.007
Bases = dict[str, dict[str, float]]


def healthy_bases(homelab: Homelab, *, seed: int, start: float) -> Bases:
    """{signal: {entity: base}} in the units of `signals.SIGNALS`; `start` (unix) anchors the certificates."""
    bases: Bases = {}

    def put(entity: str, **values: float) -> None:
        for signal, value in values.items():
            bases.setdefault(signal, {})[entity] = value

    for node in homelab.nodes.values():
        put(node.name, **_machine(node, seed), **_disks(seed, node.name, busy=0.04, service=SSD_SERVICE_S, share=1.0))
        put(
            node.name,
            cpu=0.25 + 0.02 * node.cores,
            memory=(2.0 + 0.05 * node.memory) * GIB,
            disk_used=0.24 * node.disk * GIB,
        )
    for guest in homelab.guests.values():
        put(guest.name, **_machine(guest, seed), **_guest(guest, seed))
    for device in homelab.devices.values():
        if device.kind == "nas":
            put(device.name, **(_machine(device, seed) | _nas(device, seed)))
        else:
            put(device.name, up=1, on_battery=0, battery_charge=100, input_voltage=231, ups_load=34)
    for service in homelab.services.values():
        put(service.name, **_service(homelab, service, seed, start))
    return bases


def _machine(machine: Node | Guest | Device, seed: int) -> dict[str, float]:
    """What every machine has."""
    draw = unit_interval(seed, machine.name, "machine")
    return {
        "up": 1,
        "net_rx": 6_000 + 4_000 * draw,
        "net_tx": 5_000 + 4_000 * draw,
        "disk_read": 15_000 + 10_000 * draw,
        "disk_write": 45_000 + 30_000 * draw,
        "iowait": (0.003 + 0.004 * draw) * machine.cores,
        "queue": 0.05 + 0.05 * draw,
        "blocked": 0.03 + 0.03 * draw,
        "clock_offset": (0.0002 + 0.0006 * draw) * (1 if draw > 0.5 else -1),
    }


def _disks(seed: int, host: str, *, busy: float, service: float, share: float) -> dict[str, float]:
    """Time spent in requests: `share` of a typical load, `service` seconds each."""
    draw = 0.8 + 0.4 * unit_interval(seed, host, "disk")
    return {
        "disk_busy": busy * draw,
        "read_wait": share * 12 * service * draw,
        "write_wait": share * 40 * service * 1.4 * draw,
        "disk_errors": 0,
        "disk_passed": 1,
        "disk_temperature": 33 + 6 * draw,
    }


def _guest(guest: Guest, seed: int) -> dict[str, float]:
    draw = unit_interval(seed, guest.name, "guest")
    virtual = guest.type == "qemu"
    values = {
        "cpu": 0.03 + 0.012 * guest.cores,
        "memory": (260 * MIB if virtual else 55 * MIB) + 0.012 * guest.memory * GIB,
        "disk_used": (0.26 + 0.16 * draw) * guest.disk * GIB,
    }
    if virtual:
        values["steal"] = 0.0025 * guest.cores * (0.6 + 0.8 * draw)
        values |= _disks(seed, guest.name, busy=0.03, service=SSD_SERVICE_S, share=1.0)
    if guest.nfs:
        values |= {"nfs_ops": 60 * len(guest.nfs) * (0.6 + 0.8 * draw), "nfs_retransmissions": 0.0006}
    return values


def _nas(nas: Device, seed: int) -> dict[str, float]:
    return {
        **_disks(seed, nas.name, busy=0.14, service=HDD_SERVICE_S, share=2.5),
        "cpu": 0.32,
        "memory": 0.46 * nas.memory * GIB,
        "disk_used": 0.54 * nas.pool_gib * GIB,
        "disk_read": 2.6e6,
        "disk_write": 1.1e6,
        "net_rx": 1.3e6,
        "net_tx": 3.1e6,
    }


def _service(homelab: Homelab, service: Service, seed: int, start: float) -> dict[str, float]:
    draw = unit_interval(seed, service.name, "service")
    busy = service.cpu
    guest = homelab.guests[service.host]
    database = service.kind == "database"
    values = {
        "up": 1.0,
        "healthy": 1.0,
        "cpu": busy,
        "memory": service.mem * MIB,
        "net_rx": 4_000 + 250_000 * busy * (3 if service.nfs else 1),
        "net_tx": 5_000 + 400_000 * busy * (3 if service.nfs else 1),
        "disk_read": 2_000 + 120_000 * busy,
        "disk_write": 6_000 + 260_000 * busy + (180_000 if database else 0),
        "disk_used": min(0.012 * guest.disk, 0.2 + 1.2 * draw) * GIB,
        "latency": (0.018 + 0.09 * draw) * (1.4 if service.nfs else 1) if service.web else 0.0015 + 0.002 * draw,
        "lookup": 0.0018 + 0.001 * draw,
    }
    if service.kind == "dns":
        values |= {"queries": 14 if service.name in homelab.resolvers else 5, "resolve_time": 0.004 + 0.01 * draw}
    if service.web:
        requests = 0.3 + 4 * draw * (0.3 + busy)
        # Renewed a month before they expire, so between 35 and 85 days are left.
        values |= {
            "served": requests,
            "errors": requests * 0.0004,
            "certificate_expires": start + (35 + 50 * draw) * DAY_S,
        }
    return values
