"""Which documents answer a question: vectors and words, fused into one score that is also a probability.

Each document is judged by six numbers, all between 0 and about 1 and comparable between questions:

    best, second   cosine of the question with the document's nearest passage and the one after
    whole          cosine with the mean of all its passages: what the document is about
    passage, page  BM25 of its best passage and of the whole page, as a share of what a perfect match would score
    named          how many of the question's compounds (KubeProxy, node-exporter) the document is named after, rare ones counting more

Their weighted sum orders the documents. The best sum, less what the question's foreign names cost, gives by a logistic curve the
probability that the page is the right one; below `bar` there is no right page. The constants were fitted on the development halves of
several sets of questions over runbooks, technical documentation and Ansible trees (docs/search.md).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.knowledge.asked import asked_for
from tools.knowledge.catalogue import MAX_SCORE_PER_WORD, Place
from tools.knowledge.query import Query

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tools.knowledge.generation import Generation

ENOUGH_DOCUMENTS = 100
"""With fewer, that a word stands in none of them says less."""
NEAREST_PASSAGES, NEAREST_DOCUMENTS = 80, 60
MATCHING_PASSAGES, MATCHING_DOCUMENTS = 100, 60


@dataclass(frozen=True)
class SearchWeights:
    """`best` to `named` are the weights of the six numbers; `slope` and `intercept` make of their sum log-odds.

    `length` is log-odds per natural logarithm of the question's words: a page that answers a long question matches a smaller share of it.
    `foreign_names` is what it costs, in log-odds, when the question names something that no document does. A probability below `bar`
    means that no page answers the question.
    """

    best: float = 1.0
    second: float = 0.15
    whole: float = 0.8
    passage: float = 0.2
    page: float = 1.1
    named: float = 0.3
    slope: float = 5.15
    intercept: float = -6.1
    length: float = 1.2
    foreign_names: float = 2.8
    bar: float = 0.46


WEIGHTS = SearchWeights()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A document with the passage of it that answers best. `score` is a probability."""

    document: int
    passage: int | None
    score: float


@dataclass(slots=True)
class _Candidate:
    """One document's numbers, and its passages by how well they answer."""

    cosines: list[float] = field(default_factory=list)
    whole: float = 0.0
    passage: float = 0.0
    page: float = 0.0
    named: float = 0.0
    passages: dict[int, float] = field(default_factory=dict)

    def total(self, floor: float, weights: SearchWeights) -> float:
        cosines = sorted(self.cosines, reverse=True)
        best = cosines[0] if cosines else floor
        second = cosines[1] if len(cosines) > 1 else min(best, floor)
        return (
            weights.best * best
            + weights.second * second
            + weights.whole * self.whole
            + weights.passage * self.passage
            + weights.page * self.page
            + weights.named * self.named
        )


def rank(
    generation: Generation,
    query: Query,
    vector: NDArray[np.float32],
    *,
    foreign: bool,
    weights: SearchWeights = WEIGHTS,
) -> list[Ranked]:
    """All candidates, best first, one per group before any second of one. `foreign`: the question names something unknown.

    Being of the sort that is asked for moves a document up, but makes it no likelier to hold the answer.
    """
    candidates, floor = _candidates(generation, query, vector)
    totals = {number: candidate.total(floor, weights) for number, candidate in candidates.items()}
    places = generation.words.places(list(totals))
    fitting = {number: total + asked_for(query.words, places[number]) for number, total in totals.items()}
    doubt = weights.foreign_names * min(1.0, generation.words.counts()[0] / ENOUGH_DOCUMENTS) if foreign else 0.0
    return [
        Ranked(number, _best_passage(candidates[number]), probability(totals[number], len(query.words), doubt, weights))
        for number in _one_per_group(sorted(fitting, key=lambda number: -fitting[number]), places)
    ]


def probability(total: float, words: int, doubt: float, weights: SearchWeights) -> float:
    """That a document with this weighted sum answers a question of so many telling words; `doubt` is in log-odds."""
    odds = weights.slope * total + weights.intercept + weights.length * math.log(max(words, 1)) - doubt
    return 1 / (1 + math.exp(-odds))


def _candidates(
    generation: Generation, query: Query, vector: NDArray[np.float32]
) -> tuple[dict[int, _Candidate], float]:
    """By document, and the cosine that no passage beyond those looked at can exceed."""
    words, vectors = generation.words, generation.vectors
    documents, passages = words.counts()
    weights = {phrase: _weight(words.frequency("documents", phrase), documents) for phrase in query.phrases}
    ideal = MAX_SCORE_PER_WORD * sum(weights.values())
    near = vectors.nearest_passages(vector, min(NEAREST_PASSAGES, passages))
    cosines = {number: near[name] for number, name in words.sharing("passage", list(near)).items()}
    matched = words.matches("passages", query.phrases, MATCHING_PASSAGES)
    pages = words.matches("documents", query.phrases, MATCHING_DOCUMENTS)
    document_of = words.document_of([*cosines, *matched])
    found: dict[int, _Candidate] = {number: _Candidate() for number in {*document_of.values(), *pages}}
    for number, cosine in cosines.items():
        one = found[document_of[number]]
        one.cosines.append(cosine)
        one.passages[number] = cosine
    floor = min(cosines.values(), default=0.0)
    for number, score in matched.items():
        one = found[document_of[number]]
        one.passage = max(one.passage, score / ideal)
        one.passages[number] = one.passages.get(number, floor) + score / ideal
    for number, score in pages.items():
        found[number].page = score / ideal
    compounds = {compound: weights[compound] for compound in query.compounds if compound in weights}
    for compound, weight in compounds.items():
        for number in words.named(compound):
            if number in found:
                found[number].named += weight / sum(compounds.values())
    wholes = vectors.document_cosines(vector)
    nearest = heapq.nlargest(NEAREST_DOCUMENTS, wholes, key=wholes.__getitem__)
    for number in words.sharing("document", nearest):
        found.setdefault(number, _Candidate())
    for number, name in words.document_vectors(list(found)).items():
        found[number].whole = wholes[name]
    return found, floor


def _weight(frequency: int, documents: int) -> float:
    """The inverse document frequency as FTS5 computes it; a word that nobody wrote weighs as much as one that a single page has."""
    frequency = max(frequency, 1)
    return max(math.log((documents - frequency + 0.5) / (frequency + 0.5)), 1e-6)


def _one_per_group(order: Sequence[int], places: Mapping[int, Place]) -> list[int]:
    """Three files of one Ansible role would hide the other roles."""
    firsts: dict[str, int] = {}
    for number in order:
        firsts.setdefault(places[number].group, number)
    leaders = set(firsts.values())
    return [*firsts.values(), *(number for number in order if number not in leaders)]


def _best_passage(candidate: _Candidate) -> int | None:
    return max(candidate.passages, key=candidate.passages.__getitem__) if candidate.passages else None
