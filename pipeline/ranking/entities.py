"""Which host, service or container a disturbance began at: entities in the order of cause, not of loudness.

Four things decide: how far an entity left its normal, whether it did so first, whether what it depends on had moved no later (then it
suffers, and does not cause), and how much of the rest that moved depends on it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from pipeline.ranking.series_names import guess_role, resource_of
from pipeline.ranking.shifts import BEYOND, NEXT_TO_NOTHING, Shift

Topology = Mapping[str, Sequence[str]]
"""What each entity depends on."""

NEAR = 0.2
"""A shift of at least so much of the entity's largest tells when the entity moved."""
CLEARLY, RIVAL = 0.7, 0.6
"""How clearly, beside the machine itself, a service must use more of it; another that comes so near to the first leaves it open which."""
LESS_LOAD = 0.6
"""What a fall of load or of resources in use counts."""


@dataclass(frozen=True)
class EntityWeights:
    """What decides how much. `size` is for the relative change beside the spreads, `more` for further series of the entity, `resource`
    for a resource that moved, `late` is taken off for coming last (`steps` sampling steps later: two thirds of it), `suffers` for a
    dependency that moved as clearly and no later; `reach` is added for all that moved depending on the entity, `eaten` taken off where one dependent uses up the entity's resource.
    `clear` is the number of spreads at which a shift is half convincing.
    """

    size: float = 0.5
    more: float = 0.15
    resource: float = 0.15
    late: float = 0.3
    steps: float = 15.0
    suffers: float = 0.6
    reach: float = 0.5
    eaten: float = 0.6
    clear: float = 12.0


WEIGHTS = EntityWeights()


