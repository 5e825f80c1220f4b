"""From nearest chunks to the passages worth showing: documents first, then what else they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.knowledge.store import Hit

SECOND_WEIGHT = 0.3
"""A page of which two sections match beats a page of which one does; found on alert texts."""


def by_document(hits: Sequence[Hit]) -> list[tuple[Hit, float]]:
    """Hits (best first) with their score, 0..1: the best of each document in order of the documents, then the rest."""
    of_document: dict[str, list[Hit]] = {}
    for hit in hits:
        of_document.setdefault(hit.document, []).append(hit)
    leaders = sorted(((found[0], _document_score(found)) for found in of_document.values()), key=lambda one: -one[1])
    led = {id(hit) for hit, _ in leaders}
    return leaders + [(hit, hit.similarity) for hit in hits if id(hit) not in led]


def _document_score(found: Sequence[Hit]) -> float:
    second = found[1].similarity if len(found) > 1 else 0.0
    return (found[0].similarity + SECOND_WEIGHT * second) / (1 + SECOND_WEIGHT)
