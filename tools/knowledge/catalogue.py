"""The words of one generation: documents, passages and their full-text index, in one SQLite file.

BM25 comes from SQLite's FTS5: it is in every Python, is changed in place, and a transaction that is cut off leaves no trace. Passages
and whole documents are indexed, each with a second column for the names it goes by (title, path, alerts). Words are matched by their
Porter stem; compounds are spelt out before they are stored and before they are looked for.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from tools.knowledge.ansible_place import Part
from tools.knowledge.chunks import Chunk, names_of, spell_out
from tools.knowledge.damage import DamagedIndex
from tools.knowledge.documents import Document, Kind
from tools.knowledge.glossary import gloss_of

Table = Literal["passages", "documents"]
Rows = Literal["passage", "document"]
NAME_WEIGHT: dict[Table, float] = {"passages": 3.0, "documents": 1.0}
"""How much a word counts more when it stands in a name; found on alert texts and on-call questions."""
MAX_SCORE_PER_WORD = 2.2
"""What FTS5's BM25 (k1 = 1.2) approaches for one word, in units of its inverse document frequency."""
SHARING = 40
"""Passages that read alike and are looked at; their names have to tell them apart."""
_TOKENS = "porter unicode61 remove_diacritics 2"
_SCHEMA = f"""
CREATE TABLE document (id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, root TEXT NOT NULL, size INTEGER NOT NULL,
    modified INTEGER NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL, belongs TEXT NOT NULL, part TEXT, changed REAL NOT NULL,
    warning TEXT, vector TEXT NOT NULL);
CREATE TABLE passage (id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, document INTEGER NOT NULL REFERENCES document(id),
    heading TEXT NOT NULL, line INTEGER NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL, vector TEXT NOT NULL);
CREATE INDEX passage_document ON passage(document, position);
CREATE INDEX passage_vector ON passage(vector);
CREATE INDEX document_vector ON document(vector);
CREATE VIRTUAL TABLE passages USING fts5(names, words, tokenize='{_TOKENS}');
CREATE VIRTUAL TABLE documents USING fts5(names, words, tokenize='{_TOKENS}');
"""
_STORED = """SELECT passage.id, document.id, path, kind, belongs, changed, heading, line, position, key, text
    FROM passage JOIN document ON document.id = passage.document"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file looked like when it was read: its source, bytes, ns since the epoch, and the hash of its content."""

    root: str
    size: int
    modified: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A passage as it is kept, with what is known of its document. The numbers count within one generation."""

    number: int
    document: int
    path: str
    kind: Kind
    belongs: str
    changed_at: datetime
    heading: str
    line: int
    position: int
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """`group` is what the document belongs to, `part` what it is in an Ansible tree."""

    path: str
    group: str
    kind: Kind
    part: Part | None

    @property
    def in_role(self) -> bool:
        return self.group != self.path


class Catalogue:
    """Opens `path` to read, with `change` to write, with `create` makes it. Reading is safe from several threads."""

    def __init__(self, path: Path, *, create: bool = False, change: bool = False) -> None:
        mode = "rwc" if create else "rw" if change else "ro&immutable=1"
        with _damage_reported():
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
            if create:
                self._db.executescript(_SCHEMA)

    def stamps(self) -> dict[str, Stamp]:
        """By the document's path."""
        with _damage_reported():
            rows = self._db.execute("SELECT path, root, size, modified, sha256 FROM document")
            return {path: Stamp(*rest) for path, *rest in rows}

    def warnings(self) -> list[str]:
        with _damage_reported():
            rows = self._db.execute("SELECT warning FROM document WHERE warning IS NOT NULL ORDER BY path")
            return [row[0] for row in rows]

    def counts(self) -> tuple[int, int]:
        """(documents, passages)."""
        with _damage_reported():
            row = self._db.execute("SELECT (SELECT count(*) FROM document), (SELECT count(*) FROM passage)").fetchone()
            return int(row[0]), int(row[1])

    def check(self) -> None:
        """Raises DamagedIndex when SQLite finds the file inconsistent."""
        with _damage_reported():
            verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise DamagedIndex(" ".join(str(verdict).split())[:200])

    def put(self, document: Document, chunks: Sequence[Chunk], stamp: Stamp, changed_at: datetime) -> None:
        """Add a document that is not there. Nothing is kept until `commit`."""
        names = spell_out(names_of(document))
        columns = (document.path, stamp.root, stamp.size, stamp.modified, stamp.sha256, document.kind, document.group)
        with _damage_reported():
            number = self._db.execute(
                "INSERT INTO document (path, root, size, modified, sha256, kind, belongs, part, changed, warning, vector) "
                "VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (*columns, document.part, changed_at.timestamp(), document.warning, vector_of(chunks)),
            ).lastrowid
            for chunk in chunks:
                passage = self._db.execute(
                    "INSERT INTO passage (key, document, heading, line, position, text, vector) VALUES (?,?,?,?,?,?,?)",
                    (chunk.id, number, chunk.heading, chunk.line, chunk.position, chunk.text, chunk.vector),
                ).lastrowid
                self._put_words("passages", passage, names, spell_out(f"{chunk.heading}\n{chunk.text}"))
            contents = "\n".join((gloss_of(document.path, document.group), *document.contents, *document.lines))
            self._put_words("documents", number, f"{document.path} {names}", spell_out(contents))

    def remove(self, path: str) -> None:
        """Forget a document."""
        with _damage_reported():
            found = self._db.execute("SELECT id FROM document WHERE path = ?", (path,)).fetchone()
            if found is None:
                return
            rows = self._db.execute("SELECT id FROM passage WHERE document = ?", found).fetchall()
            self._db.executemany("DELETE FROM passages WHERE rowid = ?", rows)
            self._db.execute("DELETE FROM documents WHERE rowid = ?", found)
            self._db.execute("DELETE FROM passage WHERE document = ?", found)
            self._db.execute("DELETE FROM document WHERE id = ?", found)

    def touch(self, path: str, stamp: Stamp) -> None:
        """Note that a file was written again with the same content."""
        with _damage_reported():
            self._db.execute(
                "UPDATE document SET root = ?, size = ?, modified = ? WHERE path = ?",
                (stamp.root, stamp.size, stamp.modified, path),
            )

    def vectors(self, rows: Rows) -> set[str]:
        """The names of all vectors that are in use."""
        with _damage_reported():
            return {row[0] for row in self._db.execute(f"SELECT DISTINCT vector FROM {rows}")}

    def commit(self) -> None:
        with _damage_reported():
            self._db.commit()

    def matches(self, table: Table, phrases: Sequence[str], limit: int) -> dict[int, float]:
        """The BM25 score of the best `limit` rows that hold any of the phrases, by number; a phrase is one or more words."""
        if not phrases:
            return {}
        query = " OR ".join(f'"{phrase}"' for phrase in phrases)
        with _damage_reported():
            rows = self._db.execute(
                f"SELECT rowid, bm25({table}, ?, 1.0) AS score FROM {table} WHERE {table} MATCH ? ORDER BY score LIMIT ?",
                (NAME_WEIGHT[table], query, limit),
            )
            return {number: -score for number, score in rows}

    def best_documents(self, words: Sequence[str], limit: int) -> list[str]:
        """The paths of the documents that match best, by BM25 over the whole page."""
        numbers = self.matches("documents", words, limit)
        with _damage_reported():
            rows = self._db.execute(
                f"SELECT id, path FROM document WHERE id IN ({_marks(list(numbers))})", tuple(numbers)
            )
            paths = dict(rows.fetchall())
        return [paths[number] for number in numbers]

    def frequency(self, table: Table, phrase: str) -> int:
        """In how many rows the phrase occurs."""
        with _damage_reported():
            row = self._db.execute(f"SELECT count(*) FROM {table} WHERE {table} MATCH ?", (f'"{phrase}"',)).fetchone()
            return int(row[0])

    def named(self, phrase: str) -> list[int]:
        """The documents that have the phrase among the names they go by."""
        with _damage_reported():
            rows = self._db.execute("SELECT rowid FROM documents WHERE documents MATCH ?", (f'names : "{phrase}"',))
            return [row[0] for row in rows]

    def document_of(self, numbers: Sequence[int]) -> dict[int, int]:
        """The document's number for each passage's number."""
        with _damage_reported():
            rows = self._db.execute(f"SELECT id, document FROM passage WHERE id IN ({_marks(numbers)})", tuple(numbers))
            return dict(rows.fetchall())

    def sharing(self, rows: Rows, vectors: Sequence[str]) -> dict[int, str]:
        """The vector of each row that has one of these, by number; at most SHARING rows for one vector."""
        query = f"""SELECT id, vector FROM (SELECT id, vector, row_number() OVER (PARTITION BY vector ORDER BY id) AS place
            FROM {rows} WHERE vector IN ({_marks(vectors)})) WHERE place <= {SHARING}"""
        with _damage_reported():
            return dict(self._db.execute(query, tuple(vectors)).fetchall())

    def document_vectors(self, documents: Sequence[int]) -> dict[int, str]:
        with _damage_reported():
            rows = self._db.execute(
                f"SELECT id, vector FROM document WHERE id IN ({_marks(documents)})", tuple(documents)
            )
            return dict(rows.fetchall())

    def places(self, documents: Sequence[int]) -> dict[int, Place]:
        """Where each document stands among the others."""
        with _damage_reported():
            query = f"SELECT id, path, belongs, kind, part FROM document WHERE id IN ({_marks(documents)})"
            return {number: Place(*rest) for number, *rest in self._db.execute(query, tuple(documents))}

    def first_passages(self, documents: Sequence[int]) -> dict[int, int]:
        """The number of the first passage of each document."""
        with _damage_reported():
            query = f"SELECT document, id FROM passage WHERE position = 0 AND document IN ({_marks(documents)})"
            return dict(self._db.execute(query, tuple(documents)).fetchall())

    def passages(self, numbers: Sequence[int]) -> dict[int, Stored]:
        with _damage_reported():
            rows = self._db.execute(f"{_STORED} WHERE passage.id IN ({_marks(numbers)})", tuple(numbers))
            return {row[0]: _stored(row) for row in rows}

    def sections(self, path: str) -> list[Stored]:
        """All passages of one document in reading order; empty when it is not there."""
        with _damage_reported():
            return [_stored(row) for row in self._db.execute(f"{_STORED} WHERE path = ? ORDER BY position", (path,))]

    def close(self) -> None:
        self._db.close()

    def _put_words(self, table: Table, number: int | None, names: str, words: str) -> None:
        self._db.execute(f"INSERT INTO {table} (rowid, names, words) VALUES (?,?,?)", (number, names, words))


def vector_of(chunks: Sequence[Chunk]) -> str:
    """The name of a whole document's vector, which documents that read alike share."""
    return hashlib.sha256("\n".join(chunk.vector for chunk in chunks).encode()).hexdigest()[:32]


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _stored(row: Sequence[Any]) -> Stored:
    number, document, path, kind, belongs, changed, *rest = row
    return Stored(number, document, path, kind, belongs, datetime.fromtimestamp(changed, UTC), *rest)


@contextmanager
def _damage_reported() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise DamagedIndex(f"{type(error).__name__}: {error}") from error
