"""Eval cases: what is asked, in which circumstances, and what a good answer holds. Data, in YAML files of any directory.

A file holds one case or a list of them; `case.schema.json` beside the shipped sets is generated from these types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from core.errors import InvalidInput
from core.vocabulary import CauseKind, Frozen, Intent, Mode
from scenarios import index
from scenarios.fault_kinds import Offset
from scenarios.index import Split
from scenarios.schema import load_scenario

EVALSETS = Path(__file__).resolve().parent.parent / "evalsets"
MAX_FILE_BYTES = 2_000_000
Source = Literal["prometheus", "alerts", "logs", "changes", "runbooks"]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]


class Expect(Frozen):
    """What holds of a good answer; what is not named is not judged, and a null says that there must be none.

    `sources` are names in `evidence[].source`, or runbooks, changes, alerts. `runbook` must be among the first three pages, `cause_*`
    and `change` (the id in the scenario) be what the answer blames; `abstain: true` wants no cause with a change or none at all.
    `facts` must be told: numbers in any unit and rounding, words in any order. `forbidden` must not. `gaps` are words of what is said to be missing.
    """

    intent: Intent | tuple[Intent, ...] | None = None
    mode: Mode | None = None
    sources: tuple[str, ...] = ()
    subjects: tuple[str, ...] | None = None
    runbook: str | tuple[str, ...] | None = None
    cause_entity: str | None = None
    cause_kind: CauseKind | tuple[CauseKind, ...] | None = None
    change: str | None = None
    abstain: bool | None = None
    facts: tuple[Text, ...] = ()
    forbidden: tuple[Text, ...] = ()
    gaps: tuple[Text, ...] = ()
    max_llm_calls: int | None = Field(None, ge=0)
    max_input_tokens: int | None = Field(None, ge=0)
    max_latency_s: float | None = Field(None, gt=0)

    def names(self, field: str) -> bool:
        """Whether the case says anything of the field, be it that there is none."""
        return field in self.model_fields_set


class Turn(Frozen):
    """One question of a conversation; `at` moves on from the case's moment, as an offset from the scenario's start."""

    question: Text
    at: Offset | None = None
    expect: Expect = Expect()


class Case(Frozen):
    """`scenario` is the name of a shipped one or a file beside the case's own; without one the homelab is quiet.

    `at` counts from the scenario's start; without it the question is asked two minutes after its alert. `down` are sources that do not
    answer, `model: down` is a language model that is set and does not answer. `documents` are files or directories beside the case's
    own, searched beside the runbooks. `split` is for a case without a shipped scenario; one with it has that of the scenario.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100)
    kind: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    scenario: str | None = None
    at: Offset | None = None
    turns: tuple[Turn, ...] = Field(min_length=1, max_length=20)
    split: Split | None = None
    down: tuple[Source, ...] = ()
    model: Literal["down"] | None = None
    documents: tuple[str, ...] = ()
    note: str = Field("", max_length=4_000)
    """Where it comes from, for who reads the file."""
    adversarial: bool = False
    """Made to mislead; the others are what people ask every day."""

    @field_validator("documents")
    @classmethod
    def _relative(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in value):
            raise ValueError("paths lie beside the case's own file")
        return value

    @model_validator(mode="after")
    def _one_split(self) -> Self:
        shipped = self.scenario in index.all_names()
        if shipped and self.split not in (None, index.split_of(str(self.scenario))):
            raise ValueError(
                f"split {self.split}: the scenario {self.scenario} is in {index.split_of(str(self.scenario))} already"
            )
        return self

    @property
    def belongs_to(self) -> Split:
        """The split: that of the scenario, else the one that is named, else train."""
        if self.scenario in index.all_names():
            return index.split_of(str(self.scenario))
        return self.split or "train"


class LoadedCase(Frozen):
    """A case and the file that it came from."""

    case: Case
    file: Path

    @property
    def scenario(self) -> str | None:
        """What `load_scenario` takes."""
        named = self.case.scenario
        beside = self.file.parent / named if named else None
        return str(beside) if beside is not None and beside.is_file() else named


