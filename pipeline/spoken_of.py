"""Who is meant by "it", "its logs" or "the same machine", after a turn of the conversation."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.conversation import Turn
from pipeline.references import What
from tools.inventory import Inventory

_MAX_CLIMB = 3
"""From a service to its guest, to its node."""


@dataclass(frozen=True)
class Meant:
    """Entities and alerts. `unsure_of` are the entities of which one is meant, when nobody can tell which."""

    subjects: tuple[str, ...] = ()
    alert_names: tuple[str, ...] = ()
    unsure_of: tuple[str, ...] = ()


def meant_by(what: What | None, turn: Turn, inventory: Inventory, *, other_measure: bool) -> Meant:
    """What the words point at; without any (`what` is None), what the turn was about.

    A question about another measurement than the turn's alert is not about that alert.
    """
    at_fault = (turn.cause_entity,) if turn.cause_entity else ()
    about = turn.subjects or at_fault
    if what in ("machine", "node"):
        return _one_of(tuple(_machine(name, inventory, to_node=what == "node") for name in about))
    if what == "service":
        return _service(about, at_fault, inventory)
    if what == "one" and len(turn.subjects) > 1:
        return Meant(at_fault) if at_fault else Meant(unsure_of=turn.subjects)
    alert_names = () if other_measure else turn.alert_names
    if what is None or turn.subjects or alert_names:
        return Meant(turn.subjects, alert_names)
    return Meant(at_fault)


def _machine(name: str, inventory: Inventory, *, to_node: bool) -> str:
    """The machine that a service runs on, a machine itself; or the physical node below either."""
    entity = inventory.entities.get(name)
    for _ in range(_MAX_CLIMB):
        if entity is None or not entity.host or not (to_node or entity.kind == "service"):
            break
        entity = inventory.entities.get(entity.host, entity)
    return entity.name if entity else name


def _service(about: tuple[str, ...], at_fault: tuple[str, ...], inventory: Inventory) -> Meant:
    """The service that was talked about, or was at fault; of a host's several nobody can tell."""
    services = {entity.name for entity in inventory.entities.values() if entity.kind == "service"}
    for names in (about, at_fault):
        if found := tuple(name for name in names if name in services):
            return _one_of(found)
    return _one_of(tuple(sorted(name for name in services if inventory.entities[name].host in about)))


def _one_of(names: tuple[str, ...]) -> Meant:
    names = tuple(dict.fromkeys(names))
    return Meant(names) if len(names) <= 1 else Meant(unsure_of=names)
