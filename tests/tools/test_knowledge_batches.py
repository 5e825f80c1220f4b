"""Passages in batches, and their vectors ahead of the one who stores them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import KnowledgeError
from tools.knowledge.batches import EMBED_AT_ONCE, MAX_PASSAGES, Batch, Cut, batches, cut_document, embedded
from tools.knowledge.catalogue import Stamp
from tools.knowledge.documents import parse
from tools.knowledge.embedding import Embedder

CHANGED = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = Stamp("/srv/runbooks", 120, 1_700_000_000_123_456_789, "ab" * 32)
MINUTE = 60.0
"""Only a test that fails waits so long."""


def page(name: str, steps: Sequence[int], header: str = "") -> Cut:
    text = "\n".join(f"## Step {step}\n\nTurn valve {step}.\n" for step in steps)
    return cut_document(parse(name, f"{header}# Boiler\n\n{text}", str), STAMP, CHANGED)


def test_a_batch_ends_where_it_is_full_also_within_a_document() -> None:
    pages = [page("a.md", range(EMBED_AT_ONCE + 88)), page("b.md", range(1_000, 1_424)), page("c.md", [5_000])]
    found = list(batches(pages, set()))
    assert [one.passages for one in found] == [EMBED_AT_ONCE, EMBED_AT_ONCE, 1]
    assert [[cut.document.path for cut in one.complete] for one in found] == [[], ["a.md", "b.md"], ["c.md"]]
    assert [len(one.texts) for one in found] == [EMBED_AT_ONCE, EMBED_AT_ONCE, 1]
    assert list(found[2].texts.values()) == [pages[2].chunks[0].embedding_text]


def test_only_texts_without_a_vector_are_to_be_embedded() -> None:
    """Stored ones have one, and of those that read alike the first gets one for all."""
    one, two = page("a.md", [1, 2, 3]), page("b.md", [3, 4])
    (batch,) = batches([one, two], {one.chunks[0].vector})
    assert list(batch.texts) == [one.chunks[1].vector, one.chunks[2].vector, two.chunks[1].vector]
    assert (batch.passages, batch.complete) == (5, [one, two])
    (nothing,) = batches([one], {chunk.vector for chunk in one.chunks})
    assert (nothing.passages, nothing.texts, nothing.complete) == (3, {}, [one])
    assert list(batches([], set())) == []


def test_of_a_huge_document_the_beginning_is_kept_and_the_rest_is_told() -> None:
    cut = page("a.md", range(MAX_PASSAGES + 150))
    assert [len(cut.chunks), cut.chunks[-1].heading] == [MAX_PASSAGES, f"Boiler > Step {MAX_PASSAGES - 1}"]
    told = "only the first 2,000 of its 2,150 passages are indexed; split it into several files"
    assert cut.document.warning == f"a.md: {told}"
    broken = page("a.md", range(MAX_PASSAGES + 150), "---\ntitle: [open\n---\n")
    assert broken.document.warning is not None
    assert broken.document.warning.startswith(
        "a.md: its front matter is not valid YAML and was left out; only the first "
    )
    whole = page("a.md", range(MAX_PASSAGES))
    assert (len(whole.chunks), whole.document.warning) == (MAX_PASSAGES, None)


class Watched(Embedder):
    """The real one, which tells what it was given, and can be held at its last text."""

    def __init__(self, models: Path) -> None:
        super().__init__(models)
        self.given: list[str] = []
        self.held, self.release = threading.Event(), threading.Event()
        self.released = False

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.given += texts
        if "broken" in texts:
            raise KnowledgeError("embedding model: gone")
        if "last" in texts:
            self.held.set()
            self.released = self.release.wait(MINUTE)
        return super().embed(texts)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def test_the_next_batch_is_embedded_while_the_one_before_is_stored(models: Path) -> None:
    embedder = Watched(models)
    ready = embedded([Batch(1, {"1": "first"}), Batch(1), Batch(1, {"2": "last", "3": "disk"})], embedder)
    assert list(next(ready)[1]) == ["1"]
    assert next(ready)[1] == {}
    assert embedder.held.wait(MINUTE), "it begins before anybody asks for it"
    embedder.release.set()
    batch, vectors = next(ready)
    assert embedder.released, "and nobody has to wait for it before"
    assert (batch.texts, list(vectors)) == ({"2": "last", "3": "disk"}, ["2", "3"])
    assert np.allclose(vectors["3"], embedder.embed(["disk"])[0], atol=1e-5)
    assert next(ready, None) is None


def test_whoever_stops_waits_for_no_further_batch(models: Path) -> None:
    embedder = Watched(models)
    ready = embedded([Batch(1, {str(number): f"text {number}"}) for number in range(9)], embedder)
    next(ready)
    ready.close()
    assert embedder.given in (["text 0"], ["text 0", "text 1"])


def test_what_goes_wrong_while_embedding_reaches_the_one_who_stores(models: Path) -> None:
    ready = embedded([Batch(1, {"1": "first"}), Batch(1, {"2": "broken"})], Watched(models))
    next(ready)
    with pytest.raises(KnowledgeError, match="embedding model: gone"):
        next(ready)
