"""The homelab at given times: gauges and counters over its signals, and nothing remembered in between."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime

import numpy as np

from scenarios.baseline import Bases, healthy_bases
from scenarios.fault_kinds import traits
from scenarios.injection import Injection, inject, inside
from scenarios.schema import Fault
from scenarios.shapes import Floats
from scenarios.signals import DAY_S, SIGNALS, SignalTable, unit_interval
from scenarios.topology import Homelab

Groups = Sequence[Sequence[str]]


class Model:
    """Every signal of the homelab, with the fault in it."""

    def __init__(
        self, homelab: Homelab, fault: Fault | None, *, start: datetime, seed: int, onset: float, speedup: float
    ) -> None:
        self.homelab = homelab
        self.seed = seed
        self.start = start.timestamp()
        bases = healthy_bases(homelab, seed=seed, start=self.start) | _even_bases(homelab)
        self.bases = bases
        self.injection = inject(homelab, bases, fault, onset=onset, speedup=speedup) if fault else Injection()
        self.tables = {
            name: SignalTable(SIGNALS[name], rows, seed=seed, origin=self.start) for name, rows in bases.items()
        }
        for (signal, entity), modulation in self.injection.modulations.items():
            self.tables[signal].modulate(entity, modulation)

    def draw(self, *parts: object) -> float:
        """A number in 0..1 that is fixed for this seed."""
        return unit_interval(self.seed, *parts)

    def started_first(self, entity: str) -> float:
        """When it started before anything here happened: a month or more before the scenario."""
        host = self.homelab.host_of(entity)
        booted = self.start - (45 + 45 * self.draw(host, "boot")) * DAY_S
        return round(booted if entity == host else booted + 40 + self.draw(entity, "boot") * 13 * DAY_S)

    def starts(self, entity: str) -> Floats:
        """Every start of an entity, ascending."""
        later = self.injection.restarts.get(entity, np.zeros(0))
        return np.concatenate([[self.started_first(entity)], later])

    def has(self, signal: str, entity: str) -> bool:
        return entity in self.tables[signal].index

    def at(self, times: Floats) -> State:
        return State(self, times)


def _even_bases(homelab: Homelab) -> Bases:
    """Of the signals whose base is the same wherever they are."""
    have = {entity: traits(homelab, entity) for entity in homelab.entities}
    return {
        signal.name: {entity: signal.usual for entity, own in have.items() if own.intersection(signal.among)}
        for signal in SIGNALS.values()
        if signal.usual is not None
    }


class State:
    """`model` at unix `times`. Signals are computed when first asked for; arrays are rows × times."""

    def __init__(self, model: Model, times: Floats) -> None:
        self.model = model
        self.times = times
        self._values: dict[str, Floats] = {}
        self._integrals: dict[str, Floats] = {}
        self._earlier: dict[float, State] = {}
        self._remembered: dict[object, Floats] = {}

    def remembered(self, key: Hashable, values: Callable[[State], Floats]) -> Floats:
        """`values(self)`, computed once for `key`."""
        if key not in self._remembered:
            self._remembered[key] = values(self)
        return self._remembered[key]

    def values(self, signal: str) -> Floats:
        if signal not in self._values:
            self._values[signal] = self.model.tables[signal].values(self.times)
        return self._values[signal]

    def integrals(self, signal: str) -> Floats:
        if signal not in self._integrals:
            self._integrals[signal] = self.model.tables[signal].integrals(self.times)
        return self._integrals[signal]

    def earlier(self, seconds: float) -> State:
        """The state this much before."""
        if seconds not in self._earlier:
            self._earlier[seconds] = self.model.at(self.times - seconds)
        return self._earlier[seconds]

    def last_start(self, entities: Sequence[str]) -> Floats:
        """When each was last started, at each time."""
        rows = [self.model.starts(entity) for entity in entities]
        return np.array([row[np.maximum(np.searchsorted(row, self.times, side="right") - 1, 0)] for row in rows])

    def oom_kills(self, entities: Sequence[str]) -> Floats:
        """How many times the kernel killed something for memory, in or as each entity."""
        kills = self.model.injection.oom_kills
        none = np.zeros(0)
        rows = [np.searchsorted(kills.get(entity, none), self.times, side="right") for entity in entities]
        return np.array(rows, dtype=float).reshape(len(rows), len(self.times))


class Gauge:
    """A signal summed over groups of entities, one row a group; entities without it count as nothing."""

    def __init__(self, model: Model, signal: str, groups: Groups) -> None:
        self.signal = signal
        self.sums = _Sums(model, signal, groups)

    def __call__(self, state: State) -> Floats:
        return self.sums(state.values(self.signal))


class Counter:
    """The integral of a signal over groups of entities since the owner of each group last started."""

    def __init__(self, model: Model, signal: str, groups: Groups, owners: Sequence[str]) -> None:
        self.signal = signal
        self.sums = _Sums(model, signal, groups)
        table = model.tables[signal]
        starts = {owner: model.starts(owner) for owner in owners}
        first = np.array(sorted({moments[0] for moments in starts.values()}))
        areas = self.sums(table.integrals(first)) if len(first) else np.zeros((0, 0))
        column = [int(np.searchsorted(first, starts[owner][0])) for owner in owners]
        self.before = areas[np.arange(len(owners)), column] if owners else np.zeros(0)
        self.restarted: dict[int, tuple[Floats, Floats]] = {}
        for row, (owner, group) in enumerate(zip(owners, groups, strict=True)):
            if len(starts[owner]) > 1:
                members = [entity for entity in group if entity in table.index]
                at_starts = sum(
                    (table.integral(entity, starts[owner]) for entity in members), np.zeros(len(starts[owner]))
                )
                self.restarted[row] = (starts[owner], at_starts)

    def __call__(self, state: State) -> Floats:
        found = self.sums(state.integrals(self.signal))
        base = np.repeat(self.before[:, None], len(state.times), axis=1)
        for row, (starts, areas) in self.restarted.items():
            base[row] = areas[np.maximum(np.searchsorted(starts, state.times, side="right") - 1, 0)]
        # Rounding of two large integrals must not show as a step back.
        return np.maximum(found - base, 0.0)


class _Sums:
    """Sums rows of a table by groups: a plain selection where each group is one entity."""

    def __init__(self, model: Model, signal: str, groups: Groups) -> None:
        index = model.tables[signal].index
        self.rows = np.zeros(0, dtype=np.int64)
        self.matrix: Floats | None = None
        if all(len(group) == 1 and group[0] in index for group in groups):
            self.rows = np.array([index[group[0]] for group in groups], dtype=np.int64)
            return
        self.matrix = np.zeros((len(groups), len(index)))
        for number, group in enumerate(groups):
            self.matrix[number, [index[entity] for entity in group if entity in index]] = 1.0

    def __call__(self, table: Floats) -> Floats:
        return table[self.rows] if self.matrix is None else self.matrix @ table


def each(entities: Sequence[str]) -> Groups:
    """Every entity for itself."""
    return [[entity] for entity in entities]


def machines(homelab: Homelab, hosts: Sequence[str]) -> Groups:
    """Each host with everything that runs on it."""
    return [[host, *sorted(inside(homelab, host))] for host in hosts]