@dataclass(frozen=True)
class RankedEntity:
    """`score` is unitless and only orders; `at` is when the entity left its normal (UTC); `shifts` are its own, largest first."""

    entity: str
    score: float
    at: datetime
    shifts: tuple[Shift, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """`loudness` is on a logarithmic scale; `moved` (0..1) is how sure it is that something went bad here."""

    entity: str
    shifts: list[Shift]
    at: datetime
    loudness: float
    moved: float
    telling: list[Shift]


def default_entity(series: str) -> str:
    """The part before the first "_" or ":"."""
    return re.split(r"[_:]", series, maxsplit=1)[0]


def rank_entities(
    shifts: Sequence[Shift],
    *,
    entity_of: Callable[[str], str | None] | None = None,
    topology: Topology | None = None,
    weights: EntityWeights = WEIGHTS,
) -> list[RankedEntity]:
    """Entities by how likely the disturbance began there. Series for which `entity_of` gives None are left out."""
    groups: dict[str, list[Shift]] = {}
    for shift in sorted(shifts, key=lambda each: -each.score):
        entity = (entity_of or default_entity)(shift.series)
        if entity is not None:
            groups.setdefault(entity, []).append(shift)
    found = {entity: _candidate(entity, own, weights) for entity, own in groups.items()}
    if not found:
        return []
    lateness = _lateness(list(found.values()), weights.steps)
    upstream = {name: [found[u] for u in _upstream(name, topology or {}) if u in found] for name in found}
    eaten = _eaten(found, topology or {})
    ranked = [_ranked(each, found, lateness, upstream, eaten, weights) for each in found.values()]
    return sorted(ranked, key=lambda each: (-each.score, each.at, each.entity))


def _ranked(  # noqa: PLR0917  one entity among all that is known of the others
    each: _Candidate,
    found: Mapping[str, _Candidate],
    lateness: Mapping[str, float],
    upstream: Mapping[str, Sequence[_Candidate]],
    eaten: Mapping[str, tuple[str, str]],
    weights: EntityWeights,
) -> RankedEntity:
    reasons = [f"{shift.series} {shift.direction} by {shift.score:.3g} spreads" for shift in each.telling[:3]]
    score = each.loudness * (1 - weights.late * lateness[each.entity])
    if each.moved > 0.5 and lateness[each.entity] == 0 and any(lateness.values()):
        reasons.append("left its normal first")
    moved = {name: other.moved for name, other in found.items() if name != each.entity and other.moved > 0.5}
    through = {each.entity, *(name for name, (consumer, _) in eaten.items() if consumer == each.entity)}
    reached = [name for name in moved if name in through or through & {other.entity for other in upstream[name]}]
    if reached:
        score *= 1 + weights.reach * sum(moved[name] for name in reached) / sum(moved.values())
        reasons.append(f"{len(reached)} of {len(moved)} others that moved depend on it")
    if each.entity in eaten:
        consumer, resource = eaten[each.entity]
        score *= 1 - weights.eaten
        reasons.append(f"its {resource} is used up by {consumer}")
    others = [other for other in upstream[each.entity] if eaten.get(other.entity, ("",))[0] != each.entity]
    blamed = _blamed(each, others, lateness)
    if blamed is not None:
        score *= 1 - weights.suffers * blamed[1]
        if blamed[1] > 0.5:
            reasons.append(f"depends on {blamed[0]}, which moved no later")
    return RankedEntity(each.entity, round(score, 4), each.at, tuple(each.shifts), tuple(reasons))


def _candidate(entity: str, shifts: list[Shift], weights: EntityWeights) -> _Candidate:
    loud = sorted((_loudness(shift, weights.size) for shift in shifts), reverse=True)
    loudness = loud[0] + weights.more * sum(loud[1:4]) / 3
    telling = [shift for shift in shifts if shift.score >= max(BEYOND, NEAR * shifts[0].score)] or shifts[:1]
    resources = [_loudness(shift, weights.size) for shift in telling if guess_role(shift.series) == "resource"]
    loudness += weights.resource * max(resources, default=0.0)
    harm = max((shift.score for shift in shifts if not _is_less_load(shift)), default=0.0)
    moved = 1 / (1 + (weights.clear / max(harm, 1e-9)) ** 2)
    return _Candidate(entity, shifts, min(shift.at for shift in telling), loudness, moved, telling)


def _loudness(shift: Shift, size: float) -> float:
    """Spreads and relative change, both as logarithms: a quiet series that moves a little is no match for one that doubles."""
    loudness = math.log1p(shift.score) + size * math.log1p(_relative(shift)) * min(1.0, shift.score / BEYOND)
    return loudness * (LESS_LOAD if _is_less_load(shift) else 1.0)


def _relative(shift: Shift) -> float:
    """The change as a part of the level before, at most a hundredfold; 1 where there was nothing before."""
    usual = abs(shift.before)
    return min(abs(shift.after - shift.before) / usual, 100.0) if usual else 1.0


def _eaten(found: Mapping[str, _Candidate], topology: Topology) -> dict[str, tuple[str, str]]:
    """Whose resource is used up by one of those that run on it: (consumer, resource).

    A machine's processor is the sum of its services', so the one that eats it grew by more than the machine did.
    """
    eaten: dict[str, tuple[str, str]] = {}
    for name, each in found.items():
        own = {
            r: shift for shift in reversed(each.telling) if shift.direction == "up" and (r := resource_of(shift.series))
        }
        grown = [
            (shift.score, other, resource)
            for other, candidate in found.items()
            if name in topology.get(other, ())
            for shift in candidate.shifts
            if (resource := resource_of(shift.series)) in own and resource and _eats(shift, own[resource])
        ]
        grown.sort(reverse=True)
        if grown and len({other for score, other, _ in grown if score > RIVAL * grown[0][0]}) == 1:
            eaten[name] = grown[0][1], grown[0][2]
    return eaten


def _eats(shift: Shift, machine: Shift) -> bool:
    grew = shift.direction == "up" and shift.score >= CLEARLY * machine.score
    return grew and _relative(shift) >= _relative(machine)


def _is_less_load(shift: Shift) -> bool:
    """Less to do is what a service behind a broken one sees; it breaks nothing. A resource that is no longer used at all is another matter."""
    role = guess_role(shift.series)
    return shift.direction == "down" and (
        role == "load" or (role == "resource" and shift.after > NEXT_TO_NOTHING * shift.before)
    )


def _lateness(candidates: Sequence[_Candidate], steps: float) -> dict[str, float]:
    """0 for the first of those that clearly moved, towards 1 for the last; a difference of one sampling step counts nothing."""
    surest = max(each.moved for each in candidates)
    first = min(each.at for each in candidates if each.moved >= 0.8 * surest)
    times = sorted({shift.at for each in candidates for shift in each.shifts})
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    step = min((gap for gap in gaps if gap > 0), default=1.0)
    late = {each.entity: max(0.0, (each.at - first).total_seconds() - step) / (steps * step) for each in candidates}
    return {entity: 1 - math.exp(-lag) for entity, lag in late.items()}


def _upstream(entity: str, topology: Topology) -> list[str]:
    """Everything that the entity depends on, nearest first; circles end."""
    found: list[str] = []
    waiting = list(topology.get(entity, ()))
    while waiting:
        name = waiting.pop(0)
        if name not in found and name != entity:
            found.append(name)
            waiting.extend(topology.get(name, ()))
    return found


def _blamed(
    each: _Candidate, upstream: Sequence[_Candidate], lateness: Mapping[str, float]
) -> tuple[str, float] | None:
    """The dependency that explains the entity best, and how well (0..1)."""
    best: tuple[str, float] | None = None
    for other in upstream:
        later = max(0.0, lateness[other.entity] - lateness[each.entity])
        share = other.moved * min(1.0, other.loudness / max(each.loudness, 1e-9)) ** 2 * (1 - later)
        if best is None or share > best[1]:
            best = other.entity, share
    return best
