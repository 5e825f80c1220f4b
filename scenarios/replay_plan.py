"""When which incident of a replay happens: windows that do not overlap, at hours that the seed decides."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from core.clock import isoformat
from core.errors import InvalidInput, LabError
from scenarios.backfill import Stretch
from scenarios.schema import Scenario
from scenarios.topology import Homelab
from scenarios.variation import vary
from scenarios.world import DEFAULT_AFTERMATH

LEAD_IN = timedelta(hours=3)
"""What an incident is compared with."""
AFTERMATH = timedelta(hours=1)
"""After an incident's end, until every alert of it has ended (the longest range window of a rule is half an hour)."""
SHORTEST_CALM = timedelta(minutes=30)
"""Of either, where days are short."""
FILLED = 0.95
"""The rest of the days is what lets hours vary."""
DENSE_BEFORE = timedelta(hours=24)
STEP_S = 60
"""Between two samples; always so from a day before an incident until its window closes."""
COARSE_STEP_S = 120
"""Elsewhere, if only some incidents are wanted: every window of five minutes still holds two samples."""
MAX_SEEDS_PER_REPLAY = 1000


@dataclass(frozen=True)
class Incident:
    """A scenario that begins at `start`; `seed` is what it was varied by."""

    scenario: Scenario
    start: datetime
    seed: int
    lead_in: timedelta = LEAD_IN
    aftermath: timedelta = AFTERMATH

    @property
    def onset(self) -> datetime:
        return self.start + (self.scenario.fault.at if self.scenario.fault else timedelta(0))

    @property
    def end(self) -> datetime:
        """Where the fault is over."""
        return self.start + _duration(self.scenario)

    def ending(self) -> Scenario:
        """The scenario, its fault over at the end if not before."""
        if self.scenario.fault is None:
            return self.scenario
        lasts = self.end - self.onset
        own = self.scenario.fault.duration
        fault = self.scenario.fault.model_copy(update={"duration": lasts if own is None else min(own, lasts)})
        return self.scenario.model_copy(update={"fault": fault})

    @property
    def window(self) -> tuple[datetime, datetime]:
        """No other incident happens in it."""
        return self.start - self.lead_in, self.end + self.aftermath


@dataclass(frozen=True)
class ReplayPlan:
    """Incidents in order of time, all between `begin` and `end` (whole minutes)."""

    begin: datetime
    end: datetime
    seed: int
    incidents: tuple[Incident, ...]
    step_s: int = STEP_S
    noise: float = 1.0
    missing: float = 0.0

    def stretches(self) -> list[Stretch]:
        """The whole time, densely around the incidents."""
        found, at = [], self.begin
        for incident in self.incidents:
            dense = max(at, incident.start - DENSE_BEFORE)
            found += [_stretch(at, dense, self.step_s), _stretch(dense, incident.window[1], STEP_S)]
            at = incident.window[1]
        return [each for each in (*found, _stretch(at, self.end, self.step_s)) if each.start < each.end]

    def write(self, path: Path) -> Path:
        incidents = [
            {
                "scenario": each.scenario.model_dump(),
                "start": isoformat(each.start),
                "seed": each.seed,
                "calm": [each.lead_in.total_seconds(), each.aftermath.total_seconds()],
            }
            for each in self.incidents
        ]
        times = {"begin": isoformat(self.begin), "end": isoformat(self.end)}
        settings = {"seed": self.seed, "step_s": self.step_s, "noise": self.noise, "missing": self.missing}
        path.write_text(json.dumps({**times, **settings, "incidents": incidents}, default=_offset), encoding="utf-8")
        return path


