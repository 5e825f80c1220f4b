"""The index of documents, opened when somebody searches, and the embedding model that it shares with the router."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import KnowledgeError
from core.redact import redact
from core.settings import Settings
from core.vocabulary import Passage
from pipeline.router import Router
from pipeline.sources import Knowledge

if TYPE_CHECKING:
    from tools.knowledge.embedding import Embedder
    from tools.knowledge.index import KnowledgeIndex
    from tools.knowledge.ranking import SearchWeights


class LazyKnowledge:
    """The index, opened by the first search: a question that needs no page does not pay for Chroma's import."""

    def __init__(self, directory: Path, open_index: Callable[[], Knowledge]) -> None:
        """`directory` holds the index when there is one; `open_index` takes a second."""
        self._directory = directory
        self._open = open_index
        self._index: Knowledge | None = None
        self._opening = threading.Lock()

    def _opened(self) -> Knowledge:
        if not self._directory.exists():
            raise KnowledgeError("no documents are indexed yet (run: sre ingest)")
        with self._opening:
            if self._index is None:
                self._index = self._open()
            return self._index

    def search(self, query: str, k: int = 3) -> list[Passage]:
        return self._opened().search(query, k)

    def nearest(self, query: str, k: int = 3) -> list[Passage]:
        return self._opened().nearest(query, k)

    def sections(self, document: str) -> list[Passage]:
        return self._opened().sections(document)


def build_index(directory: Path, data_dir: Path, weights: SearchWeights | None = None) -> KnowledgeIndex:
    """The index of documents; imports Chroma and the embedding model."""
    from tools.knowledge.index import KnowledgeIndex
    from tools.knowledge.ranking import WEIGHTS

    return KnowledgeIndex(directory, build_embedder(data_dir), redact=redact, weights=weights or WEIGHTS)


def build_router(data_dir: Path) -> Router:
    """Loads nothing before the first question that no rule knows."""
    return Router(lambda texts: build_embedder(data_dir).embed(texts))


@cache
def build_embedder(data_dir: Path) -> Embedder:
    """One for all: search and router share the loaded model."""
    from tools.knowledge.embedding import Embedder

    return Embedder(data_dir / "models")


def index_directory(settings: Settings) -> Path:
    return settings.data_dir / "index"


def build_knowledge(directory: Path, data_dir: Path, weights: SearchWeights | None = None) -> LazyKnowledge:
    """The search over the documents that are indexed in `directory`; nothing is opened yet."""
    return LazyKnowledge(directory, lambda: build_index(directory, data_dir, weights))
