"""The vectors of one generation, in Chroma: of passages, and of documents (the mean of their passages).

Passages that read alike share one vector, and so do documents: among a few hundred equal vectors HNSW loses its way to all others.

Imported only when needed: chromadb costs more than a second. Chroma's errors, and the damage that it does not notice, become
DamagedIndex.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import chromadb
from chromadb.api.types import Documents, EmbeddingFunction, Embeddings
from chromadb.config import Settings
from chromadb.utils.embedding_functions import register_embedding_function

from tools.knowledge.damage import DamagedIndex
from tools.knowledge.embedding import Embedder

if TYPE_CHECKING:
    import numpy as np
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray

ADD_AT_ONCE = 2_000
"""Below Chroma's own limit of 5,461."""
CANARIES = 5
SAME = 1e-3
"""Cosine distance under which a vector counts as found again."""


@register_embedding_function
class OfflineEmbedding(EmbeddingFunction[Documents]):
    """Given to Chroma with every collection, or it would fetch a model of its own."""

    def __init__(self, models: str) -> None:
        self._models = models
        self._embedder = Embedder(Path(models))

    def __call__(self, input: Documents) -> Embeddings:  # noqa: A002 - Chroma calls it by this name
        return cast(Embeddings, list(self._embedder.embed(input)))

    @staticmethod
    def name() -> str:
        return "sre_all_minilm_l6_v2"

    def get_config(self) -> dict[str, Any]:
        return {"models": self._models}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> OfflineEmbedding:
        return OfflineEmbedding(config["models"])


class Vectors:
    """Opens `directory`, or with `create` makes it. Searching is safe from several threads."""

    def __init__(self, directory: Path, models: Path, *, create: bool = False) -> None:
        embedding = cast("EmbeddingFunction[Any]", OfflineEmbedding(str(models)))

        def collection(name: str) -> Collection:
            if create:
                return self._client.create_collection(
                    name, embedding_function=embedding, configuration={"hnsw": {"space": "cosine"}}
                )
            return self._client.get_collection(name, embedding_function=embedding)

        self._reading = threading.Lock()
        self._documents_read: tuple[list[str], NDArray[np.float32]] | None = None
        with _damage_reported():
            client = chromadb.PersistentClient(path=str(directory), settings=Settings(anonymized_telemetry=False))
            self._client = cast("Client", client)  # ClientAPI does not declare close()
            self._passages = collection("passages")
            self._documents = collection("documents")

    def add_passages(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """By their names. Raises DamagedIndex when the directory cannot be written."""
        _add(self._passages, vectors)

    def add_documents(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """By their names, too."""
        _add(self._documents, vectors)

    def remove(self, passages: Sequence[str], documents: Sequence[str]) -> None:
        for collection, ids in ((self._passages, passages), (self._documents, documents)):
            for start in range(0, len(ids), ADD_AT_ONCE):
                with _damage_reported():
                    collection.delete(ids=list(ids[start : start + ADD_AT_ONCE]))

    def passages(self, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of these names as they were added. Raises DamagedIndex when one is not there."""
        import numpy as np

        found: dict[str, NDArray[np.float32]] = {}
        for start in range(0, len(names), ADD_AT_ONCE):
            with _damage_reported():
                part = self._passages.get(ids=list(names[start : start + ADD_AT_ONCE]), include=["embeddings"])
            if part["embeddings"] is not None:
                found |= dict(zip(part["ids"], np.asarray(part["embeddings"], dtype=np.float32), strict=True))
        if len(found) != len(names):
            raise DamagedIndex(f"{len(found)} of {len(names)} vectors are there")
        return found

    def nearest_passages(self, vector: NDArray[np.float32], count: int) -> dict[str, float]:
        """The cosine of the passages nearest to a vector of unit length, by their vector's name, best first."""
        return _nearest(self._passages, vector, count)

    def document_cosines(self, vector: NDArray[np.float32]) -> dict[str, float]:
        """The cosine of every document, by its vector's name: few enough to be multiplied out, which is faster than to look them up."""
        names, means = self._means()
        return dict(zip(names, (means @ vector).tolist(), strict=True))

    def _means(self) -> tuple[list[str], NDArray[np.float32]]:
        import numpy as np

        with self._reading:
            if self._documents_read is None:
                with _damage_reported():
                    found = self._documents.get(include=["embeddings"])
                if found["embeddings"] is None or not len(found["ids"]):
                    raise DamagedIndex("the vectors of its documents are gone")
                self._documents_read = found["ids"], np.asarray(found["embeddings"], dtype=np.float32)
            return self._documents_read

    def check(self, passages: int, documents: int) -> None:
        """Raises DamagedIndex unless all vectors are there and stored ones find themselves.

        Chroma answers with wrong neighbours, and no error, when its HNSW files are gone; the canaries notice.
        """
        for collection, wanted in ((self._passages, passages), (self._documents, documents)):
            with _damage_reported():
                found = collection.count()
                if found != wanted:
                    raise DamagedIndex(f"{found} of {wanted} {collection.name} are there")
                canaries = collection.get(limit=CANARIES, include=["embeddings"])["embeddings"]
                if canaries is None or not len(canaries):
                    raise DamagedIndex(f"the vectors of its {collection.name} are gone")
                nearest = collection.query(query_embeddings=canaries, n_results=1, include=["distances"])["distances"]
                lost = [row for row in nearest or () if not row or row[0] > SAME]
                # Among very many like vectors the search may miss one; of a damaged index it misses nearly all.
                if nearest is None or len(lost) > len(nearest) / 2:
                    raise DamagedIndex(f"the vectors of its {collection.name} do not find themselves")

    def close(self) -> None:
        """Let go of the files."""
        self._client.close()


def _add(collection: Collection, vectors: Mapping[str, NDArray[np.float32]]) -> None:
    import numpy as np

    keys = list(vectors)
    for start in range(0, len(keys), ADD_AT_ONCE):
        part = keys[start : start + ADD_AT_ONCE]
        with _damage_reported():
            collection.add(ids=part, embeddings=np.stack([vectors[key] for key in part]))


def _nearest(collection: Collection, vector: NDArray[np.float32], count: int) -> dict[str, float]:
    with _damage_reported():
        found = collection.query(query_embeddings=vector[None, :], n_results=count, include=["distances"])
    distances = found["distances"]
    if distances is None:
        return {}
    return {key: 1.0 - distance for key, distance in zip(found["ids"][0], distances[0], strict=True)}


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Whatever Chroma raises over damaged files, as DamagedIndex.

    It raises ChromaError, ValueError, KeyError, sqlite3 errors and, from Rust, a PanicException that is no Exception.
    """
    try:
        yield
    except DamagedIndex:
        raise
    except Exception as error:
        raise DamagedIndex(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise DamagedIndex("Chroma stopped on damaged files") from error
