"""The index of documents: `ingest` brings it up to date with its sources, `search` finds passages in it.

    <directory>/current.json    which generation counts, and what it holds; replaced in one step
    <directory>/<generation>/   words and vectors, complete and checked before current.json names it
    <directory>/ingest.lock     one ingest at a time

An ingest that is killed leaves the old generation in use; the next one clears away what it left. A reader notices a new generation at
its next search; the one before is kept until the ingest after, for readers that are still in it. An index that turns out to be damaged
is built anew from its sources by whoever notices; only when current.json cannot be read, which names them, it takes an ingest.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from filelock import AcquireReturnProxy, FileLock, Timeout

from core.errors import InvalidInput, KnowledgeError
from core.redact import redact
from core.telemetry import KNOWLEDGE_PASSAGES
from core.vocabulary import Passage
from tools.knowledge.catalogue import Stored
from tools.knowledge.damage import DamagedIndex
from tools.knowledge.embedding import Embedder
from tools.knowledge.generation import Generation, Manifest, open_checked, read_manifest
from tools.knowledge.ingest import Progress
from tools.knowledge.query import names_something_foreign, read_query
from tools.knowledge.ranking import WEIGHTS, Ranked, SearchWeights, rank
from tools.knowledge.update import IngestReport, bring_up_to_date

T = TypeVar("T")

MAX_RESULTS = 50
log = logging.getLogger(__name__)


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
        weights: SearchWeights = WEIGHTS,
    ) -> None:
        self.directory = directory
        self._embedder = embedder
        self.weights = weights
        self._redact = redact
        self._lock_timeout_s = lock_timeout_s
        self._opening = threading.Lock()
        self._rebuilding = threading.Lock()
        self._opened: tuple[Manifest, Generation] | None = None
        self._retired: Generation | None = None

    def ingest(self, sources: Sequence[Path], progress: Progress | None = None) -> IngestReport:
        """Bring the index to what `sources` hold now; what did not change is not touched.

        Waits while another ingest runs, and says so. Raises InvalidInput for a source that is not there or when there is nothing to read
        (the old index stays), KnowledgeError when the index cannot be written or the other ingest takes too long.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with self._alone():
                return bring_up_to_date(self.directory, sources, self._embedder, self._redact, progress)
        except Timeout:
            raise KnowledgeError(
                f"index {self.directory}: another ingest has been running for {self._lock_timeout_s:g} s; "
                "wait for it to end and run `sre ingest` again"
            ) from None
        except OSError as error:
            raise KnowledgeError(f"index {self.directory}: cannot be written ({error.strerror or error})") from error

    def search(self, query: str, k: int = 3) -> list[Passage]:
        """At most `k` passages, the best of each document, best document first, numbered K1, K2, …; none when no page answers.

        Further documents of one Ansible role follow only when there are fewer than `k` roles and pages. Raises InvalidInput for an
        empty query or a `k` outside 1..50, KnowledgeError when there is no index or it is damaged beyond repair.
        """
        found = self.nearest(query, k)
        return found if any(passage.score >= self.weights.bar for passage in found) else []

    def nearest(self, query: str, k: int = 3) -> list[Passage]:
        """As `search`, but whether or not anything answers the question."""
        if not query.strip():
            raise InvalidInput("query: is empty; say what you are looking for")
        if not 1 <= k <= MAX_RESULTS:
            raise InvalidInput(f"k: {k} is outside 1..{MAX_RESULTS}")
        return self._repaired(lambda generation: self._nearest(generation, query, k))

    def by_words(self, query: str, k: int = 3) -> list[str]:
        """The documents that plain BM25 over whole pages would give, best first: what to compare `search` with."""
        return self._repaired(lambda generation: generation.words.best_documents(read_query(query).words, k))

    def sections(self, document: str) -> list[Passage]:
        """All passages of a document that search named, in reading order, scored 1; empty when it is not there."""
        stored = self._repaired(lambda generation: generation.words.sections(document))
        return [_passage(place, one, 1.0) for place, one in enumerate(stored, start=1)]

    def documents(self) -> list[str]:
        """The paths of all documents."""
        return self._repaired(lambda generation: list(generation.words.stamps()))

    def status(self) -> Manifest:
        """What the index holds, from current.json alone. Raises KnowledgeError when there is none, or it is damaged."""
        manifest = self._manifest()
        if not (self.directory / manifest.name).is_dir():
            raise self._damaged(f"{manifest.name} is gone")
        return manifest

    def close(self) -> None:
        """Let go of the files; the next search opens them again."""
        with self._opening:
            for generation in (self._retired, self._opened[1] if self._opened is not None else None):
                if generation is not None:
                    generation.close()
            self._opened = self._retired = None

    def _alone(self) -> AcquireReturnProxy:
        """The lock of the only ingest; raises Timeout when another one does not end in time."""
        lock = FileLock(self.directory / "ingest.lock")
        try:
            return lock.acquire(blocking=False)
        except Timeout:
            log.warning(
                "index %s: another ingest is running; waiting for it, at most %g s",
                self.directory,
                self._lock_timeout_s,
            )
        return lock.acquire(timeout=self._lock_timeout_s)

    def _manifest(self) -> Manifest:
        try:
            manifest = read_manifest(self.directory)
        except DamagedIndex as error:
            raise self._damaged(error) from error
        if manifest is None:
            raise KnowledgeError(f"index {self.directory}: there is none yet; run `sre ingest`")
        if not manifest.is_ours:
            raise KnowledgeError(f"index {self.directory}: made by another version; run `sre ingest` to rebuild it")
        return manifest

    def _nearest(self, generation: Generation, text: str, k: int) -> list[Passage]:
        query = read_query(text)
        vectors = self._embedder.embed(list(dict.fromkeys((query.text, query.bare))))
        mean = vectors.mean(axis=0)
        words = generation.words
        foreign = names_something_foreign(
            query.words, lambda word: words.frequency("documents", word) > 0, self._embedder.knows
        )
        vector = mean / float((mean @ mean) ** 0.5)
        ranked = rank(generation, query, vector, foreign=foreign, weights=self.weights)[:k]
        return [_passage(place, *one) for place, one in enumerate(_with_passages(generation, ranked), start=1)]

    def _repaired(self, read: Callable[[Generation], T]) -> T:
        """What `read` makes of the index; when that turns out to be damaged, it is built anew from its sources first."""
        seen = self._manifest()
        try:
            return read(self._open())
        except DamagedIndex as damage:
            self._rebuild(damage, seen)
        try:
            return read(self._open())
        except DamagedIndex as damage:
            raise self._damaged(damage) from damage

    def _rebuild(self, damage: DamagedIndex, seen: Manifest) -> None:
        with self._rebuilding:
            if self._manifest() != seen:  # another thread has done it, and may be searching by now
                return
            sources = [Path(source) for source in seen.sources]
            if not all(source.exists() for source in sources):
                raise self._damaged(damage) from damage
            self.close()
            self.ingest(sources)

    def _open(self) -> Generation:
        manifest = self._manifest()
        with self._opening:
            if self._opened is None or self._opened[0] != manifest:
                generation = open_checked(self.directory, manifest, self._embedder.models)
                # Another thread may still be searching the one that this replaces: close the one before that.
                if self._retired is not None:
                    self._retired.close()
                self._retired = self._opened[1] if self._opened is not None else None
                self._opened = manifest, generation
                KNOWLEDGE_PASSAGES.set(manifest.passages)
            return self._opened[1]

    def _damaged(self, reason: object) -> KnowledgeError:
        return KnowledgeError(f"index {self.directory}: damaged ({reason}); run `sre ingest` to rebuild it")


def _with_passages(generation: Generation, ranked: Sequence[Ranked]) -> list[tuple[Stored, float]]:
    """Each document's best passage, or its first when it was found as a whole."""
    firsts = generation.words.first_passages([one.document for one in ranked if one.passage is None])
    numbers = [firsts[one.document] if one.passage is None else one.passage for one in ranked]
    stored = generation.words.passages(numbers)
    return [(stored[number], one.score) for number, one in zip(numbers, ranked, strict=True)]


def _passage(place: int, stored: Stored, score: float) -> Passage:
    return Passage(
        id=f"K{place}",
        key=stored.key,
        document=stored.path,
        heading=stored.heading,
        kind=stored.kind,
        line=stored.line,
        changed_at=stored.changed_at,
        score=round(score, 4),
        text=stored.text,
    )
