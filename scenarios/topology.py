"""The simulated homelab as data: nodes, guests, devices, services, and what depends on what."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import InvalidInput

HOMELAB_FILE = Path(__file__).with_name("homelab.yaml")
EntityKind = Literal["node", "guest", "nas", "ups", "service"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Disk(_Part):
    device: str
    model: str


class Node(_Part):
    """A Proxmox machine; `memory` in GiB, `disk` is its root file system in GiB."""

    name: str
    cores: int = Field(ge=1)
    memory: float = Field(gt=0)
    address: str
    disk: float = Field(94, gt=0)
    disks: tuple[Disk, ...] = ()


class Guest(_Part):
    """A VM or container on a node; `memory` and `disk` in GiB."""

    name: str
    id: int
    type: Literal["qemu", "lxc"]
    node: str
    cores: int = Field(ge=1)
    memory: float = Field(gt=0)
    disk: float = Field(gt=0)
    address: str
    docker: bool = False
    nfs: tuple[str, ...] = ()

    @property
    def pve_id(self) -> str:
        """As Proxmox and its exporter write it: "qemu/104"."""
        return f"{self.type}/{self.id}"


class Device(_Part):
    """A NAS (a machine with a pool of disks) or a UPS."""

    name: str
    kind: Literal["nas", "ups"]
    address: str
    cores: int = 4
    memory: float = 16
    disk: float = 60
    pool_gib: float = 0
    disks: tuple[Disk, ...] = ()
    attached_to: str | None = None


class Service(_Part):
    """`cpu` in cores at a usual hour, `mem` in MiB, `limit` a container's memory limit in MiB; `nfs` names a share of the NAS."""

    name: str
    host: str
    port: int
    cpu: float = Field(gt=0)
    mem: float = Field(gt=0)
    limit: float | None = Field(None, gt=0)
    kind: Literal["app", "dns", "proxy", "database"] = "app"
    web: bool = False
    image: str | None = None
    unit: str | None = None
    needs: tuple[str, ...] = ()
    nfs: str | None = None


class Homelab(_Part):
    """Everything, by name. Names are unique across all kinds."""

    domain: str
    nodes: dict[str, Node]
    devices: dict[str, Device]
    guests: dict[str, Guest]
    services: dict[str, Service]

    @cached_property
    def entities(self) -> dict[str, EntityKind]:
        """Every name and its kind, outermost first."""
        kinds: dict[str, EntityKind] = dict.fromkeys(self.nodes, "node")
        kinds.update({name: device.kind for name, device in self.devices.items()})
        kinds.update(dict.fromkeys(self.guests, "guest"))
        kinds.update(dict.fromkeys(self.services, "service"))
        return kinds

    @cached_property
    def nas(self) -> str | None:
        return next((name for name, device in self.devices.items() if device.kind == "nas"), None)

    @cached_property
    def resolvers(self) -> tuple[str, ...]:
        """The services that clients ask for names: of kind dns, and needed by no other of that kind."""
        dns = [service for service in self.services.values() if service.kind == "dns"]
        upstream = {need for service in dns for need in service.needs}
        return tuple(service.name for service in dns if service.name not in upstream)

    @cached_property
    def proxy(self) -> str | None:
        return next((service.name for service in self.services.values() if service.kind == "proxy"), None)

    def parent(self, entity: str) -> str | None:
        """The machine an entity runs on: service → guest → node."""
        if entity in self.services:
            return self.services[entity].host
        return self.guests[entity].node if entity in self.guests else None

    def machine(self, host: str) -> Node | Guest | Device:
        """What has cores, memory and an address of its own."""
        return self.nodes.get(host) or self.guests.get(host) or self.devices[host]

    def host_of(self, entity: str) -> str:
        """The machine with its own operating system: a service's guest, otherwise the entity itself."""
        return self.services[entity].host if entity in self.services else entity

    def node_of(self, entity: str) -> str | None:
        """The Proxmox node underneath, None for a NAS or a UPS."""
        host = self.host_of(entity)
        if host in self.nodes:
            return host
        return self.guests[host].node if host in self.guests else None

    def services_on(self, host: str) -> tuple[Service, ...]:
        return tuple(service for service in self.services.values() if service.host == host)

    def guests_on(self, node: str) -> tuple[Guest, ...]:
        return tuple(guest for guest in self.guests.values() if guest.node == node)

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """Every machine that runs node_exporter: nodes, NAS, guests."""
        nas = tuple(name for name, device in self.devices.items() if device.kind == "nas")
        return (*self.nodes, *nas, *self.guests)

    def dependencies(self) -> dict[str, list[str]]:
        """{entity: the entities it needs}: what it runs on, `needs`, its NFS share, the resolvers, and Traefik if published."""
        below_dns = {
            name for service in self.services.values() if service.kind == "dns" for name in (service.name, service.host)
        }
        found: dict[str, list[str]] = {name: [] for name in self.entities}
        for name, device in self.devices.items():
            found[name] += [device.attached_to] if device.attached_to else []
        for name, guest in self.guests.items():
            found[name].append(guest.node)
            found[name] += [self.nas] if guest.nfs and self.nas else []
            found[name] += [] if name in below_dns else self.resolvers
        for name, service in self.services.items():
            found[name] += [service.host, *service.needs]
            found[name] += [self.nas] if service.nfs and self.nas else []
            found[name] += [] if name in below_dns else self.resolvers
            found[name] += [self.proxy] if service.web and self.proxy else []
        return found

    def clients(self, entity: str) -> set[str]:
        """Every entity that needs `entity`, directly or through others; itself not included."""
        upstream = self.dependencies()
        found: set[str] = set()
        frontier = {entity}
        while frontier:
            frontier = {name for name, needs in upstream.items() if frontier & set(needs)} - found - {entity}
            found |= frontier
        return found


def load_homelab(path: Path | None = None) -> Homelab:
    """Read a topology, that of the lab once for all; raises InvalidInput naming the file and field."""
    return _read_homelab(path) if path else _lab_homelab()


@cache
def _lab_homelab() -> Homelab:
    return _read_homelab(HOMELAB_FILE)


def _read_homelab(path: Path) -> Homelab:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path.name}: cannot be read as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise InvalidInput(f"{path.name}: expected domain, nodes, devices, guests and services at the top")
    try:
        homelab = Homelab.model_validate(_with_names(document))
    except (ValidationError, AttributeError, TypeError) as error:
        raise InvalidInput(f"{path.name}: {_first(error)}") from None
    _check_references(homelab, path.name)
    return homelab


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return f"not the expected structure ({error})"


def _with_names(document: dict[str, Any]) -> dict[str, Any]:
    """Move each key into its entry, and services out from under their guests."""
    services = {
        name: {"name": name, "host": host, **fields}
        for host, entries in document.get("services", {}).items()
        for name, fields in entries.items()
    }
    named = {
        section: {name: {"name": name, **fields} for name, fields in document.get(section, {}).items()}
        for section in ("nodes", "devices", "guests")
    }
    return {**document, **named, "services": services}


def _check_references(homelab: Homelab, file: str) -> None:
    names = homelab.entities
    for guest in homelab.guests.values():
        if guest.node not in homelab.nodes:
            raise InvalidInput(f"{file}: guests.{guest.name}.node: no node named {guest.node!r}")
    for service in homelab.services.values():
        if service.host not in homelab.guests:
            raise InvalidInput(f"{file}: services.{service.host}: no guest named {service.host!r}")
        for need in service.needs:
            if need not in names:
                raise InvalidInput(f"{file}: services.{service.host}.{service.name}.needs: no entity named {need!r}")
