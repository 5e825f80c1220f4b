"""One ingest, from the sources to the generation that current.json names. The caller holds the lock."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import InvalidInput, KnowledgeError
from core.vocabulary import Frozen
from tools.knowledge.damage import DamagedIndex
from tools.knowledge.embedding import MODEL_NAME, Embedder
from tools.knowledge.generation import (
    FORMAT,
    Generation,
    Manifest,
    clear_generations,
    copy_generation,
    new_name,
    open_checked,
    read_manifest,
    restamp,
    write_manifest,
)
from tools.knowledge.ingest import Changes, Progress, apply_changes, find_changes

log = logging.getLogger(__name__)
REASONS = 3
"""Of files that were skipped, told when nothing else is left to tell."""


class IngestReport(Frozen):
    """What an ingest did. `skipped` and `warnings` are one line per file; a file with a warning is in the index.

    `changed` counts the documents that were read anew, `removed` those that are gone from the sources.
    """

    documents: int
    passages: int
    changed: int
    removed: int
    rebuilt: bool
    skipped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float


def bring_up_to_date(
    index: Path,
    sources: Sequence[Path],
    embedder: Embedder,
    redact: Callable[[str], str],
    progress: Progress | None,
) -> IngestReport:
    """Write the generation that holds what the sources hold now, unless the present one does.

    Raises InvalidInput for a source that is not there or when there is nothing to read, KnowledgeError when it cannot be written.
    """
    started = time.perf_counter()
    previous = _sound_generation(index, embedder)
    try:
        known = previous[1].words.stamps() if previous else {}
        changes = find_changes(sources, known, redact)
        warnings = previous[1].words.warnings() if previous else []
    finally:
        if previous:
            previous[1].close()
    if not changes.written and len(known) == len(changes.gone):
        raise InvalidInput(
            f"source: no readable Markdown, YAML or Ansible in {', '.join(map(str, sources)) or 'no directory at all'} "
            f"({_told(changes.skipped)}); the index stays as it was"
        )
    names = tuple(str(source.resolve()) for source in sources)
    manifest = previous[0] if previous else None
    try:
        if manifest is None or changes.some or manifest.sources != names:
            manifest, warnings = _write(index, manifest, changes, names, embedder, progress)
        elif changes.touched:
            restamp(index, manifest.name, changes.touched)
    except DamagedIndex as error:
        raise KnowledgeError(f"index {index}: cannot be written ({error}); check the disk") from error
    return IngestReport(
        documents=manifest.documents,
        passages=manifest.passages,
        changed=len(changes.written),
        removed=len(changes.gone),
        rebuilt=previous is None,
        skipped=tuple(changes.skipped),
        warnings=tuple(warnings),
        seconds=round(time.perf_counter() - started, 3),
    )


def _sound_generation(index: Path, embedder: Embedder) -> tuple[Manifest, Generation] | None:
    """The present generation, open; None when there is none, or none worth keeping: then everything is read anew."""
    try:
        manifest = read_manifest(index)
        if manifest is None or not manifest.is_ours:
            return None
        return manifest, open_checked(index, manifest, embedder.models)
    except DamagedIndex as damage:
        log.warning("index %s: damaged (%s); building it anew", index, damage)
        return None


def _told(skipped: Sequence[str]) -> str:
    """How many files were skipped, and why the first of them."""
    more = f"; and {len(skipped) - REASONS} more" if len(skipped) > REASONS else ""
    return f"{len(skipped)} skipped" + (f": {'; '.join(skipped[:REASONS])}{more}" if skipped else "")


def _write(  # noqa: PLR0917 - what makes a generation
    index: Path,
    previous: Manifest | None,
    changes: Changes,
    sources: tuple[str, ...],
    embedder: Embedder,
    progress: Progress | None,
) -> tuple[Manifest, list[str]]:
    """The next generation, complete and checked, and named by current.json."""
    clear_generations(index, keep={previous.name} if previous else set())
    directory = index / new_name()
    if previous:
        copy_generation(index / previous.name, directory)
    else:
        directory.mkdir()
    generation = Generation(directory, embedder.models, create=previous is None, change=True)
    try:
        apply_changes(generation, changes, embedder, progress)
        documents, passages = generation.words.counts()
        generation.check(documents, passages)
        warnings = generation.words.warnings()
    finally:
        generation.close()
    manifest = Manifest(
        format=FORMAT, model=MODEL_NAME, name=directory.name, documents=documents, passages=passages, sources=sources
    )
    write_manifest(index, manifest)
    return manifest, warnings
