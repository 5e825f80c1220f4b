"""What a question says, for the index to look for: its words, the compounds among them, and the names nobody knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tools.knowledge.chunks import spell_out

MAX_CHARACTERS = 4_000
"""The embedding model reads 256 tokens; more would only cost time."""
MAX_PHRASES = 48
FILLERS = frozenset(
    "a an the of in on at to for and or is are was were be been being by with from as it its this that these those there here i we "  # noqa: SIM905 - a line a word hides them
    "you he she they my our your me us do does did done how what which who whom whose why when where can could should would will "
    "shall may might must so if then than but have has had having into onto such own too very just about s t don now get got".split()
)
"""Words that say nothing about what a question is about; "down", "not" and "any" do."""
ENDINGS = ("s", "es", "d", "ed", "ing", "ly", "er", "ion", "ions")
_WORD = re.compile(r"[^\W_]+")
_COMPOUND = re.compile(r"[A-Za-z][\w-]*[A-Za-z0-9]")
_VALUE = re.compile(r"[\d/%:]")


@dataclass(frozen=True, slots=True)
class Query:
    """`text` is what the embedding reads; `bare` is the same without numbers, paths and instances, which mean nothing to it.

    `words` and `compounds` are lower case, each once; a compound is several words side by side (`KubeAPI` is "kube api").
    """

    text: str
    bare: str
    words: tuple[str, ...]
    compounds: tuple[str, ...]

    @property
    def phrases(self) -> tuple[str, ...]:
        return (*self.words, *self.compounds)[:MAX_PHRASES]


def read_query(text: str) -> Query:
    # Half of a surrogate pair, which JSON may carry, is no text to the tokenizer and to SQLite.
    text = text[:MAX_CHARACTERS].encode(errors="replace").decode()
    spelt = spell_out(text)
    words = tuple(dict.fromkeys(_WORD.findall(spelt.lower())))
    telling = tuple(word for word in words if word not in FILLERS) or words
    bare = " ".join(word for word in spelt.split() if not _VALUE.search(word))
    return Query(text=spelt, bare=bare or spelt, words=telling, compounds=tuple(_compounds(text)))


def _compounds(text: str) -> Iterable[str]:
    """Neighbouring words of each compound, as phrases of two."""
    pairs: dict[str, None] = {}
    for compound in _COMPOUND.findall(text):
        parts = _WORD.findall(spell_out(compound).replace("_", " ").lower())
        pairs |= {f"{left} {right}": None for left, right in pairwise(parts)}
    return pairs


def names_something_foreign(
    words: Sequence[str], known: Callable[[str], bool], is_plain: Callable[[str], bool]
) -> bool:
    """Whether a word stands in no document and is no plain English: a product or a machine that nobody wrote about.

    `is_plain` says whether the embedding model knows a word whole; it knows few inflected forms, so those are tried without their ending.
    """
    return any(
        len(word) > 2 and not _VALUE.search(word) and not known(word) and not any(map(is_plain, _base_forms(word)))
        for word in words
    )


def _base_forms(word: str) -> Iterator[str]:
    yield word
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) > 2:
            yield word.removesuffix(ending)
            yield word.removesuffix(ending) + "e"
    if word.startswith("un"):
        yield word.removeprefix("un")
