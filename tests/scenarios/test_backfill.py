import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import LabError
from scenarios.backfill import BLOCK_S, MAX_PIECE_STEPS, Stretch, backfill, write_openmetrics

START = 1_795_000_000 // 60 * 60


class TwoSeries:
    """Speaks as much of a World as the backfill listens to."""

    def series(self, times: np.ndarray) -> Iterator[tuple[str, dict[str, str], np.ndarray]]:
        yield "up", {"job": "node", "instance": 'a"b\\c\nd'}, np.ones_like(times)
        yield "temperature", {"instance": "x"}, np.where(times > START, times / 7.0, np.nan)


def promtool() -> Path:
    found = shutil.which("promtool")
    assert found, "promtool is not on PATH"
    return Path(found)


def dump(tsdb: Path) -> list[str]:
    done = subprocess.run([promtool(), "tsdb", "dump", tsdb], capture_output=True, text=True, check=True, timeout=60)
    return [line for line in done.stdout.splitlines() if line.startswith("{")]


def test_openmetrics_text_escapes_labels_and_leaves_absent_samples_out() -> None:
    out = io.BytesIO()
    samples = write_openmetrics(TwoSeries(), np.array([START, START + 60.0]), out)  # type: ignore[arg-type]
    assert samples == 3
    assert out.getvalue().decode().splitlines() == [
        f'up{{job="node",instance="a\\"b\\\\c\\nd"}} 1.0 {START}',
        f'up{{job="node",instance="a\\"b\\\\c\\nd"}} 1.0 {START + 60}',
        f'temperature{{instance="x"}} {(START + 60) / 7.0!r} {START + 60}',
        "# EOF",
    ]


def test_a_stretch_is_in_the_data_directory_sample_by_sample(tmp_path: Path) -> None:
    stretch = Stretch(START, START + 600 * 60, 60)  # longer than one piece
    tsdb = tmp_path / "tsdb"
    samples = backfill(TwoSeries(), stretch, promtool=promtool(), tsdb=tsdb, scratch=tmp_path)  # type: ignore[arg-type]
    (tsdb / "wal").mkdir()  # promtool dumps nothing without one
    lines = dump(tsdb)
    assert samples == len(lines) == 2 * 600 - 1
    assert sum('__name__="up"' in line for line in lines) == 600
    assert not list(tmp_path.glob("*.om"))


def test_what_promtool_says_is_in_the_error(tmp_path: Path) -> None:
    blocked = tmp_path / "tsdb"
    blocked.write_text("not a directory")
    with pytest.raises(LabError, match=r"promtool cannot write the past: .*not a directory"):
        backfill(
            TwoSeries(),  # type: ignore[arg-type]
            Stretch(START, START + 600, 60),
            promtool=promtool(),
            tsdb=blocked,
            scratch=tmp_path,
        )
    assert not list(tmp_path.glob("*.om"))


def test_a_missing_promtool_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="promtool cannot write the past"):
        backfill(
            TwoSeries(),  # type: ignore[arg-type]
            Stretch(START, START + 600, 60),
            promtool=tmp_path / "promtool",
            tsdb=tmp_path,
            scratch=tmp_path,
        )


@pytest.mark.parametrize("step", [15, 60, 7])
def test_pieces_cover_the_stretch_and_none_crosses_the_edge_of_a_block(step: int) -> None:
    stretch = Stretch(START, START + 26 * 3600 + 7, step)
    pieces = stretch.pieces()
    assert np.array_equal(np.concatenate([piece.times() for piece in pieces]), stretch.times())
    for piece in pieces:
        assert 0 < len(piece.times()) <= MAX_PIECE_STEPS
        assert piece.start // BLOCK_S == (piece.end - 1) // BLOCK_S


def test_a_stretch_survives_the_command_line() -> None:
    assert Stretch.parse(str(Stretch(1, 2, 3))) == Stretch(1, 2, 3)
