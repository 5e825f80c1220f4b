"""The inventories of some trees, read again only when a file has changed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import yaml

from tools.ansible_inventory.files import YAML_SUFFIXES, TreeFile, TreeFiles, find_files, read_text
from tools.ansible_inventory.ini import Problems, read_ini
from tools.ansible_inventory.model import AnsibleInventory
from tools.ansible_inventory.partial import VARIABLES, Partial
from tools.ansible_inventory.yaml_file import plugin_of, read_yaml, root_of, variables_of

PROBLEMS_TOLD = 3
"""Of one file; the rest is counted."""
_ENCRYPTED = "$ANSIBLE_VAULT;"
_SAVE_IT = "to have its hosts known, save them in a file: ansible-inventory --list --yaml"


class AnsibleTrees:
    """The trees at `roots` as one inventory: a host or a group that several of them name is the same one."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(roots)
        self._lock = threading.Lock()
        self._read: tuple[tuple[object, ...], AnsibleInventory] | None = None

    async def read(self) -> AnsibleInventory:
        """What the files say now: the very object of the last time while none of them has changed. Never raises for a file."""
        return await asyncio.to_thread(self.read_now)

    def read_now(self) -> AnsibleInventory:
        """As `read`, for those who may block."""
        with self._lock:
            trees = [find_files(root) for root in self._roots]
            stamp = tuple(tree.stamp for tree in trees)
            if self._read is None or self._read[0] != stamp:
                self._read = (stamp, _read_trees(trees))
            return self._read[1]


def _read_trees(trees: Sequence[TreeFiles]) -> AnsibleInventory:
    partial, gaps, files = Partial(), [], 0
    for tree in trees:
        gaps += tree.problems
        for file in tree.inventories:
            before = len(gaps)
            gaps += _told(file, _read_file(file, partial))
            files += len(gaps) == before
        _read_variables(tree, partial, gaps)
    gaps += [f"group {child} is a child of {parent} but defined nowhere" for parent, child in partial.undefined()]
    return partial.settle([f"ansible: {gap}" for gap in gaps], files)


def _told(file: TreeFile, problems: Problems) -> list[str]:
    told = [f"{file.name}{f', line {line}' if line else ''}: {what}" for line, what in problems[:PROBLEMS_TOLD]]
    rest = len(problems) - len(told)
    return [*told, *([f"{file.name}: {rest} more lines cannot be read"] if rest else [])]


def _read_file(file: TreeFile, into: Partial) -> Problems:
    """Adds what one inventory file says, and returns what is wrong with it; line 0 stands for the whole file."""
    try:
        text = read_text(file)
        if refusal := _refusal(file, text):
            return [(0, refusal)]
        return _read_text(file, text, into) if text.strip() else []
    except ValueError as error:
        return [(0, str(error))]


def _refusal(file: TreeFile, text: str) -> str | None:
    """Why a file is left alone although its text can be read."""
    if text.startswith(_ENCRYPTED):
        return "encrypted, so its hosts stay unknown"
    if text.startswith("#!"):
        return f"a script, which is not run; {_SAVE_IT}"
    return "TOML is not read; write the inventory as YAML or INI" if file.path.suffix == ".toml" else None


def _read_text(file: TreeFile, text: str, into: Partial) -> Problems:
    """YAML by its suffix, and without one by its looks, as most INI files have none."""
    is_yaml = file.path.suffix in YAML_SUFFIXES
    try:
        root = root_of(text) if is_yaml or file.path.suffix != ".ini" else None
    except yaml.YAMLError as error:
        if is_yaml:
            return [_broken(error)]
        root = None
    if root is not None:
        if plugin := plugin_of(root):
            raise ValueError(f"asks the inventory plugin {plugin[:80]}, which is not run; {_SAVE_IT}")
        return read_yaml(root, into, file.name)
    if is_yaml:
        raise ValueError("this is no inventory: it holds no groups")
    return read_ini(text, into, file.name)


def _broken(error: yaml.YAMLError) -> tuple[int, str]:
    mark = (error.problem_mark or error.context_mark) if isinstance(error, yaml.MarkedYAMLError) else None
    reason = error.problem if isinstance(error, yaml.MarkedYAMLError) else str(error).partition("\n")[0]
    return (mark.line + 1 if mark else 0, f"broken YAML ({reason})")


def _read_variables(tree: TreeFiles, into: Partial, gaps: list[str]) -> None:
    """The addresses in group_vars and host_vars. Files without any are not even parsed, nor are those that are encrypted."""
    for (folder, name), files in tree.variables.items():
        owner = into.groups.get(name) if folder == "group_vars" else into.hosts.get(name)
        for file in files:
            if owner is None:
                break
            try:
                text = read_text(file)
                if any(variable in text for variable in VARIABLES) and not text.startswith(_ENCRYPTED):
                    owner.adjacent.update(variables_of(root_of(text)))
            except yaml.YAMLError:
                gaps.append(f"{file.name}: broken YAML, so the addresses in it are unknown")
            except ValueError as error:
                gaps.append(f"{file.name}: {error}")
