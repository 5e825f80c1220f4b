"""Recorded runs found by globs: each file by what it holds, and what cannot be read as a gap."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Window
from tools.changes.ansible_files import MAX_GAPS, AnsibleFiles
from tools.changes.source import ChangeList, ChangeSource

DATA = Path(__file__).resolve().parents[1] / "data" / "ansible"
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 11, 22, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(days=2))
IN_LOG, IN_DOCUMENT, IN_JSONL = 7, 4, 19


def place(folder: Path, name: str, source: str, *, hours: float = 40) -> Path:
    """A copy of a recorded run under another name, written last so long after the window's start."""
    path = folder / name
    shutil.copy(DATA / source, path)
    return written(path, hours)


def written(path: Path, hours: float = 40) -> Path:
    moment = (START + timedelta(hours=hours)).timestamp()
    os.utime(path, (moment, moment))
    return path


async def read(*patterns: Path, window: Window = WINDOW, limit: int = 500, max_bytes: int = 8_000_000) -> ChangeList:
    source: ChangeSource = AnsibleFiles([str(pattern) for pattern in patterns], BERLIN, max_bytes=max_bytes)
    return await source.changes(window, limit=limit)


async def test_the_content_tells_the_format_whatever_the_name(tmp_path: Path) -> None:
    for name, source in {"a.txt": "run.log", "b.log": "run.json", "c": "run.jsonl"}.items():
        place(tmp_path, name, source)
    found = await read(tmp_path / "*")
    assert found.gaps == ()
    assert len(found.changes) == found.available == IN_LOG + IN_DOCUMENT + IN_JSONL
    assert [change.at for change in found.changes] == sorted(change.at for change in found.changes)
    assert {change.source for change in found.changes} == {"ansible"}


async def test_only_the_window_is_given(tmp_path: Path) -> None:
    place(tmp_path, "run.jsonl", "run.jsonl")
    whole = (await read(tmp_path / "*")).changes
    first, last = whole[3], whole[8]
    found = await read(tmp_path / "*", window=Window(start=first.at, end=last.at))
    assert [change.id for change in found.changes] == [
        change.id for change in whole if first.at <= change.at <= last.at
    ]


async def test_the_newest_stay_when_there_are_too_many(tmp_path: Path) -> None:
    place(tmp_path, "run.jsonl", "run.jsonl")
    whole = await read(tmp_path / "*")
    found = await read(tmp_path / "*", limit=3)
    assert found.changes == whole.changes[-3:]
    assert found.available == IN_JSONL
    assert (await read(tmp_path / "*", limit=0)).changes == ()


async def test_a_run_that_two_files_hold_is_told_once(tmp_path: Path) -> None:
    place(tmp_path, "copy.jsonl", "run.jsonl")
    place(tmp_path, "run.jsonl", "run.jsonl", hours=41)
    assert (await read(tmp_path / "*")).available == IN_JSONL


async def test_the_file_that_tells_more_of_a_run_wins(tmp_path: Path) -> None:
    """The log is newer, but knows no module."""
    place(tmp_path, "run.jsonl", "run.jsonl")
    log = tmp_path / "run.log"
    head = "2026-11-23 07:03:01,745 p=1 u=ops n=ansible INFO| "
    log.write_text(f"{head}TASK [web : template app.conf] ****\n{head}changed: [web2]\n")
    written(log, 41)
    assert len((await read(log)).changes) == 1
    found = await read(tmp_path / "*")
    assert found.available == IN_JSONL
    [told] = [each for each in found.changes if each.entity == "web2" and "app.conf" in each.title]
    assert told.detail.startswith("module template")


async def test_a_half_written_line_is_a_gap_and_the_rest_stands(tmp_path: Path) -> None:
    text = (DATA / "run.jsonl").read_text()
    path = tmp_path / "run.jsonl"
    path.write_text(text + text.splitlines()[2][:200])
    written(path)
    found = await read(path)
    assert found.available == IN_JSONL
    [gap] = found.gaps
    assert gap == f"ansible: {path}: its last entry is half-written or cut off; what stands in it is missing"


async def test_what_is_broken_elsewhere_in_time_is_no_gap(tmp_path: Path) -> None:
    text = (DATA / "run.jsonl").read_text()
    path = tmp_path / "run.jsonl"
    path.write_text(text + text.splitlines()[2][:200])
    written(path, hours=24 * 40)
    later = Window(start=START + timedelta(days=30), end=START + timedelta(days=31))
    assert await read(path, window=later) == ChangeList()


