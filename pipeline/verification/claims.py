"""An answer in Markdown as claims: sentences, table rows and code blocks, each with what it cites and where it stands.

A sentence without a citation of its own has those of its paragraph or bullet; a bullet without any has those of the item or the
line that introduces it, and an introduction has those of its list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

Kind = Literal["sentence", "heading", "row", "code"]

CITATION = re.compile(
    r"(?<!\\)[\[(](?P<ids>[EKCH]\d{1,3}(?:\s{0,2}(?:,|;|&|and|–|-|to)?\s{0,2}[EKCH]\d{1,3}){0,20})[\])](?!\()"
)
"""[E1], [E1, E2], (E1): what people and models write."""
LINK = re.compile(
    r"(?<![\\!])\[(?P<text>[^\[\]\n]{0,300})\]\((?P<url>[^()\s]{0,2000}(?:\([^()\s]{0,200}\)[^()\s]{0,200})?)\)"
)
CODE = re.compile(r"(?<!`)(`{1,3})(?!`)(?P<code>[^`\n]{1,1000})\1(?!`)")
_ATOMS = re.compile(
    rf"{CODE.pattern}|{LINK.pattern}|\*\*[^*\n]{{1,400}}\*\*|“[^”]{{0,1000}}”|\"[^\"\n]{{0,400}}\"|\([^()\n]{{0,400}}\)"
)
"""What no sentence ends in the middle of."""
_END = re.compile(r"[.!?…](?:[\"”’)*_]{0,4})(?:\s{0,2}[\[(][EKCH]\d[^\])\n]{0,120}[\])]\.?){0,8}(?=\s|$)")
_BEFORE_END = re.compile(r"(?:\b(?:e\.g|i\.e|approx|vs|etc|cf|incl|ca|no|resp|al)|^\s*\d{1,3})$", re.IGNORECASE)
_NEW_LINE = re.compile(r"\n(?=[ \t]*\*\*)|(?<=[.!?:\])*])\n(?=[ \t]*[A-Z\d])")


@dataclass(frozen=True)
class Claim:
    """`text` is `answer[start:end]`, `depth` how many lists it is in. `cites` are item ids, its own or inherited; `follow` is how many bullets it introduces.

    `block` numbers the paragraph, bullet, row or code block it stands in, `parent` the item or introduction above it (-1: none).
    """

    kind: Kind
    start: int
    end: int
    text: str
    block: int
    parent: int = -1
    depth: int = 0
    cites: tuple[str, ...] = ()
    follow: int = 0
    language: str = ""


@dataclass
class _Block:
    kind: Kind
    start: int
    end: int
    parent: int
    depth: int = 0
    language: str = ""
    children: list[int] = field(default_factory=list)


def read_claims(answer: str) -> list[Claim]:
    """In the order of the text."""
    blocks = _blocks(answer)
    own = [cited(answer[block.start : block.end]) if block.kind != "code" else () for block in blocks]
    claims: list[Claim] = []
    for number, block in enumerate(blocks):
        inherited = _inherited(number, blocks, own)
        for start, end in _sentences(answer, block):
            text = answer[start:end]
            cites = (cited(text) if block.kind != "code" else ()) or own[number] or inherited
            claim = Claim(
                block.kind,
                start,
                end,
                text,
                number,
                block.parent,
                block.depth,
                cites,
                len(block.children),
                block.language,
            )
            claims.append(claim)
    return [replace(claim, follow=0) if claim.kind == "code" else claim for claim in claims]


def cited(text: str) -> tuple[str, ...]:
    """The ids in its citations, in order, each once."""
    found = [ids for match in CITATION.finditer(text) for ids in _ids(match["ids"])]
    found += [link["text"] for link in LINK.finditer(text) if re.fullmatch(r"[EKCH]\d{1,3}", link["text"])]
    return tuple(dict.fromkeys(found))


def _ids(listed: str) -> Iterable[str]:
    """ "E1, E3" as they stand; "E1–E3" with what lies between."""
    spans = re.findall(r"([EKCH])(\d+)\s*(?:–|-|to)\s*\1(\d+)", listed)
    between = [f"{kind}{n}" for kind, low, high in spans for n in range(int(low), min(int(high), int(low) + 50) + 1)]
    return [*re.findall(r"[EKCH]\d+", listed), *between]


def _inherited(number: int, blocks: list[_Block], own: list[tuple[str, ...]]) -> tuple[str, ...]:
    """From the list it introduces, else from the nearest block above that cites."""
    block = blocks[number]
    below = [cite for child in block.children for cite in own[child]]
    if below:
        return tuple(dict.fromkeys(below))
    seen = 0
    while block.parent >= 0 and seen < 20:
        if own[block.parent]:
            return own[block.parent]
        block = blocks[block.parent]
        seen += 1
    return ()


def _blocks(answer: str) -> list[_Block]:
    starts = [0]
    for line in answer.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    blocks: list[_Block] = []
    nesting = _Nesting()
    for token in _MARKDOWN.parse(answer):
        nesting.follow(token)
        kind = _kind_of(token, heading=nesting.heading, table=nesting.table)
        if kind is None or token.map is None:
            continue
        block = _Block(kind, *_span(answer, starts, token, nesting.table), nesting.parent(kind), nesting.depth)
        block.language = token.info.strip().lower() if kind == "code" else ""
        if block.parent >= 0:
            blocks[block.parent].children.append(len(blocks))
        if kind == "sentence":
            nesting.shown(len(blocks))
        blocks.append(block)
    return blocks


@dataclass
class _Nesting:
    """Where in lists, tables and headings the parser is.

    `level[-1]` is the text of the present bullet, or on the page itself the last text; `openers[-1]` is the text that introduces
    the present list. -1 stands for none.
    """

    level: list[int] = field(default_factory=lambda: [-1])
    openers: list[int] = field(default_factory=lambda: [-1])
    heading: bool = False
    table: bool = False

    def follow(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self.openers.append(self.level[-1])
                self.level.append(-1)
            case "bullet_list_close" | "ordered_list_close":
                self.openers.pop()
                self.level.pop()
            case "list_item_open" | "hr" | "heading_open" | "heading_close":
                self.level[-1] = -1
                self.heading = token.type == "heading_open"
            case "table_open" | "table_close":
                self.table = token.type == "table_open"
            case "thead_open" | "thead_close":
                self.heading = token.type == "thead_open"

    @property
    def depth(self) -> int:
        return len(self.level) - 1

    def parent(self, kind: Kind) -> int:
        in_item = len(self.level) > 1
        above = self.level[-1] if in_item or kind in ("code", "row") else -1
        return self.openers[-1] if in_item and above < 0 else above

    def shown(self, block: int) -> None:
        if self.level[-1] < 0 or len(self.level) == 1:
            self.level[-1] = block


def _kind_of(token: Token, *, heading: bool, table: bool) -> Kind | None:
    if token.type in ("fence", "code_block"):
        return "code"
    if token.type == "tr_open":
        return "heading" if heading else "row"
    if token.type == "inline" and not table:
        return "heading" if heading else "sentence"
    return None


def _span(answer: str, starts: list[int], token: Token, in_table: bool) -> tuple[int, int]:
    """Where its text stands: without the marker of a bullet or heading, but with the fences of code."""
    first, last = token.map or [0, 0]
    start, end = starts[first], min(starts[last], len(answer))
    if token.type == "inline" and not in_table:
        head = token.content.split("\n", 1)[0]
        place = answer.find(head, start, end)
        start = place if place >= 0 else start
    return start, start + len(answer[start:end].rstrip())


def _sentences(answer: str, block: _Block) -> Iterator[tuple[int, int]]:
    """Cut at full stops that are not inside code, a link, emphasis, a quote or a bracket."""
    if block.kind != "sentence":
        yield block.start, block.end
        return
    text = answer[block.start : block.end]
    inside = bytearray(len(text) + 1)
    for atom in _ATOMS.finditer(text):
        inside[atom.start() : atom.end() - 1] = b"\1" * (atom.end() - atom.start() - 1)
    cuts = [0]
    for end in _END.finditer(text):
        # What ends inside a bracket, quote or emphasis ends the sentence only when that closes here and a new one begins.
        closes = (
            text[end.end() - 1] in '"”*)]'
            and not inside[end.end() - 1]
            and not text[end.end() :].lstrip()[:1].islower()
        )
        if (not inside[end.start()] or closes) and not _BEFORE_END.search(
            text[max(cuts[-1], end.start() - 12) : end.start()]
        ):
            cuts.append(end.end())
    cuts += [line.start() for line in _NEW_LINE.finditer(text) if not inside[line.start()]]
    for start, end_ in pairwise(sorted({*cuts, len(text)})):
        lead = len(text[start:end_]) - len(text[start:end_].lstrip())
        if text[start:end_].strip():
            yield block.start + start + lead, block.start + end_


_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False}).enable("table").disable(["reference", "html_block", "html_inline"])
)
"""A line such as "[E1]: …" is a sentence here, not the definition of a link."""
