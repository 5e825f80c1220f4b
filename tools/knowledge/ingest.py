"""What changed in the sources since a generation was made, and the generation that follows from it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tools.knowledge.batches import Cut, batches, cut_document, embedded
from tools.knowledge.catalogue import Stamp, vector_of
from tools.knowledge.changed import last_changed
from tools.knowledge.documents import Document, Unreadable, parse
from tools.knowledge.embedding import Embedder
from tools.knowledge.files import File, find_files, read_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tools.knowledge.generation import Generation

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


def find_changes(sources: Sequence[Path], known: Mapping[str, Stamp], redact: Callable[[str], str]) -> Changes:
    """Compare the sources with what is known. A file is read when its source, size or mtime differ, and parsed when its content does.

    Raises InvalidInput for a source that is not there.
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
    cut = [cut_document(document, stamp, at) for document, stamp, at in changes.written]
    total = sum(len(one.chunks) for one in cut)
    done = 0
    with closing(embedded(batches(cut, passages), embedder)) as ready:
        for batch, vectors in ready:
            generation.vectors.add_passages(vectors)
            means = _means(generation, batch.complete, vectors, documents)
            generation.vectors.add_documents(means)
            documents |= means.keys()
            for one in batch.complete:
                generation.words.put(one.document, one.chunks, one.stamp, one.changed_at)
            done += batch.passages
            if progress is not None:
                progress(done, total)
    unused = passages - generation.words.vectors("passage"), documents - generation.words.vectors("document")
    generation.vectors.remove(*map(list, unused))
    generation.words.commit()


def _means(
    generation: Generation, complete: Sequence[Cut], vectors: Mapping[str, NDArray[np.float32]], stored: set[str]
) -> dict[str, NDArray[np.float32]]:
    """Of the documents that have none `stored`, from `vectors` and, where a passage was embedded before, from what is in the index."""
    lacking = {name: one for one in complete if (name := vector_of(one.chunks)) not in stored}
    names = {chunk.vector for one in lacking.values() for chunk in one.chunks}
    known = {**generation.vectors.passages(sorted(names - vectors.keys())), **vectors}
    return {name: _direction([known[chunk.vector] for chunk in one.chunks]) for name, one in lacking.items()}


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