def read_plan(path: Path) -> ReplayPlan:
    """What `ReplayPlan.write` wrote; LabError when it is something else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        begin, end = (datetime.fromisoformat(document.pop(name)) for name in ("begin", "end"))
        incidents = tuple(
            Incident(
                Scenario.model_validate(each["scenario"]),
                datetime.fromisoformat(each["start"]),
                each["seed"],
                *(timedelta(seconds=length) for length in each["calm"]),
            )
            for each in document.pop("incidents")
        )
        return ReplayPlan(begin, end, incidents=incidents, **document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{path}: not the plan of a replay ({error})") from None


def lay_out(
    scenarios: Sequence[Scenario],
    homelab: Homelab,
    *,
    end: datetime,
    days: float = 7,
    seed: int = 0,
    step_s: int = STEP_S,
    noise: float = 1.0,
    missing: float = 0.0,
) -> ReplayPlan:
    """Spread the scenarios over the days before `end`, in an order and with gaps that depend on the seed.

    A scenario that is given several times is another variation each time. Where days are short, the calm between incidents is
    shortened, to an hour at least. Raises InvalidInput when they do not fit even so.
    """
    end = end.replace(second=0, microsecond=0)
    begin = end - timedelta(days=days)
    occurrence: Counter[str] = Counter()
    chosen: list[tuple[Scenario, int]] = []
    for scenario in scenarios:
        own_seed = seed * MAX_SEEDS_PER_REPLAY + occurrence[scenario.name]
        occurrence[scenario.name] += 1
        chosen.append((vary(scenario, own_seed, homelab), own_seed))
    lasting = sum((_duration(scenario) for scenario, _ in chosen), timedelta(0))
    calm = min(LEAD_IN + AFTERMATH, FILLED * (end - begin - lasting) / max(1, len(chosen)))
    if calm < 2 * SHORTEST_CALM:
        needed = (lasting + 2 * SHORTEST_CALM * len(chosen) / FILLED) / timedelta(days=1)
        raise InvalidInput(f"--days {days:g}: {len(chosen)} incidents need {needed:.1f} days without overlapping")
    aftermath = _whole_minutes(max(SHORTEST_CALM, calm * (AFTERMATH / (LEAD_IN + AFTERMATH))))
    lead_in = _whole_minutes(calm - aftermath)
    free = (end - begin - lasting - (lead_in + aftermath) * len(chosen)) / timedelta(minutes=1)
    draw = np.random.default_rng([seed, len(chosen)])
    order = [int(number) for number in draw.permutation(len(chosen))]
    gaps = draw.dirichlet(np.ones(len(chosen) + 1))[:-1] * free
    incidents, at = [], begin
    for number, gap in zip(order, gaps.tolist(), strict=True):
        scenario, own_seed = chosen[number]
        start = at + timedelta(minutes=int(gap)) + lead_in
        incidents.append(Incident(scenario, start, own_seed, lead_in, aftermath))
        at = incidents[-1].window[1]
    return ReplayPlan(begin, end, seed, tuple(incidents), step_s, noise, missing)


def as_many_as_fit(scenarios: Sequence[Scenario], *, days: float, seed: int = 0) -> list[Scenario]:
    """Those that `lay_out` can place in so many days without overlapping; with other seeds, others. In the order given."""
    room = timedelta(days=days) * FILLED
    kept = []
    for number in np.random.default_rng(seed).permutation(len(scenarios)).tolist():
        room -= _duration(scenarios[number]) + 2 * SHORTEST_CALM
        if room < timedelta(0):
            break
        kept.append(number)
    return [scenarios[number] for number in sorted(kept)]


def _duration(scenario: Scenario) -> timedelta:
    """From the start to the end, in whole minutes."""
    fault_at = scenario.fault.at if scenario.fault else timedelta(0)
    duration = scenario.duration if scenario.duration is not None else fault_at + DEFAULT_AFTERMATH
    return timedelta(minutes=-(-duration // timedelta(minutes=1)))


def _whole_minutes(length: timedelta) -> timedelta:
    return timedelta(minutes=length // timedelta(minutes=1))


def _stretch(start: datetime, end: datetime, step: int) -> Stretch:
    return Stretch(int(start.timestamp()), int(end.timestamp()), step)


def _offset(value: object) -> str:
    """A length of time as scenario files write it."""
    if not isinstance(value, timedelta):
        raise TypeError(f"{value!r} has no place in a scenario")
    return f"{'-' if value < timedelta(0) else '+'}{abs(value).total_seconds():f}s"
