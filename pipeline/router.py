"""What a question is after when no rule knows it: told by examples, by way of the embedding that search uses, too."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from core.errors import ConfigurationError, KnowledgeError
from core.vocabulary import Intent
from core.yaml_files import load_shipped
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
_WORD = re.compile(r"[\w.-]*\w")


@dataclass(frozen=True)
class RouterWeights:
    """`ridge` holds the fit to the examples back; from the score `threshold` on an intent is taken. What a rule said counts, too:
    `weak` if it is easily mistaken, `guess` if it was for want of anything better.
    """

    ridge: float = 1.0
    threshold: float = 0.25
    weak: float = 0.1
    guess: float = 0.03


class Router:
    """A linear classifier of embedded questions, fitted to examples: least squares with a ridge penalty, each intent counting alike.

    Blocks while it embeds: some milliseconds, up to a second the first time. Safe from several threads.
    """

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._known: tuple[Examples, float, Fitted] | None = None
        self._first = threading.Lock()

    def intent(
        self,
        text: str,
        weights: RouterWeights,
        examples: Examples | None = None,
        *,
        rule: Intent | None = None,
        weak: bool = False,
    ) -> Intent | None:
        """None when it is like none of the examples. `rule` is what a rule took it for. Raises KnowledgeError without the embedding model."""
        fitted = self._fitted(load_examples() if examples is None else examples, weights.ridge)
        return decided(fitted.scores(self._embed([text]))[0], weights, rule=rule, weak=weak)

    def _fitted(self, examples: Examples, ridge: float) -> Fitted:
        """To the examples that were used last, once."""
        with self._first:
            if self._known is None or self._known[:2] != (examples, ridge):
                listed = [(intent, text) for intent, texts in examples.items() for text in texts]
                vectors = self._embed([text for _, text in listed])
                self._known = (examples, ridge, fit(vectors, [intent for intent, _ in listed], ridge))
            return self._known[2]


@dataclass(frozen=True)
class Fitted:
    """One column of `weights` for each intent, the last row for none of the vector's own."""

    intents: tuple[Intent, ...]
    weights: NDArray[np.float64]

    def scores(self, vectors: NDArray[np.float32]) -> list[dict[Intent, float]]:
        """About 0 for an intent that a text is not of, about 1 for its own."""
        found = vectors @ self.weights[:-1] + self.weights[-1]
        return [dict(zip(self.intents, row, strict=True)) for row in found.tolist()]


def fit(vectors: NDArray[np.float32], intents: Sequence[Intent], ridge: float) -> Fitted:
    """Least squares to 1 for the own intent and 0 for the others, in closed form."""
    import numpy as np  # only who asks what no rule knows waits for it

    names = tuple(dict.fromkeys(intents))
    counts = Counter(intents)
    alike = np.sqrt([len(intents) / (len(names) * counts[each]) for each in intents])
    rows = np.hstack([vectors, np.ones((len(vectors), 1))]).astype(np.float64)
    weighted = (rows * alike[:, None]).T
    wanted = np.array([[float(each == name) for name in names] for each in intents])
    return Fitted(names, np.linalg.solve(weighted @ rows + ridge * np.eye(rows.shape[1]), weighted @ wanted))


def decided(
    scores: Mapping[Intent, float], weights: RouterWeights, *, rule: Intent | None = None, weak: bool = False
) -> Intent | None:
    """The intent with the highest score, the rule's word included; None below the threshold."""
    told = {**scores}
    if rule in told:
        told[rule] += weights.weak if weak else weights.guess
    best = max(told, key=told.__getitem__)
    return best if told[best] >= weights.threshold else None


async def routed(question: Question, inventory: Inventory, sources: Sources, gaps: Gaps) -> Intent | None:
    """What a question is after that no rule knows for certain; None when it is like no example.

    Without the embedding model, which is a gap, the rules decide alone.
    """
    if sources.router is None or (question.sure and not question.weak):
        return None
    own = sources.parameters
    weights, examples = (own.router, own.router_examples) if own else (RouterWeights(), None)
    try:
        text = impersonal(question, inventory)
        ask = partial(sources.router.intent, text, weights, examples, rule=question.intent, weak=question.weak)
        return await asyncio.to_thread(ask)
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
            load_shipped(path.read_text(encoding="utf-8"))
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{path.name}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return found
