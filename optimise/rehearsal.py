"""The scenarios of an eval set as the past of a real Prometheus, so that every case can be asked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import now
from scenarios.binaries import Binaries
from scenarios.replay import Replay
from scenarios.replay_plan import COARSE_STEP_S, Incident, lay_out
from scenarios.schema import Scenario
from scenarios.topology import load_homelab

DAYS_EACH = 0.3
"""Of the past for each scenario: its own window of five to six hours, and calm around it."""
FEWEST_DAYS = 2.0
CALM = timedelta(minutes=3)
"""Before the end of the past, where nothing is wrong: the last incident's window, with an hour of calm, is over by then."""
AFTER_ALERT = timedelta(minutes=2)
WITHOUT_ALERT = timedelta(minutes=30)
"""How long after the onset an incident is asked about whose alert did not fire."""


@dataclass(frozen=True)
class Staged:
    """An incident of the past, as it is and as it was written down."""

    incident: Incident
    original: Scenario
    alert_at: datetime | None
    origins: Mapping[str, str]
    """Of each of the scenario's changes the id that its record has."""

    def moment(self, offset: timedelta | None) -> datetime:
        """When a question at that offset from the scenario's start is asked; without one, after the alert."""
        if offset is not None:
            return self.incident.start + offset
        return self.alert_at + AFTER_ALERT if self.alert_at else self.incident.onset + WITHOUT_ALERT


@dataclass(frozen=True)
class Stage:
    """`env` are the settings that point at it. `calm` is a moment at which nothing is wrong."""

    env: Mapping[str, str]
    incidents: Mapping[str, Staged]
    calm: datetime


@contextmanager
def staged(
    scenarios: Sequence[Scenario],
    *,
    seed: int,
    directory: Path,
    binaries: Binaries,
    progress: Callable[[str], None] = lambda _: None,
    noise: float = 1.0,
    missing: float = 0.0,
    end: datetime | None = None,
) -> Iterator[Stage]:
    """The scenarios, varied by the seed (0: as they are), until the block ends. The past ends at `end`, or now. Raises LabError."""
    plan = lay_out(
        scenarios, load_homelab(), end=end or now(), days=max(FEWEST_DAYS, DAYS_EACH * len(scenarios)), seed=seed,
        step_s=COARSE_STEP_S, noise=noise, missing=missing,
    )  # fmt: skip
    original = {each.name: each for each in scenarios}
    replay = Replay(plan, directory=directory, binaries=binaries, progress=progress)
    try:
        ready = replay.start()
        incidents = {
            incident.scenario.name: Staged(
                incident,
                original[incident.scenario.name],
                datetime.fromisoformat(told["alert_at"]) if told["alert_at"] else None,
                told["changes"],
            )
            for incident, told in zip(plan.incidents, ready.incidents, strict=True)
        }
        yield Stage(ready.env, incidents, plan.end - CALM)
    finally:
        replay.stop()
