"""The homelab as metrics tell it: entities, what belongs to them, and who needs whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from core.vocabulary import Entity
from tools.inventory.drafts import HOST_LABELS
from tools.inventory.groups import GroupIndex
from tools.inventory.instances import domain, host_part, is_address, short
from tools.inventory.matchers import LabelIndex
from tools.inventory.names import NameIndex
from tools.inventory.resolution import Resolution, resolve

_SERVICE_LABELS = (
    "name",
    "container",
    "container_name",
    "service",
    "exported_service",
    "ups",
    "id",
    "app",
    "entity",
    "guest",
)
_PLACE_LABELS = ("instance", "exported_instance", *HOST_LABELS, "target", "device")


class Inventory:
    """Frozen once built. `gaps` says what could not be read while it was.

    `groups` are named sets of entities. `unseen` are the entities that Prometheus does not know, with the file that names each.
    Where it is not `complete`, nothing but Ansible told of hosts, so that a name that is not in it may well be a service.
    """

    def __init__(
        self,
        entities: Mapping[str, Entity],
        *,
        gaps: tuple[str, ...] = (),
        groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
        unseen: Mapping[str, str] = MappingProxyType({}),
        complete: bool = True,
    ) -> None:
        self.entities: Mapping[str, Entity] = MappingProxyType(dict(entities))
        self.gaps = gaps
        known = {group: tuple(name for name in names if name in entities) for group, names in groups.items()}
        self.groups: Mapping[str, tuple[str, ...]] = MappingProxyType({g: names for g, names in known.items() if names})
        self.unseen: Mapping[str, str] = MappingProxyType(dict(unseen))
        self.complete = complete
        self.topology: Mapping[str, list[str]] = {
            name: [other for other in entity.depends_on if other in self.entities]
            for name, entity in self.entities.items()
        }
        self._needed_by: dict[str, list[str]] = {name: [] for name in self.entities}
        for name, needs in self.topology.items():
            for other in needs:
                self._needed_by[other].append(name)
        self._labels = LabelIndex(self.entities.values())
        self._names = NameIndex(self.entities)
        self._groups = GroupIndex(self.groups, self._names)

    def resolve(self, text: str) -> Resolution:
        """What a whole question talks about, in its order; and names in it that nothing here goes by. A group is its members."""
        found = resolve(text, self._names, self._groups)
        return found if self.complete else Resolution(subjects=found.subjects)

    def entity_of(self, labels: Mapping[str, str]) -> str | None:
        """The entity that a series or an alert with these labels is about: the service rather than its host.

        By the matchers of the entities first; else, for alerts whose rule kept only some labels, by name. A label that names a
        service of the machine that was scraped counts for more than the machine.
        """
        claimed = self._labels.find(labels)
        if claimed and self.entities[claimed].kind == "service":
            return claimed
        place = claimed or next(
            (found for label in _PLACE_LABELS if label in labels and (found := self._place(labels[label]))), None
        )
        for label in _SERVICE_LABELS:
            value = labels.get(label, "").lower()
            named = self._names.exact(value) or self._names.exact(value.partition("@")[0]) if value else ()
            here = [name for name in named if self.entities[name].host == place or name == place]
            if here or (len(named) == 1 and claimed is None):
                return here[0] if here else named[0]
        return place

    def _place(self, value: str) -> str | None:
        """The machine (or, failing that, the service) that an instance, a host name or an address means."""
        host = host_part(value)
        for key in (value.lower(), host, short(host) if domain(host) and not is_address(host) else ""):
            named = self._names.exact(key) if key else ()
            machines = [name for name in named if self.entities[name].kind != "service"]
            if machines or len(named) == 1:
                return machines[0] if machines else named[0]
        return None

    def upstream(self, name: str, depth: int | None = None) -> list[str]:
        """What `name` needs, nearest first, at most `depth` steps away; empty for a name not known."""
        return _reach(name, self.topology, depth)

    def downstream(self, name: str, depth: int | None = None) -> list[str]:
        """What needs `name`, nearest first, at most `depth` steps away; empty for a name not known."""
        return _reach(name, self._needed_by, depth)

    def neighbours(self, name: str) -> list[str]:
        """Who shares a machine with `name`: the other guests of its Proxmox node, or the other services of its host."""
        entity = self.entities.get(name)
        if entity is None or entity.host is None:
            return []
        return [other.name for other in self.entities.values() if other.host == entity.host and other.name != name]


def _reach(name: str, edges: Mapping[str, list[str]], depth: int | None) -> list[str]:
    """Breadth first; circles in the data (a proxy behind its own login) end where they close."""
    seen, frontier, steps = {name}, [name], 0
    found: list[str] = []
    while frontier and (depth is None or steps < depth):
        following = [other for here in frontier for other in edges.get(here, ())]
        frontier = list(dict.fromkeys(other for other in following if other not in seen))
        seen.update(frontier)
        found += frontier
        steps += 1
    return found
