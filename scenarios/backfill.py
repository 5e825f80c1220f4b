"""The past of the simulated homelab, written as blocks into a Prometheus data directory that no Prometheus has open.

Run as a process, so that several stretches of time are worked on at once:

    python -m scenarios.backfill --world FILE --tsdb DIR START:END:STEP...
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol

import numpy as np

from core.errors import LabError
from scenarios.tsdb_block import BlockWriter, labels_of
from scenarios.tsdb_chunks import MAX_SAMPLES
from scenarios.world_file import read_world

BLOCK_S = 2 * 3600
"""Prometheus' own blocks are as long, and start at whole multiples of it."""


class Source(Protocol):
    """What has a past: a World, for instance."""

    def series(self, times: np.ndarray) -> Iterable[tuple[str, dict[str, str], np.ndarray]]:
        """(metric, labels, values) of every series at unix `times`, always the same ones in the same order; NaN: absent."""
        ...


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

    @property
    def count(self) -> int:
        """How many samples each series has."""
        return -((self.start - self.end) // self.step)

    def pieces(self, block_s: int = BLOCK_S) -> Iterator[Stretch]:
        """The stretch, cut where blocks are and into parts that make a chunk of each series."""
        start = self.start
        while start < self.end:
            edge = min(self.end, (start // block_s + 1) * block_s, start + MAX_SAMPLES * self.step)
            yield Stretch(start, edge, self.step)
            start += Stretch(start, edge, self.step).count * self.step

    def times(self) -> np.ndarray:
        return np.arange(self.start, self.end, self.step, dtype=np.float64)


def backfill(
    source: Source, stretches: Iterable[Stretch], tsdb: Path, *, block_s: int = BLOCK_S, missing: float = 0.0
) -> int:
    """Add the stretches to the data directory `tsdb` and return how many samples they have.

    A series that ends gets a staleness marker, as if it had been scraped. `missing` is the share of samples that are lost at random.
    Raises OSError when the directory cannot be written.
    """
    pieces = (piece for stretch in stretches for piece in stretch.pieces(block_s))
    return sum(
        _write_block(source, list(block), tsdb, missing)
        for _, block in groupby(pieces, key=lambda piece: piece.start // block_s)
    )


def command(world: Path, stretches: Iterable[Stretch], *, tsdb: Path) -> list[str | Path]:
    """The command line that runs this module as a process."""
    return [sys.executable, "-m", "scenarios.backfill", "--world", world, "--tsdb", tsdb, *map(str, stretches)]


def _write_block(source: Source, pieces: list[Stretch], tsdb: Path, missing: float) -> int:
    names = [labels_of(name, labels) for name, labels, _ in source.series(pieces[0].times()[:1])]
    with BlockWriter(tsdb, names) as block:
        for piece in pieces:
            # A step more at the front tells whether a series ended with the piece's first sample.
            times = np.append(piece.start - piece.step, piece.times())
            values = np.stack([each for _, _, each in source.series(times)])
            absent = np.isnan(values)
            lost = np.random.default_rng(piece.start).random(absent[:, 1:].shape) < missing if missing else False
            block.add(times[1:], np.where(lost, np.nan, values[:, 1:]), ended=absent[:, 1:] & ~absent[:, :-1])
    return block.samples


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scenarios.backfill")
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--tsdb", type=Path, required=True)
    parser.add_argument("stretches", nargs="+", type=Stretch.parse, metavar="START:END:STEP")
    given = parser.parse_args()
    print(f"{backfill(read_world(given.world), given.stretches, given.tsdb)} samples")


if __name__ == "__main__":
    try:
        main()
    except (LabError, OSError) as error:
        sys.exit(str(error))
