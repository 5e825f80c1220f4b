from datetime import UTC, datetime, timedelta
from glob import glob
from pathlib import Path

import pytest

from scenarios.log_files import LogFiles, glob_of
from scenarios.topology import load_homelab
from scenarios.world import World

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World(load_homelab(), None, start=NOON)


def lines_of(directory: Path) -> dict[str, list[str]]:
    return {path: Path(path).read_text().splitlines() for path in glob(glob_of(directory))}  # noqa: PTH207 - as a setting


def test_each_service_has_its_file_in_order_of_time(world: World, tmp_path: Path) -> None:
    files = LogFiles(world, tmp_path)
    written = files.write(NOON - timedelta(hours=1), NOON)
    found = lines_of(tmp_path)
    assert written == sum(map(len, found.values())) > 0
    assert str(tmp_path / "media" / "jellyfin.log") in found
    for lines in found.values():
        stamps = [datetime.fromisoformat(line.split(" ")[0]) for line in lines]
        assert stamps == sorted(stamps)
        assert all(NOON - timedelta(hours=1) <= stamp < NOON for stamp in stamps)


def test_two_stretches_are_the_same_as_one(world: World, tmp_path: Path) -> None:
    whole, halves = LogFiles(world, tmp_path / "whole"), LogFiles(world, tmp_path / "halves")
    whole.write(NOON - timedelta(hours=1), NOON)
    halves.write(NOON - timedelta(hours=1), NOON - timedelta(minutes=30))
    halves.write(NOON - timedelta(minutes=30), NOON)
    assert list(lines_of(tmp_path / "whole").values()) == list(lines_of(tmp_path / "halves").values())


def test_a_file_that_has_grown_large_is_moved_aside(world: World, tmp_path: Path) -> None:
    LogFiles(world, tmp_path, max_file_bytes=10).write(NOON - timedelta(hours=1), NOON)
    assert lines_of(tmp_path) == {}
    assert (tmp_path / "media" / "jellyfin.log.1").stat().st_size > 10
