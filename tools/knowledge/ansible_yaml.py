"""YAML as nodes that know their line: nothing is constructed, so no tag runs and no alias is expanded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from core.yaml_files import LOADER

MAX_NESTING = 200
"""Deeper than anyone writes; libyaml's composer recurses, and ends the process when its stack does."""
_OBVIOUSLY_FLAT = 2000
# YAML breaks lines at these as well; a line here ends at \n, as it does for whoever shows it.
_ONLY_NEWLINES = str.maketrans(dict.fromkeys("\r\x85\u2028\u2029", " "))


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping. `name` is empty when the key is no scalar."""

    name: str
    key: Node
    value: Node

    @property
    def line(self) -> int:
        return int(self.key.start_mark.line)

    @property
    def column(self) -> int:
        return int(self.key.start_mark.column)

    @property
    def text(self) -> str:
        return words(self.value)

    @property
    def is_borrowed(self) -> bool:
        """Whether the value is an alias of one written further up."""
        return bool(self.value.start_mark.index < self.key.start_mark.index)


def compose(text: str) -> list[Node]:
    """The root node of each document that is not empty. Raises yaml.YAMLError."""
    text = text.translate(_ONLY_NEWLINES)
    check_nesting(text)
    roots = yaml.compose_all(text, Loader=LOADER)
    return [root for root in roots if not (isinstance(root, ScalarNode) and not root.value)]


def entries(node: Node | None) -> list[Entry]:
    """The entries of a mapping in the order they are written; none for anything else."""
    if not isinstance(node, MappingNode):
        return []
    return [Entry(key.value if isinstance(key, ScalarNode) else "", key, value) for key, value in node.value]


def items(node: Node | None) -> list[Node]:
    return list(node.value) if isinstance(node, SequenceNode) else []


def written_here(children: list[Node], parent: Node) -> Iterator[Node]:
    """The children in reading order without those an alias borrowed from elsewhere in the file (their lines are there)."""
    position = parent.start_mark.index
    for child in children:
        if child.start_mark.index >= position:
            position = child.end_mark.index
            yield child


def words(node: Node | None) -> str:
    """A scalar on one line; empty for anything else."""
    return " ".join(node.value.split()) if isinstance(node, ScalarNode) else ""


def value_of(node: Node | None, *names: str) -> Node | None:
    """The value under the first of these keys that the mapping has."""
    found = {entry.name: entry.value for entry in entries(node)}
    return next((found[name] for name in names if name in found), None)


def check_nesting(text: str) -> None:
    """Raises yaml.YAMLError for nesting beyond MAX_NESTING; most files are cleared without being parsed for it."""
    # A level takes either a bracket or a column of its own.
    if text.count("[") + text.count("{") <= _OBVIOUSLY_FLAT and len(max(text.split("\n"), key=len)) <= _OBVIOUSLY_FLAT:
        return
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_NESTING:
                raise yaml.YAMLError("nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
