"""Takes claims out of an answer so that what is left is still Markdown that reads well."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from pipeline.verification.claims import CITATION, Claim

_LABEL = re.compile(r"\s*(?:\*\*[^*\n]{1,80}\*\*|__[^_\n]{1,80}__|[^.!?\n]{1,80}:)?[\s:.…-]*")
_MARKER = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,3}[.)])(?:[ \t]+|$))?")
_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]")
_FENCE = re.compile(r"^[ \t>]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?(`{3,}|~{3,})")
_RULE_OF_TABLE = re.compile(r"^[ \t]*\|?[ \t:|-]*-[ \t:|-]*$")


def cut(answer: str, claims: Sequence[Claim], bad: Collection[int]) -> str:
    """The answer without the claims whose places in `claims` are in `bad`.

    With a bullet go the bullets under it, and with the last bullet goes the line that introduces them. A label without anything
    behind it, a table without rows and a heading without a text are left out too.
    """
    gone = _with_dependants(claims, set(bad))
    if not gone:
        return answer
    parts: list[str] = []
    place = 0
    for number, claim in enumerate(claims):
        if number in gone:
            parts.append(answer[place : claim.start])
            place = claim.end
    parts.append(answer[place:])
    return _tidied("".join(parts), answer)


def _with_dependants(claims: Sequence[Claim], gone: set[int]) -> set[int]:
    members: dict[int, list[int]] = {}
    children: dict[int, list[int]] = {}
    for number, claim in enumerate(claims):
        members.setdefault(claim.block, []).append(number)
    for block, numbers in members.items():
        children.setdefault(claims[numbers[0]].parent, []).append(block)
    for numbers in members.values():  # from the top: a block's parent stands before it
        first = claims[numbers[0]]
        above = members.get(first.parent, [])
        lost_its_place = above and gone.issuperset(above) and (first.kind == "code" or claims[above[0]].depth > 0)
        left = [claims[number].text for number in numbers if number not in gone]
        only_a_label = len(left) < len(numbers) and all(_LABEL.fullmatch(CITATION.sub("", text)) for text in left)
        if lost_its_place or only_a_label:
            gone.update(numbers)
    for block in reversed(members):
        below = children.get(block, [])
        introduces = claims[members[block][-1]].text.rstrip().endswith((":", "]", "**"))
        if below and introduces and all(gone.issuperset(members[child]) for child in below):
            gone.add(members[block][-1])
    return gone


def _tidied(text: str, answer: str) -> str:
    """Without the lines of which only a marker is left, and without headings over nothing."""
    original = set(answer.split("\n"))
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        opened = _FENCE.match(line)
        if opened and (not fence or (opened[1].startswith(fence) and not line.strip(" \t>`~"))):
            fence = "" if fence else opened[1]
        elif not fence and line.strip() and line not in original:
            if _MARKER.fullmatch(line):
                continue
            line = re.sub(r"(?<=\S) {2,}(?=\S)", " ", line.rstrip())  # noqa: PLW2901  the gap that a sentence left
        lines.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_without_hollow_headings(_without_hollow_tables(lines)))).strip()


def _without_hollow_tables(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for number, line in enumerate(lines):
        after = lines[number + 1] if number + 1 < len(lines) else ""
        rule = "|" in line and _RULE_OF_TABLE.match(line)
        headed = bool(kept) and "|" in kept[-1]
        if rule and headed and "|" not in after:
            kept.pop()
        elif headed or not rule:
            kept.append(line)
    return kept


def _without_hollow_headings(lines: list[str]) -> list[str]:
    kept: list[str] = []
    level_below, anything = 0, False
    for line in reversed(lines):
        heading = _HEADING.match(line)
        if heading is None:
            anything = anything or bool(line.strip())
            kept.append(line)
        elif anything or len(heading[1]) < level_below:
            level_below, anything = len(heading[1]), False
            kept.append(line)
    return kept[::-1]
