"""Inventories, in YAML and in INI: where each group begins, and who is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from yaml.nodes import MappingNode, Node, ScalarNode

from tools.knowledge.ansible_lines import Cut
from tools.knowledge.ansible_yaml import entries, value_of

_GROUP_KEYS = frozenset({"hosts", "children", "vars"})
_MAX_DEPTH = 20
_INI_GROUP = re.compile(r"\[(?P<name>[\w.-]+)(?::(?P<kind>children|vars))?\]\s*(?:[#;].*)?")
_INI_HOST = re.compile(r"(?P<name>[\w.:\[\]-]+)(?P<variables>(?:\s+[\w.]+=.*)?)\s*(?:#.*)?")
_MAX_GROUP_NAMES = 1000


@dataclass(frozen=True, slots=True)
class Groups:
    cuts: tuple[Cut, ...]
    names: tuple[str, ...]


def yaml_groups(root: Node) -> Groups | None:
    """The groups of a YAML inventory; None when this is none: each value has to be a group, and one has to have members."""
    found = entries(root)
    if not found or not all(_is_group(entry.value) for entry in found):
        return None
    if not any(value_of(entry.value, "hosts", "children") for entry in found):
        return None
    cuts = tuple(sorted(islice(_group_cuts(root), _MAX_GROUP_NAMES), key=lambda cut: cut.line))
    hosts = (host.name for cut in cuts for host in entries(value_of(cut.node, "hosts")))
    return Groups(cuts, tuple(dict.fromkeys((*(cut.about for cut in cuts), *hosts))))


def ini_groups(lines: Sequence[str], *, expected: bool) -> Groups | None:
    """The groups of an INI inventory; None when this is another kind of INI. `expected` where the path says that it is one."""
    cuts: list[Cut] = []
    hosts: list[str] = []
    kind: str | None = "hosts"
    telling = False
    for number, line in enumerate(lines):
        text = line.strip()
        if not text or text.startswith(("#", ";")):
            continue
        if text.startswith("["):
            if not (group := _INI_GROUP.fullmatch(text)):
                return None
            kind = group["kind"] or "hosts"
            telling = telling or bool(group["kind"])
            cuts.append(Cut(number, 0, about=group["name"]))
        elif kind == "hosts":
            if not (host := _INI_HOST.fullmatch(text)):
                return None
            telling = telling or "ansible_" in host["variables"]
            hosts.append(host["name"])
            cuts = cuts or [Cut(number, 0)]
    if not cuts or not (telling or (expected and any(cut.about for cut in cuts))):
        return None
    return Groups(tuple(cuts), tuple(dict.fromkeys(name for name in (*(cut.about for cut in cuts), *hosts) if name)))


def _is_group(node: Node) -> bool:
    if isinstance(node, MappingNode):
        return all(entry.name in _GROUP_KEYS for entry in entries(node))
    return isinstance(node, ScalarNode) and node.value in {"", "null", "~"}


def _group_cuts(groups: Node | None, depth: int = 0) -> Iterator[Cut]:
    for group in entries(groups):
        if group.is_borrowed:
            continue
        yield Cut(group.line, group.column, node=group.value, about=group.name)
        if depth < _MAX_DEPTH:
            yield from _group_cuts(value_of(group.value, "children"), depth + 1)
