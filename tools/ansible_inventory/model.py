"""What an Ansible inventory tells about machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AnsibleHost:
    """One host. `source` is the file that names it first, relative to its tree."""

    name: str
    address: str | None = None
    """`ansible_host`, an address or a name; None when it is not set or computed by a template that only Ansible can run."""
    connection: str = ""
    """`ansible_connection`; empty where it is left to Ansible."""
    source: str = ""


@dataclass(frozen=True, slots=True)
class AnsibleInventory:
    """`groups` holds the hosts of every group, those of its children included, but for `all` and `ungrouped`.

    `gaps` names what could not be read; `files` counts the inventory files that could.
    """

    hosts: Mapping[str, AnsibleHost] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gaps: tuple[str, ...] = ()
    files: int = 0
