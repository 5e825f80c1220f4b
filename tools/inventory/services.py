"""Services: containers, systemd units, and what probes, exporters and Traefik speak of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from tools.inventory.drafts import Answers, Draft, Machines, by_labels
from tools.inventory.exporters import DNS, FILTERING_DNS, exporters
from tools.inventory.instances import domain, host_part, is_address, port_of, short

COMPOSE = "container_label_com_docker_compose_"
_SWARM_TASK = re.compile(r"^(?P<service>.+)\.\d+\.[a-z0-9]{20,}$")
_ROLE = re.compile(r"[-_](server|app|web|webserver|main|core|api|backend|frontend|ui)$")
_GENERIC_IMAGE = (
    "server", "app", "api", "web", "core", "panel", "code", "docker", "main", "backend", "frontend", "client", "agent", "base",
    "exporter", "image", "service", "worker", "ui",
)  # fmt: skip
_OF_THE_SYSTEM = re.compile(
    r"^(systemd-|user@|user-runtime|getty|serial-getty|dbus|polkit|cron|ssh|rsyslog|apparmor|networking|ifupdown|lvm|modprobe@|"
    r"snapd|unattended|qemu-guest|keyboard|console|ufw|kmod|logrotate|apt-|man-db|fwupd|udisks|blk-availability|rc-local|"
    r"prometheus-node-exporter|node_exporter|docker\.service|containerd|multipathd|ModemManager|NetworkManager|chrony|"
    r"irqbalance|open-vm-tools|packagekit|e2scrub|fstrim|smartmontools|smartd|zfs-|nfs-|rpc|postfix@|cloud-|accounts-daemon)"
)
_UNIT_OF = {"adguardhome": "adguard", "pihole-ftl": "pihole", "named": "bind", "bind9": "bind"}
"""Units whose software goes by another name everywhere else."""
_ON_HOW_MANY_HOSTS = 3
"""A unit that runs on this many hosts belongs to the operating system."""


class Services:
    """The services found so far, each looked up by the words people and exporters use for it."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []

    def add(self, name: str, host: Draft | None) -> Draft:
        draft = Draft(name=name, kind="service", host=host)
        draft.need(host)
        self.drafts.append(draft)
        return draft

    def on(self, host: Draft | None, word: str) -> Draft | None:
        """The service on `host` that `word` means: by name or alias, else the only one whose name begins alike."""
        there = [draft for draft in self.drafts if draft.host is host]
        word = word.lower()
        named = [d for d in there if d.name == word] or [d for d in there if word in d.aliases]
        alike = [d for d in there if d.name.startswith(f"{word}-") or word.startswith(f"{d.name}-")]
        return named[0] if named else (alike[0] if len(alike) == 1 else None)

    def anywhere(self, word: str) -> Draft | None:
        """The only service that `word` means; None when there is none, or there are several."""
        word = word.lower()
        for found in (
            [d for d in self.drafts if d.name == word],
            [d for d in self.drafts if word in d.aliases],
            [d for d in self.drafts if _ROLE.sub("", d.name) == word],
        ):
            if found:
                return found[0] if len(found) == 1 else None
        return None


def find_services(answers: Answers, machines: Machines) -> list[Draft]:
    """Every service, with what it runs on and where its series are. Names people chose win over those exporters imply."""
    services = Services()
    _add_containers(answers, machines, services)
    _add_labelled_probes(answers, machines, services)
    _add_units(answers, machines, services)
    _add_exporters(answers, machines, services)
    _add_other_probes(answers, machines, services)
    _add_routes(answers, machines, services)
    _drop_shared_aliases(services)
    return services.drafts


def _container_name(labels: Mapping[str, str]) -> str:
    """`jellyfin` for a container named so, `media-jellyfin-1` (compose) or `media_jellyfin.1.<task>` (swarm)."""
    name = labels.get("name") or labels.get("container", "")
    service, project = labels.get(f"{COMPOSE}service", ""), labels.get(f"{COMPOSE}project", "")
    if service and project and re.fullmatch(rf"{re.escape(project)}[-_]{re.escape(service)}[-_]\d+", name):
        return service.lower()
    if task := _SWARM_TASK.match(name):
        return task["service"].lower()
    return name.lower()


def _image_name(image: str) -> str:
    """`home-assistant` of `ghcr.io/home-assistant/home-assistant:2026.11`; empty when it says nothing (`…/server`)."""
    name = re.sub(r"(:[^/]*)?(@.*)?$", "", image).rsplit("/", 1)[-1].lower()
    return "" if name in _GENERIC_IMAGE or name.startswith("sha256") else name


def _add_containers(answers: Answers, machines: Machines, services: Services) -> None:
    for sample in by_labels(answers["containers"]):
        labels = sample.labels
        host, name = machines.of(labels), _container_name(labels)
        if not name:
            continue
        service = next((d for d in services.drafts if d.name == name and d.host is host), None)
        service = service or services.add(name, host)
        label = "name" if labels.get("name") else "container"
        service.claim("cadvisor", **{label: labels.get(label, "")}, instance=labels.get("instance", ""))
        service.aliases |= {labels[label].lower(), labels.get(f"{COMPOSE}service", "").lower()}
        service.aliases.add(_image_name(labels.get("image", "")))


