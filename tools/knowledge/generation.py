"""One state of the index on disk: a directory with the words (SQLite) and the vectors (Chroma) of the same passages.

A generation is written once, checked, and from then on only read. The next one starts as its copy, so what did not change is never
touched, and a reader of the old one never sees half a change.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from core.vocabulary import Frozen
from tools.knowledge.catalogue import Catalogue, Stamp
from tools.knowledge.damage import DamagedIndex
from tools.knowledge.embedding import MODEL_NAME

if TYPE_CHECKING:
    from tools.knowledge.vectors import Vectors

FORMAT = 7
"""Raise it when documents are read, cut or stored in another way: an older index is then built anew."""
MANIFEST = "current.json"
WORDS = "words.db"


class Manifest(Frozen):
    """What current.json says: which generation counts, and what is in it."""

    format: int
    model: str
    name: str
    documents: int
    passages: int
    sources: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Whether this version can read it."""
        return (self.format, self.model) == (FORMAT, MODEL_NAME)


def read_manifest(index: Path) -> Manifest | None:
    """None when there is no index yet. Raises DamagedIndex when it cannot be read."""
    try:
        return Manifest.model_validate_json((index / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise DamagedIndex(f"{MANIFEST} cannot be read") from error


def write_manifest(index: Path, manifest: Manifest) -> None:
    """In one step: a reader finds the old one or the new one."""
    beside = index / f"{MANIFEST}.new"
    with beside.open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=2))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(index / MANIFEST)


class Generation:
    """An open generation. Raises DamagedIndex when its files are not what was written."""

    def __init__(self, directory: Path, models: Path, *, create: bool = False, change: bool = False) -> None:
        from tools.knowledge.vectors import Vectors  # lazy: imports chromadb, 1.2 s

        if not directory.is_dir():
            raise DamagedIndex(f"{directory.name} is gone")
        self.directory = directory
        self.words = Catalogue(directory / WORDS, create=create, change=change)
        self.vectors: Vectors = Vectors(directory / "vectors", models, create=create)

    def check(self, documents: int, passages: int) -> None:
        """Raises DamagedIndex unless words and vectors hold that many, and Chroma's canaries are alive."""
        self.words.check()
        found = self.words.counts()
        if found != (documents, passages):
            raise DamagedIndex(f"{found[1]} of {passages} passages are there")
        self.vectors.check(len(self.words.vectors("passage")), len(self.words.vectors("document")))

    def close(self) -> None:
        self.words.close()
        self.vectors.close()


def open_checked(index: Path, manifest: Manifest, models: Path) -> Generation:
    """The generation that the manifest names. Raises DamagedIndex when it does not hold what the manifest says."""
    generation = Generation(index / manifest.name, models)
    try:
        generation.check(manifest.documents, manifest.passages)
    except DamagedIndex:
        generation.close()
        raise
    return generation


def new_name() -> str:
    return f"generation-{uuid.uuid4().hex[:12]}"


def copy_generation(old: Path, new: Path) -> None:
    """Raises DamagedIndex when a file of the old one cannot be read."""
    try:
        shutil.copytree(old, new)
    except (OSError, shutil.Error) as error:
        raise DamagedIndex(f"{old.name} cannot be copied") from error


def restamp(index: Path, name: str, touched: Iterable[tuple[str, Stamp]]) -> None:
    """Note in a finished generation that files were written again with the same content.

    Readers have opened its words as a file that never changes, and it does not: a changed copy takes its name in one step, and
    whoever has the old one open goes on with that. Raises DamagedIndex or OSError, with everything as it was.
    """
    # What a kill leaves of it is cleared away like an unfinished generation.
    beside = index / new_name()
    beside.mkdir()
    try:
        shutil.copyfile(index / name / WORDS, beside / WORDS)
        words = Catalogue(beside / WORDS, change=True)
        try:
            for path, stamp in touched:
                words.touch(path, stamp)
            words.commit()
        finally:
            words.close()
        (beside / WORDS).replace(index / name / WORDS)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def clear_generations(index: Path, keep: set[str]) -> None:
    """Remove older generations and what a killed ingest left behind."""
    for path in index.glob("generation-*"):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)
