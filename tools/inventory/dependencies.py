"""Who needs whom, as far as metrics tell it.

service → the host it runs on; guest → its Proxmox node; service → service (compose's `depends_on`); guest → the NFS server that it
mounts from; guest → the DNS servers; DNS filter → the recursive server beside it; published service → the reverse proxy. What a
guest needs, its services need through it, so it is not repeated for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.inventory.drafts import Answers, Draft, Machines, by_labels
from tools.inventory.exporters import DNS, FILTERING_DNS, PROXIES, RECURSIVE_DNS
from tools.inventory.instances import nfs_server
from tools.inventory.services import COMPOSE


def infer_dependencies(answers: Answers, machines: Machines, services: Sequence[Draft]) -> None:
    """Fill the `needs` of every draft."""
    _from_compose(answers, machines, services)
    _from_mounts(answers, machines)
    _from_dns(machines, services)
    _from_proxy(services)


def _from_compose(answers: Answers, machines: Machines, services: Sequence[Draft]) -> None:
    by_container = {
        (claim["instance"], name): draft
        for draft in services
        for claim in draft.claims.get("cadvisor", ())
        for name in (claim.get("name"), claim.get("container"))
        if name
    }
    for sample in by_labels(answers["containers"]):
        labels = sample.labels
        service = by_container.get((labels.get("instance", ""), labels.get("name") or labels.get("container", "")))
        # docker compose writes "postgres:service_healthy:false,redis:service_started:false"
        for part in labels.get(f"{COMPOSE}depends_on", "").split(","):
            word = part.split(":", 1)[0].strip().lower()
            if service and word:
                service.need(_nearest(services, word, machines.of(labels)))


def _nearest(services: Sequence[Draft], word: str, host: Draft | None) -> Draft | None:
    """The service called `word` on `host`, else the only one anywhere."""
    named = [draft for draft in services if draft.name == word or word in draft.aliases]
    there = [draft for draft in named if draft.host is host]
    return there[0] if there else (named[0] if len(named) == 1 else None)


def _from_mounts(answers: Answers, machines: Machines) -> None:
    for sample in by_labels(answers["mounts"]):
        client, server = machines.of(sample.labels), machines.find(nfs_server(sample.labels.get("device", "")))
        if client:
            client.need(server)


def _from_dns(machines: Machines, services: Sequence[Draft]) -> None:
    for draft in services:
        if draft.name in DNS:
            draft.families.add(draft.name)
    filtering = [d for d in services if d.families & set(FILTERING_DNS)]
    recursive = [d for d in services if d.families & set(RECURSIVE_DNS)]
    for server in filtering:
        for resolver in recursive:
            if resolver.host is server.host:
                server.need(resolver)
    asked = [d for d in (*machines.drafts, *services) if "dns" in d.claims] or filtering or recursive
    serving = {id(d.host or d) for d in (*asked, *filtering, *recursive)}
    for machine in machines.drafts:
        if machine.kind in ("guest", "host") and id(machine) not in serving:
            for server in asked:
                machine.need(server)
    for server in (*asked, *filtering, *recursive):
        server.aliases |= {"dns", "dns server", "dns servers", "dns stack", "resolver", "resolvers"}


def _from_proxy(services: Sequence[Draft]) -> None:
    proxies = [d for d in services if d.families & set(PROXIES) or d.name in PROXIES]
    for proxy in proxies:
        proxy.aliases.add("reverse proxy")
    if len(proxies) != 1:
        return
    for draft in services:
        published = any(
            claim["instance"].startswith("https://") and claim["instance"].count(":") == 1
            for claim in draft.claims.get("probe", ())
        )
        if published and draft.host is not None:
            draft.need(proxies[0])
