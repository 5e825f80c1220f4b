"""Scenario files: an incident as data. `load_scenario` checks everything that can be checked before a lab starts.

Offsets ("+20m", "+1h30m", "+90s"; a minus sign means before) count from the scenario's start.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from core.errors import InvalidInput
from core.vocabulary import CAUSE_KINDS, CHANGE_KINDS
from scenarios.fault_kinds import Offset, load_fault_kinds, traits
from scenarios.shapes import ShapeName
from scenarios.topology import Homelab, load_homelab

FAULTS_DIR = Path(__file__).with_name("faults")
MAX_FILE_BYTES = 1_000_000
MAX_OFFSET = timedelta(days=7)
Place = tuple[str | int, ...]


def _within_reach(offset: timedelta) -> timedelta:
    if abs(offset) > MAX_OFFSET:
        raise ValueError(f"more than {MAX_OFFSET.days} days from the start")
    return offset


def _not_before_start(offset: timedelta) -> timedelta:
    if offset < timedelta(0):
        raise ValueError("lies before the start")
    return offset


At = Annotated[Offset, AfterValidator(_within_reach)]
Length = Annotated[Offset, AfterValidator(_within_reach), AfterValidator(_not_before_start)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=20_000)


class Fault(_Part):
    """`shape`, `length`, `magnitude` and `scope` default to the kind's own; without `duration` it never ends by itself."""

    kind: str
    entity: str
    at: Length
    shape: ShapeName | None = None
    length: Length | None = None
    duration: Length | None = None
    magnitude: float | None = None
    scope: Literal["one", "all"] | None = None


class ScenarioChange(_Part):
    """As `core.vocabulary.Change`, its times as offsets; `cause` marks the one that brought the fault."""

    id: str = Field(min_length=1)
    at: At
    effective_at: At | None = None
    kind: str
    entity: str | None = None
    title: str = Field(min_length=1)
    detail: str = ""
    files: tuple[str, ...] = ()
    diff: str = ""
    source: str = ""
    actor: str | None = None
    cause: bool = False


class ScenarioLog(_Part):
    at: At
    entity: str
    level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    line: str = Field(min_length=1)


class Expect(_Part):
    """What a good answer says. `change: null`: no change explains it."""

    alert: str | None = None
    cause_entity: str | None = None
    cause_kind: str | None = None
    change: str | None = None
    runbook: str | None = None
    facts: tuple[str, ...] = ()


class Scenario(_Part):
    """`fault` may be missing: a quiet day. `duration` is where a replay of it ends."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)
    summary: str
    fault: Fault | None = None
    changes: tuple[ScenarioChange, ...] = ()
    logs: tuple[ScenarioLog, ...] = ()
    expect: Expect = Expect()
    duration: Length | None = None


def scenario_names() -> list[str]:
    """The scenarios that come with the lab."""
    return sorted(path.stem for path in FAULTS_DIR.glob("*.yaml"))


def load_scenario(name_or_path: str, homelab: Homelab | None = None) -> Scenario:
    """A shipped scenario by name, or any file; InvalidInput names the file, the field and its line."""
    path = FAULTS_DIR / f"{name_or_path}.yaml" if name_or_path in scenario_names() else Path(name_or_path)
    if not path.is_file():
        raise InvalidInput(f"{name_or_path[:80]}: no such scenario or file; there are {', '.join(scenario_names())}")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InvalidInput(f"{path}: larger than {MAX_FILE_BYTES:,} bytes; not a scenario file")
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(f"{path}: cannot be read as YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(document, dict):
        raise InvalidInput(f"{path}: expected a scenario with {', '.join(Scenario.model_fields)}")
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        place, message = _explain(error)
    else:
        found = next(_mistakes(scenario, homelab or load_homelab()), None)
        if found is None:
            return scenario
        place, message = found
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    raise InvalidInput(f"{path}: {_written(place)}: {message} (line {_line(root, place)})")


PLAIN_WORDS = {
    "tuple_type": "expected a list",
    "model_type": "expected a mapping of fields",
    "missing": "is missing",
    "invalid_key": "a field name must be text (YAML reads on, off, yes, no and dates as something else; quote them)",
}


def _explain(error: ValidationError) -> tuple[Place, str]:
    """The first mistake in pydantic's list, an unknown field with the names that exist."""
    first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    message = PLAIN_WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] == "extra_forbidden":
        models: dict[str | int, type[BaseModel]] = {
            "fault": Fault, "changes": ScenarioChange, "logs": ScenarioLog, "expect": Expect,
        }  # fmt: skip
        model = models.get(first["loc"][0], Scenario) if len(first["loc"]) > 1 else Scenario
        message = f"unknown field; there are {', '.join(model.model_fields)}"
    if first["type"] == "invalid_key":
        return (*first["loc"][:-1], str(first["input"])), message
    return first["loc"], message


