"""The index of documents: `ingest` builds it from directories, `search` finds passages in it.

    <directory>/current.json    which generation counts, and what it holds; replaced in one step
    <directory>/<generation>/   one Chroma directory per ingest, complete before current.json names it
    <directory>/ingest.lock     one ingest at a time

An ingest that is killed leaves the old generation in use; the next one clears away what it left. A reader notices a new
generation at its next search; the one before is kept until the ingest after, for readers that are still in it.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from pydantic import ValidationError

from core.errors import InvalidInput, KnowledgeError
from core.redact import redact
from core.telemetry import KNOWLEDGE_PASSAGES
from core.vocabulary import Frozen, Passage
from tools.knowledge.chunks import Chunk, spell_out, split_document
from tools.knowledge.documents import Document, read_sources
from tools.knowledge.embedding import MODEL_NAME, Embedder
from tools.knowledge.ranking import by_document

if TYPE_CHECKING:
    from tools.knowledge.store import Hit, PassageStore

FORMAT = 1
EMBED_AT_ONCE = 512
CANDIDATES = 60
"""Chunks looked at per query, before the best of each document is taken."""
MAX_RESULTS = 50
MAX_QUERY_CHARACTERS = 4_000
"""The model reads 256 tokens; more would only cost time."""
CURRENT = "current.json"

Progress = Callable[[int, int], None]
"""Called with (passages done, passages in all)."""


class Generation(Frozen):
    """What current.json says."""

    format: int
    model: str
    name: str
    documents: int
    passages: int
    sources: tuple[str, ...]


class IngestReport(Frozen):
    """What an ingest did. `skipped` and `warnings` are one line per file; a file with a warning is in the index."""

    documents: int
    passages: int
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float


class KnowledgeIndex:
    """One index directory. `redact` is applied to every document before anything of it is stored.

    Methods block; call them from a thread in async code. Searching is safe from several threads.
    """

    def __init__(
        self,
        directory: Path,
        embedder: Embedder,
        *,
        redact: Callable[[str], str] = redact,
        lock_timeout_s: float = 300.0,
    ) -> None:
        self.directory = directory
        self._embedder = embedder
        self._redact = redact
        self._lock_timeout_s = lock_timeout_s
        self._opening = threading.Lock()
        self._opened: tuple[Generation, PassageStore] | None = None
        self._retired: PassageStore | None = None

    def ingest(self, sources: Sequence[Path], progress: Progress | None = None) -> IngestReport:
        """Replace the content of the index by what `sources` hold now.

        Waits while another ingest runs. Raises InvalidInput for a source that is no directory or when there is nothing to read
        (the old index stays), KnowledgeError when the index cannot be written or the other ingest takes too long.
        """
        started = time.perf_counter()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with FileLock(self.directory / "ingest.lock", timeout=self._lock_timeout_s):
                return self._ingest_alone(sources, progress, started)
        except Timeout:
            raise KnowledgeError(
                f"index {self.directory}: another ingest has been running for {self._lock_timeout_s:g} s; "
                "wait for it to end and run `sre ingest` again"
            ) from None
        except OSError as error:
            raise KnowledgeError(f"index {self.directory}: cannot be written ({error.strerror or error})") from error

    def search(self, query: str, k: int = 3) -> list[Passage]:
        """At most `k` passages: the best of each document, best document first, numbered K1, K2, …

        Further passages of the same documents follow only when there are fewer than `k` documents. Raises InvalidInput for an
        empty query or a `k` outside 1..50, KnowledgeError when there is no index or it is damaged.
        """
        if not query.strip():
            raise InvalidInput("query: is empty; say what you are looking for")
        if not 1 <= k <= MAX_RESULTS:
            raise InvalidInput(f"k: {k} is outside 1..{MAX_RESULTS}")
        generation, store = self._open()
        vector = self._embedder.embed([spell_out(query[:MAX_QUERY_CHARACTERS])])[0]
        wanted = min(max(CANDIDATES, 4 * k), generation.passages)
        try:
            hits = store.nearest(vector, wanted)
        except KnowledgeError as error:
            raise self._damaged(error) from error
        return [_passage(place, hit, score) for place, (hit, score) in enumerate(by_document(hits)[:k], start=1)]

    def sections(self, document: str) -> list[Passage]:
        """All passages of a document that search named, in reading order, scored 1; empty when it is not there."""
        _, store = self._open()
        try:
            hits = store.sections(document)
        except KnowledgeError as error:
            raise self._damaged(error) from error
        return [_passage(place, hit, 1.0) for place, hit in enumerate(hits, start=1)]

    def status(self) -> Generation:
        """What the index holds, from current.json alone. Raises KnowledgeError as `search` does."""
        path = self.directory / CURRENT
        try:
            generation = Generation.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise KnowledgeError(f"index {self.directory}: there is none yet; run `sre ingest`") from None
        except (OSError, ValidationError) as error:
            raise self._damaged(f"{CURRENT} cannot be read") from error
        if (generation.format, generation.model) != (FORMAT, MODEL_NAME):
            raise KnowledgeError(f"index {self.directory}: made by another version; run `sre ingest` to rebuild it")
        if not (self.directory / generation.name).is_dir():
            raise self._damaged(f"{generation.name} is gone")
        return generation

    def close(self) -> None:
        """Let go of the files; the next search opens them again."""
        with self._opening:
            for store in (self._retired, self._opened[1] if self._opened is not None else None):
                if store is not None:
                    store.close()
            self._opened = self._retired = None

    def _open(self) -> tuple[Generation, PassageStore]:
        generation = self.status()
        with self._opening:
            if self._opened is None or self._opened[0] != generation:
                from tools.knowledge.store import PassageStore  # lazy: imports chromadb, 1.2 s

                try:
                    store = PassageStore(self.directory / generation.name, self._embedder.models)
                    store.check(generation.passages)
                except KnowledgeError as error:
                    raise self._damaged(error) from error
                # Another thread may still be searching the store that this one replaces: close the one before that.
                if self._retired is not None:
                    self._retired.close()
                self._retired = self._opened[1] if self._opened is not None else None
                self._opened = generation, store
                KNOWLEDGE_PASSAGES.set(generation.passages)
            return self._opened

    def _ingest_alone(self, sources: Sequence[Path], progress: Progress | None, started: float) -> IngestReport:
        reading = read_sources(sources)
        if not reading.documents:
            raise InvalidInput(
                f"source: no readable Markdown or YAML in {', '.join(map(str, sources)) or 'no directory at all'} "
                f"({len(reading.skipped)} skipped); the index stays as it was"
            )
        chunks = [chunk for document in reading.documents for chunk in split_document(self._redacted(document))]
        previous = self._current_name()
        self._clear(keep={previous})
        generation = Generation(
            format=FORMAT,
            model=MODEL_NAME,
            name=f"generation-{uuid.uuid4().hex[:12]}",
            documents=len(reading.documents),
            passages=len(chunks),
            sources=tuple(str(source.resolve()) for source in sources),
        )
        self._fill(generation, chunks, progress)
        self._publish(generation)
        return IngestReport(
            documents=generation.documents,
            passages=generation.passages,
            skipped=tuple(reading.skipped),
            warnings=tuple(reading.warnings),
            seconds=round(time.perf_counter() - started, 3),
        )

    def _redacted(self, document: Document) -> Document:
        title = self._redact(document.title) if document.title else None
        return replace(document, title=title, body=self._redact(document.body))

    def _fill(self, generation: Generation, chunks: list[Chunk], progress: Progress | None) -> None:
        from tools.knowledge.store import DamagedStore, PassageStore  # lazy: imports chromadb, 1.2 s

        store = PassageStore(self.directory / generation.name, self._embedder.models, create=True)
        try:
            for start in range(0, len(chunks), EMBED_AT_ONCE):
                part = chunks[start : start + EMBED_AT_ONCE]
                store.add(part, self._embedder.embed([chunk.embedding_text for chunk in part]))
                if progress is not None:
                    progress(start + len(part), len(chunks))
            store.check(generation.passages)
        except DamagedStore as error:
            raise KnowledgeError(f"index {self.directory}: cannot be written ({error}); check the disk") from error
        finally:
            store.close()

    def _publish(self, generation: Generation) -> None:
        beside = self.directory / f"{CURRENT}.new"
        with beside.open("w", encoding="utf-8") as file:
            file.write(generation.model_dump_json(indent=2))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.directory / CURRENT)

    def _current_name(self) -> str | None:
        try:
            return self.status().name
        except KnowledgeError:
            return None  # nothing worth keeping: this ingest makes a new one

    def _clear(self, keep: set[str | None]) -> None:
        """Remove older generations and what a killed ingest left behind."""
        for path in self.directory.glob("generation-*"):
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)

    def _damaged(self, reason: object) -> KnowledgeError:
        return KnowledgeError(f"index {self.directory}: damaged ({reason}); run `sre ingest` to rebuild it")


def _passage(place: int, hit: Hit, score: float) -> Passage:
    return Passage(
        id=f"K{place}",
        document=hit.document,
        heading=hit.heading,
        kind=hit.kind,
        score=round(score, 4),
        text=hit.text,
    )
