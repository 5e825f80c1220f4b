"""Entities while they are being put together from samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from core.vocabulary import Entity
from tools.inventory.instances import SELF, host_part, is_address, short
from tools.inventory.matchers import render

Kind = Literal["node", "guest", "host", "service", "device"]
HOST_LABELS = ("nodename", "hostname", "host", "node", "vm")
"""Labels in which people write the machine when `instance` does not tell it."""


class Sampled(Protocol):
    """One element of an instant vector."""

    @property
    def labels(self) -> Mapping[str, str]: ...

    @property
    def value(self) -> float: ...


Answers = Mapping[str, Sequence[Sampled]]
"""What each inventory query returned, by its name in `discovery.QUERIES`; a query that failed is an empty list."""


@dataclass(eq=False)
class Draft:
    """An entity in the making. `name` of a service is final only when every service is known (see `settle`)."""

    name: str
    kind: Kind
    aliases: set[str] = field(default_factory=set)
    address: str | None = None
    host: Draft | None = None
    needs: list[Draft] = field(default_factory=list)
    claims: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    families: set[str] = field(default_factory=set)
    """The software that its exporters speak for: adguard, unbound, traefik …"""

    def claim(self, exporter: str, **labels: str) -> None:
        """Series of `exporter` with these labels are about this entity."""
        claims = self.claims.setdefault(exporter, [])
        if labels not in claims:
            claims.append(labels)

    def need(self, other: Draft | None) -> None:
        if other is not None and other is not self and other not in self.needs:
            self.needs.append(other)

    def entity(self) -> Entity:
        return Entity(
            name=self.name,
            kind=self.kind,
            aliases=tuple(sorted(alias for alias in self.aliases if alias and alias != self.name)),
            address=self.address,
            host=self.host.name if self.host else None,
            depends_on=tuple(other.name for other in self.needs),
            matchers={exporter: render(choices) for exporter, choices in sorted(self.claims.items())},
        )


class Machines:
    """Nodes, guests, hosts and devices, found by any name or address that they go by.

    A target such as `cadvisor:8080` or `localhost:9100` names no machine: Prometheus met it inside its own Docker network or on
    its own machine. `containers` are the names of containers that such a target may use.
    """

    def __init__(self, containers: Iterable[str] = ()) -> None:
        self.drafts: list[Draft] = []
        self._containers = frozenset(containers)
        self._by_key: dict[str, Draft] = {}

    def add(self, name: str, kind: Kind, *, findable: bool = True) -> Draft:
        draft = Draft(name=name, kind=kind)
        self.drafts.append(draft)
        if findable:
            self.know_as(draft, name)
        return draft

    def known_as(self, name: str) -> Draft | None:
        """The machine that goes by exactly this name or address, in lower case."""
        return self._by_key.get(name)

    def know_as(self, draft: Draft, *names: str) -> None:
        """Let `draft` be found under `names`; whoever had a name first keeps it."""
        for name in names:
            key = name.strip().lower()
            if key and self._by_key.setdefault(key, draft) is draft and key not in SELF:
                draft.aliases.add(key)

    def is_own(self, host: str) -> bool:
        """Whether `host` is how Prometheus calls its own machine or a container beside it."""
        return host in SELF or host in self._containers

    def find(self, text: str) -> Draft | None:
        """The machine that an instance, a URL, a host name or an address means."""
        host = host_part(text)
        if not host:
            return None
        keys = (text.strip().lower(), host, short(host), "localhost" if self.is_own(host) else "")
        return next((found for key in keys if key and (found := self._by_key.get(key))), None)

    def of(self, labels: Mapping[str, str]) -> Draft | None:
        """The machine that a series was measured on."""
        for text in (labels.get("instance", ""), *(labels.get(label, "") for label in HOST_LABELS)):
            if text and (found := self.find(text)):
                return found
        return None

    def at(self, instance: str, kind: Kind = "host") -> Draft | None:
        """As `find`, but a machine not met before is added. None when `instance` names no machine."""
        host = host_part(instance)
        if found := self.find(instance):
            if not self.is_own(host):
                self.know_as(found, host)
        elif host and not self.is_own(host):
            found = self.add(short(host), kind)
            self.know_as(found, host)
        if found and found.address is None and is_address(host) and host not in SELF:
            found.address = host
        return found


def by_labels(samples: Iterable[Sampled]) -> list[Sampled]:
    """In an order that does not depend on Prometheus, so that names come out the same every time."""
    return sorted(samples, key=lambda sample: sorted(sample.labels.items()))


def settle(machines: Iterable[Draft], services: Sequence[Draft]) -> dict[str, Entity]:
    """Give every draft a name of its own: a service whose name is not unique becomes `name@host`."""
    taken = {draft.name: 1 for draft in machines}
    for service in services:
        taken[service.name] = taken.get(service.name, 0) + 1
    final: dict[str, Draft] = {draft.name: draft for draft in machines}
    for service in services:
        if taken[service.name] > 1:
            service.aliases.add(service.name)
            service.name = f"{service.name}@{service.host.name if service.host else 'elsewhere'}"
        final.setdefault(service.name, service)
    return {name: draft.entity() for name, draft in sorted(final.items())}
