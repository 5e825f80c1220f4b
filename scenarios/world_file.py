"""What it takes to build the same World in another process, as one JSON file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import isoformat
from core.errors import LabError
from scenarios.schema import Scenario
from scenarios.topology import load_homelab
from scenarios.world import World


@dataclass(frozen=True)
class WorldFile:
    """`start` is the World's, to the second; the same four values give the same World everywhere."""

    scenario: Scenario | None
    start: datetime
    seed: int
    speedup: float

    def build(self) -> World:
        return World(load_homelab(), self.scenario, start=self.start, seed=self.seed, speedup=self.speedup)

    def write(self, path: Path) -> Path:
        document = {
            "scenario": self.scenario.model_dump() if self.scenario else None,
            "start": isoformat(self.start),
            "seed": self.seed,
            "speedup": self.speedup,
        }
        fresh = path.with_suffix(".tmp")
        fresh.write_text(json.dumps(document, default=_as_written), encoding="utf-8")
        os.replace(fresh, path)  # noqa: PTH105 - atomic
        return path


def read_world(path: Path) -> World:
    """The World that `path` describes; LabError when the file is not one of ours."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        scenario = Scenario.model_validate(document["scenario"]) if document["scenario"] else None
        start = datetime.fromisoformat(document["start"])
        return WorldFile(scenario, start, int(document["seed"]), float(document["speedup"])).build()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{path}: not a description of a simulated homelab ({error})") from None


def counted_from(scenario: Scenario, start: datetime, origin: datetime) -> Scenario:
    """The scenario that begins at `start`, with its offsets counted from `origin` instead.

    A World's past depends on its own start (machines booted so many days before it). With this, the start of a scenario
    can be chosen after its past has been written.
    """
    shift = start - origin
    fault = scenario.fault and scenario.fault.model_copy(update={"at": scenario.fault.at + shift})
    changes = tuple(
        change.model_copy(
            update={
                "at": change.at + shift,
                "effective_at": None if change.effective_at is None else change.effective_at + shift,
            }
        )
        for change in scenario.changes
    )
    logs = tuple(log.model_copy(update={"at": log.at + shift}) for log in scenario.logs)
    duration = None if scenario.duration is None else scenario.duration + shift
    return scenario.model_copy(update={"fault": fault, "changes": changes, "logs": logs, "duration": duration})


def _as_written(value: object) -> str:
    """A length of time as scenario files write it."""
    if not isinstance(value, timedelta):
        raise TypeError(f"{value!r} has no place in a scenario")
    sign = "-" if value < timedelta(0) else "+"
    return f"{sign}{abs(value).total_seconds():f}s"
