"""Documents to passages with their vectors, batch by batch; the next batch is embedded while the caller stores the one before."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from tools.knowledge.catalogue import Stamp
from tools.knowledge.chunks import Chunk, split_document
from tools.knowledge.documents import Document
from tools.knowledge.embedding import Embedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EMBED_AT_ONCE = 512
MAX_PASSAGES = 2_000
"""Of one document, some 300,000 words: what is longer is an export or a log, and would crowd out the pages."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A document with its passages, ready to be put."""

    document: Document
    chunks: list[Chunk]
    stamp: Stamp
    changed_at: datetime


@dataclass(slots=True)
class Batch:
    """Up to EMBED_AT_ONCE passages, which may end within a document.

    `texts` are those that have no vector yet, by its name; `complete` are the documents whose last passage is among the passages.
    """

    passages: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    complete: list[Cut] = field(default_factory=list)


def cut_document(document: Document, stamp: Stamp, changed_at: datetime) -> Cut:
    """Its first MAX_PASSAGES passages; that there are more becomes a warning."""
    chunks = split_document(document)
    if len(chunks) > MAX_PASSAGES:
        cut_off = (
            f"only the first {MAX_PASSAGES:,} of its {len(chunks):,} passages are indexed; split it into several files"
        )
        warning = f"{document.warning}; {cut_off}" if document.warning else f"{document.path}: {cut_off}"
        document = replace(document, warning=warning)
    return Cut(document, chunks[:MAX_PASSAGES], stamp, changed_at)


def batches(documents: Iterable[Cut], stored: set[str]) -> Iterator[Batch]:
    """All passages in order. Those whose vector is `stored`, and those that read like an earlier one, are not embedded again."""
    known = set(stored)
    batch = Batch()
    for one in documents:
        for chunk in one.chunks:
            if batch.passages == EMBED_AT_ONCE:
                yield batch
                batch = Batch()
            batch.passages += 1
            if (name := chunk.vector) not in known:
                known.add(name)
                batch.texts[name] = chunk.embedding_text
        batch.complete.append(one)
    if batch.passages:
        yield batch


def embedded(
    ahead: Iterable[Batch], embedder: Embedder
) -> Generator[tuple[Batch, dict[str, NDArray[np.float32]]], None, None]:
    """Each batch with the vectors of its texts, by name. Closing it waits for the batch that is being embedded, and for no other."""
    pool = ThreadPoolExecutor(1)
    try:
        due: tuple[Batch, Future[dict[str, NDArray[np.float32]]]] | None = None
        for batch in ahead:
            coming = batch, pool.submit(_embed, batch.texts, embedder)
            if due is not None:
                yield due[0], due[1].result()
            due = coming
        if due is not None:
            yield due[0], due[1].result()
    finally:
        pool.shutdown(cancel_futures=True)


def _embed(texts: dict[str, str], embedder: Embedder) -> dict[str, NDArray[np.float32]]:
    """Without a text the model is not even loaded."""
    return dict(zip(texts, embedder.embed(list(texts.values())), strict=True)) if texts else {}
