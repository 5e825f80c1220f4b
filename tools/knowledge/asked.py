"""What sort of document a question asks for by name: "is there a runbook …", "which role …", "the handler that …"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tools.knowledge.ansible_place import Part
from tools.knowledge.catalogue import Place

CLEAR, LIKELY = 0.8, 0.3
"""Added to the score of what is asked for; a word that has another meaning too (a database role, a user group) adds less."""


def _is_runbook(place: Place) -> bool:
    return place.part is None and not place.in_role


def _is_part(*parts: Part) -> Callable[[Place], bool]:
    return lambda place: place.part in parts


ASKED: tuple[tuple[frozenset[str], float, Callable[[Place], bool]], ...] = (
    (frozenset({"runbook", "runbooks"}), CLEAR, _is_runbook),
    (frozenset({"playbook", "playbooks"}), CLEAR, _is_part("playbook")),
    (frozenset({"handler", "handlers"}), CLEAR, _is_part("handlers")),
    (frozenset({"role", "roles"}), LIKELY, lambda place: place.in_role),
    (frozenset({"template", "templates"}), LIKELY, _is_part("template")),
    (frozenset({"task", "tasks"}), LIKELY, _is_part("tasks", "handlers")),
    (
        frozenset({"variable", "variables", "default", "defaults", "setting"}),
        LIKELY,
        _is_part("defaults", "vars", "group_vars", "host_vars"),
    ),
    (frozenset({"inventory", "group", "groups"}), LIKELY, _is_part("inventory", "group_vars")),
)
"""The first row whose words stand in the question counts."""


def asked_for(words: Sequence[str], place: Place) -> float:
    """What the document gains by being what the question asks for."""
    for names, gain, fits in ASKED:
        if not names.isdisjoint(words):
            return gain if fits(place) else 0.0
    return 0.0
