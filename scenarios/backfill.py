"""The past of the simulated homelab, written as blocks into a Prometheus data directory that no Prometheus has open.

A stretch of time becomes one OpenMetrics text file, and `promtool tsdb create-blocks-from openmetrics` makes a block of it.
Run as a process, so that several stretches are worked on at once:

    python -m scenarios.backfill --world FILE --promtool FILE --tsdb DIR --scratch DIR START:END:STEP...
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson

from core.errors import LabError
from scenarios.world import World
from scenarios.world_file import read_world

PROMTOOL_DEADLINE_S = 120
BLOCK_S = 2 * 3600
"""Prometheus' own blocks are as long, and start at whole multiples of it."""
MAX_PIECE_STEPS = 120
"""promtool holds a piece in memory: 150 MB for 7,000 series."""


@dataclass(frozen=True)
class Stretch:
    """Samples at `start`, `start + step`, … before `end`; all in seconds, the first two since the epoch."""

    start: int
    end: int
    step: int

    @classmethod
    def parse(cls, text: str) -> Stretch:
        start, end, step = (int(part) for part in text.split(":"))
        return cls(start, end, step)

    def __str__(self) -> str:
        return f"{self.start}:{self.end}:{self.step}"

    def pieces(self) -> list[Stretch]:
        """The stretch, cut where blocks are and into small parts: each is one text file that promtool reads once."""
        pieces = []
        start = self.start
        while start < self.end:
            end = min(self.end, (start // BLOCK_S + 1) * BLOCK_S, start + MAX_PIECE_STEPS * self.step)
            pieces.append(Stretch(start, end, self.step))
            start += -((start - end) // self.step) * self.step
        return pieces

    def times(self) -> np.ndarray:
        return np.arange(self.start, self.end, self.step, dtype=np.float64)


def write_openmetrics(world: World, times: np.ndarray, out: BinaryIO) -> int:
    """Write every series of `world` at `times` (seconds since the epoch); NaN and infinity count as absent. Returns the samples."""
    stamps = [b" %d\n" % moment for moment in times.tolist()]
    samples = 0
    for name, labels, values in world.series(times):
        prefix = _selector(name, labels.items())
        # orjson formats a whole array at the speed of C, and writes what is not finite as null.
        numbers = orjson.dumps(np.ascontiguousarray(values, dtype=np.float64), option=orjson.OPT_SERIALIZE_NUMPY)[
            1:-1
        ].split(b",")
        lines = [prefix + number + stamp for number, stamp in zip(numbers, stamps, strict=True) if number != b"null"]
        samples += len(lines)
        out.write(b"".join(lines))
    out.write(b"# EOF\n")
    return samples


def backfill(world: World, stretch: Stretch, *, promtool: Path, tsdb: Path, scratch: Path) -> int:
    """Add the stretch to the data directory `tsdb`. Returns the samples; raises LabError with promtool's words."""
    samples = 0
    for piece in stretch.pieces():
        text = scratch / f"{piece.start}.om"
        try:
            with text.open("wb", buffering=1 << 20) as out:
                samples += write_openmetrics(world, piece.times(), out)
            _create_block(promtool, text, tsdb)
        finally:
            text.unlink(missing_ok=True)
    return samples


def command(
    world: Path, stretches: Iterable[Stretch], *, promtool: Path, tsdb: Path, scratch: Path
) -> list[str | Path]:
    """The command line that runs this module as a process."""
    paths: list[str | Path] = ["--world", world, "--promtool", promtool, "--tsdb", tsdb, "--scratch", scratch]
    return [sys.executable, "-m", "scenarios.backfill", *paths, *map(str, stretches)]


def _selector(name: str, labels: Iterable[tuple[str, str]]) -> bytes:
    pairs = ",".join(f'{label}="{_escape(value)}"' for label, value in labels)
    return f"{name}{{{pairs}}} ".encode()


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _create_block(promtool: Path, text: Path, tsdb: Path) -> None:
    line = [promtool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, tsdb]
    try:
        done = subprocess.run(  # noqa: S603 - a command line of ours
            [str(part) for part in line],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROMTOOL_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"promtool cannot write the past: {error}") from None
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise LabError(f"promtool cannot write the past: {last[0]}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scenarios.backfill")
    for option in ("--world", "--promtool", "--tsdb", "--scratch"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("stretches", nargs="+", type=Stretch.parse, metavar="START:END:STEP")
    given = parser.parse_args()
    world = read_world(given.world)
    for stretch in given.stretches:
        samples = backfill(world, stretch, promtool=given.promtool, tsdb=given.tsdb, scratch=given.scratch)
        print(f"{stretch}: {samples} samples")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
