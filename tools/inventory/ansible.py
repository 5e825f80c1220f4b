"""The hosts of an Ansible inventory among the machines that Prometheus knows: matched where both mean one, added where not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tools.ansible_inventory import AnsibleHost, AnsibleInventory
from tools.inventory.drafts import Draft, Machines
from tools.inventory.instances import SELF, domain, is_address, short

_IN_A_CONTAINER = ("docker", "podman", "buildah", "nsenter", "incus", "lxd")
"""Connections whose host is a container, not a machine. Those of Proxmox guests (`lxc`, `proxmox_pct_remote`) are machines."""


@dataclass
class Joined:
    """Which machine each host of the Ansible inventory is; `added` are those that no exporter spoke of when they joined."""

    ansible: AnsibleInventory
    drafts: dict[str, Draft] = field(default_factory=dict)
    added: dict[str, Draft] = field(default_factory=dict)

    def finish(self, machines: Machines, services: Sequence[Draft]) -> None:
        """When every service is known: no service loses its name to a machine of which nothing is measured."""
        named = {service.name: service for service in services}
        for host, draft in self.added.items():
            if draft.claims:
                continue
            draft.needs.clear()  # of what nothing is measured, nothing is known to be needed
            service = named.get(draft.name)
            if service is None or any(each.host is draft for each in services):
                continue
            if self.ansible.hosts[host].connection.rpartition(".")[2] in _IN_A_CONTAINER:
                machines.drafts.remove(draft)
                self.drafts[host] = service
            else:
                draft.name = f"{draft.name} (ansible)"  # as `name@host` it would still answer to the service's name

    def groups(self) -> dict[str, tuple[str, ...]]:
        """The names of the entities in each group. Final once the drafts' names are (see `settle`)."""
        return {
            group: tuple(dict.fromkeys(self.drafts[host].name for host in hosts if host in self.drafts))
            for group, hosts in self.ansible.groups.items()
        }

    def unseen(self, entities: Iterable[str]) -> dict[str, str]:
        """Of `entities` those that no exporter speaks of, with the inventory file that names each."""
        known = set(entities)
        return {
            draft.name: self.ansible.hosts[host].source
            for host, draft in self.added.items()
            if draft.name in known and self.drafts[host] is draft and not draft.claims
        }


def join(machines: Machines, ansible: AnsibleInventory) -> Joined:
    """Let every host be found among `machines` by its Ansible name and address, adding those that are not there yet.

    One machine has many names, so a host is looked up by its name, then by its address, then by the first label of its name;
    the latter two only where no other host shares it and nothing speaks against it. `localhost` is nobody's name.
    """
    joined = Joined(ansible)
    hosts = [host for name, host in sorted(ansible.hosts.items()) if name.lower() not in SELF]
    addresses = Counter(_address(host) for host in hosts)
    shorts = Counter(short(host.name.lower()) for host in hosts)
    for host in hosts:
        name, address = host.name.lower(), _address(host)
        found = machines.known_as(name)
        if found is None and addresses[address] == 1:
            found = machines.known_as(address)
        if found is None and shorts[short(name)] == 1:
            found = _by_short_name(machines, name, address)
        if found is not None:
            joined.drafts[host.name] = found
    for host in hosts:
        name, address = host.name.lower(), _address(host)
        draft = joined.drafts.get(host.name)
        if draft is None:
            unique = shorts[short(name)] == 1 and machines.known_as(short(name)) is None
            draft = machines.add(short(name) if unique else name, "host", findable=not machines.is_own(name))
            joined.drafts[host.name] = joined.added[host.name] = draft
        _know(machines, draft, host, address if addresses[address] == 1 else "")
    return joined


def _by_short_name(machines: Machines, name: str, address: str) -> Draft | None:
    """`media` for `media.home.lan`, unless it is known to be another one: by another domain, or by its address."""
    found = machines.known_as(short(name)) if domain(name) else None
    if found is None:
        return None
    domains = {domain(alias) for alias in found.aliases if short(alias) == short(name) and ":" not in alias} - {""}
    addresses = {alias for alias in (*found.aliases, found.address or "") if is_address(alias)}
    elsewhere = is_address(address) and addresses and address not in addresses
    return None if elsewhere or (domains and domain(name) not in domains) else found


def _know(machines: Machines, draft: Draft, host: AnsibleHost, address: str) -> None:
    name = host.name.lower()
    if not machines.is_own(name):
        machines.know_as(draft, name)
    if address:
        machines.know_as(draft, address)
    if draft.address is None and is_address(address):
        draft.address = address
    if is_address(draft.name) and not is_address(name) and machines.known_as(name) is draft:
        draft.name = name  # people speak of it by the name that its owner gave it
        draft.aliases.add(draft.address or "")


def _address(host: AnsibleHost) -> str:
    """How Ansible reaches the host; empty where that says nothing about which machine it is."""
    address = (host.address or (host.name if is_address(host.name) else "")).lower().strip("[]")
    return "" if address in SELF else address
