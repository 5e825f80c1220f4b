"""Markdown to sections. A heading counts only where Markdown says it is one (markdown-it), so `# comment` inside a fence is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools.knowledge.sections import Section

if TYPE_CHECKING:
    from markdown_it.token import Token


def markdown_sections(body: str) -> Iterator[Section]:
    """The sections in reading order, those without text of their own included."""
    from markdown_it import MarkdownIt  # lazy: only an ingest parses Markdown

    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    path: list[tuple[int, str]] = []
    blocks: list[tuple[int, int]] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            yield Section(tuple(text for _, text in path), tuple(blocks))
            blocks = []
            depth = int(token.tag[1:])
            path = [*(outer for outer in path if outer[0] < depth), (depth, _plain_text(tokens[place + 1]))]
        elif token.map is not None and _is_block(token):
            blocks.append((token.map[0], token.map[1]))
    yield Section(tuple(text for _, text in path), tuple(blocks))


def _is_block(token: Token) -> bool:
    """A top-level block, or an item of a top-level list (the list itself would be too coarse a unit)."""
    if token.level == 0:
        return token.type not in {"bullet_list_open", "ordered_list_open"}
    return token.level == 1 and token.type == "list_item_open"


def _plain_text(inline: Token) -> str:
    """A heading without its markup."""
    return "".join(
        child.content if child.type in {"text", "code_inline"} else " " if child.type == "softbreak" else ""
        for child in inline.children or []
    ).strip()
