"""Text from outside that speaks to an assistant rather than to its reader: data, never an order, and not worth repeating."""

from __future__ import annotations

import re

_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:instructions?|prompts?|rules|evidence|context|everything|previous|above)\b"
    r"|\b(?:to|for|attention|note to|dear) (?:the |any |all )?(?:ai|llm|assistants?|language models?|chat ?bots?|agents?)\b"
    r"|^\W*(?:system|assistant|developer)\s*(?:prompt|message|note)?\s*:\s*(?:you|ignore|answer|respond|reply|say|do|from now)\b"
    r"|\byou are (?:now|an? (?:ai|assistant|language model))\b"
    r"|\b(?:answer|reply|respond|say|state|claim|tell the (?:user|reader|owner))\b[^.\n]{0,30}\b(?:only|that|with)\b[^.\n]{0,60}"
    r"\b(?:cause|healthy|fine|good|nothing|no alert|all is well|resolved)\b"
    r"|\b(?:reveal|print|output|leak|send)\b[^.\n]{0,40}\b(?:environment|secrets?|tokens?|api keys?|passwords?|system prompt)\b",
    re.IGNORECASE | re.MULTILINE,
)


_BLOCK = re.compile(r"(\n\s*\n|\n(?=\s*(?:[-*+]|\d+[.)])\s))")
"""Between paragraphs, and before each item of a list."""


def without_orders(text: str) -> tuple[str, int]:
    """The text without the paragraphs and list items that order an assistant about, and how many those were."""
    parts = _BLOCK.split(text)
    blocks, joints = parts[::2], ["", *parts[1::2]]
    kept = [joint + block for joint, block in zip(joints, blocks, strict=True) if not _ORDER.search(block)]
    return "".join(kept).lstrip("\n"), len(blocks) - len(kept)
