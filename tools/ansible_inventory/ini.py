"""The INI format of inventories, as the plugin `ansible.builtin.ini` documents it."""

from __future__ import annotations

import re
import shlex

from tools.ansible_inventory.partial import VARIABLES, Partial, TooMany

MAX_LINE = 20_000
_SECTION = re.compile(r"\[(?P<name>[^:\]\s]+)(?::(?P<part>\w+))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"(?P<name>[^:\]\s]+)\s*(?:#.*)?")

Problems = list[tuple[int, str]]
"""`(line number, what is wrong)`. The line itself is never quoted: it may hold a password."""


def read_ini(text: str, into: Partial, source: str) -> Problems:
    """Adds what the file says; lines that cannot be read are left out and returned.

    Raises ValueError, with nothing added, when most lines cannot be: then it is no inventory but a README or the like.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line and line[0] not in ";#"]
    trial = _Reader(Partial(), source)
    trial.read(lines)
    if trial.misread * 2 > len(lines):
        raise ValueError("this is no inventory in INI format")
    return _Reader(into, source).read(lines)


class _Reader:
    def __init__(self, into: Partial, source: str) -> None:
        self._into = into
        self._source = source
        self._group = "ungrouped"
        self._part: str | None = "hosts"
        self.misread = 0

    def read(self, lines: list[tuple[int, str]]) -> Problems:
        problems: Problems = []
        for number, line in lines:
            try:
                self._read(line)
            except ValueError as error:
                problems.append((number, str(error)))
                self.misread += not isinstance(error, TooMany)
        return problems

    def _read(self, line: str) -> None:
        if len(line) > MAX_LINE:
            raise ValueError(f"the line has more than {MAX_LINE} characters")
        if section := _SECTION.fullmatch(line):
            self._begin(section["name"], section["part"] or "hosts")
        elif line.startswith("[") and line.endswith("]"):
            self._part = None
            raise ValueError("a section is written [group], [group:children] or [group:vars]")
        elif self._part == "hosts":
            self._add_hosts(line)
        elif self._part == "children":
            self._add_child(line)
        elif self._part == "vars":
            self._set_variable(line)

    def _begin(self, name: str, part: str) -> None:
        """What stands in a section that cannot be read belongs to no other, so it is passed over."""
        self._part = None
        if part not in ("hosts", "children", "vars"):
            raise ValueError("a section is written [group], [group:children] or [group:vars]")
        group = self._into.group(name)
        group.defined = group.defined or part != "vars"
        self._group, self._part = name, part

    def _add_hosts(self, line: str) -> None:
        try:
            pattern, *rest = shlex.split(line, comments=True)
        except ValueError:
            raise ValueError("a quotation mark is not closed") from None
        if any("=" not in token for token in rest):
            raise ValueError("a host name is followed by key=value pairs only")
        pairs = (token.split("=", 1) for token in rest)
        variables = {key: value for key, value in pairs if key in VARIABLES}
        self._into.add_hosts(pattern, self._into.group(self._group), variables, self._source)

    def _add_child(self, line: str) -> None:
        named = _CHILD.fullmatch(line)
        if not named:
            raise ValueError("one group a line is named as a child")
        child = named["name"]
        self._into.group(child)
        self._into.group(self._group).children[child] = None

    def _set_variable(self, line: str) -> None:
        key, found, value = (part.strip() for part in line.partition("="))
        if not found:
            raise ValueError("a variable is written key=value")
        if key in VARIABLES:
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            self._into.group(self._group).variables[key] = value
