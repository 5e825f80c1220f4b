"""Documents to chunks: one per section, long sections in several, cut where a reader would cut.

Cuts fall between the blocks of a section; only what is too long by itself is cut between lines.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tools.knowledge.documents import Document
from tools.knowledge.glossary import gloss_of

MAX_CHARACTERS = 1200
"""Near the 256 tokens that the embedding model reads, heading path included."""
PATH_SEPARATOR = " > "
ABOUT = "About"
"""The heading under which front matter is kept: its sentences each alone, since a question resembles one of them, not their sum."""
FEW_WORDS = 2
"""Blanks in a line of front matter from which on it is a sentence, not a tag."""
GENERIC_WORDS = frozenset(
    "meaning impact diagnosis mitigation overview introduction description summary symptom symptoms cause causes resolution "  # noqa: SIM905 - a line a word hides them
    "solution remediation procedure steps fix usage example examples note notes see also about references reference related links "
    "background context details requirements prerequisites options parameters configuration troubleshooting verification "
    "verify check checks rollback escalation synopsis name index contents next additional resources further reading and the "
    "what it means why this matters how to full".split()
)
"""A heading made of these alone says what part of a page it is, not what the page is about."""
_WORD = re.compile(r"[^\W_]+")
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMPOUND = re.compile(r"\b(?=\w*[a-z])[A-Za-z]\w*[A-Z]\w*\b")
_FENCE = re.compile(r"(?P<closing>\s*(?:`{3,}|~{3,}))[^`]{0,80}$")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one document. `position` counts through the document; `line` is its first, counted from 1 in the file.

    `id` depends on document, heading path and the chunk's number under that path, so it survives edits elsewhere. `context` is what only
    the search reads.
    """

    id: str
    document: str
    heading: str
    line: int
    position: int
    text: str
    context: str

    @property
    def embedding_text(self) -> str:
        return f"{self.context}\n{spell_out(self.text)}"

    @property
    def vector(self) -> str:
        """The name of its vector, which chunks that read alike share."""
        return hashlib.sha256(self.embedding_text.encode()).hexdigest()[:32]


def split_document(document: Document) -> list[Chunk]:
    """The document's chunks in reading order; at least one, even for a page of headings only."""
    chunks: list[Chunk] = []
    numbers: dict[str, int] = {}
    for path, line, text in _pieces(document):
        heading = PATH_SEPARATOR.join(path) or document.title
        number = numbers[heading] = numbers.get(heading, -1) + 1
        chunks.append(
            Chunk(
                id=_chunk_id(document.path, heading, number),
                document=document.path,
                heading=heading,
                line=line,
                position=len(chunks),
                text=text,
                context=_context(document, path),
            )
        )
    return chunks


def _pieces(document: Document) -> Iterator[tuple[tuple[str, ...], int, str]]:
    """Heading path, line and text of each chunk-to-be: the sections, and what a page's front matter says of it."""
    empty = True
    for section in document.sections:
        for line, text in _pack(document.lines, section.blocks):
            empty = False
            yield section.path, document.first_line + line, text
    if empty:
        yield (), document.first_line, document.title
    if document.part is None:  # what an Ansible file holds stands in its sections already
        words = [line for line in document.contents if line.count(" ") < FEW_WORDS]
        sentences = [line for line in document.contents if line.count(" ") >= FEW_WORDS]
        for text in [*sentences, *([", ".join(words)[:MAX_CHARACTERS]] if words else [])]:
            yield (document.title, ABOUT), 1, text[:MAX_CHARACTERS]


def names_of(document: Document) -> str:
    """The words that the document goes by: title, file name, alerts."""
    stem = PurePosixPath(document.path).stem
    return spell_out(
        ". ".join(dict.fromkeys((document.title, stem.replace("-", " ").replace("_", " "), *document.names)))
    )


def spell_out(text: str) -> str:
    """Each CamelCase name as its words, `HostDiskFull` as `Host Disk Full`: the model does not know the compound."""
    return _COMPOUND.sub(lambda match: _CAMEL_CASE.sub(" ", match[0]), text)


def _context(document: Document, path: Sequence[str]) -> str:
    """Title, what it is for, headings and alerts. A heading that half the runbooks of the world have would only make passages more alike."""
    telling = (part for part in path if not GENERIC_WORDS.issuperset(_WORD.findall(part.lower())))
    gloss = gloss_of(document.path, document.group)
    return spell_out(". ".join(dict.fromkeys(filter(None, (document.title, gloss, *telling, *document.names)))))


def _chunk_id(document: str, heading: str, number: int) -> str:
    return hashlib.sha256("\x00".join((document, heading, str(number))).encode()).hexdigest()[:32]


def _pack(lines: Sequence[str], blocks: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str]]:
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
            yield from _cut(lines, first, last)
            first = None
        if first is None:
            first = start
        last = end
    if first is not None:
        yield from _cut(lines, first, last)


def _length(lines: Sequence[str], start: int, end: int) -> int:
    return sum(len(line) + 1 for line in lines[start:end])


def _cut(lines: Sequence[str], start: int, end: int) -> Iterator[tuple[int, str]]:
    """The lines as one text when it fits, else line by line; a cut inside a code block closes it and opens it again."""
    while start < end and not lines[start].strip():
        start += 1
    text = "\n".join(lines[start:end]).rstrip()
    if len(text) <= MAX_CHARACTERS:
        if text:
            yield start, text
        return
    piece: list[str] = []
    first, size = start, 0
    fence: re.Match[str] | None = None
    for number, line in _short_lines(text):
        if piece and size + len(line) > MAX_CHARACTERS:
            yield first, "\n".join([*piece, fence["closing"]] if fence else piece)
            piece = [fence[0]] if fence else []
            first, size = start + number, sum(len(kept) + 1 for kept in piece)
        piece.append(line)
        size += len(line) + 1
        if marker := _FENCE.match(line):
            fence = None if fence else marker
    yield first, "\n".join(piece)


def _short_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their number; one that is too long for a chunk is broken where it is too long."""
    for number, line in enumerate(text.split("\n")):
        for start in range(0, max(len(line), 1), MAX_CHARACTERS):
            yield number, line[start : start + MAX_CHARACTERS]
