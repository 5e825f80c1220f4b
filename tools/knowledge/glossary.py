"""What well-known software is for, in the words of people who do not know its name: "time synchronisation" finds the role chrony.

A role or page that is called after such software gets the words of `glossary.yaml` beside its own.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePosixPath

import yaml

LONGEST_NAME = 3
"""Words in a glossary entry's name."""
_WORD = re.compile(r"[a-z0-9]+")


def gloss_of(path: str, group: str) -> str:
    """For the document's role, else its file name; empty when neither names anything known."""
    name = PurePosixPath(group).name if group != path else PurePosixPath(path).stem
    words = _WORD.findall(name.lower())
    for length in range(min(LONGEST_NAME, len(words)), 0, -1):
        for start in range(len(words) - length + 1):
            if found := load_glossary().get(" ".join(words[start : start + length])):
                return found
    return ""


@cache
def load_glossary() -> dict[str, str]:
    """By name, lower case."""
    text = Path(__file__).with_name("glossary.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return {str(name): str(words) for name, words in yaml.load(text, Loader=loader).items()}  # noqa: S506 - a safe loader
