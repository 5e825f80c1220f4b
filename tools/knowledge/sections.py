"""What a document consists of, before it is cut into chunks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch under one heading. `path` is the heading path, outermost first.

    `blocks` are line ranges of the document's body (counted from 0, end excluded) in reading order, each a unit that is better
    not cut: a paragraph, a list item, a task, a variable with the comment above it.
    """

    path: tuple[str, ...]
    blocks: tuple[tuple[int, int], ...]
