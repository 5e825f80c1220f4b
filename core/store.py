"""The database of sessions and costs: SQLAlchemy Core on one SQLite file, or on whatever a database URL names.

Everybody who keeps something defines tables on `METADATA`. Calls block: from async code they belong into a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError

from core.errors import StoreError

METADATA = MetaData()
FILE_NAME = "assistant.db"
"""The SQLite file in the data directory."""
SCHEMA_VERSION = 1
"""Raised when a table changes in a way that an older version could not read."""
BUSY_TIMEOUT_S = 5.0

_VERSION = Table("schema_version", METADATA, Column("version", Integer, primary_key=True, autoincrement=False))


class Store:
    """Opens nothing before the first transaction. Safe to use from many threads, and by many processes on one file."""

    def __init__(self, place: Path | str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """`place` is the SQLite file, or a database URL. Raises StoreError for a URL that cannot be read.

        A transaction that writes waits for another process's at most `busy_timeout_s`.
        """
        self._busy_timeout_s = busy_timeout_s
        try:
            self._url = URL.create("sqlite", database=str(place)) if isinstance(place, Path) else make_url(place)
        except ArgumentError as error:
            raise StoreError(f"store: {error}; write a URL like sqlite:////var/lib/sre/assistant.db") from None
        self._file = Path(self._url.database) if self._is_sqlite and self._url.database else None
        self._name = str(self._file or self._url.render_as_string(hide_password=True))
        self._engine: Engine | None = None
        self._tables = 0
        self._opening = threading.Lock()

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that may write; it is rolled back when the block raises. On SQLite it is the only one that writes.

        Raises StoreError when the database cannot be used; an IntegrityError is left to the caller.
        """
        with self._translated(), self._opened().begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: it sees one state of the database and waits for nobody. Raises StoreError."""
        with self._translated(), self._opened().connect() as connection:
            connection.execution_options(begin="BEGIN")
            with connection.begin():
                yield connection

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()

    def _opened(self) -> Engine:
        """The engine, with every table that is defined by now: a module that defines some may be imported later."""
        with self._opening:
            if self._engine is None:
                self._engine = self._connected()
            if self._tables != len(METADATA.tables):
                self._make_tables(self._engine)
                self._tables = len(METADATA.tables)
            return self._engine

    def _make_tables(self, engine: Engine) -> None:
        """Asks first what is missing: where nothing is, nobody has to wait for whoever writes."""
        with engine.connect().execution_options(begin="BEGIN") as connection, connection.begin():
            self._check_version(connection)
            missing = METADATA.tables.keys() - set(inspect(connection).get_table_names())
        if missing:
            with engine.begin() as connection:
                METADATA.create_all(connection)
                if self._check_version(connection) is None:
                    connection.execute(insert(_VERSION).values(version=SCHEMA_VERSION))

    def _connected(self) -> Engine:
        if not self._is_sqlite:
            return create_engine(self._url, pool_pre_ping=True)
        if self._file is not None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.touch(mode=0o600)  # questions and answers are nobody else's business
            except OSError as error:
                raise StoreError(f"store: cannot write {self._name}: {error.strerror}; check SRE_DATA_DIR") from None
        engine = create_engine(self._url, connect_args={"timeout": self._busy_timeout_s})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _check_version(self, connection: Connection) -> int | None:
        """The version of the database, None when it is a new one. Raises StoreError when it is of a newer program."""
        known = connection.scalar(select(_VERSION.c.version)) if inspect(connection).has_table(_VERSION.name) else None
        if known is not None and known > SCHEMA_VERSION:
            raise StoreError(
                f"store: {self._name} was written by a newer version (schema {known}, this one reads {SCHEMA_VERSION}); "
                "update this program, or move the file away to start anew"
            )
        return known

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            said = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise StoreError(f"store: {self._name}: {said}; {_next_step(said)}") from error


def _next_step(said: str) -> str:
    if "locked" in said:
        return "another process is writing; try again"
    if "not a database" in said or "malformed" in said or "no such column" in said:
        return "move the file away to start anew"
    return "check SRE_DATA_DIR, its permissions and free space"


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Let us say BEGIN ourselves, and let readers and a writer not wait for each other."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """IMMEDIATE takes the write lock up front, where waiting for it is possible; later it would fail at once."""
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN IMMEDIATE"))