def load_cases(paths: Sequence[Path], *, split: Sequence[Split] | None = None) -> list[LoadedCase]:
    """The cases of files and directories, in order; those of the given splits.

    Of a directory, a file whose name begins with a split (`test-alerts.yaml`) is opened only for that split.

    Raises InvalidInput, which names the file, the case and the field: an unknown field, an id used twice, a scenario in two splits or
    unknown, an empty set.
    """
    found: list[LoadedCase] = []
    for path in paths:
        for file in _files(path, split or index.SPLITS):
            found += [LoadedCase(case=case, file=file) for case in _cases(file)]
    _check_together(found)
    chosen = [each for each in found if split is None or each.case.belongs_to in split]
    if not chosen:
        where = ", ".join(str(path) for path in paths)
        raise InvalidInput(f"--set: no case in {where}" + (f" is in split {' or '.join(split)}" if split else ""))
    return chosen


def _files(path: Path, splits: Sequence[Split]) -> list[Path]:
    if path.is_dir():
        others = tuple(f"{name}-" for name in index.SPLITS if name not in splits)
        files = (file for suffix in ("*.yaml", "*.yml") for file in path.glob(suffix))
        return sorted(file for file in files if not file.name.startswith(others))
    if not path.is_file():
        raise InvalidInput(f"--set: {path}: no such file or directory")
    return [path]


def _cases(file: Path) -> Iterator[Case]:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise InvalidInput(f"{file}: larger than {MAX_FILE_BYTES:,} bytes; not a set of cases")
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(f"{file}: cannot be read as YAML: {' '.join(str(error).split())[:200]}") from None
    listed = document if isinstance(document, list) else [document] if document else []
    for number, each in enumerate(listed, start=1):
        yield _case(file, number, each)


def _case(file: Path, number: int, document: Any) -> Case:
    name = document.get("id") if isinstance(document, dict) else None
    try:
        return Case.model_validate(document)
    except ValidationError as error:
        first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
        place = ".".join(str(part) for part in first["loc"]) or "case"
        message = "unknown field" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise InvalidInput(f"{file}: case {name or number}: {place}: {message}") from None


def _check_together(cases: Sequence[LoadedCase]) -> None:
    seen: dict[str, Path] = {}
    splits: dict[str, Split] = {}
    for each in cases:
        case = each.case
        if case.id in seen:
            raise InvalidInput(f"{each.file}: case {case.id}: the id is used in {seen[case.id]} as well")
        seen[case.id] = each.file
        for document in case.documents:
            if not (each.file.parent / document).exists():
                raise InvalidInput(f"{each.file}: case {case.id}: documents: {document}: no such file beside it")
        if each.scenario is None:
            continue
        try:
            scenario = load_scenario(each.scenario)
        except InvalidInput as error:
            raise InvalidInput(f"{each.file}: case {case.id}: scenario: {error}") from None
        if splits.setdefault(scenario.name, case.belongs_to) != case.belongs_to:
            raise InvalidInput(
                f"{each.file}: case {case.id}: the scenario {scenario.name} is in two splits, "
                f"{splits[scenario.name]} and {case.belongs_to}"
            )
        _check_expected(each, {change.id for change in scenario.changes})


def _check_expected(each: LoadedCase, changes: set[str]) -> None:
    for turn in each.case.turns:
        wanted = turn.expect.change
        if wanted is not None and wanted not in changes:
            raise InvalidInput(
                f"{each.file}: case {each.case.id}: expect.change: the scenario has no {wanted}; there are "
                f"{', '.join(sorted(changes)) or 'none'}"
            )


def moment(at: timedelta | None, earlier: timedelta | None) -> timedelta | None:
    """When a turn is asked: at its own offset, else when the one before was."""
    return at if at is not None else earlier
