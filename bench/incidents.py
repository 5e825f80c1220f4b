"""Generated incidents of services that call each other, for judging the ranking of shifts and entities.

They vary what differs between real records: sampling interval, noise and its shape, how long and how fast a fault spreads, counters
with resets, constant columns, byte scales, daily rhythm, missing samples, and an onset that is told late.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

START = datetime(2026, 3, 2, tzinfo=UTC)
INTERVALS_S = (1, 5, 15, 60, 300)
FAULTS = ("cpu", "memory", "disk", "delay", "loss", "crash")
METRICS = ("cpu", "mem", "latency", "load", "errors", "disk_io", "requests_total", "threads", "limit_bytes")


@dataclass(frozen=True)
class Incident:
    """`topology` is what each service depends on; `onset` what an alert would say, never before `began`."""

    frame: pd.DataFrame
    onset: datetime
    began: datetime
    culprit: str
    fault: str
    interval_s: int
    topology: dict[str, list[str]]


@dataclass(frozen=True)
class Hardness:
    """`noise` multiplies every spread; `missing` is the share of samples that is lost."""

    noise: float = 1.0
    missing: float = 0.0


def incidents(count: int, *, seed: int, hardness: Hardness | None = None) -> Iterator[Incident]:
    """The same incidents for the same seed."""
    for number in range(count):
        yield incident(np.random.default_rng([seed, number]), hardness or Hardness())


def incident(rng: np.random.Generator, hardness: Hardness) -> Incident:
    interval = int(rng.choice(INTERVALS_S))
    before, after = int(rng.integers(150, 600)), int(rng.integers(40, 240))
    if interval == INTERVALS_S[-1]:
        before, after = int(rng.integers(288, 1200)), int(rng.integers(8, 48))
    names = [f"svc{number}" for number in range(int(rng.integers(6, 28)))]
    topology = _calls(rng, names)
    culprit = str(rng.choice(names))
    fault = str(rng.choice(FAULTS))
    times = np.arange(before + after, dtype=float) * interval
    world = _World(rng, times, names, topology, hardness)
    world.strike(culprit, fault, float(times[before]), interval)
    told = float(times[before]) + float(rng.choice([0, 0, 1, 3])) * interval
    frame = pd.DataFrame(world.columns(), index=pd.DatetimeIndex([START + timedelta(seconds=t) for t in times]))
    return Incident(
        frame,
        START + timedelta(seconds=told),
        START + timedelta(seconds=float(times[before])),
        culprit,
        fault,
        interval,
        topology,
    )


def _calls(rng: np.random.Generator, names: list[str]) -> dict[str, list[str]]:
    """Each service depends on up to three of those behind it; the last ones are leaves."""
    topology: dict[str, list[str]] = {}
    for place, name in enumerate(names):
        behind = names[place + 1 :]
        wanted = int(rng.integers(1, 4))
        topology[name] = [str(each) for each in rng.choice(behind, min(wanted, len(behind)), replace=False)]
    return topology


class _World:
    """The columns of all services; `strike` changes them, `columns` adds noise and gaps."""

    def __init__(
        self,
        rng: np.random.Generator,
        times: Floats,
        names: list[str],
        topology: dict[str, list[str]],
        hardness: Hardness,
    ) -> None:
        self._rng, self._times, self._topology, self._hardness = rng, times, topology, hardness
        self._names = names
        self._level: dict[tuple[str, str], Floats] = {}
        self._spread: dict[tuple[str, str], float] = {}
        rhythm = 1 + float(rng.uniform(0, 0.5)) * np.sin(2 * np.pi * times / 86_400 + float(rng.uniform(0, 6)))
        for name in names:
            load = float(10 ** rng.uniform(0, 3)) * rhythm
            ones = np.ones_like(times)
            for metric, level in {
                "load": load,
                "requests_total": load,
                "cpu": float(rng.uniform(0.02, 0.4)) * load / load.mean(),
                "mem": float(10 ** rng.uniform(7, 10)) * ones,
                "latency": float(10 ** rng.uniform(-3, -0.5)) * ones,
                "errors": float(rng.choice([0.0, 0.0, 0.05])) * ones,
                "disk_io": float(10 ** rng.uniform(3, 7)) * ones,
                "threads": float(rng.integers(4, 200)) * ones,
                "limit_bytes": float(2 ** rng.integers(28, 35)) * ones,
            }.items():
                self._level[name, metric] = level.copy()
                self._spread[name, metric] = float(10 ** rng.uniform(-2.2, -0.7)) * hardness.noise
            self._spread[name, "mem"] *= float(rng.choice([0.02, 0.3]))

    def strike(self, culprit: str, fault: str, at: float, interval: float) -> None:
        rng, times = self._rng, self._times
        length = float(rng.choice([0.5, 3, 20, 80] if fault == "memory" else [0.5, 3, 20])) * interval
        ramp = fault == "memory" or rng.random() < 0.6
        shape = np.clip((times - at) / length, 0, 1) if ramp else (times >= at).astype(float)
        if rng.random() < 0.2:
            shape = shape * (np.sin((times - at) / (8 * interval)) > -0.3)  # it comes and goes
        strength = float(rng.uniform(1.5, 8))
        own = {
            "cpu": {"cpu": strength, "latency": 0.4 * strength},
            "memory": {"mem": 0.3 * strength, "latency": 0.2 * strength, "cpu": 0.2 * strength},
            "disk": {"disk_io": 2 * strength, "latency": 0.6 * strength},
            "delay": {"latency": 2 * strength},
            "loss": {"latency": strength, "errors": strength},
            "crash": {"cpu": -0.95, "mem": -0.8, "load": -0.95, "requests_total": -0.95, "errors": 2 * strength},
        }[fault]
        for metric, by in own.items():
            self._move(culprit, metric, by * shape)
        hop_s = float(rng.choice([0, 1, 4])) * interval
        share = float(rng.uniform(0.3, 0.9))
        for name, hops in self._distance(culprit).items():
            late = np.interp(times - hops * hop_s, times, shape, left=0.0)
            part = share**hops
            self._move(name, "latency", own.get("latency", strength) * part * float(rng.uniform(0.3, 1.0)) * late)
            if fault in {"loss", "crash"}:
                self._move(name, "errors", 0.5 * strength * part * late)
            for metric in ("load", "requests_total"):
                self._move(name, metric, -0.25 * part * late)
            if rng.random() < 0.4:  # retries and waiting requests
                self._move(name, "cpu", 0.3 * part * late)
                self._move(name, "threads", part * late)
        for name in self._topology[culprit]:
            for metric in ("load", "requests_total", "cpu"):
                self._move(name, metric, -0.3 * shape)

    def _move(self, name: str, metric: str, by: Floats) -> None:
        """`by` in parts of the usual level; errors in absolute terms, since there are none usually."""
        level = self._level[name, metric]
        self._level[name, metric] = level + by if metric == "errors" else np.maximum(level * (1 + by), 0)

    def _distance(self, culprit: str) -> dict[str, int]:
        """Calls between each caller (direct or not) and the culprit."""
        found: dict[str, int] = {}
        reached, hops = {culprit}, 0
        while reached:
            hops += 1
            reached = {n for n in self._names if n != culprit and n not in found and reached & set(self._topology[n])}
            found.update(dict.fromkeys(reached, hops))
        return found

    def columns(self) -> dict[str, Floats]:
        columns = {}
        for (name, metric), level in self._level.items():
            column = self._noisy(level, self._spread[name, metric], metric)
            if metric == "requests_total":
                column = self._counted(column)
            columns[f"{name}_{metric}"] = self._with_gaps(column)
        return columns

    def _noisy(self, level: Floats, spread: float, metric: str) -> Floats:
        rng = self._rng
        if metric == "limit_bytes":
            return level
        noise = rng.standard_normal(len(level))
        shape = rng.random()
        if shape < 0.2:
            noise = rng.standard_t(3, len(level))
        elif shape < 0.35:
            noise = np.convolve(noise, np.ones(5) / np.sqrt(5), mode="same")
        elif shape < 0.45:
            noise = noise + 6 * (rng.random(len(level)) < 0.01)
        if metric == "errors":
            return np.asarray(np.maximum(rng.poisson(np.maximum(level, 0) * 20) / 20, 0), dtype=float)
        noisy = np.maximum(level * (1 + spread * noise), 0)
        return np.asarray(np.round(noisy), dtype=float) if metric == "threads" else noisy

    def _counted(self, rates: Floats) -> Floats:
        step = self._times[1] - self._times[0]
        counted = np.cumsum(rates * step)
        if self._rng.random() < 0.2:
            reset = int(self._rng.integers(1, len(counted)))
            counted[reset:] -= counted[reset]
        return counted

    def _with_gaps(self, column: Floats) -> Floats:
        rng, column = self._rng, column.copy()
        if self._hardness.missing:
            column[rng.random(len(column)) < self._hardness.missing] = np.nan
        if rng.random() < 0.05:
            start = int(rng.integers(0, len(column)))
            column[start : start + len(column) // 10] = np.nan
        return column
