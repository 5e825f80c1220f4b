"""Asking Prometheus what there is: a handful of instant queries, at once.

A machine that is down stops reporting, and an NFS mount that stalls vanishes from node_exporter; both are asked about just then.
So what was last seen within `LOOKBACK` still counts, unless the same thing reports anew with other labels.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from core.errors import SreError
from tools.ansible_inventory import AnsibleInventory
from tools.inventory.ansible import join
from tools.inventory.dependencies import infer_dependencies
from tools.inventory.drafts import Machines, Sampled, settle
from tools.inventory.exporters import METRIC_PREFIXES
from tools.inventory.inventory import Inventory
from tools.inventory.machines import find_machines
from tools.inventory.services import find_services

LOOKBACK = "6h"
MAX_ENTITIES = 5_000


class Queryable(Protocol):
    """What the inventory needs of Prometheus (`GET /api/v1/query`)."""

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Sampled]: ...


def _remembered(selector: str, *identity: str) -> str:
    """`selector` now, and what it last was within LOOKBACK where nothing of the same identity reports now."""
    return f"{selector} or on ({', '.join(identity)}) last_over_time({selector}[{LOOKBACK}])"


_COMPOSE = ", ".join(f"container_label_com_docker_compose_{part}" for part in ("service", "project", "depends_on"))
_CONTAINER = f"instance, job, name, container, image, host, hostname, nodename, node, {_COMPOSE}"
_PREFIXES = "|".join(METRIC_PREFIXES)

QUERIES: dict[str, str] = {
    "targets": "up",
    "hosts": _remembered("node_uname_info", "instance"),
    "addresses": _remembered("node_network_address_info", "instance", "device"),
    "guests": _remembered("pve_guest_info", "id"),
    "nodes": _remembered("pve_node_info", "id"),
    "containers": f"max by ({_CONTAINER}) ("
    + _remembered('container_last_seen{name!=""}', "instance", "name")
    + ' or container_last_seen{name="",container!="",container!="POD"})',
    "probes": _remembered("probe_success", "instance"),
    "mounts": "max by (instance, job, device) ("
    + _remembered('node_filesystem_size_bytes{fstype=~"nfs.*"}', "instance", "device")
    + ")",
    "units": "max by (instance, name) "
    '(node_systemd_unit_state{name=~".+[.]service",state=~"active|activating|reloading|failed"} == 1)',
    "exporters": "count by (family, job, instance, ups, service) (label_replace("
    f'{{__name__=~"({_PREFIXES})_.+"}}, "family", "$1", "__name__", "({_PREFIXES})_.+"))',
    "routes": "count by (instance, job, service, exported_service) (traefik_service_requests_total)",
}
_TELLS = {
    "targets": "scrape targets",
    "hosts": "host names",
    "addresses": "network addresses",
    "guests": "Proxmox guests",
    "nodes": "Proxmox nodes",
    "containers": "containers",
    "probes": "blackbox probes",
    "mounts": "NFS mounts",
    "units": "systemd units",
    "exporters": "DNS, UPS and SMART exporters",
    "routes": "Traefik routes",
}


async def discover(
    prometheus: Queryable, at: datetime | None = None, *, ansible: AnsibleInventory | None = None
) -> Inventory:
    """The homelab as Prometheus knew it at `at` (default: now). A query that fails becomes one of `Inventory.gaps`.

    The hosts of `ansible` join it, those of which nothing is measured too; its own gaps stay with whoever read it.
    """
    gaps: list[str] = []

    async def ask(name: str) -> Sequence[Sampled]:
        try:
            return await prometheus.instant(QUERIES[name], at)
        except SreError as error:
            gaps.append(f"inventory: {_TELLS[name]} are unknown ({error})")
            return ()

    found = await asyncio.gather(*(ask(name) for name in QUERIES))
    answers = dict(zip(QUERIES, found, strict=True))
    if not gaps and not answers["targets"]:
        gaps.append("inventory: Prometheus has no scrape targets; add scrape_configs to prometheus.yml")
    machines = find_machines(answers)
    joined = join(machines, ansible or AnsibleInventory())
    services = find_services(answers, machines)
    infer_dependencies(answers, machines, services)
    joined.finish(machines, services)
    entities = settle(machines.drafts, services)
    if len(entities) > MAX_ENTITIES:
        gaps.append(f"inventory: {len(entities)} hosts and services were found, the first {MAX_ENTITIES} are used")
        entities = dict(list(entities.items())[:MAX_ENTITIES])
    unseen = joined.unseen(entities) if answers["targets"] else {}  # who cannot look has not looked in vain
    measured = any(entity.matchers for entity in entities.values())
    return Inventory(
        entities,
        gaps=tuple(sorted(gaps)),
        groups=joined.groups(),
        unseen=unseen,
        complete=measured or not joined.drafts,
    )


def inventory_from_ansible(ansible: AnsibleInventory) -> Inventory:
    """The hosts and groups of `ansible` alone, where there is no Prometheus that could tell of more."""
    machines = Machines()
    joined = join(machines, ansible)
    return Inventory(settle(machines.drafts, ()), groups=joined.groups(), complete=False)
