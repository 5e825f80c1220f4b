"""An inventory while its files are being read: groups, hosts, and the few variables that tell how a host is reached."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tools.ansible_inventory.hostnames import MAX_NAME, expand
from tools.ansible_inventory.model import AnsibleHost, AnsibleInventory

MAX_HOSTS = 5_000
MAX_GROUPS = 1_000
ADDRESS, OLD_ADDRESS, CONNECTION = "ansible_host", "ansible_ssh_host", "ansible_connection"
VARIABLES = (ADDRESS, OLD_ADDRESS, CONNECTION)
"""The only variables that are read. All others, secrets among them, are passed over."""
IMPLICIT = ("all", "ungrouped")
_NAME_TEMPLATE = re.compile(r"\{\{\s*inventory_hostname(?P<short>_short)?\s*\}\}")

Variables = Mapping[str, str]


class TooMany(ValueError):
    """Nothing is wrong with what is said, there is only too much of it."""


@dataclass
class Group:
    """`defined` is false while only a parent speaks of it. `adjacent` are its variables from a group_vars file."""

    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    adjacent: dict[str, str] = field(default_factory=dict)
    defined: bool = False


@dataclass
class Host:
    """`adjacent` are its variables from a host_vars file, which win over those beside its name."""

    source: str
    variables: dict[str, str] = field(default_factory=dict)
    adjacent: dict[str, str] = field(default_factory=dict)


class Partial:
    """Grows file by file, in the order in which Ansible would read them; of two values the later one counts."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.groups: dict[str, Group] = {}

    def group(self, name: str) -> Group:
        """The group of that name, new if need be. Raises ValueError for a name or a number of groups beyond all reason."""
        if name not in self.groups:
            if not name or len(name) > MAX_NAME:
                raise ValueError(f"a group's name has 1 to {MAX_NAME} characters")
            if len(self.groups) >= MAX_GROUPS:
                raise TooMany(f"more than {MAX_GROUPS} groups; the first ones are used")
            self.groups[name] = Group()
        return self.groups[name]

    def add_hosts(self, pattern: str, group: Group, variables: Variables, source: str) -> None:
        """Every host that `pattern` stands for. Raises ValueError when it stands for none, or there are too many."""
        names = expand(pattern, MAX_HOSTS)
        for name in names:
            if name not in self.hosts and len(self.hosts) >= MAX_HOSTS:
                raise TooMany(f"more than {MAX_HOSTS} hosts; the first ones are used")
            self.hosts.setdefault(name, Host(source)).variables.update(variables)
            group.hosts[name] = None

    def undefined(self) -> Iterator[tuple[str, str]]:
        """`(parent, child)` for every group that only its parent speaks of."""
        for parent, group in self.groups.items():
            for child in group.children:
                if not self.groups[child].defined:
                    yield parent, child

    def settle(self, gaps: list[str], files: int) -> AnsibleInventory:
        """The inventory, with the variables of groups handed down to hosts: the nearer group wins, and the host over all."""
        inherited: dict[str, dict[str, str]] = {name: {} for name in self.hosts}
        members = {name: self._members(name) for name in self.groups}
        nearest_last = sorted(self.groups, key=lambda name: (name != "all", self._depths.get(name, 0), name))
        for adjacent in (False, True):
            for name in nearest_last:
                group = self.groups[name]
                if variables := group.adjacent if adjacent else group.variables:
                    for host in self.hosts if name == "all" else members[name]:
                        inherited[host].update(variables)
        return AnsibleInventory(
            hosts={
                name: _settled(name, host.source, {**inherited[name], **host.variables, **host.adjacent})
                for name, host in self.hosts.items()
            },
            groups={name: tuple(hosts) for name, hosts in members.items() if hosts and name not in IMPLICIT},
            gaps=tuple(dict.fromkeys(gaps)),
            files=files,
        )

    def _members(self, name: str) -> dict[str, None]:
        """The hosts of a group and of its children; groups that hold each other end where they close."""
        found: dict[str, None] = {}
        groups = {name: None}
        pending = [name]
        for each in pending:
            found |= self.groups[each].hosts
            pending += [child for child in self.groups[each].children if child not in groups]
            groups |= self.groups[each].children
        return found

    @property
    def _depths(self) -> dict[str, int]:
        """How many groups stand above each, along the longest way."""
        depths = dict.fromkeys(self.groups, 0)
        for _ in self.groups:  # a circle would deepen for ever
            before = dict(depths)
            for name, group in self.groups.items():
                for child in group.children:
                    depths[child] = max(depths[child], depths[name] + 1)
            if depths == before:
                break
        return depths


def _settled(name: str, source: str, variables: Variables) -> AnsibleHost:
    address = _rendered(variables.get(ADDRESS) or variables.get(OLD_ADDRESS, ""), name)
    connection = _rendered(variables.get(CONNECTION, ""), name)
    return AnsibleHost(name=name, address=address or None, connection=connection, source=source)


def _rendered(value: str, name: str) -> str:
    """The value with the host's own name filled in; empty when it holds any other template."""
    value = _NAME_TEMPLATE.sub(lambda found: name.partition(".")[0] if found["short"] else name, value).strip()
    return "" if "{{" in value or "{%" in value or len(value) > MAX_NAME else value
