"""What changed in the sources since a generation was made, and the generation that follows from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tools.knowledge.catalogue import Stamp, vector_of
from tools.knowledge.changed import last_changed
from tools.knowledge.chunks import Chunk, split_document
from tools.knowledge.documents import Document, Unreadable, parse
from tools.knowledge.embedding import Embedder
from tools.knowledge.files import File, find_files, read_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tools.knowledge.generation import Generation

EMBED_AT_ONCE = 512

Progress = Callable[[int, int], None]
"""Called with (passages done, passages in all)."""


@dataclass(slots=True)
class Changes:
    """`written` are documents to put in the place of what is there, `gone` the paths to forget.

    `touched` were written again with the same content: only their stamp is new.
    """

    written: list[tuple[Document, Stamp, datetime]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    touched: list[tuple[str, Stamp]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def some(self) -> bool:
        return bool(self.written or self.gone)


@dataclass(frozen=True, slots=True)
class Cut:
    """A document with its passages, ready to be put."""

    document: Document
    chunks: list[Chunk]
    stamp: Stamp
    changed_at: datetime


def find_changes(sources: Sequence[Path], known: Mapping[str, Stamp], redact: Callable[[str], str]) -> Changes:
    """Compare the sources with what is known. A file is read when its source, size or mtime differ, and parsed when its content does.

    Raises InvalidInput for a source that is no directory.
    """
    changes = Changes()
    fresh: list[tuple[File, Document, Stamp]] = []
    present: set[str] = set()
    for file in find_files(sources, changes.skipped):
        before = known.get(file.name)
        if before and (str(file.root), file.size, file.modified) == (before.root, before.size, before.modified):
            present.add(file.name)
            continue
        text = read_file(file, changes.skipped)
        if text is None:
            continue
        stamp = Stamp(str(file.root), file.size, file.modified, hashlib.sha256(text.encode()).hexdigest())
        if before and stamp.sha256 == before.sha256:
            present.add(file.name)
            changes.touched.append((file.name, stamp))
            continue
        try:
            fresh.append((file, parse(file.name, text, redact), stamp))
        except Unreadable as reason:
            changes.skipped.append(f"{file.name}: {reason}")
    present.update(file.name for file, _, _ in fresh)
    changes.gone = [path for path in known if path not in present]
    dates = _dates(file for file, _, _ in fresh)
    for file, document, stamp in fresh:
        changes.written.append((document, stamp, dates.get(file.name) or _mtime(file)))
    return changes


def apply_changes(generation: Generation, changes: Changes, embedder: Embedder, progress: Progress | None) -> None:
    """Make the generation hold what the sources hold. Only what changed is touched. Raises DamagedIndex."""
    for path, stamp in changes.touched:
        generation.words.touch(path, stamp)
    passages, documents = generation.words.vectors("passage"), generation.words.vectors("document")
    for path in (*changes.gone, *(document.path for document, _, _ in changes.written)):
        generation.words.remove(path)
    cut = [Cut(document, split_document(document), stamp, at) for document, stamp, at in changes.written]
    total = sum(len(one.chunks) for one in cut)
    done = 0
    for batch in _batches(cut):
        chunks = [chunk for one in batch for chunk in one.chunks]
        texts = {chunk.vector: chunk.embedding_text for chunk in chunks}  # equal texts are embedded once
        named = dict(zip(texts, embedder.embed(list(texts.values())), strict=True))
        generation.vectors.add_passages({name: named[name] for name in named.keys() - passages})
        passages |= named.keys()
        means: dict[str, NDArray[np.float32]] = {}
        for one in batch:
            generation.words.put(one.document, one.chunks, one.stamp, one.changed_at)
            means[vector_of(one.chunks)] = _direction([named[chunk.vector] for chunk in one.chunks])
        generation.vectors.add_documents({name: means[name] for name in means.keys() - documents})
        documents |= means.keys()
        done += len(chunks)
        if progress is not None:
            progress(done, total)
    unused = passages - generation.words.vectors("passage"), documents - generation.words.vectors("document")
    generation.vectors.remove(*map(list, unused))
    generation.words.commit()


def _batches(cut: Sequence[Cut]) -> Iterator[list[Cut]]:
    """Whole documents, together about EMBED_AT_ONCE passages."""
    batch: list[Cut] = []
    size = 0
    for one in cut:
        batch.append(one)
        size += len(one.chunks)
        if size >= EMBED_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _direction(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of some vectors, of unit length: what a document is about as a whole."""
    import numpy as np

    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


def _dates(files: Iterable[File]) -> dict[str, datetime]:
    by_root = groupby(sorted(files, key=lambda file: str(file.root)), key=lambda file: file.root)
    dates: dict[str, datetime] = {}
    for root, below in by_root:
        dates |= last_changed(root, {file.name: file.modified / 1e9 for file in below})
    return dates


def _mtime(file: File) -> datetime:
    """For a date that no calendar holds, the epoch."""
    try:
        return datetime.fromtimestamp(file.modified / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)
