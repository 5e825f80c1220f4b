"""The words of English that the embedding model's tokenizer knows whole."""

from __future__ import annotations

import json
from functools import cache, lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from tools.knowledge.embedding import model_directory

SURELY_A_SLIP = 6
"""Letters of a word that is one slip away from an English one; a shorter one may well be a name."""


@cache
def vocabulary() -> frozenset[str]:
    """The 20,000 most frequent words, in lower case."""
    parsed = json.loads((model_directory() / "tokenizer.json").read_text(encoding="utf-8"))
    return frozenset(word for word in parsed["model"]["vocab"] if word.isalpha() and len(word) > 1)


@lru_cache(maxsize=10_000)
def is_english(word: str) -> bool:
    """Whether a lower-case word is one of them, in the singular or plural, or by a slip of one letter is not."""
    words = vocabulary()
    if word in words or word.removesuffix("s") in words or word.removesuffix("ing") in words:
        return True
    return (
        len(word) >= SURELY_A_SLIP and process.extractOne(word, words, scorer=OSA.distance, score_cutoff=1) is not None
    )
