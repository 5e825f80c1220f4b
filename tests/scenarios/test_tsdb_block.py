"""Blocks, read back by promtool."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from scenarios.tsdb_block import BlockWriter, labels_of

START = 1_795_000_000


def read_back(tsdb: Path) -> dict[tuple[str, int], float]:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not on PATH"
    (tsdb / "wal").mkdir()
    done = subprocess.run([promtool, "tsdb", "dump", tsdb], capture_output=True, text=True, check=True, timeout=60)
    rows = [line.rsplit(" ", 2) for line in done.stdout.splitlines() if line.startswith("{")]
    return {(labels, int(stamp)): float(value) for labels, value, stamp in rows}


def value_rows(times: np.ndarray) -> np.ndarray:
    draw = np.random.default_rng(1)
    count = len(times)
    rows = [
        np.zeros(count),
        np.full(count, 1.5),
        np.cumsum(draw.integers(0, 1000, count)).astype(float),
        draw.normal(size=count) * 10.0 ** draw.integers(-300, 300, count),
        -draw.random(count),
        np.where(np.arange(count) % 2, np.inf, -np.inf),
        np.where(draw.random(count) < 0.5, np.nan, draw.random(count)),
        np.where(np.arange(count) < 100, np.nan, 1e15 + np.arange(count)),
        np.full(count, np.nan),
        # One bit each, from the lowest to the sign.
        (np.uint64(1) << (np.arange(count) % 64).astype(np.uint64)).view(np.float64),
    ]
    return np.stack(rows)


@pytest.mark.parametrize("jitter_s", [0.0, 0.007, 9.5, 400.0])
def test_every_sample_is_read_back_bit_for_bit(tmp_path: Path, jitter_s: float) -> None:
    """Whatever the spacing: the widths in which a time stamp is stored depend on it."""
    draw = np.random.default_rng(2)
    times = START + np.round(np.cumsum(60 + jitter_s * 3 * draw.random(300)), 3)
    times[200:] += 86_400
    values = value_rows(times)
    names = [labels_of("metric", {"row": str(number), "zone": "ä\n"}) for number in range(len(values))]
    with BlockWriter(tmp_path, names) as block:
        block.add(times[:250], values[:, :250], ended=np.zeros((len(values), 250), dtype=bool))
        block.add(times[250:], values[:, 250:], ended=np.zeros((len(values), 50), dtype=bool))
    found = read_back(tmp_path)
    stamps = np.round(times * 1000).astype(int).tolist()
    expected = {
        (f'{{__name__="metric", row="{row}", zone="ä\\n"}}', stamp): value
        for row, line in enumerate(values.tolist())
        for stamp, value in zip(stamps, line, strict=True)
        if value == value  # noqa: PLR0124 - NaN stands for absent
    }
    assert found == expected
    assert block.samples == len(expected)


def test_many_series_keep_their_own_labels(tmp_path: Path) -> None:
    names = [labels_of(f"m_{n % 7}", {"n": str(n), "even": "" if n % 2 else "yes"}) for n in range(1300)]
    values = np.arange(1300.0)[:, None] * np.ones(3)
    with BlockWriter(tmp_path, names) as block:
        block.add(np.array([START, START + 1.0, START + 2.0]), values, ended=np.zeros(values.shape, dtype=bool))
    found = read_back(tmp_path)
    assert len(found) == 3900
    for (labels, _), value in found.items():
        assert f'n="{int(value)}"' in labels
        assert f'__name__="m_{int(value) % 7}"' in labels
        assert ("even" in labels) == (int(value) % 2 == 0)


def test_an_error_leaves_no_block(tmp_path: Path) -> None:
    with pytest.raises(IndexError), BlockWriter(tmp_path, [labels_of("up", {})]) as block:
        block.add(np.array([START]), np.ones((1, 1)), ended=np.zeros((3, 2), dtype=bool))
    assert list(tmp_path.iterdir()) == []
