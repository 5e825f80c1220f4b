"""Turns a fault into what it does: modulations of signals, restarts and kills, wherever the effects of its kind reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from scenarios.baseline import GIB, MIB, Bases
from scenarios.fault_kinds import Affected, Amount, Effect, FaultKind, load_fault_kinds, traits
from scenarios.schema import Fault
from scenarios.shapes import Course, Floats, Modulation, Shape
from scenarios.signals import DAY_S, SIGNALS
from scenarios.topology import Homelab

LIVELINESS = {"capacity": 0.03, "free": 0.4}
"""How much of a signal's own rhythm stays, relative to its new level: little where a level is a share of what there is."""
LIMIT_SHARE = 0.985


@dataclass
class Injection:
    """By (signal, entity) and by entity; times are unix seconds."""

    modulations: dict[tuple[str, str], Modulation] = field(default_factory=dict)
    restarts: dict[str, Floats] = field(default_factory=dict)
    oom_kills: dict[str, Floats] = field(default_factory=dict)


def inject(homelab: Homelab, bases: Bases, fault: Fault, *, onset: float, speedup: float) -> Injection:
    """Everything `fault` does, its course running `speedup` times faster than written."""
    return _Injector(homelab, bases, fault, onset, speedup).run()


def affected(homelab: Homelab, entity: str, which: Affected) -> list[str]:
    """The entities that an effect reaches, in the order of the homelab."""
    host, node = homelab.host_of(entity), homelab.node_of(entity)
    on_host = {host} | {service.name for service in homelab.services_on(host)}
    on_node = {name for name in homelab.entities if node and name != node and homelab.node_of(name) == node}
    dns = {service.name for service in homelab.services.values() if service.kind == "dns"}
    reach: dict[Affected, set[str]] = {
        "self": {entity},
        "host": {host},
        "node": {node} if node else set(),
        "inside": inside(homelab, entity),
        "colocated": on_host - {entity},
        "users": _users(homelab, {entity} | inside(homelab, entity)),
        "neighbours": on_node - on_host if entity != node else set(),
        "peers": dns - {entity} if entity in dns else set(),
    }
    if which == "clients":
        reach[which] = homelab.clients(entity)
    elif which == "direct_clients":
        reach[which] = {name for name, needs in homelab.dependencies().items() if entity in needs}
    return [name for name in homelab.entities if name in reach[which]]


def inside(homelab: Homelab, entity: str) -> set[str]:
    """What runs on a machine, on its guests included."""
    found = {name for name in homelab.entities if homelab.parent(name) == entity}
    return found.union(*(inside(homelab, name) for name in found))


def _users(homelab: Homelab, gone: set[str]) -> set[str]:
    """The services elsewhere that cannot do without one of `gone`."""
    return {service.name for service in homelab.services.values() if gone.intersection(service.needs)} - gone


