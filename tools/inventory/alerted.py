"""What there is, told from alerts alone: for homelabs whose metrics cannot be asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from core.vocabulary import Alert
from tools.ansible_inventory import AnsibleInventory
from tools.inventory.ansible import join
from tools.inventory.discovery import MAX_ENTITIES
from tools.inventory.drafts import HOST_LABELS, Draft, Machines, settle
from tools.inventory.instances import host_part, is_address, short
from tools.inventory.inventory import Inventory

_SERVICE_LABELS = ("name", "container", "container_name", "service", "exported_service", "app")
_GUEST_ID = re.compile(r"^(?:qemu|lxc)/\d+$")
_GAP = "inventory: only hosts and services that an alert names are known, as nothing else told of any"
_GAP_BESIDE_ANSIBLE = (
    "inventory: only what an alert or the Ansible inventory names is known, as nothing else told of any"
)


def inventory_from_alerts(alerts: Iterable[Alert], ansible: AnsibleInventory | None = None) -> Inventory:
    """Hosts and services that the labels of `alerts` name, without matchers or dependencies: nothing was measured.

    The hosts of `ansible` stand beside them. Empty, and without a gap, when nothing names any.
    """
    machines = Machines()
    joined = join(machines, ansible or AnsibleInventory())
    services: dict[tuple[str, int], Draft] = {}
    for labels in sorted((alert.labels for alert in alerts), key=lambda labels: sorted(labels.items())):
        machine = _machine(labels, machines)
        name = _service(labels)
        if name and not (machine and machines.find(name) is machine):
            draft = services.setdefault((name, id(machine)), Draft(name=name, kind="service", host=machine))
            draft.need(machine)
            if "://" in labels.get("instance", ""):
                draft.aliases.add(host_part(labels["instance"]))
    joined.finish(machines, list(services.values()))
    entities = dict(list(settle(machines.drafts, list(services.values())).items())[:MAX_ENTITIES])
    return Inventory(
        entities, gaps=(_GAP_BESIDE_ANSIBLE if joined.drafts else _GAP,) if entities else (), groups=joined.groups()
    )


def _machine(labels: Mapping[str, str], machines: Machines) -> Draft | None:
    """The machine that the labels name, added when it is new. A URL names what is served there, not where."""
    instance = labels.get("instance", "")
    identity = labels.get("id", "")
    if _GUEST_ID.match(identity):
        found = machines.find(identity) or machines.at(labels.get("name") or identity.replace("/", "-"), "guest")
        if found:
            machines.know_as(found, identity)
        return found
    named = next((labels[label] for label in HOST_LABELS if labels.get(label)), "")
    found = machines.at(named) if named else None
    if found and instance and "://" not in instance and not machines.is_own(host_part(instance)):
        machines.know_as(found, instance, host_part(instance))
    if found is None and instance and "://" not in instance:
        found = machines.at(instance)
        if found:
            machines.know_as(found, instance)
    return found


def _service(labels: Mapping[str, str]) -> str:
    """The service that the labels name, else the one whose URL was probed; empty for an alert about a machine."""
    if _GUEST_ID.match(labels.get("id", "")):
        return ""
    named = next((labels[label] for label in _SERVICE_LABELS if labels.get(label)), "").strip().lower()
    host = host_part(labels.get("instance", "")) if "://" in labels.get("instance", "") else ""
    return named.partition("@")[0] or ("" if is_address(host) else short(host))
