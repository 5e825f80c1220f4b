"""Which words are ordinary English or the trade's own, so that what is left may be a name; and which words carry content."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from pathlib import Path

from core.yaml_files import load_shipped
from tools.knowledge.vocabulary import vocabulary

_WORDS_FILE = Path(__file__).with_name("words.yaml")
_PREFIXES = ("un", "re", "mis", "over", "under", "non", "pre", "out", "sub", "inter", "auto")
_ENDINGS = (
    ("ies", "y"), ("es", ""), ("s", ""), ("ied", "y"), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ly", ""), ("er", ""),
    ("er", "e"), ("ers", ""), ("est", ""), ("est", "e"), ("iest", "y"), ("ness", ""), ("able", ""), ("able", "e"), ("ment", ""), ("ation", "e"), ("ations", "ate"), ("ation", "ate"), ("ion", ""), ("ion", "e"), ("ity", ""),
    ("ised", "ized"), ("ising", "izing"), ("isation", "ization"), ("ise", "ize"),
)  # fmt: skip
_ENGLISH = (
    "ible",
    "able",
    "ous",
    "ive",
    "fully",
    "ness",
    "ment",
    "tion",
    "sion",
    "ity",
    "ance",
    "ence",
    "ized",
    "ised",
    "izing",
    "ising",
)
"""No service is called so."""
_CUT_OFF = (
    "ingly",
    "edly",
    "ations",
    "ation",
    "ments",
    "ment",
    "ures",
    "ure",
    "ings",
    "ing",
    "ied",
    "ies",
    "ed",
    "es",
    "ly",
    "s",
)
WORD = re.compile(r"[A-Za-z]{3,40}")


@cache
def words(kind: str) -> frozenset[str]:
    """A list of `words.yaml`."""
    return frozenset(load_shipped(_WORDS_FILE.read_text(encoding="utf-8"))[kind].split())


@lru_cache(maxsize=20_000)
def is_ordinary(word: str) -> bool:
    """Whether a word is English or the trade's own, in any of its forms."""
    lower = word.lower().removesuffix("'s").removesuffix("’s")
    return _is_known(lower) or any(
        lower.startswith(prefix) and len(lower) > len(prefix) + 3 and _is_known(lower[len(prefix) :])
        for prefix in _PREFIXES
    )


def is_itself_a_word(word: str) -> bool:
    """Whether a word stands in the vocabulary as it is, and not only by its stem."""
    return word in vocabulary() or word in words("trade")


def _is_known(word: str) -> bool:
    known, trade = vocabulary(), words("trade")
    if len(word) < 3 or word in known or word in trade:
        return True
    if word.endswith(_ENGLISH) and len(word) > 7:
        return True
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)] + instead
            doubled = len(stem) > 3 and stem[-1] == stem[-2] and (stem[:-1] in known or stem[:-1] in trade)
            if stem in known or stem in trade or (doubled and ending in ("ed", "ing", "er")):
                return True
    return False


def content_words(text: str) -> set[str]:
    """The stems of the words that carry content, each once."""
    return {stem(word) for word in WORD.findall(text.lower()) if word not in words("stop")}


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Crude, and the same for every form of a regular word: restart, restarts, restarted, restarting."""
    for ending in _CUT_OFF:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + ("y" if ending in ("ied", "ies") else "")
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word.removesuffix("e")
