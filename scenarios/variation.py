"""Another incident of the same kind: a scenario, varied by a seed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from scenarios.fault_kinds import load_fault_kinds, traits
from scenarios.schema import Fault, Scenario, ScenarioChange
from scenarios.topology import Homelab

DISTANCE_FACTORS = (0.5, 2.0)
"""How much closer to the onset, or further from it, a change without effect may come to lie."""
SHARE_WOBBLE, AMOUNT_WOBBLE = 0.01, 0.1
"""How much the magnitude varies, relatively: a share of what there is only a little, for it must still reach the alert's threshold."""


def vary(scenario: Scenario, seed: int, homelab: Homelab) -> Scenario:
    """The scenario with other decoy times, another magnitude and, where its text allows, another entity; seed 0 is the scenario itself.

    What belongs to the story stays where it is: the fault, its true cause, the logs, and every change to what the cause or the fault
    touches. A decoy stays on its side of the onset.
    """
    if seed == 0 or scenario.fault is None:
        return scenario
    draw = np.random.default_rng([seed, *scenario.name.encode()])
    fault = _other_magnitude(scenario.fault, draw)
    involved = _involved(scenario, homelab)
    changes = tuple(
        change if change.cause or change.entity in involved else _moved(change, fault.at, draw)
        for change in scenario.changes
    )
    varied = scenario.model_copy(update={"fault": fault, "changes": changes})
    candidates = [fault.entity, *like(fault.entity, varied, homelab)]
    renamed = _renamed(varied, fault.entity, candidates[int(draw.integers(len(candidates)))])
    return renamed if renamed is not None else varied


def like(entity: str, scenario: Scenario, homelab: Homelab) -> list[str]:
    """What could have failed in its place: on the same machine, with the same traits and needs, and no part of the scenario yet."""
    if entity not in homelab.services:
        return []
    own = homelab.services[entity]
    text = scenario.model_dump_json().casefold()
    return [
        service.name
        for service in homelab.services_on(own.host)
        if service.name.casefold() not in text
        and traits(homelab, service.name) == traits(homelab, entity)
        and (service.needs, service.nfs) == (own.needs, own.nfs)
        and not any(need in (entity, service.name) for other in homelab.services.values() for need in other.needs)
    ]


def _involved(scenario: Scenario, homelab: Homelab) -> set[str]:
    """The entities of the fault and of its cause, and the machines they run on."""
    named = {change.entity for change in scenario.changes if change.cause and change.entity}
    named |= {scenario.fault.entity} if scenario.fault else set()
    return named | {homelab.host_of(name) for name in named}


def _moved(change: ScenarioChange, onset: timedelta, draw: np.random.Generator) -> ScenarioChange:
    low, high = DISTANCE_FACTORS
    distance = change.at - onset
    # Evenly in the logarithm: half as far is as likely as twice as far.
    shift = timedelta(seconds=round((distance * float(low * (high / low) ** draw.random()) - distance).total_seconds()))
    effective_at = None if change.effective_at is None else change.effective_at + shift
    return change.model_copy(update={"at": change.at + shift, "effective_at": effective_at})


def _other_magnitude(fault: Fault, draw: np.random.Generator) -> Fault:
    kind = load_fault_kinds()[fault.kind]
    usual = fault.magnitude if fault.magnitude is not None else kind.magnitude
    low, high = kind.magnitude_range
    wobble = SHARE_WOBBLE if high <= 1 else AMOUNT_WOBBLE
    varied = float(np.clip(usual * (1 + wobble * draw.uniform(-1, 1)), low, high))
    used = any("magnitude" in (effect.level, effect.add, effect.factor, effect.fill) for effect in kind.effects)
    return fault.model_copy(update={"magnitude": varied}) if used else fault


def _renamed(scenario: Scenario, old: str, new: str) -> Scenario | None:
    """The scenario about `new` instead; None where the old name would still show, as in `<old>_app`."""

    def replace(value: Any) -> Any:
        if isinstance(value, str):
            return _in_place_of(old, new, value)
        if isinstance(value, dict):
            return {key: replace(each) for key, each in value.items()}
        if isinstance(value, Sequence):
            return tuple(replace(each) for each in value)
        return value

    document = {key: replace(value) for key, value in scenario.model_dump(exclude={"name"}).items()}
    renamed = Scenario.model_validate({**document, "name": scenario.name})
    left = renamed.model_dump_json(exclude={"name"}).casefold()
    return None if old != new and old.casefold() in left else renamed


def renamer(before: Scenario, after: Scenario) -> Callable[[str], str]:
    """Writes a text about `before` as one about `after`, a variation of it: with the entity that the fault has there."""
    old, new = (each.fault.entity if each.fault else "" for each in (before, after))
    return (lambda text: text) if old == new else (lambda text: _in_place_of(old, new, text))


def _in_place_of(old: str, new: str, text: str) -> str:
    word = re.compile(rf"(?<![\w-]){re.escape(old)}(?![\w-])", re.IGNORECASE)
    return word.sub(lambda found: new.capitalize() if found[0][0].isupper() else new, text)
