"""One Chroma directory that holds the chunks of one ingest. Imported only when needed: chromadb costs more than a second.

A directory is written once and then only read. Chroma's errors, and the damage that it does not notice, become DamagedStore.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import chromadb
from chromadb.api.types import Documents, EmbeddingFunction, Embeddings
from chromadb.config import Settings
from chromadb.utils.embedding_functions import register_embedding_function

from core.errors import KnowledgeError
from tools.knowledge.chunks import Chunk
from tools.knowledge.documents import Kind
from tools.knowledge.embedding import Embedder

if TYPE_CHECKING:
    import numpy as np
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray


class DamagedStore(KnowledgeError):
    """Chroma cannot read or write its directory, or answers nonsense; the message says what, not where."""


COLLECTION = "passages"
ADD_AT_ONCE = 2_000
"""Below Chroma's own limit of 5,461."""
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


@dataclass(frozen=True, slots=True)
class Hit:
    """A stored chunk; `similarity` is the cosine with the query, 0 when it was not searched for."""

    document: str
    heading: str
    kind: Kind
    position: int
    text: str
    similarity: float = 0.0


class PassageStore:
    """Opens `directory`, or with `create` makes it. Safe to read from several threads."""

    def __init__(self, directory: Path, models: Path, *, create: bool = False) -> None:
        self.directory = directory
        with _damage_reported(directory):
            client = chromadb.PersistentClient(path=str(directory), settings=Settings(anonymized_telemetry=False))
            self._client = cast("Client", client)  # ClientAPI does not declare close()
            embedding = cast("EmbeddingFunction[Any]", OfflineEmbedding(str(models)))
            if create:
                self._collection: Collection = self._client.create_collection(
                    COLLECTION, embedding_function=embedding, configuration={"hnsw": {"space": "cosine"}}
                )
            else:
                self._collection = self._client.get_collection(COLLECTION, embedding_function=embedding)

    def add(self, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        """Raises DamagedStore when the directory cannot be written."""
        with _damage_reported(self.directory):
            for start in range(0, len(chunks), ADD_AT_ONCE):
                part = chunks[start : start + ADD_AT_ONCE]
                self._collection.add(
                    ids=[chunk.id for chunk in part],
                    embeddings=vectors[start : start + ADD_AT_ONCE],
                    documents=[chunk.text for chunk in part],
                    metadatas=[
                        {
                            "document": chunk.document,
                            "heading": chunk.heading,
                            "kind": chunk.kind,
                            "position": chunk.position,
                        }
                        for chunk in part
                    ],
                )

    def check(self, passages: int) -> None:
        """Raises DamagedStore unless all passages are there and a stored vector finds itself.

        Chroma answers with wrong neighbours, and no error, when its HNSW files are gone; the second test notices.
        """
        with _damage_reported(self.directory):
            found = self._collection.count()
            if found != passages:
                raise DamagedStore(f"{found} of {passages} passages are there")
            canaries = self._collection.get(limit=3, include=["embeddings"])["embeddings"]
            if canaries is None or not len(canaries):
                raise DamagedStore("its vectors are gone")
            nearest = self._collection.query(query_embeddings=canaries, n_results=1, include=["distances"])["distances"]
            if nearest is None or any(not distances or distances[0] > SAME for distances in nearest):
                raise DamagedStore("its vectors do not find themselves")

    def nearest(self, vector: NDArray[np.float32], count: int) -> list[Hit]:
        """The `count` chunks nearest to a vector of unit length, best first."""
        with _damage_reported(self.directory):
            found = self._collection.query(
                query_embeddings=vector[None, :],
                n_results=count,
                include=["metadatas", "documents", "distances"],
            )
        distances, metadatas, texts = found["distances"], found["metadatas"], found["documents"]
        if distances is None or metadatas is None or texts is None:
            return []
        return [
            _hit(metadata, text, 1.0 - distance)
            for metadata, text, distance in zip(metadatas[0], texts[0], distances[0], strict=True)
        ]

    def sections(self, document: str) -> list[Hit]:
        """All chunks of one document in reading order; empty when it is not in the index."""
        with _damage_reported(self.directory):
            found = self._collection.get(where={"document": document}, include=["metadatas", "documents"])
        pairs = zip(found["metadatas"] or (), found["documents"] or (), strict=True)
        return sorted((_hit(metadata, text) for metadata, text in pairs), key=lambda hit: hit.position)

    def close(self) -> None:
        """Let go of the files."""
        self._client.close()


def _hit(metadata: Any, text: str, similarity: float = 0.0) -> Hit:
    return Hit(
        document=metadata["document"],
        heading=metadata["heading"],
        kind=metadata["kind"],
        position=metadata["position"],
        text=text,
        similarity=min(max(similarity, 0.0), 1.0),
    )


@contextmanager
def _damage_reported(directory: Path) -> Iterator[None]:
    """Whatever Chroma raises over damaged files, as DamagedStore.

    It raises ChromaError, ValueError, KeyError, sqlite3 errors and, from Rust, a PanicException that is no Exception.
    """
    try:
        yield
    except DamagedStore:
        raise
    except Exception as error:
        raise DamagedStore(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise DamagedStore(f"{directory.name}: Chroma stopped on damaged files") from error
