"""The lines of an Ansible file, divided among what it lists: tasks, plays, variables, groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, SequenceNode

from tools.knowledge.ansible_yaml import entries, items, written_here
from tools.knowledge.sections import Section

LONG = 1000
"""Characters from which on an item is divided further: a chunk holds little more."""
_MAX_DEPTH = 12
_NOTICE = re.compile(
    r"copyright\s*(\(c\)|©|:|\d)|SPDX-|licensed under|licen[sc]es/|under the licen[sc]e|general public licen[sc]e"
    r"|is free software|unless required by applicable law|see licen[sc]e|\bvim:|-\*-",
    re.IGNORECASE,
)
_OPENINGS = frozenset({"{#", "{#-"})
_NOTHING = frozenset({"", "---", "...", "#"})


@dataclass(frozen=True, slots=True)
class Cut:
    """Where something begins, and under which heading path. `about` is what it adds to the file's names, `node` what it can be divided by.

    `column` is that of its key or dash: comments above it that stand no further right go with it.
    """

    line: int
    column: int
    path: tuple[str, ...] = ()
    node: Node | None = None
    about: str = ""


def one_section_each(lines: Sequence[str], cuts: Iterable[Cut]) -> tuple[Section, ...]:
    return tuple(
        Section(cut.path, tuple(divide(lines, start, end, cut.node))) for cut, start, end in _ranges(lines, cuts)
    )


def one_section(lines: Sequence[str], cuts: Iterable[Cut], path: tuple[str, ...]) -> tuple[Section, ...]:
    """All of the file under one heading; by paragraphs when nothing in it is known. No section for a file without text."""
    ranges = list(_ranges(lines, cuts))
    blocks = [block for cut, start, end in ranges for block in divide(lines, start, end, cut.node)]
    if not ranges:
        blocks = list(_paragraphs(lines, _text_start(lines), len(lines)))
    return (Section(path, tuple(blocks)),) if blocks else ()


def divide(lines: Sequence[str], start: int, end: int, node: Node | None, depth: int = 0) -> Iterator[tuple[int, int]]:
    """The lines as one block, or, when they are LONG, as one per child of the node, or per paragraph."""
    start, end = _trim(lines, start, end)
    if start == end:
        return
    if sum(len(line) + 1 for line in lines[start:end]) <= LONG:
        yield start, end
        return
    children = [cut for cut in _children(node) if start < cut.line < end] if depth < _MAX_DEPTH else []
    if not children:
        yield from _paragraphs(lines, start, end)
        return
    # The first "child" is what stands above the children: comments, and the line with the key.
    for cut, child_start, child_end in _ranges(lines, [Cut(start, 0), *children], start, end):
        yield from divide(lines, child_start, child_end, cut.node, depth + 1)


def children_of(node: Node | None) -> Iterator[Cut]:
    """The entries of a mapping, by name."""
    return (Cut(entry.line, entry.column, node=entry.value, about=entry.name) for entry in entries(node))


def _children(node: Node | None) -> Iterator[Cut]:
    if isinstance(node, MappingNode):
        yield from children_of(node)
    elif isinstance(node, SequenceNode):
        for item in written_here(items(node), node):
            yield Cut(item.start_mark.line, node.start_mark.column, node=item)


def _ranges(
    lines: Sequence[str], cuts: Iterable[Cut], start: int | None = None, end: int | None = None
) -> Iterator[tuple[Cut, int, int]]:
    """Each cut with its lines, end excluded. What begins in the same line as the one before belongs to that one."""
    start = _text_start(lines) if start is None else start
    previous: Cut | None = None
    for cut in cuts:
        if previous is None:
            previous = cut
        elif cut.line > previous.line:
            edge = cut.line
            while edge > max(start, previous.line + 1) and _leads(lines[edge - 1], cut.column):
                edge -= 1
            yield previous, start, edge
            previous, start = cut, edge
    if previous is not None:
        yield previous, start, len(lines) if end is None else end


def _leads(line: str, column: int) -> bool:
    """Whether the line belongs to what begins below it."""
    text = line.lstrip()
    return text.rstrip() in {"", "-"} or (text.startswith(("#", ";")) and len(line) - len(text) <= column)


def _text_start(lines: Sequence[str]) -> int:
    """The first line after `---` and notices of copyright and licence, which say nothing of what the file is for."""
    start = 0
    while start < len(lines):
        if lines[start].strip() in _NOTHING:
            start += 1
            continue
        end = _comment_end(lines, start)
        first = next((line for line in lines[start:end] if line.strip() not in _OPENINGS), "")
        if not _NOTICE.search(first):
            break
        start = end
    return start


def _comment_end(lines: Sequence[str], start: int) -> int:
    """The end of the comment paragraph that begins here, YAML's or Jinja's; the same line when there is none."""
    if lines[start].lstrip().startswith("{#"):
        closing = next((number for number in range(start, len(lines)) if "#}" in lines[number]), start)
        return closing + 1 if lines[closing].rstrip().endswith("#}") else start
    end = start
    while end < len(lines) and lines[end].lstrip().startswith("#") and lines[end].strip() not in _NOTHING:
        end += 1
    return end


def _paragraphs(lines: Sequence[str], start: int, end: int) -> Iterator[tuple[int, int]]:
    """What stands between blank lines, or between the empty lines of a comment."""
    first: int | None = None
    for number in range(start, end):
        if lines[number].strip() in _NOTHING:
            if first is not None:
                yield first, number
            first = None
        elif first is None:
            first = number
    if first is not None:
        yield first, end


def _trim(lines: Sequence[str], start: int, end: int) -> tuple[int, int]:
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return start, end
