"""The past that a replay writes: one homelab, in which incident follows incident.

A World knows one incident. So time is cut where nothing happens, halfway between two incidents, and each part comes out of the World
of its own incident. There the Worlds agree on everything but the past: what was counted, and what was restarted when. What one has
counted more or less than the next is added to the next one's series, until they are reset.

Run as a process, for samples of some stretches, or for all logs:

    python -m scenarios.replay_history --plan FILE (--tsdb DIR START:END:STEP... | --logs DIR)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from core.errors import LabError
from scenarios.backfill import Stretch, backfill
from scenarios.log_files import LogFiles
from scenarios.replay_plan import Incident, ReplayPlan, read_plan
from scenarios.shapes import Floats
from scenarios.signals import SignalTable
from scenarios.state import Model
from scenarios.topology import Homelab, load_homelab
from scenarios.world import World
from scenarios.world_file import counted_from

BLOCK_S = 24 * 3600
CERTIFICATES_LAST = timedelta(days=20)
"""From the origin of the worlds on, no certificate comes near its end for so long."""
_LOG_SLICE = timedelta(hours=6)
_LOADED_PARTS = 3
_LAST_DAY = ("adguard_queries", "adguard_top_upstreams")
"""Gauges of the last 24 hours: at a cut they forget the incident before, and go down again."""
_START_TIMES = ("_start_time_seconds", "_boot_time_seconds")


@dataclass(frozen=True)
class _Part:
    """The time from `begin` (unix) until the next part, and the incident in it."""

    begin: float
    incident: Incident | None


@dataclass(frozen=True)
class _Own:
    """A part's world; all series of it when the part begins (a column), which of them tell a start time, and which go on as before."""

    world: World
    at_begin: Floats
    is_start: np.ndarray
    goes_on: np.ndarray

    def series(self, times: Floats) -> tuple[list[tuple[str, dict[str, str], Floats]], Floats]:
        """As `World.series`, and all values in one array."""
        found = list(self.world.series(times))
        return found, np.stack([values for _, _, values in found])

    def reset(self, values: Floats) -> np.ndarray:
        """Where a series has started anew since the part began: it counts from zero again, or tells another start time."""
        with np.errstate(invalid="ignore"):
            # Whatever counts has done so for a month, so it stays far below for as long as a part lasts.
            found: np.ndarray = np.where(self.is_start, values > self.at_begin, values < self.at_begin / 2)
        return found


