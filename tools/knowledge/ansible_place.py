"""What an Ansible file's path says about it, before it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, get_args

Part = Literal[
    "tasks", "handlers", "defaults", "vars", "meta", "template", "playbook", "inventory", "group_vars", "host_vars"
]
Directory = Literal["tasks", "handlers", "defaults", "vars", "meta", "templates", "files"]
"""Of a role; `files` may hold templates too."""
YAML = frozenset({".yml", ".yaml"})
TEMPLATES = frozenset({".j2", ".jinja", ".jinja2"})
THIS_ROLE = "this role"
"""The role whose repository this is, until its meta data gives its name."""
_DIRECTORIES: dict[str, Directory] = {name: name for name in get_args(Directory)}
_ONLY_IN_ROLES = frozenset({"defaults", "handlers", "meta"})
INVENTORIES = frozenset({"inventory", "inventories"})
"""Directories whose files without a suffix are inventories."""
INVENTORY_NAMES = frozenset({"hosts", "inventory", "production", "staging"})
"""What an inventory without a suffix is usually called."""
# Directories beside which tasks, templates and variables may lie that belong to no role.
_NO_ROLES = frozenset(
    {
        *("ansible", "app", "config", "docs", "etc", "examples", "group_vars", "host_vars", "includes", "playbook"),
        *("playbooks", "plays", "shared", "site", "src", "test", "tests", "web", *INVENTORIES),
    }
)
_WITHIN_ROLES = frozenset({"docs", "examples", "files", "library", "playbooks", "plugins", "test", "tests"})
_PASSED_OVER = frozenset({".github", ".gitlab", "molecule", "changelogs", "releasenotes"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path lies in a role. `directory` is the role's, `part` one of its directories, `inside` the path from there."""

    role: str
    directory: str
    part: Directory
    inside: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose variables a file in group_vars or host_vars holds."""

    part: Literal["group_vars", "host_vars"]
    name: str
    inside: str

    @property
    def label(self) -> str:
        return f"{'group' if self.part == 'group_vars' else 'host'} {self.name}"


def is_passed_over(path: PurePosixPath) -> bool:
    """Test scenarios, workflows and the lists of what to install describe Ansible's surroundings."""
    return not _PASSED_OVER.isdisjoint(path.parts[:-1]) or path.stem in {"requirements", "molecule", "galaxy"}


def place_in_role(path: PurePosixPath) -> Place | None:
    """The role that the path lies in. Any directory may be one when it holds `tasks/main.yml` and the like."""
    directories = path.parts[:-1]
    if "roles" in directories:
        first = directories.index("roles") + 2
        at = next((number for number in range(first, len(directories)) if directories[number] in _DIRECTORIES), None)
        name = "/".join(directories[first - 1 : at])
        if at is None or not _WITHIN_ROLES.isdisjoint(directories[first - 1 : at]):
            return None
        return _place(path, at, name)
    at = next((number for number, directory in enumerate(directories) if directory in _DIRECTORIES), None)
    if at is None:
        return None
    part, is_main = directories[at], path.stem == "main"
    if at == 0:
        return _place(path, at, THIS_ROLE) if is_main or part in _ONLY_IN_ROLES else None
    owner = directories[at - 1]
    if owner in _NO_ROLES or (part in {"vars", "files"} and not is_main):
        return None
    return _place(path, at, owner.removeprefix("ansible-role-").removeprefix("ansible-"))


def subject_of(path: PurePosixPath) -> Subject | None:
    """The group or host whose variables the file holds: `group_vars/dns.yml`, `host_vars/nas/main.yml`."""
    if path.suffix.lower() not in YAML | {""}:
        return None
    for part in ("group_vars", "host_vars"):
        if part in path.parts[:-1]:
            at = path.parts.index(part)
            is_file = len(path.parts) == at + 2
            inside = "" if is_file or path.stem == "main" else "/".join(path.parts[at + 2 :])
            return Subject(part, path.stem if is_file else path.parts[at + 1], inside)
    return None


def may_be_ini_inventory(path: PurePosixPath) -> bool:
    return path.suffix == ".ini" or (path.suffix == "" and (path.name in INVENTORY_NAMES or in_inventory(path)))


def in_inventory(path: PurePosixPath) -> bool:
    return not INVENTORIES.isdisjoint(path.parts[:-1])


def _place(path: PurePosixPath, at: int, role: str) -> Place:
    return Place(role, "/".join(path.parts[:at]) or ".", _DIRECTORIES[path.parts[at]], "/".join(path.parts[at:]))
