"""How well a verifier tells true sentences of an answer from false ones: judged sentences, each with the facts it was written from.

A directory holds `facts.json` (named sets of facts), `dev.jsonl` and `frozen.jsonl` (a judged sentence a line). The frozen half is read
to report, never to improve the verifier.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, TypeAdapter, ValidationError

from core.errors import InvalidInput
from core.vocabulary import Alert, AnsweredChange, Evidence, Frozen, Passage, UtcDatetime
from pipeline.verify import Facts

Split = Literal["dev", "frozen"]

Flags = Callable[[str, Facts], bool]
"""Whether a verifier objects to a sentence, given the facts."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence (Markdown with citations), of what kind it is, and whether the facts that it cites bear it out."""

    id: str
    kind: str
    true: bool
    sentence: str
    facts: Facts


class KindFigures(Frozen):
    """`flagged` of `cases` sentences of one kind were objected to: wanted when the kind is false, a false alarm when it is true."""

    kind: str
    true: bool
    cases: int
    flagged: int


class Figures(Frozen):
    """Shares are 0..1: false sentences that were found, true ones that were objected to. `misses` are the ids judged wrongly, in order."""

    true_cases: int
    false_cases: int
    recall: float
    false_alarms: float
    kinds: tuple[KindFigures, ...]
    misses: tuple[str, ...]


class _FactSet(Frozen):
    evidence: tuple[Evidence, ...]
    passages: tuple[Passage, ...]
    changes: tuple[AnsweredChange, ...]
    names: frozenset[str]
    alerts: tuple[Alert, ...]
    question: str
    now: UtcDatetime
    zone: str

    def facts(self) -> Facts:
        return Facts(
            evidence=self.evidence,
            passages=self.passages,
            changes=self.changes,
            names=self.names,
            alerts=self.alerts,
            question=self.question,
            now=self.now,
            zone=ZoneInfo(self.zone),
        )


class _Line(Frozen):
    id: Annotated[str, Field(min_length=1)]
    kind: Annotated[str, Field(min_length=1)]
    true: bool
    sentence: Annotated[str, Field(min_length=1)]
    facts: str


def load_cases(directory: Path, split: Split) -> list[Case]:
    """Raises InvalidInput, which names the file, the line or set, and the first wrong field."""
    facts = _load_facts(directory / "facts.json")
    path = directory / f"{split}.jsonl"
    cases: dict[str, Case] = {}
    for number, text in enumerate(_read(path).splitlines(), start=1):
        place = f"{path}:{number}"
        try:
            line = _Line.model_validate_json(text)
        except ValidationError as error:
            raise InvalidInput(f"verification: {place}: {_first(error)}") from None
        if line.facts not in facts:
            raise InvalidInput(f"verification: {place}: facts: {line.facts!r} is not in facts.json")
        if line.id in cases:
            raise InvalidInput(f"verification: {place}: id: {line.id!r} is there twice")
        cases[line.id] = Case(line.id, line.kind, line.true, line.sentence, facts[line.facts])
    if not cases:
        raise InvalidInput(f"verification: {path} holds no sentence")
    return list(cases.values())


def measure(cases: Sequence[Case], flags: Flags) -> Figures:
    """Asks `flags` once for every case, in order. A share over no cases is 0."""
    objected = {case.id for case in cases if flags(case.sentence, case.facts)}
    kinds = sorted({(not case.true, case.kind) for case in cases})
    by_kind = tuple(_of_kind(kind, not false, cases, objected) for false, kind in kinds)
    true, false = [one for one in by_kind if one.true], [one for one in by_kind if not one.true]
    return Figures(
        true_cases=_total(true),
        false_cases=_total(false),
        recall=sum(one.flagged for one in false) / max(_total(false), 1),
        false_alarms=sum(one.flagged for one in true) / max(_total(true), 1),
        kinds=by_kind,
        misses=tuple(case.id for case in cases if (case.id in objected) == case.true),
    )


def _of_kind(kind: str, true: bool, cases: Sequence[Case], objected: set[str]) -> KindFigures:
    ids = [case.id for case in cases if case.kind == kind and case.true == true]
    return KindFigures(kind=kind, true=true, cases=len(ids), flagged=sum(one in objected for one in ids))


def _total(kinds: Iterable[KindFigures]) -> int:
    return sum(one.cases for one in kinds)


def _load_facts(path: Path) -> dict[str, Facts]:
    try:
        sets = TypeAdapter(dict[str, _FactSet]).validate_python(json.loads(_read(path)))
        return {name: one.facts() for name, one in sets.items()}
    except ValidationError as error:
        raise InvalidInput(f"verification: {path}: {_first(error)}") from None
    except (ValueError, LookupError) as error:  # no JSON, or a time zone that nobody knows
        raise InvalidInput(f"verification: {path}: {error}") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"verification: {path} cannot be read ({error})") from None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
