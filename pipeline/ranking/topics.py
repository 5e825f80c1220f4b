"""What a text speaks of, by the words of `topics.yaml`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from core.yaml_files import load_shipped

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAME = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Topics:
    """`of_word` maps a word in lower case to its topics."""

    of_word: dict[str, frozenset[str]]
    outside: frozenset[str]
    harmless_files: tuple[str, ...]
    stopping: re.Pattern[str]
    products: dict[str, str]
    machine: frozenset[str]
    by_time: frozenset[str]
    of_kind: dict[str, str]
    whole: frozenset[str]

    def of(self, text: str, *, without: re.Pattern[str] | None = None) -> Counter[str]:
        """How many different words of each topic the text has; `without` finds names, which say where and not what."""
        text = without.sub(" ", text) if without else text
        alone = {name.lower() for name in _NAME.findall(text)}
        told = alone | (set(words(text)) - self.whole)
        return Counter(topic for word in told for topic in self.of_word.get(word, ()))

    def of_product(self, name: str) -> str | None:
        """What the software of that name is about; None when it is not known."""
        return next((topic for word in words(name) if (topic := self.products.get(word))), None)

    def are_harmless(self, files: Iterable[str]) -> bool:
        """Whether a change touches files, and only such as people read."""
        files = list(files)
        return bool(files) and all(any(fnmatch(name, pattern) for pattern in self.harmless_files) for name in files)


@cache
def load_topics() -> Topics:
    """The shipped topics."""
    document = load_shipped(Path(__file__).with_name("topics.yaml").read_text(encoding="utf-8"))
    of_word: dict[str, set[str]] = {}
    for topic, listed in document["topics"].items():
        for word in listed:
            of_word.setdefault(str(word).lower(), set()).add(topic)
    return Topics(
        {word: frozenset(topics) for word, topics in of_word.items()},
        frozenset(document["outside"]),
        tuple(document["harmless_files"]),
        re.compile("|".join(document["stopping"]), re.IGNORECASE),
        {name: topic for topic, names in document["products"].items() for name in names},
        frozenset(document["machine"]),
        frozenset(document["by_time"]),
        document["of_kind"],
        frozenset(document["whole"]),
    )


def any_of(names: Iterable[str]) -> re.Pattern[str]:
    """Finds the names in a text, whichever way they are joined: restic-rest is restic_rest and "restic rest"."""
    forms = sorted(
        {re.sub(r"[-_ ]", "[-_ ]?", name) for name in names if re.fullmatch(r"[\w .@-]+", name)}, key=len, reverse=True
    )
    return re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(forms) or '(?!)'})(?![A-Za-z0-9])", re.IGNORECASE)


def words(text: str) -> list[str]:
    """Names in lower case, and the parts of those that are made of several: `maxConnections_db` → maxconnections_db, max, …."""
    found = []
    for name in _NAME.findall(text):
        found.append(name.lower())
        parts = [part.lower() for part in _PART.findall(name)]
        if len(parts) > 1:
            found += parts
            found.append("".join(parts))
    return found