class History:
    """Speaks like a World, of all incidents of a plan. The same plan gives the same series in every process."""

    def __init__(self, plan: ReplayPlan, homelab: Homelab | None = None) -> None:
        self._plan = plan
        self._homelab = homelab or load_homelab()
        self._origin = max(plan.begin, plan.end - CERTIFICATES_LAST)
        self._parts = _parts(plan)
        self._loaded: dict[int, _Own] = {}
        self._offsets: list[Floats] = []

    def series(self, times: Floats) -> Iterator[tuple[str, dict[str, str], Floats]]:
        """As `World.series`."""
        part_of = np.searchsorted([part.begin for part in self._parts[1:]], times, side="right")
        names: list[tuple[str, dict[str, str], Floats]] = []
        pieces: list[Floats] = []
        for number in np.unique(part_of).tolist():
            own, offset = self._own(number), self._offset(number)
            names, values = own.series(times[part_of == number])
            pieces.append(values + np.where(own.reset(values), 0.0, offset) if offset.any() else values)
        for (name, labels, _), continued in zip(names, np.concatenate(pieces, axis=1), strict=True):
            yield name, labels, continued

    def write_logs(self, directory: Path) -> int:
        """The lines of the whole time, as files; returns how many."""
        written = 0
        edges = [*(datetime.fromtimestamp(part.begin, UTC) for part in self._parts), self._plan.end]
        for number, (begin, end) in enumerate(pairwise(edges)):
            files = LogFiles(self._own(number).world, directory)
            slices = [begin + count * _LOG_SLICE for count in range(-((begin - end) // _LOG_SLICE))]
            written += sum(files.write(first, after) for first, after in pairwise([*slices, end]))
        return written

    def _offset(self, number: int) -> Floats:
        """What everything before a part has counted more than the part's own world, when the part begins (a column)."""
        while len(self._offsets) <= number:
            self._offsets.append(self._next_offset(len(self._offsets)))
        return self._offsets[number]

    def _next_offset(self, number: int) -> Floats:
        own = self._own(number)
        if number == 0:
            return np.zeros_like(own.at_begin)
        before = self._own(number - 1)
        _, reached = before.series(np.array([self._parts[number].begin]))
        total = reached + np.where(before.reset(reached), 0.0, self._offsets[number - 1])
        return np.where(own.goes_on & np.isfinite(total - own.at_begin), total - own.at_begin, 0.0)

    def _own(self, number: int) -> _Own:
        if number not in self._loaded:
            while len(self._loaded) >= _LOADED_PARTS:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[number] = self._load(self._parts[number])
        return self._loaded[number]

    def _load(self, part: _Part) -> _Own:
        incident = part.incident
        scenario = counted_from(incident.ending(), incident.start, self._origin) if incident else None
        world = World(self._homelab, scenario, start=self._origin, seed=self._plan.seed)
        if self._plan.noise != 1:
            make_noisier(world.model, self._plan.noise)
        series = list(world.series(np.array([part.begin])))
        is_start = np.array([[name.endswith(_START_TIMES)] for name, _, _ in series])
        goes_on = np.array([[not name.startswith(_LAST_DAY)] for name, _, _ in series])
        return _Own(world, np.stack([values for _, _, values in series]), is_start, goes_on)


def make_noisier(model: Model, factor: float) -> None:
    """Multiply the noise of every signal; its daily and weekly rhythm stays.

    Counters keep the start they were built with, which the noise would have moved by a minute's worth at most.
    """
    for name, table in model.tables.items():
        signal = replace(table.signal, noise=table.signal.noise * factor, jitter=table.signal.jitter * factor)
        model.tables[name] = SignalTable(signal, model.bases[name], seed=model.seed, origin=table.origin)
    for (name, entity), modulation in model.injection.modulations.items():
        model.tables[name].modulate(entity, modulation)


def samples_command(plan: Path, tsdb: Path, stretches: Iterable[Stretch]) -> list[str | Path]:
    """The command line that writes the samples of some stretches."""
    return [sys.executable, "-m", "scenarios.replay_history", "--plan", plan, "--tsdb", tsdb, *map(str, stretches)]


def logs_command(plan: Path, logs: Path) -> list[str | Path]:
    """The command line that writes all logs."""
    return [sys.executable, "-m", "scenarios.replay_history", "--plan", plan, "--logs", logs]


def _parts(plan: ReplayPlan) -> list[_Part]:
    """Cut halfway between the end of an incident's window and the beginning of the next."""
    parts = [_Part(plan.begin.timestamp(), plan.incidents[0] if plan.incidents else None)]
    for earlier, later in pairwise(plan.incidents):
        closes, opens = earlier.window[1], later.window[0]
        parts.append(_Part((closes + (opens - closes) / 2).timestamp(), later))
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scenarios.replay_history")
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--tsdb", type=Path)
    parser.add_argument("--logs", type=Path)
    parser.add_argument("stretches", nargs="*", type=Stretch.parse, metavar="START:END:STEP")
    given = parser.parse_args()
    plan = read_plan(given.plan)
    history = History(plan)
    if given.logs:
        print(f"{history.write_logs(given.logs)} lines")
    if given.tsdb:
        print(f"{backfill(history, given.stretches, given.tsdb, block_s=BLOCK_S, missing=plan.missing)} samples")


if __name__ == "__main__":
    try:
        main()
    except (LabError, OSError) as error:
        sys.exit(str(error))
