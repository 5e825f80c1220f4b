"""How well a search finds the right page: pairs of a question and the page that answers it, over any corpus.

A pairs file is JSON: `[{"question": …, "expected": PATH or null, "also_accept": [PATH or glob, …]}]`, paths relative to the corpus. With
`expected: null` no page answers the question, and the right result is none.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from core.errors import InvalidInput
from core.vocabulary import Frozen

DEPTH = 10
"""How many documents a search is asked for; a right page further down counts as not found."""

Search = Callable[[str, int], Sequence[str]]
"""The paths found for a question, best first, at most as many as asked for."""


class Pair(Frozen):
    """A question and the pages that a fair judge would accept. Other fields of a file are somebody's notes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    question: str
    expected: str | None
    also_accept: tuple[str, ...] = ()

    def accepts(self, document: str) -> bool:
        return document == self.expected or any(fnmatchcase(document, pattern) for pattern in self.also_accept)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`rank` of the right page from 1, None when it was not found; `found` are the first paths; `seconds` the query took."""

    pair: Pair
    rank: int | None
    found: tuple[str, ...]
    seconds: float


class Figures(Frozen):
    """Shares are 0..1, times milliseconds. `abstained` counts the questions without a page for which nothing was found.

    `false_abstentions` counts those with a page for which nothing was found, `page_missing` those whose page the corpus does not hold:
    they count as misses, but the search is not to blame.
    """

    questions: int
    hit_at_1: float
    hit_at_3: float
    mrr: float
    without_page: int
    abstained: int
    false_abstentions: int
    page_missing: int
    query_ms_median: float
    query_ms_p95: float


def load_pairs(path: Path) -> list[Pair]:
    """Raises InvalidInput, which names the file and the first wrong field."""
    try:
        pairs = TypeAdapter(list[Pair]).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"pairs: {path} cannot be read ({error})") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"pairs: {path}: {place}: {first['msg']}") from None
    except ValueError as error:
        raise InvalidInput(f"pairs: {path} is not JSON ({error})") from None
    if not pairs:
        raise InvalidInput(f"pairs: {path} holds no pair")
    return pairs


def without_their_page(pairs: Sequence[Pair], documents: Collection[str]) -> list[Pair]:
    """The pairs that should have a page, and for which no document of the corpus would be right."""
    return [
        pair
        for pair in pairs
        if pair.expected is not None and not any(pair.accepts(document) for document in documents)
    ]


def ask_all(pairs: Sequence[Pair], search: Search, progress: Callable[[int, int], None] | None = None) -> list[Outcome]:
    """Each question once, in order."""
    outcomes = []
    for number, pair in enumerate(pairs, start=1):
        started = time.perf_counter()
        found = tuple(search(pair.question, DEPTH))
        seconds = time.perf_counter() - started
        rank = next((place for place, document in enumerate(found, start=1) if pair.accepts(document)), None)
        outcomes.append(Outcome(pair, rank, found[:3], seconds))
        if progress is not None:
            progress(number, len(pairs))
    return outcomes


def figures(outcomes: Sequence[Outcome], *, page_missing: int = 0) -> Figures:
    """Hits and ranks over the questions that have a page, times over all. `page_missing` see `without_their_page`."""
    with_page = [outcome for outcome in outcomes if outcome.pair.expected is not None]
    without = [outcome for outcome in outcomes if outcome.pair.expected is None]
    ranks = [outcome.rank for outcome in with_page]
    times = sorted(outcome.seconds * 1e3 for outcome in outcomes)
    count = max(len(ranks), 1)
    return Figures(
        questions=len(outcomes),
        hit_at_1=sum(rank == 1 for rank in ranks) / count,
        hit_at_3=sum(rank is not None and rank <= 3 for rank in ranks) / count,
        mrr=sum(1 / rank for rank in ranks if rank is not None) / count,
        without_page=len(without),
        abstained=sum(not outcome.found for outcome in without),
        false_abstentions=sum(not outcome.found for outcome in with_page),
        page_missing=page_missing,
        query_ms_median=times[len(times) // 2],
        query_ms_p95=times[min(int(len(times) * 0.95), len(times) - 1)],
    )


def misses(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes that were not right at once."""
    return [one for one in outcomes if (one.rank != 1 if one.pair.expected is not None else one.found)]
