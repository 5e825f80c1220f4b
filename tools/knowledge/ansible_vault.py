"""Encrypted values out of a text, line numbers kept."""

from __future__ import annotations

import re

MASK = "(vault value)"
_HEADER = "$ANSIBLE_VAULT;"
_TAG = "!vault"
_TAGGED_BLOCK = re.compile(
    r"(?P<before>(?P<indent>\s*)(?P<dashes>(?:[-?]\s+)*)(?P<key>\S.*?)?)!vault(?:-encrypted)?\s+[|>][-+\d]*\s*(?:#.*)?"
)
_TAGGED_INLINE = re.compile(r"!vault(?:-encrypted)?\s+(?=[\"']?\$ANSIBLE_VAULT;)")
_INLINE = re.compile(r"\$ANSIBLE_VAULT;[^\s\"']*")
# Hex digits, maybe in a comment or in a quoted string that runs over several lines.
_CIPHERTEXT = re.compile(r"(?P<before>[\s#\"']*)[0-9a-fA-F]{2,}(?:\\n)*\\?(?P<after>[\"']?[\s,}\]]*)")


def without_vault(text: str) -> str | None:
    """The text with "(vault value)" in place of each encrypted value, line by line; None when the whole file is encrypted."""
    if text.lstrip("\ufeff \t\r\n").startswith(_HEADER):
        return None
    if _TAG not in text and _HEADER not in text:
        return text
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        number = _mask_from(lines, number)
    return "\n".join(lines)


def _mask_from(lines: list[str], number: int) -> int:
    """Masks the value that begins in this line, if one does, and returns the line to go on with."""
    line = lines[number]
    if _TAG in line and (tagged := _TAGGED_BLOCK.fullmatch(line)):
        lines[number] = f"{tagged['before']}{MASK}"
        least = _least_indent(tagged)
        number += 1
        while number < len(lines) and (_indent(lines[number]) >= least or _is_ciphertext(lines[number])):
            lines[number] = ""
            number += 1
        return number
    if _HEADER not in line:
        return number + 1
    lines[number] = _INLINE.sub(MASK, _TAGGED_INLINE.sub("", line))
    return _blank_ciphertext(lines, number + 1)


def _least_indent(tagged: re.Match[str]) -> int:
    """From how many spaces on a line still belongs to the tagged block: more than its key's, or its dash's when it has no key."""
    dashes = len(tagged["dashes"])
    if tagged["key"]:
        return len(tagged["indent"]) + dashes + 1
    # A tag on a line of its own: the key stands in a line above, further left.
    return len(tagged["indent"]) + (len(tagged["dashes"].rstrip()) if dashes else 0)


def _blank_ciphertext(lines: list[str], number: int) -> int:
    while number < len(lines):
        if found := _CIPHERTEXT.fullmatch(lines[number]):
            # A closing quote has to stay, or the YAML would break.
            lines[number] = (found["before"] + found["after"]).rstrip()
        elif lines[number].strip():
            break
        number += 1
    return number


def _is_ciphertext(line: str) -> bool:
    return _HEADER in line or bool(_CIPHERTEXT.fullmatch(line))


def _indent(line: str) -> float:
    stripped = line.lstrip()
    return len(line) - len(stripped) if stripped else float("inf")
