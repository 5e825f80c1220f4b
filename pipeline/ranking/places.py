"""How near a change was to what is affected: on it, upstream of it, beside it, or elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from core.vocabulary import Change
from pipeline.ranking.entities import default_entity

UPSTREAM = 0.85
"""What is left after each step upstream."""
DOWNSTREAM, SIBLING, ELSEWHERE, NOWHERE = 0.35, 0.3, 0.1, 0.3
NAMED, NAMED_ELSEWHERE = 0.85, 0.5
"""The change names the affected entity in its title or is filed under none, or just names it among its words."""
MAX_STEPS = 4
ITSELF, DEPENDED_ON, NAMING = " itself", " depends on", "names "
"""How `nearness` says where."""


def entity_in(series: str, known: Collection[str]) -> str:
    """The longest known entity that the name of the series begins with, else the part before the first "_" or ":"."""
    fitting = [name for name in known if series.startswith(name) and not series[len(name) : len(name) + 1].isalnum()]
    return max(fitting, key=len, default=default_entity(series))


def nearness(
    change: Change, affected: Mapping[str, float], topology: Mapping[str, Sequence[str]], text: str
) -> tuple[float, str]:
    """0..1 and where that is in words. With nothing known to be affected every place is as good as another."""
    if not affected:
        return 0.7, "nothing is known to be affected"
    best, where = (
        (NOWHERE, "on no host that is named")
        if change.entity is None
        else (ELSEWHERE, f"on {change.entity}, elsewhere")
    )
    for name, weight in affected.items():
        near, words = _relation(change.entity, name, topology)
        if near * weight > best:
            best, where = near * weight, words
        named = NAMED if change.entity is None or names(change.title, name) else NAMED_ELSEWHERE
        if named * weight > best and names(text, name):
            best, where = named * weight, f"{NAMING}{name}"
    return best, where


def _relation(entity: str | None, affected: str, topology: Mapping[str, Sequence[str]]) -> tuple[float, str]:
    if entity is None:
        return 0.0, ""
    if entity == affected:
        return 1.0, f"on {entity}{ITSELF}"
    steps = _steps(affected, entity, topology)
    if steps is not None:
        return UPSTREAM**steps, f"on {entity}, which {affected}{DEPENDED_ON}"
    if _steps(entity, affected, topology) is not None:
        return DOWNSTREAM, f"on {entity}, which depends on {affected}"
    if set(topology.get(entity, ())) & set(topology.get(affected, ())):
        return SIBLING, f"on {entity}, beside {affected}"
    return 0.0, ""


def _steps(entity: str, upstream: str, topology: Mapping[str, Sequence[str]]) -> int | None:
    """How many steps `upstream` is above the entity; None when it is not, or far away."""
    reached = {entity}
    seen = {entity}
    for step in range(1, MAX_STEPS + 1):
        reached = {name for each in reached for name in topology.get(each, ())} - seen
        if upstream in reached:
            return step
        seen |= reached
    return None


def names(text: str, entity: str) -> bool:
    return bool(re.search(rf"(?<![A-Za-z0-9]){re.escape(entity)}(?![A-Za-z0-9])", text, re.IGNORECASE))
