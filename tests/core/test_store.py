"""The database: what it survives, and what it says when it cannot be used."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, Table, func, insert, select

from core.errors import StoreError
from core.store import METADATA, SCHEMA_VERSION, Store

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = Table("test_store_numbers", METADATA, Column("number", Integer, primary_key=True))


def count(store: Store) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(NUMBERS)) or 0


def test_what_is_written_is_there_for_the_next_process(tmp_path) -> None:
    path = tmp_path / "a" / "new" / "directory" / "assistant.db"
    with Store(path).begin() as connection:
        connection.execute(insert(NUMBERS).values(number=7))
    assert count(Store(path)) == 1


def test_nobody_else_may_read_the_file(tmp_path) -> None:
    path = tmp_path / "assistant.db"
    with Store(path).begin():
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_opened_before_the_first_use(tmp_path) -> None:
    Store(tmp_path / "assistant.db")
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_fails_writes_nothing(tmp_path) -> None:
    store = Store(tmp_path / "assistant.db")

    def fail() -> None:
        with store.begin() as connection:
            connection.execute(insert(NUMBERS).values(number=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert count(store) == 0


def test_a_table_that_is_defined_later_is_made(tmp_path) -> None:
    store = Store(tmp_path / "assistant.db")
    with store.begin():
        pass
    later = Table("test_store_later", METADATA, Column("number", Integer, primary_key=True))
    try:
        with store.begin() as connection:
            connection.execute(insert(later).values(number=1))
        with store.read() as connection:
            assert connection.scalar(select(later.c.number)) == 1
    finally:
        METADATA.remove(later)


def test_many_threads_write_at_once(tmp_path) -> None:
    store = Store(tmp_path / "assistant.db")

    def write(number: int) -> None:
        with store.begin() as connection:
            connection.execute(insert(NUMBERS).values(number=number))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(100)))
    assert count(store) == 100


def test_a_reader_does_not_wait_for_a_writer(tmp_path) -> None:
    store = Store(tmp_path / "assistant.db")
    with store.begin() as connection:
        connection.execute(insert(NUMBERS).values(number=1))
        seen: list[int] = []
        reader = threading.Thread(target=lambda: seen.append(count(store)))
        reader.start()
        reader.join(10)
        assert seen == [0]


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be taken for one " * 50, b"SQLite format 3\0" + b"x" * 4096]
)
def test_a_file_that_is_no_database_is_named(tmp_path, content) -> None:
    path = tmp_path / "assistant.db"
    path.write_bytes(content)
    with pytest.raises(
        StoreError, match=r"assistant\.db: .*(not a database|malformed|file is encrypted).*move the file away"
    ):
        count(Store(path))


def test_a_place_that_cannot_be_written_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write .*SRE_DATA_DIR"):
        count(Store(tmp_path / "file" / "assistant.db"))
    with pytest.raises(StoreError, match=r"unable to open database file.*SRE_DATA_DIR"):
        count(Store(tmp_path))


def test_a_database_of_a_newer_version_is_refused(tmp_path) -> None:
    path = tmp_path / "assistant.db"
    with Store(path).begin():
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = ?", (SCHEMA_VERSION + 1,))
    with pytest.raises(StoreError, match=r"newer version \(schema 2, this one reads 1\)"):
        count(Store(path))


def test_a_database_that_another_process_holds_is_told(tmp_path) -> None:
    path = tmp_path / "assistant.db"
    store = Store(path, busy_timeout_s=0.1)
    assert count(store) == 0
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="another process is writing"), store.begin():
        pass
    other.execute("ROLLBACK")
    other.close()
    with store.begin() as connection:
        connection.execute(insert(NUMBERS).values(number=1))
    assert count(store) == 1


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(StoreError, match="write a URL like"):
        Store("not a url")


WRITER = """
import sys
from pathlib import Path
from sqlalchemy import Column, Integer, Table, insert
from core.store import METADATA, Store
numbers = Table("test_store_numbers", METADATA, Column("number", Integer, primary_key=True))
store = Store(Path(sys.argv[1]))
number = 0
while True:
    with store.begin() as connection:
        connection.execute(insert(numbers).values(number=number))
    print(number, flush=True)
    number += 1
"""


def test_what_was_committed_survives_sigkill(tmp_path) -> None:
    """Every number that the killed process told of is there, in a whole database."""
    path = tmp_path / "assistant.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().splitlines() if line]
    writer.wait(10)
    store = Store(path)
    assert count(store) >= len(told)
    with store.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_many_processes_may_open_a_new_one_at_once(tmp_path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nimport core.ledger\nfrom core.store import Store\n"
        "sys.stdin.readline()\nwith Store(Path(sys.argv[1])).begin(): pass\n"
    )
    path = str(tmp_path / "assistant.db")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, path], cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=30)[1] for process in started] == [""] * 4