def _mistakes(scenario: Scenario, homelab: Homelab) -> Iterator[tuple[Place, str]]:
    """What the types cannot tell: names that must exist, and faults that do not suit their entity."""
    if scenario.fault:
        yield from _fault_mistakes(scenario.fault, homelab)
    seen: set[str] = set()
    for number, change in enumerate(scenario.changes):
        if change.kind not in CHANGE_KINDS:
            yield (
                ("changes", number, "kind"),
                f"{change.kind!r} is no kind of change; there are {', '.join(CHANGE_KINDS)}",
            )
        if change.id in seen:
            yield ("changes", number, "id"), f"{change.id!r} is used twice"
        seen.add(change.id)
    named: list[tuple[Place, str | None]] = [
        (("changes", number, "entity"), change.entity) for number, change in enumerate(scenario.changes)
    ]
    named += [(("logs", number, "entity"), log.entity) for number, log in enumerate(scenario.logs)]
    named += [(("expect", "cause_entity"), scenario.expect.cause_entity)]
    for place, entity in named:
        if entity is not None and entity not in homelab.entities:
            yield place, f"no entity named {entity!r} in the homelab"
    if scenario.expect.cause_kind not in (None, *CAUSE_KINDS):
        yield (
            ("expect", "cause_kind"),
            f"{scenario.expect.cause_kind!r} is no kind of cause; there are {', '.join(CAUSE_KINDS)}",
        )
    if scenario.expect.change not in (None, *seen):
        yield ("expect", "change"), f"no change has the id {scenario.expect.change!r}"


def _fault_mistakes(fault: Fault, homelab: Homelab) -> Iterator[tuple[Place, str]]:
    kinds = load_fault_kinds()
    if fault.kind not in kinds:
        yield ("fault", "kind"), f"{fault.kind!r} is no kind of fault; there are {', '.join(kinds)}"
        return
    kind = kinds[fault.kind]
    if fault.entity not in homelab.entities:
        yield ("fault", "entity"), f"no entity named {fault.entity!r} in the homelab"
        return
    if not traits(homelab, fault.entity) & set(kind.applies_to):
        what = homelab.entities[fault.entity]
        yield ("fault", "entity"), f"{fault.entity} is a {what}; {fault.kind} suits only: {', '.join(kind.applies_to)}"
    low, high = kind.magnitude_range
    if fault.magnitude is not None and not low <= fault.magnitude <= high:
        yield ("fault", "magnitude"), f"{fault.magnitude:g} is outside {low:g} to {high:g} for {fault.kind}"
    if fault.scope is not None and fault.scope not in kind.scopes:
        yield ("fault", "scope"), f"{fault.kind} knows only: {', '.join(kind.scopes)}"


def _written(place: Place) -> str:
    """("changes", 0, "kind") as "changes[0].kind"."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _line(node: yaml.Node | None, place: Place) -> int:
    """The line where `place` stands, or its innermost surroundings that exist, counted from 1."""
    line = node.start_mark.line + 1 if node else 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if entry is None:
                return line
            line, node = entry[0].start_mark.line + 1, entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