class _Injector:
    def __init__(self, homelab: Homelab, bases: Bases, fault: Fault, onset: float, speedup: float) -> None:
        self.homelab, self.bases, self.fault = homelab, bases, fault
        self.onset, self.speedup = onset, speedup
        self.kind: FaultKind = load_fault_kinds()[fault.kind]
        self.magnitude = fault.magnitude if fault.magnitude is not None else self.kind.magnitude
        self.reached = {(signal, entity): base for signal, rows in bases.items() for entity, base in rows.items()}
        self.result = Injection()

    def run(self) -> Injection:
        scope = self.fault.scope or self.kind.scopes[0]
        own = traits(self.homelab, self.fault.entity)
        for effect in self.kind.effects:
            if effect.scope not in (None, scope) or (effect.when_self and effect.when_self not in own):
                continue
            for entity in affected(self.homelab, self.fault.entity, effect.affects):
                suits = effect.among is None or effect.among in traits(self.homelab, entity)
                suits = suits and (not effect.only or entity in effect.only)
                if suits and entity in self.bases.get(effect.signal, {}):
                    self._apply(effect, entity)
        return self.result

    def _apply(self, effect: Effect, entity: str) -> None:
        course = self._course(effect)
        scale, offset = self._strength(effect, entity)
        self._modulate(effect.signal, entity, course, scale, offset)
        if effect.signal == "up":
            for below in sorted(inside(self.homelab, entity)):
                self._modulate("up", below, course, -1.0, 0.0)
            for name in sorted({entity} | inside(self.homelab, entity)) if not effect.runs else ():
                self._stop(name, course)
        # A process that is killed on a machine does not restart the machine.
        if effect.restarts and (entity in self.homelab.services or effect.signal == "up"):
            self._restart(entity, course)
        if effect.oom_kill:
            for name in (entity, self.homelab.host_of(entity)):
                self.result.oom_kills[name] = course.drops

    def _modulate(self, signal: str, entity: str, course: Course, scale: float, offset: float) -> None:
        before = self.result.modulations.get((signal, entity), Modulation.none())
        self.result.modulations[signal, entity] = before.then(course, scale=scale, offset=offset)

    def _stop(self, entity: str, course: Course) -> None:
        """While it is down, what it uses and does is zero."""
        for name, rows in self.bases.items():
            if SIGNALS[name].stops and entity in rows:
                self._modulate(name, entity, course, -1.0, 0.0)

    def _restart(self, entity: str, course: Course) -> None:
        ends = course.drops
        if self.fault.duration is not None:
            ends = np.union1d(ends, [self.onset + self.fault.duration.total_seconds() / self.speedup])
        for name in {entity} | inside(self.homelab, entity):
            self.result.restarts[name] = np.union1d(self.result.restarts.get(name, np.zeros(0)), ends)

    def _course(self, effect: Effect) -> Course:
        timing = self.kind.timing
        own = effect.shape is not None
        shape = Shape(
            effect.shape or self.fault.shape or timing.shape or "step",
            length=_seconds(effect.length or (None if own else self.fault.length) or timing.length),
            hold=_seconds(effect.hold or timing.hold),
            pause=_seconds(effect.pause or timing.pause),
            delay=effect.delay.total_seconds(),
        )
        duration = None if self.fault.duration is None else self.fault.duration.total_seconds()
        return Course.of(shape, duration=duration).placed(self.onset, self.speedup)

    def _strength(self, effect: Effect, entity: str) -> tuple[float, float]:
        """(scale, offset) of the effect at full strength, see `Modulation.then`."""
        usual, reached = self.bases[effect.signal][entity], self.reached[effect.signal, entity]
        added = 0.0
        if effect.factor is not None:
            goal = reached * self._amount(effect.factor)
            if effect.keep is None:
                self.reached[effect.signal, entity] = goal
                return self._amount(effect.factor) - 1.0, 0.0
        elif effect.fill is not None:
            goal = self._filled(effect, entity)
        elif effect.level is not None:
            goal = self._amount(effect.level) * self._capacity(effect, entity)
            goal += self.onset if effect.of == "days_after_onset" else 0.0
        else:
            assert effect.add is not None  # noqa: S101  (the model allows nothing else)
            added = self._amount(effect.add) * self._capacity(effect, entity)
            goal = reached + added
        self.reached[effect.signal, entity] = goal
        size = added or goal
        keep = effect.keep if effect.keep is not None else LIVELINESS["capacity" if effect.of else "free"]
        keep = keep if usual else 0.0
        scale = size * keep / usual if usual else 0.0
        return (scale if added else scale - 1.0), size * (1 - keep)

    def _filled(self, effect: Effect, entity: str) -> float:
        """The level at which the entity's machine reaches the wished share, given what the others on it use by then."""
        assert effect.fill is not None  # noqa: S101  (the caller checked)
        machine = self.homelab.host_of(entity)
        share = self._amount(effect.fill)
        others = inside(self.homelab, machine) | {machine}
        used = sum(self.reached.get((effect.signal, name), 0.0) for name in others - {entity})
        goal = share * self._capacity(effect, entity) - used
        limit = self.homelab.services[entity].limit if entity in self.homelab.services else None
        if effect.of == "memory" and limit is not None:
            goal = min(goal, limit * MIB * LIMIT_SHARE)
        return max(goal, self.reached[effect.signal, entity])

    def _capacity(self, effect: Effect, entity: str) -> float:
        if effect.of in (None, "share"):
            return 1.0
        if effect.of == "days_after_onset":
            return DAY_S
        machine = self.homelab.machine(self.homelab.host_of(entity))
        if effect.of == "cores":
            return float(machine.cores)
        if effect.of == "memory":
            return machine.memory * GIB
        return (getattr(machine, "pool_gib", 0.0) or machine.disk) * GIB

    def _amount(self, amount: Amount) -> float:
        return self.magnitude if amount == "magnitude" else float(amount)


def _seconds(length: timedelta | None) -> float:
    return length.total_seconds() if length else 0.0