def _add_labelled_probes(answers: Answers, machines: Machines, services: Services) -> None:
    for sample in by_labels(answers["probes"]):
        labels = sample.labels
        if not labels.get("service"):
            continue
        host, word = machines.find(labels.get("instance", "")), labels["service"].lower()
        service = services.on(host, word) or (services.anywhere(word) if host is None or _is_url(labels) else None)
        _claim_probe(service or services.add(word, host), labels)


def _add_units(answers: Answers, machines: Machines, services: Services) -> None:
    units = by_labels(answers["units"])
    spread = Counter(sample.labels.get("name", "") for sample in units)
    for sample in units:
        unit, instance = sample.labels.get("name", ""), sample.labels.get("instance", "")
        name, host = unit.removesuffix(".service").lower(), machines.find(instance)
        if host is None or spread[unit] >= _ON_HOW_MANY_HOSTS or _OF_THE_SYSTEM.match(unit):
            continue
        known_as = _UNIT_OF.get(name, name)
        service = services.on(host, known_as) or services.add(known_as, host)
        service.claim("systemd", name=unit, instance=instance)
        service.aliases |= {name, unit.lower()}


def _add_exporters(answers: Answers, machines: Machines, services: Services) -> None:
    for family, labels in exporters(answers):
        if family in DNS:
            instance, chosen = labels.get("instance", ""), labels.get("service", "").lower()
            host = machines.find(instance)
            service = (services.on(host, chosen) if chosen else None) or services.on(host, family)
            service = service or services.add(chosen or family, host)
            if chosen and service.name == family:  # a target label tells which of several it is
                service.name = chosen
            service.aliases.add(family)
            service.claim(family, instance=instance)
            service.families.add(family)


def _add_other_probes(answers: Answers, machines: Machines, services: Services) -> None:
    probes = [sample for sample in by_labels(answers["probes"]) if not sample.labels.get("service")]
    domains = Counter(domain(host_part(sample.labels.get("instance", ""))) for sample in probes)
    for sample in probes:
        instance = sample.labels.get("instance", "")
        host = host_part(instance)
        machine = machines.find(instance)
        if not host:
            continue
        if machine is None or (_is_url(sample.labels) and not is_address(host)):
            own = domains[domain(host)] > 1 or domain(host).rsplit(".", 1)[-1] in (
                "lan",
                "home",
                "local",
                "internal",
                "arpa",
            )
            word = short(host) if own and domain(host) else host.removeprefix("www.")
            found = services.anywhere(word) or (None if machine else services.add(word, None))
            if found:
                _claim_probe(found, sample.labels)
                found.aliases.add(host)
                continue
        if machine:
            front = [d for d in services.drafts if d.host is machine and d.families & set(FILTERING_DNS)]
            _claim_probe(front[0] if front and _is_dns(sample.labels) else machine, sample.labels)


def _add_routes(answers: Answers, machines: Machines, services: Services) -> None:
    for sample in by_labels(answers["routes"]):
        instance = sample.labels.get("instance", "")
        # A target label `service` pushes Traefik's own to `exported_service` (honor_labels: false).
        label = "exported_service" if sample.labels.get("exported_service") else "service"
        route = sample.labels.get(label, "")
        host = machines.find(instance)
        proxy = services.on(host, "traefik") or services.anywhere("traefik") or services.add("traefik", host)
        proxy.claim("traefik", instance=instance)
        proxy.families.add("traefik")
        word = route.partition("@")[0].lower()
        service = services.anywhere(word) or _of_longest_prefix(services, word)
        if service and service is not proxy and not route.endswith("@internal"):
            service.claim("traefik", **{label: route})
            service.aliases.add(route.lower())
            service.need(proxy)


def _of_longest_prefix(services: Services, word: str) -> Draft | None:
    """Traefik's docker provider names a route `<service>-<project>` when nobody names it."""
    alike = [draft for draft in services.drafts if word.startswith(f"{draft.name}-")]
    return max(alike, key=lambda draft: len(draft.name), default=None)


def _claim_probe(draft: Draft, labels: Mapping[str, str]) -> None:
    instance = labels.get("instance", "")
    draft.claim("dns" if _is_dns(labels) else "probe", instance=instance)
    if draft.kind == "service":
        draft.aliases |= {instance.lower().rstrip("/"), *({host_part(instance)} if _is_url(labels) else set())}


def _is_url(labels: Mapping[str, str]) -> bool:
    return "://" in labels.get("instance", "")


def _is_dns(labels: Mapping[str, str]) -> bool:
    """Every prober exports `probe_dns_lookup_time_seconds`, so only the port and the job tell a DNS probe."""
    told = f"{labels.get('job', '')} {labels.get('module', '')}".lower()
    return port_of(labels.get("instance", "")) == 53 or bool(re.search(r"(^|[^a-z])dns", told))


def _drop_shared_aliases(services: Services) -> None:
    """An image, a compose service or an address that several services share names none of them."""
    shared = Counter(alias for draft in services.drafts for alias in draft.aliases)
    names = {draft.name for draft in services.drafts}
    for draft in services.drafts:
        draft.aliases = {a for a in draft.aliases if a and a != draft.name and shared[a] == 1 and a not in names}
