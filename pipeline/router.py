"""What a question is after when no rule knows it: the nearest of some examples decides, by the embedding that search uses, too."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from pydantic import TypeAdapter, ValidationError

from core.errors import ConfigurationError, KnowledgeError
from core.vocabulary import Intent
from pipeline.brief import Gaps, Question
from tools.inventory import Inventory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.sources import Sources

EXAMPLES_FILE = Path(__file__).with_name("router_examples.yaml")
Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]
"""Texts to vectors of unit length, one a row."""
Examples = Mapping[Intent, Sequence[str]]
_NOTHING: tuple[tuple[Intent, float], ...] = (("out_of_scope", -1.0), ("out_of_scope", -1.0))
_WORD = re.compile(r"[\w.-]*\w")


@dataclass(frozen=True)
class RouterWeights:
    """Cosines: from `threshold` an example is near enough, and it must be `lead` nearer than the nearest of another intent."""

    threshold: float = 0.5
    lead: float = 0.02


class Router:
    """Blocks while it embeds: some milliseconds, half a second the first time. Safe from several threads."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._known: tuple[Examples, list[Intent], NDArray[np.float32]] | None = None
        self._first = threading.Lock()

    def intent(self, text: str, weights: RouterWeights, examples: Examples | None = None) -> Intent | None:
        """None when no example is near enough, or two intents are about as near. Raises KnowledgeError without the embedding model."""
        intents, vectors = self._embedded(load_examples() if examples is None else examples)
        nearest: dict[Intent, float] = {}
        for intent, cosine in zip(intents, (vectors @ self._embed([text])[0]).tolist(), strict=True):
            nearest[intent] = max(nearest.get(intent, -1.0), cosine)
        return decided(nearest, weights)

    def _embedded(self, examples: Examples) -> tuple[list[Intent], NDArray[np.float32]]:
        """Of the examples that were used last, once."""
        with self._first:
            if self._known is None or self._known[0] != examples:
                listed = [(intent, text) for intent, texts in examples.items() for text in texts]
                vectors = self._embed([text for _, text in listed])
                self._known = (examples, [intent for intent, _ in listed], vectors)
            return self._known[1:]


def decided(nearest: Mapping[Intent, float], weights: RouterWeights) -> Intent | None:
    """The intent whose nearest example is near enough, and clearly nearer than that of any other."""
    (best, first), (_, second), *_ = sorted([*nearest.items(), *_NOTHING], key=lambda each: -each[1])
    return best if first >= weights.threshold and first - second >= weights.lead else None


async def routed(question: Question, inventory: Inventory, sources: Sources, gaps: Gaps) -> Intent | None:
    """What the example nearest to a question is after that no rule knows for certain; None when none is near.

    Without the embedding model, which is a gap, the rules decide alone.
    """
    if sources.router is None or (question.sure and not question.weak):
        return None
    own = sources.parameters
    weights, examples = (own.router, own.router_examples) if own else (RouterWeights(), None)
    try:
        return await asyncio.to_thread(sources.router.intent, impersonal(question, inventory), weights, examples)
    except KnowledgeError as error:
        gaps.add(f"router: the question was understood by rules alone ({error})")
        return None


def impersonal(question: Question, inventory: Inventory) -> str:
    """The question with "it" for hosts and services, and "the alert" for names of alerts: as the examples are."""
    return without_names(question.text, question.alert_names, lambda word: bool(inventory.resolve(word).subjects))


def without_names(text: str, alert_names: Sequence[str], is_name: Callable[[str], bool]) -> str:
    """ "it" for each word that is a name, "the alert" for each name of an alert."""
    for name in alert_names:
        text = text.replace(name, "the alert")
    return _WORD.sub(lambda word: "it" if is_name(word[0]) else word[0], text)


@cache
def load_examples(path: Path = EXAMPLES_FILE) -> dict[Intent, tuple[str, ...]]:
    """Raises ConfigurationError naming the field that is wrong."""
    try:
        found: dict[Intent, tuple[str, ...]] = TypeAdapter(dict[Intent, tuple[str, ...]]).validate_python(
            yaml.safe_load(path.read_text(encoding="utf-8"))
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return found
