"""Nodes, guests, hosts and devices out of node_exporter, prometheus-pve-exporter, NFS mounts and UPS exporters."""

from __future__ import annotations

import re
from collections import Counter

from tools.inventory.drafts import Answers, Draft, Machines, by_labels
from tools.inventory.exporters import UPS, exporters
from tools.inventory.instances import SELF, host_part, is_address, nfs_server, short

_VIRTUAL_DEVICE = re.compile(r"^(lo|docker|br-|veth|virbr|cni|flannel|cali|tun|tap|wg|tailscale|zt|podman)")
_CONTAINER_ID = re.compile(r"^[0-9a-f]{12}$")


def find_machines(answers: Answers) -> Machines:
    """Every machine that any exporter speaks of, with its addresses, matchers and Proxmox node."""
    machines = Machines(sample.labels.get("name", "").lower() for sample in answers["containers"])
    _add_proxmox(answers, machines)
    _add_hosts(answers, machines)
    _add_addresses(answers, machines)
    for device in sorted({nfs_server(sample.labels.get("device", "")) for sample in answers["mounts"]} - {""}):
        server = machines.at(device, "device")
        if server and server.kind == "host":
            server.kind = "device"
    _add_exporters(answers, machines)
    _add_bare_targets(answers, machines)
    _name_the_only_one(machines, "nas", [d for d in machines.drafts if d.kind == "device" and "nut" not in d.claims])
    _name_the_only_one(machines, "ups", [d for d in machines.drafts if "nut" in d.claims])
    return machines


def _add_proxmox(answers: Answers, machines: Machines) -> None:
    for sample in by_labels(answers["nodes"]):
        name, identity = sample.labels.get("name", ""), sample.labels.get("id", "")
        if name and identity and machines.find(name) is None:
            hypervisor = machines.add(name, "node")
            machines.know_as(hypervisor, identity)
            hypervisor.claim("pve", id=identity)
    for sample in by_labels(answers["guests"]):
        labels = sample.labels
        identity, name = labels.get("id", ""), labels.get("name", "")
        virtualisation, _, number = identity.partition("/")
        if not number or labels.get("template") == "1" or machines.find(identity) is not None:
            continue
        name = name or identity.replace("/", "-")
        guest = machines.add(name if machines.find(name) is None else f"{name}-{number}", "guest")
        machines.know_as(
            guest, identity, *((f"VM {number}",) if virtualisation == "qemu" else (f"CT {number}", f"LXC {number}"))
        )
        guest.claim("pve", id=identity)
        if parent := labels.get("node", ""):
            guest.host = machines.find(parent) or machines.add(parent, "node")
            guest.need(guest.host)


def _add_hosts(answers: Answers, machines: Machines) -> None:
    samples = by_labels(answers["hosts"])
    shared = Counter(sample.labels.get("nodename", "").lower() for sample in samples)
    for sample in samples:
        instance, nodename = sample.labels.get("instance", ""), sample.labels.get("nodename", "").lower()
        # Cloned machines share a nodename, and a container without `hostname:` has its id for one: neither names a machine.
        if shared[nodename] > 1 or nodename in SELF or _CONTAINER_ID.match(nodename):
            nodename = ""
        host = _host_of(machines, instance, nodename)
        if host is None:
            continue
        host.claim("node", instance=instance)
        named = host_part(instance)
        machines.know_as(
            host, instance, nodename, short(nodename), *(["localhost"] if machines.is_own(named) else [named])
        )
        if host.address is None and is_address(named) and named not in SELF:
            host.address = named


def _host_of(machines: Machines, instance: str, nodename: str) -> Draft | None:
    """The machine behind one node_exporter: the one its instance names, else its nodename, else a new one."""
    named = host_part(instance)
    if machines.is_own(named) and named != short(nodename):
        named = ""
    if named and (found := machines.find(instance)):
        return found
    if nodename and (found := machines.find(nodename)) and "node" not in found.claims:
        return found
    name = short(named) if named and not is_address(named) else short(nodename) or named
    return machines.add(name, "host") if name and machines.find(name) is None else None


def _add_addresses(answers: Answers, machines: Machines) -> None:
    physical = [
        sample
        for sample in by_labels(answers["addresses"])
        if not _VIRTUAL_DEVICE.match(sample.labels.get("device", ""))
        and sample.labels.get("scope", "global") == "global"
        and is_address(sample.labels.get("address", ""))
    ]
    shared = Counter(sample.labels["address"] for sample in physical)
    physical.sort(key=lambda sample: ":" in sample.labels["address"])  # IPv4 first: it is what people type
    for sample in physical:
        host, address = machines.of(sample.labels), sample.labels["address"]
        if host is None or shared[address] > 1:
            continue
        machines.know_as(host, address)
        host.address = host.address or address


def _add_exporters(answers: Answers, machines: Machines) -> None:
    found = exporters(answers)
    watched = Counter(labels.get("instance", "") for family, labels in found if family in UPS)
    for family, labels in found:
        instance = labels.get("instance", "")
        if family in UPS:
            ups = labels.get("ups", "") if watched[instance] > 1 else ""
            device = machines.find(ups or instance)
            if device is None or device.kind != "device":
                device = machines.add(ups or short(host_part(instance)) or "ups", "device")
            device.claim("nut", **({"ups": ups} if ups else {}), instance=instance)
            machines.know_as(device, instance, labels.get("ups", ""))
        elif family == "smartctl" and (host := machines.at(instance)):
            host.claim("smartctl", instance=instance)
    for sample in by_labels(answers["containers"]):
        instance = sample.labels.get("instance", "")
        host = machines.of(sample.labels) or machines.at(instance)
        if host is not None:
            host.claim("containers", instance=instance)
            machines.know_as(host, instance)


def _add_bare_targets(answers: Answers, machines: Machines) -> None:
    """A target that names a machine nobody else speaks of is a host, even while it is down."""
    probed = {sample.labels.get("instance", "") for sample in answers["probes"]}
    for sample in by_labels(answers["targets"]):
        instance = sample.labels.get("instance", "")
        if instance not in probed and "://" not in instance and machines.of(sample.labels) is None:
            machines.at(instance)


def _name_the_only_one(machines: Machines, role: str, drafts: list[Draft]) -> None:
    """People say "the NAS" and "the UPS" whatever it is called, where there is just one."""
    if len(drafts) == 1:
        machines.know_as(drafts[0], role)
