"""The index of documents, opened when somebody searches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from core.errors import KnowledgeError
from core.vocabulary import Passage
from pipeline.sources import Knowledge


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
