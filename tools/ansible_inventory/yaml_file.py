"""The YAML format of inventories, as the plugin `ansible.builtin.yaml` documents it.

Read as nodes: no tag is constructed, so an encrypted value stays what it is and nothing in the file runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from yaml.nodes import MappingNode, Node, ScalarNode

from tools.ansible_inventory.ini import Problems
from tools.ansible_inventory.partial import VARIABLES, Group, Partial
from tools.knowledge.ansible_yaml import Entry, compose, entries, items

MAX_DEPTH = 50
MAX_VISITS = 20_000
"""Groups met on the way down. Aliases let a small file name the same groups over and over."""
MAX_MERGE_DEPTH = 3
MAX_MERGED = 8
_PLAIN = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MERGE = "tag:yaml.org,2002:merge"
_NOTHING = "tag:yaml.org,2002:null"


def root_of(text: str) -> MappingNode | None:
    """The mapping that the file is; None for anything else. Raises yaml.YAMLError."""
    roots = compose(text)
    return roots[0] if len(roots) == 1 and isinstance(roots[0], MappingNode) else None


def plugin_of(root: MappingNode) -> str | None:
    """The inventory plugin that this file configures, if it is no inventory itself."""
    return next((_text(entry.value) or "?" for entry in entries(root) if entry.name == "plugin"), None)


def read_yaml(root: MappingNode, into: Partial, source: str) -> Problems:
    """Adds what the file says; what cannot be read is left out and returned."""
    reader = _Reader(into, source)
    for entry in _entries(root):
        reader.read(entry, depth=0)
    return reader.problems


def variables_of(root: Node | None) -> dict[str, str]:
    """The variables of a mapping that tell how a host is reached; encrypted ones are passed over."""
    return {e.name: text for e in _entries(root) if e.name in VARIABLES and (text := _text(e.value))}


class _Reader:
    def __init__(self, into: Partial, source: str) -> None:
        self.problems: Problems = []
        self._into = into
        self._source = source
        self._visits = 0

    def read(self, entry: Entry, depth: int) -> Group | None:
        """The group that the entry defines, with all that it holds; None when it is none."""
        self._visits += 1
        if depth > MAX_DEPTH or self._visits > MAX_VISITS:
            self._note(entry, "groups are nested too deeply or too often")
            return None
        try:
            group = self._into.group(entry.name)
        except ValueError as error:
            self._note(entry, str(error))
            return None
        if not _is_empty(entry.value) and not isinstance(entry.value, MappingNode):
            self._note(entry, "a group holds hosts, children and vars")
            return None
        group.defined = True
        parts: Mapping[str, Entry] = {part.name: part for part in _entries(entry.value)}
        group.variables.update(variables_of(parts["vars"].value) if "vars" in parts else {})
        for host in self._below(parts.get("hosts")):
            self._add_hosts(host, group)
        for child in self._below(parts.get("children")):
            if self.read(child, depth + 1) is not None:
                group.children[child.name] = None
        return group

    def _below(self, part: Entry | None) -> list[Entry]:
        """The hosts or children, which are the keys of a mapping; one alone may stand for itself."""
        if part is None or _is_empty(part.value):
            return []
        if name := _text(part.value):
            return [Entry(name, part.value, ScalarNode(_NOTHING, "", part.value.start_mark))]
        if not isinstance(part.value, MappingNode):
            self._note(part, f"{part.name} is a mapping of names; write a colon after each")
        return list(_entries(part.value))

    def _add_hosts(self, host: Entry, group: Group) -> None:
        try:
            self._into.add_hosts(host.name, group, variables_of(host.value), self._source)
        except ValueError as error:
            self._note(host, str(error))

    def _note(self, entry: Entry, what: str) -> None:
        self.problems.append((entry.line + 1, what))


def _entries(node: Node | None, depth: int = 0) -> Iterator[Entry]:
    """The entries of a mapping, those it merges in (`<<`) first, so that its own win."""
    found = entries(node)
    for entry in found if depth < MAX_MERGE_DEPTH else ():
        if entry.key.tag == _MERGE:
            # Of several the first wins, so it comes last.
            for merged in (items(entry.value)[:MAX_MERGED] or [entry.value])[::-1]:
                yield from _entries(merged, depth + 1)
    yield from (entry for entry in found if entry.key.tag != _MERGE)


def _text(node: Node) -> str:
    """A plain scalar; empty for everything else, an encrypted value included."""
    return node.value if isinstance(node, ScalarNode) and node.tag in _PLAIN else ""


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == _NOTHING
