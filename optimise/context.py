"""What is true of a question that an answer to it does not tell itself: the incident behind it, and what its claims may be checked against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from core.vocabulary import Alert, AnsweredChange
from scenarios.schema import Scenario


@dataclass(frozen=True)
class TrueChange:
    """A change of the scenario: `origin` is the id under which its source knows it, and tells it from others of the same title."""

    title: str
    origin: str = ""

    def is_(self, change: AnsweredChange) -> bool:
        """By origin where both have one ("record:55af30cc79" is of 55af30cc79), else by title."""
        if self.origin and change.origin:
            return change.origin == self.origin or change.origin.endswith(f":{self.origin}")
        return _told(change.title) == _told(self.title)


@dataclass(frozen=True)
class Truth:
    """What is wrong at the moment of the question. All None: nothing is; without an entity: something outside of the homelab.

    `change` is the scenario's id of the change that brought it about; None where none did.
    """

    entity: str | None = None
    kind: str | None = None
    change: str | None = None


@dataclass(frozen=True)
class Context:
    """The circumstances of one question. Where `truth` is None, only what the case says is held against the answer.

    `at` is when it was asked, `zone` that of the reader. `names` are all hosts and services that the inventory knows, with their
    aliases. `earlier` are the questions before it in its session. `changes` are those of the scenario by their ids there. `alerts`
    and `background` are what else the assistant was shown, where the evaluator knows it: more that a claim may stand in.
    """

    question: str
    at: datetime
    zone: ZoneInfo
    names: frozenset[str] = frozenset()
    earlier: tuple[str, ...] = ()
    changes: Mapping[str, TrueChange] = field(default_factory=dict)
    truth: Truth | None = None
    alerts: tuple[Alert, ...] = ()
    background: tuple[str, ...] = ()


def changes_of(scenario: Scenario, origins: Mapping[str, str]) -> dict[str, TrueChange]:
    """`origins` is `changes` of an incident as the lab prints it: the scenario's id, and the one in the record that was written."""
    return {change.id: TrueChange(change.title, origins.get(change.id, "")) for change in scenario.changes}


def truth_of(scenario: Scenario) -> Truth | None:
    """Once the fault has begun; None where the scenario does not say what its cause is.

    Of a varied scenario: the entity is another one with each seed.
    """
    expect = scenario.expect
    if scenario.fault is None:
        return Truth()
    if "cause_entity" not in expect.model_fields_set:
        return None
    return Truth(expect.cause_entity, expect.cause_kind, expect.change)


def _told(title: str) -> str:
    return " ".join(title.split()).casefold()
