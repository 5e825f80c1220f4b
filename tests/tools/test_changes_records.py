"""Changes that people's scripts wrote into files."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.vocabulary import Window
from tools.changes import records
from tools.changes.records import ChangeRecords
from tools.changes.source import ChangeList

AT = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)
WINDOW = Window(start=AT - timedelta(hours=1), end=AT + timedelta(hours=1))
DISK = {"at": "2026-11-20T03:10:00Z", "kind": "manual", "entity": "nas", "title": "swapped a disk"}


def write(path: Path, *lines: object, end: str = "\n") -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + end)
    return path


async def read(*patterns: Path | str, limit: int = 500, window: Window = WINDOW) -> ChangeList:
    return await ChangeRecords([str(pattern) for pattern in patterns]).changes(window, limit=limit)


async def test_a_record_needs_three_fields(tmp_path: Path) -> None:
    [change] = (await read(write(tmp_path / "a.jsonl", DISK))).changes
    assert (change.at, change.kind, change.entity, change.title) == (AT, "manual", "nas", "swapped a disk")
    assert change.source == "record"
    again = (await read(tmp_path / "a.jsonl")).changes[0]
    assert change.id == again.id
    assert change.id.startswith("record:")


async def test_every_field_of_a_change_may_stand_there(tmp_path: Path) -> None:
    full = {
        **DISK,
        "id": "renovate-17",
        "effective_at": "2026-11-20T04:15:00+01:00",
        "detail": "bay 3",
        "files": ["compose.yaml"],
        "diff": "-a\n+b",
        "source": "renovate",
        "actor": "ana",
    }
    [change] = (await read(write(tmp_path / "a.jsonl", full, end=""))).changes
    assert (change.id, change.effective_at) == ("record:renovate-17", AT + timedelta(minutes=5))
    assert (change.detail, change.files, change.diff) == ("bay 3", ("compose.yaml",), "-a\n+b")
    assert (change.source, change.actor) == ("renovate", "ana")


async def test_a_line_that_is_no_record_is_named_and_the_rest_stands(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        {**DISK, "severity": "high"},
        {**DISK, "kind": "magic"},
        {**DISK, "at": "2026-11-20T03:10:00"},
        "",
        "[1, 2]",
        {**DISK, "title": ""},
        {**DISK, "at": "0001-01-01T00:00:00+14:00"},
        DISK,
        '{"at": "2026-11-20T03:1',
        end="",
    )
    found = await read(path)
    assert [change.title for change in found.changes] == ["swapped a disk"]
    places = [gap.removeprefix(f"record: {path}:").partition(": ")[::2] for gap in found.gaps]
    assert [number for number, _ in places] == ["1", "2", "3", "5", "6", "7", "9"]
    assert places[0][1] == "no record of a change: severity: Extra inputs are not permitted"
    assert places[1][1].startswith("no record of a change: kind: Input should be 'ansible_task'")
    assert "timezone" in places[2][1]
    assert places[-1][1] == "the last line is only half-written; it counts once it ends"


async def test_only_what_happened_or_took_effect_in_the_window(tmp_path: Path) -> None:
    def record(minutes: float, title: str, **more: object) -> dict[str, object]:
        return {**DISK, "at": (AT + timedelta(minutes=minutes)).isoformat(), "title": title, **more}

    late = record(-90, "late", effective_at=(AT + timedelta(minutes=1)).isoformat())
    path = write(
        tmp_path / "a.jsonl", record(61, "after"), record(60, "end"), record(-60, "start"), record(-61, "before"), late
    )
    assert [change.title for change in (await read(path)).changes] == ["late", "start", "end"]
    cut = await read(path, limit=1)
    assert ([change.title for change in cut.changes], cut.available) == (["end"], 3)


async def test_secrets_do_not_leave(tmp_path: Path) -> None:
    told = {
        "title": "set password=hunter2hunter2",
        "detail": "token=hunter2hunter2",
        "diff": "+api_key: hunter2hunter2",
    }
    found = await read(write(tmp_path / "a.jsonl", {**DISK, **told}, {"password=hunter2hunter2": 1}))
    assert len(found.changes) == 1
    assert "hunter2" not in found.model_dump_json()


async def test_patterns_files_twice_and_what_is_no_file(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", DISK)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "a.jsonl")
    (tmp_path / "dangling.jsonl").symlink_to(tmp_path / "nothing")
    (tmp_path / "directory.jsonl").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl")
    found = await read(tmp_path / "*.jsonl", tmp_path / "a.jsonl", tmp_path / "none*.jsonl")
    assert len(found.changes) == 1
    assert set(found.gaps) == {
        f"record: {tmp_path}/dangling.jsonl: cannot be read: No such file or directory",
        f"record: no file matches {tmp_path}/none*.jsonl; check SRE_CHANGE_FILES",
    }


async def test_a_long_file_is_read_from_its_end(tmp_path: Path) -> None:
    filler = json.dumps({**DISK, "detail": "x" * 9_000})
    path = write(tmp_path / "a.jsonl", {**DISK, "title": "first"}, *[filler] * 500, {**DISK, "title": "last"})
    assert path.stat().st_size > records.MAX_BYTES
    found = await read(path)
    assert {change.title for change in found.changes} == {"swapped a disk", "last"}
    assert found.gaps == (f"record: {path}: only its last 4 MB were read; lines are counted from there",)


async def test_an_endless_line_is_a_gap(tmp_path: Path) -> None:
    found = await read(write(tmp_path / "a.jsonl", "x" * 250_000, DISK))
    assert len(found.changes) == 1
    assert found.gaps == (f"record: {tmp_path}/a.jsonl:1: the line is longer than 100 kB",)


async def test_a_file_of_something_else_gives_few_gaps(tmp_path: Path) -> None:
    found = await read(write(tmp_path / "a.jsonl", *["no record"] * 1_000))
    assert len(found.gaps) == records.MAX_GAPS + 1
    assert found.gaps[-1] == "record: 980 more problems"
