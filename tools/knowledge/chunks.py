"""Documents to chunks: one per section, long sections in several, cut where a reader would cut.

A heading counts only where Markdown says it is one (markdown-it), so `# comment` inside a fence is not. Cuts fall between
paragraphs, list items and code blocks; only what is too long by itself is cut between lines.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tools.knowledge.documents import Document, Kind

if TYPE_CHECKING:
    from markdown_it.token import Token

MAX_CHARACTERS = 1200
"""Near the 256 tokens that the embedding model reads, heading path included."""
PATH_SEPARATOR = " > "
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMPOUND = re.compile(r"\b(?=\w*[a-z])[A-Za-z]\w*[A-Z]\w*\b")
_FENCE = re.compile(r"(?P<closing>\s*(?:`{3,}|~{3,}))[^`]{0,80}$")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one document. `position` counts through the document; `context` is what only the embedding reads.

    `id` depends on document, heading path and the chunk's number under that path, so it survives edits elsewhere.
    """

    id: str
    document: str
    kind: Kind
    heading: str
    position: int
    text: str
    context: str

    @property
    def embedding_text(self) -> str:
        return f"{self.context}\n{spell_out(self.text)}"


@dataclass(frozen=True, slots=True)
class _Section:
    path: tuple[str, ...]
    pieces: tuple[str, ...]


def split_document(document: Document) -> list[Chunk]:
    """The document's chunks in reading order; at least one, even for a page of headings only."""
    sections = list(
        _markdown_sections(document.body) if document.format == "markdown" else _plain_section(document.body)
    )
    title = document.title or next((section.path[0] for section in sections if section.path), None) or document.path
    filled = [section for section in sections if section.pieces] or [_Section((), (title,))]
    chunks: list[Chunk] = []
    numbers: dict[str, int] = {}
    for section in filled:
        heading = PATH_SEPARATOR.join(section.path) or title
        for piece in section.pieces:
            number = numbers[heading] = numbers.get(heading, -1) + 1
            chunks.append(
                Chunk(
                    id=_chunk_id(document.path, heading, number),
                    document=document.path,
                    kind=document.kind,
                    heading=heading,
                    position=len(chunks),
                    text=piece,
                    context=_context(document, title, section.path),
                )
            )
    return chunks


def spell_out(text: str) -> str:
    """Each CamelCase name as its words, `HostDiskFull` as `Host Disk Full`: the model does not know the compound."""
    return _COMPOUND.sub(lambda match: _CAMEL_CASE.sub(" ", match[0]), text)


def _context(document: Document, title: str, path: tuple[str, ...]) -> str:
    stem = PurePosixPath(document.path).stem
    parts = [title, *(part for part in path if part != title), *document.alerts]
    if document.title is None or document.format == "yaml":
        parts.append(stem.replace("-", " ").replace("_", " "))
    return spell_out(". ".join(dict.fromkeys(parts)))


def _chunk_id(document: str, heading: str, number: int) -> str:
    return hashlib.sha256("\x00".join((document, heading, str(number))).encode()).hexdigest()[:32]


def _markdown_sections(body: str) -> Iterator[_Section]:
    from markdown_it import MarkdownIt  # lazy: only an ingest parses Markdown

    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    lines = body.split("\n")
    path: list[tuple[int, str]] = []
    blocks: list[tuple[int, int]] = []
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            yield _Section(tuple(text for _, text in path), tuple(_pack(lines, blocks)))
            blocks = []
            depth = int(token.tag[1:])
            path = [*(outer for outer in path if outer[0] < depth), (depth, _plain_text(tokens[place + 1]))]
        elif token.map is not None and _is_block(token):
            blocks.append((token.map[0], token.map[1]))
    yield _Section(tuple(text for _, text in path), tuple(_pack(lines, blocks)))


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


def _plain_section(body: str) -> Iterator[_Section]:
    """YAML has no headings; its units are what stands between blank lines."""
    lines = body.split("\n")
    blocks: list[tuple[int, int]] = []
    start = 0
    for number, line in enumerate([*lines, ""]):
        if not line.strip():
            if number > start:
                blocks.append((start, number))
            start = number + 1
    yield _Section((), tuple(_pack(lines, blocks)))


def _pack(lines: list[str], blocks: list[tuple[int, int]]) -> Iterator[str]:
    """Blocks (line ranges, end excluded) joined into pieces of similar size, none above MAX_CHARACTERS.

    A short remainder would be little more than its context to the embedding model, and be found for anything in it.
    """
    if not blocks:
        return
    total = _length(lines, blocks[0][0], blocks[-1][1])
    room = min(MAX_CHARACTERS, total / math.ceil(total / MAX_CHARACTERS) * 1.15)
    first: int | None = None
    last = 0
    for start, end in blocks:
        if first is not None and _length(lines, first, end) > room:
            yield from _cut(_join(lines, first, last))
            first = None
        if first is None:
            first = start
        last = end
    if first is not None:
        yield from _cut(_join(lines, first, last))


def _length(lines: list[str], start: int, end: int) -> int:
    return sum(len(line) + 1 for line in lines[start:end])


def _join(lines: list[str], start: int, end: int) -> str:
    return "\n".join(lines[start:end]).strip("\n").rstrip()


def _cut(text: str) -> Iterator[str]:
    """`text` itself when it fits, else line by line; a cut inside a code block closes it and opens it again."""
    if len(text) <= MAX_CHARACTERS:
        if text.strip():
            yield text
        return
    piece: list[str] = []
    size = 0
    fence: re.Match[str] | None = None
    for line in _short_lines(text):
        if piece and size + len(line) > MAX_CHARACTERS:
            yield "\n".join([*piece, fence["closing"]] if fence else piece)
            piece = [fence[0]] if fence else []
            size = sum(len(kept) + 1 for kept in piece)
        piece.append(line)
        size += len(line) + 1
        if marker := _FENCE.match(line):
            fence = None if fence else marker
    yield "\n".join(piece)


def _short_lines(text: str) -> Iterator[str]:
    """Lines; one that is too long for a chunk is broken where it is too long."""
    for line in text.split("\n"):
        for start in range(0, max(len(line), 1), MAX_CHARACTERS):
            yield line[start : start + MAX_CHARACTERS]
