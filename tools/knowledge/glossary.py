"""What well-known software is for, in the words of people who do not know its name: "time synchronisation" finds the role chrony.

A role or page that is called after such software gets the words of `glossary.yaml` beside its own.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath

from core.yaml_files import load_shipped

LONGEST_NAME = 3
"""Words in a glossary entry's name."""
_WORD = re.compile(r"[a-z0-9]+")


def gloss_of(path: str, group: str) -> str:
    """For the document's role, else its file name, all that it names; empty when that is nothing known."""
    name = PurePosixPath(group).name if group != path else PurePosixPath(path).stem
    words = _WORD.findall(name.lower())
    found: list[str] = []
    start = 0
    while start < len(words):
        lengths = range(min(LONGEST_NAME, len(words) - start), 0, -1)
        length = next((n for n in lengths if " ".join(words[start : start + n]) in load_glossary()), 0)
        if length:
            found.append(load_glossary()[" ".join(words[start : start + length])])
        start += max(length, 1)
    return ". ".join(found)


@cache
def load_glossary() -> dict[str, str]:
    """By name, lower case."""
    text = Path(__file__).with_name("glossary.yaml").read_text(encoding="utf-8")
    return {str(name): str(words) for name, words in load_shipped(text).items()}
