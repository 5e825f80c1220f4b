import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scenarios.backfill import BLOCK_S, Stretch, backfill
from scenarios.tsdb_chunks import MAX_SAMPLES

START = 1_795_000_000 // 60 * 60


class TwoSeries:
    """`up` is always there; `temperature` between 10 and 20 minutes after START."""

    def series(self, times: np.ndarray) -> Iterator[tuple[str, dict[str, str], np.ndarray]]:
        yield "up", {"job": "node", "instance": 'a"b\\c\nd'}, np.ones_like(times)
        there = (times >= START + 600) & (times < START + 1200)
        yield "temperature", {"instance": "x"}, np.where(there, times / 7.0, np.nan)


def dump(tsdb: Path) -> list[str]:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not on PATH"
    (tsdb / "wal").mkdir()  # promtool dumps nothing without one
    done = subprocess.run([promtool, "tsdb", "dump", tsdb], capture_output=True, text=True, check=True, timeout=60)
    return [line for line in done.stdout.splitlines() if line.startswith("{")]


def test_stretches_are_in_the_data_directory_sample_by_sample(tmp_path: Path) -> None:
    stretches = [Stretch(START, START + 400 * 60, 60), Stretch(START + 400 * 60, START + 410 * 60, 15)]
    samples = backfill(TwoSeries(), stretches, tmp_path)
    lines = dump(tmp_path)
    up = [line for line in lines if '__name__="up"' in line]
    assert [int(line.split()[-1]) // 1000 for line in up] == [
        *range(START, START + 400 * 60, 60),
        *range(START + 400 * 60, START + 410 * 60, 15),
    ]
    assert 'instance="a\\"b\\\\c\\nd"' in up[0]
    assert samples == len(lines)
    assert len(list(tmp_path.glob("*/meta.json"))) == len({stamp // BLOCK_S for stamp in range(START, START + 24600)})


def test_a_series_that_ends_is_marked_stale_once(tmp_path: Path) -> None:
    backfill(TwoSeries(), [Stretch(START, START + 3600, 60)], tmp_path)
    temperature = [line.split()[-2:] for line in dump(tmp_path) if "temperature" in line]
    assert [(float(value), int(stamp)) for value, stamp in temperature[:-1]] == [
        ((START + offset) / 7.0, (START + offset) * 1000) for offset in range(600, 1200, 60)
    ]
    assert temperature[-1] == ["NaN", str((START + 1200) * 1000)]


def test_a_share_of_the_samples_is_lost_the_same_ones_every_time(tmp_path: Path) -> None:
    stretch = [Stretch(START, START + 2000 * 60, 60)]
    samples = backfill(TwoSeries(), stretch, tmp_path / "once", missing=0.1)
    assert 0.85 * 2011 < samples < 0.95 * 2011
    backfill(TwoSeries(), stretch, tmp_path / "again", missing=0.1)
    assert dump(tmp_path / "once") == dump(tmp_path / "again")


def test_nothing_to_write_leaves_nothing_behind(tmp_path: Path) -> None:
    assert backfill(TwoSeries(), [Stretch(START, START + 60, 60)], tmp_path, missing=1.0) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    blocked = tmp_path / "tsdb"
    blocked.write_text("not a directory")
    with pytest.raises(NotADirectoryError):
        backfill(TwoSeries(), [Stretch(START, START + 600, 60)], blocked)


@pytest.mark.parametrize("step", [15, 60, 7])
def test_pieces_cover_the_stretch_and_none_crosses_the_edge_of_a_block(step: int) -> None:
    stretch = Stretch(START, START + 26 * 3600 + 7, step)
    pieces = list(stretch.pieces())
    assert np.array_equal(np.concatenate([piece.times() for piece in pieces]), stretch.times())
    assert sum(piece.count for piece in pieces) == stretch.count
    for piece in pieces:
        assert 0 < len(piece.times()) <= MAX_SAMPLES
        assert piece.start // BLOCK_S == (piece.end - 1) // BLOCK_S


def test_a_stretch_survives_the_command_line() -> None:
    assert Stretch.parse(str(Stretch(1, 2, 3))) == Stretch(1, 2, 3)