async def test_a_truncated_document_is_a_gap_and_other_files_stand(tmp_path: Path) -> None:
    text = (DATA / "run.json").read_text()
    cut = tmp_path / "cut.json"
    cut.write_text(text[: len(text) // 2])
    written(cut)
    place(tmp_path, "run.log", "run.log")
    found = await read(tmp_path / "*")
    assert found.available == IN_LOG
    [gap] = found.gaps
    assert gap.startswith(f"ansible: {cut}: neither a log nor JSON of Ansible could be read in it; its last entry")


async def test_mixed_zones_are_a_gap_and_the_rest_stands(tmp_path: Path) -> None:
    text = (DATA / "run.log").read_text()
    path = tmp_path / "ansible.log"
    path.write_text(text + text.replace("2026-11-22 16:", "2026-11-22 15:"))
    written(path)
    found = await read(path)
    assert found.available == 2 * IN_LOG
    [gap] = found.gaps
    assert f"{path}: its times go back" in gap


async def test_files_that_cannot_be_read_are_gaps(tmp_path: Path) -> None:
    place(tmp_path, "run.log", "run.log")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"x" * 10_000)[:30])
    (tmp_path / "notes.md").write_text("# nothing of Ansible\n")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    found = await read(tmp_path / "*", tmp_path / "none-*.log")
    assert found.available == IN_LOG
    assert sorted(gap.removeprefix(f"ansible: {tmp_path}/") for gap in found.gaps) == sorted((
        "binary: cannot be read: it is not text",
        "broken.gz: cannot be read: Compressed file ended before the end-of-stream marker was reached",
        "gone: cannot be read: No such file or directory",
        "notes.md: neither a log nor JSON of Ansible could be read in it",
        "pipe: cannot be read: it is not a regular file",
        f"ansible: no file matches {tmp_path}/none-*.log; check SRE_ANSIBLE_LOGS",
    ))  # fmt: skip


async def test_a_large_file_is_read_from_its_end(tmp_path: Path) -> None:
    text = (DATA / "run.jsonl").read_text()
    path = place(tmp_path, "run.jsonl", "run.jsonl")
    found = await read(path, max_bytes=len(text) - 2_000)
    whole = (await read(path)).changes
    assert 0 < len(found.changes) < len(whole)
    assert [change.id for change in found.changes] == [change.id for change in whole[-len(found.changes) :]]
    assert found.gaps[0].endswith("of it were read; other changes of the time asked for may be missing")
    window = Window(start=whole[-3].at, end=WINDOW.end)
    assert (await read(path, max_bytes=len(text) - 2_000, window=window)).gaps == ()


async def test_a_large_log_is_read_from_its_end(tmp_path: Path) -> None:
    path = place(tmp_path, "run.log", "run.log")
    found = await read(path, max_bytes=1_500)
    assert [change.title for change in found.changes] == ["dns : blocklist (changed)"]
    assert len(found.gaps) == 1


async def test_a_document_larger_than_the_bound_is_a_gap(tmp_path: Path) -> None:
    path = place(tmp_path, "run.json", "run.json")
    found = await read(path, max_bytes=5_000)
    assert found.changes == ()
    [gap] = found.gaps
    assert gap.endswith("it is larger than 0.005 MB")


async def test_rotated_and_coloured_files_are_read(tmp_path: Path) -> None:
    text = (DATA / "run.log").read_text()
    path = tmp_path / "ansible.log.1.gz"
    path.write_bytes(gzip.compress(text.replace("changed:", "\x1b[0;33mchanged:").encode()))
    written(path)
    assert (await read(path)).available == IN_LOG
    assert "may be missing" in (await read(path, max_bytes=1_500)).gaps[0]


async def test_files_written_last_before_the_window_are_not_opened(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text("no JSON at all")
    written(old, hours=-1)
    assert (await read(old)).gaps == ()
    written(old, hours=1)
    assert len((await read(old)).gaps) == 1


async def test_gaps_are_bounded(tmp_path: Path) -> None:
    for number in range(MAX_GAPS + 5):
        (tmp_path / f"{number}.log").write_text("?")
    gaps = (await read(tmp_path / "*")).gaps
    assert len(gaps) == MAX_GAPS + 1
    assert gaps[-1] == "ansible: 5 more problems"


async def test_without_time_nothing_is_read_and_that_is_said(tmp_path: Path) -> None:
    place(tmp_path, "run.log", "run.log")
    source = AnsibleFiles([str(tmp_path / "*")], BERLIN, deadline_s=-1)
    found = await source.changes(WINDOW)
    assert found.changes == ()
    assert found.gaps == ("ansible: 1 files were not read within -1 s; ask for a shorter window",)


@pytest.mark.parametrize("name", ["run.log", "run.json", "run.jsonl"])
async def test_no_secret_of_a_run_comes_out(tmp_path: Path, name: str) -> None:
    secret = "glpat-" + "Zx9Yw8Vu7Ts6Rq5Po4Nm"
    text = (DATA / name).read_text()
    for ordinary in ("worker_processes 3", "workers = 2"):
        text = text.replace(ordinary, f"password = {secret}")
    path = tmp_path / name
    path.write_text(text.replace("echo ", f"echo {secret} "))
    written(path)
    assert secret in path.read_text()
    found = await read(path)
    told = json.dumps([change.model_dump(mode="json") for change in found.changes])
    assert "[redacted]" in told
    assert secret not in told
