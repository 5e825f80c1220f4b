"""Asks every case of an eval set and judges the answers: the one loop behind `sre eval`, the optimiser and promotion."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from core.clock import now
from core.errors import SreError
from core.revision import git_revision
from core.vocabulary import Answer
from optimise.cases import Case, LoadedCase, Turn
from optimise.context import Context, changes_of, truth_of
from optimise.rehearsal import Stage, Staged, staged
from optimise.report import CaseResult, Report, TurnResult
from optimise.scoring import score
from optimise.workers import FEWEST, Asked, Bench, ask_in_processes
from pipeline.assistant import Assistant
from scenarios.binaries import Binaries
from scenarios.schema import Scenario, load_scenario
from scenarios.topology import load_homelab
from scenarios.variation import renamer

LOG = logging.getLogger(__name__)
AT_ONCE = 3
"""Cases asked at the same time: what a question waits for is half somebody else's work."""


@dataclass(frozen=True)
class Circumstances:
    """What is different for some cases. `documents` are files and directories that are searched beside the usual ones."""

    down: tuple[str, ...] = ()
    model_down: bool = False
    documents: tuple[Path, ...] = ()

    @classmethod
    def of(cls, loaded: LoadedCase) -> Circumstances:
        case = loaded.case
        documents = tuple((loaded.file.parent / name).resolve() for name in case.documents)
        return cls(tuple(sorted(case.down)), case.model == "down", documents)


class Workbench(Protocol):
    """Builds what is evaluated; handed in by the wiring."""

    zone: ZoneInfo
    binaries: Binaries

    def assistant(self, stage: Stage, circumstances: Circumstances) -> Assistant:
        """The product, reading what is staged. May block while documents are indexed."""
        ...

    def again(self, circumstances: Iterable[Circumstances]) -> Bench | None:
        """Builds the same for these in another process; None where that cannot be. May block, too."""
        ...


def evaluate(
    cases: Sequence[LoadedCase],
    bench: Workbench,
    *,
    seeds: Sequence[int] = (0,),
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Every case with every seed. Raises LabError when the past cannot be staged."""
    begun = time.monotonic()
    found: list[CaseResult] = []
    scenarios = {name: load_scenario(name) for name in scenarios_of(cases)}
    names = frozenset(load_homelab().entities)
    program = ("", "")
    for number, seed in enumerate(seeds):
        with (
            tempfile.TemporaryDirectory(prefix="sre-eval-") as directory,
            staged(
                list(scenarios.values()),
                seed=seed,
                directory=Path(directory),
                binaries=bench.binaries,
                progress=say,
            ) as stage,
        ):
            counted = partial(_count, progress, number * len(cases), len(cases) * len(seeds))
            run = Run(stage, seed, bench.zone, names, scenarios)
            again = bench.again(map(Circumstances.of, cases)) if len(cases) >= FEWEST else None
            if again is not None:
                results, program = ask_in_processes(cases, run, again, counted)
            else:
                results, program = asyncio.run(ask_all(cases, run, bench, counted))
            found += results
    return Report(
        program=program[0],
        program_source=program[1],
        data_hash=data_hash(cases),
        git_revision=git_revision(),
        seconds=time.monotonic() - begun,
        cases=tuple(found),
    )


@dataclass(frozen=True)
class Run:
    """What all cases of one seed share. `scenarios` are by what `load_scenario` takes, `names` all that the homelab has."""

    stage: Stage
    seed: int
    zone: ZoneInfo
    names: frozenset[str]
    scenarios: Mapping[str, Scenario]

    def incident(self, loaded: LoadedCase) -> Staged | None:
        return self.stage.incidents[self.scenarios[loaded.scenario].name] if loaded.scenario else None


def _count(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)


def scenarios_of(cases: Sequence[LoadedCase]) -> list[str]:
    """What `load_scenario` takes, each once."""
    return sorted({each.scenario for each in cases if each.scenario is not None})


def data_hash(cases: Sequence[LoadedCase]) -> str:
    """The same for the same cases over the same scenarios."""
    told = [each.case.model_dump(mode="json") for each in cases]
    told += [load_scenario(name).model_dump(mode="json") for name in scenarios_of(cases)]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


async def ask_all(cases: Sequence[LoadedCase], run: Run, bench: Workbench, progress: Callable[[int], None]) -> Asked:
    slots = asyncio.Semaphore(AT_ONCE)
    done = 0
    async with AsyncExitStack() as stack:
        assistants: dict[Circumstances, Assistant] = {}
        for each in cases:
            circumstances = Circumstances.of(each)
            if circumstances not in assistants:
                built = await asyncio.to_thread(bench.assistant, run.stage, circumstances)
                assistants[circumstances] = await stack.enter_async_context(built)

        async def one(loaded: LoadedCase) -> CaseResult:
            nonlocal done
            async with slots:
                result = await ask_case(loaded.case, run.incident(loaded), assistants[Circumstances.of(loaded)], run)
            done += 1
            progress(done)
            return result

        results = list(await asyncio.gather(*(one(each) for each in cases)))
        program = next(iter(assistants.values())).program
    return results, (program.version, program.source)


async def ask_case(case: Case, own: Staged | None, assistant: Assistant, run: Run) -> CaseResult:
    """All turns of a case, in one session. A question that raises counts as failed, with the error as the reason."""
    begun = time.monotonic()
    case = _renamed(case, own)
    session = f"eval-{case.id}-{run.seed}"[:100] if len(case.turns) > 1 else None
    turns: list[TurnResult] = []
    offset = case.at
    for place, turn in enumerate(case.turns):
        offset = turn.at if turn.at is not None else offset
        at = _moment(own, run.stage, offset)
        context = Context(
            turn.question,
            at,
            run.zone,
            names=run.names,
            earlier=tuple(each.question for each in case.turns[:place]),
            changes=changes_of(own.incident.scenario, own.origins) if own else {},
            truth=truth_of(own.incident.scenario) if own and at >= own.incident.onset else None,
        )
        turns.append(await _ask_turn(turn, assistant, context, session))
    return CaseResult(
        id=case.id, kind=case.kind, split=case.belongs_to, scenario=case.scenario, seed=run.seed, adversarial=case.adversarial,
        turns=tuple(turns), seconds=time.monotonic() - begun,
    )  # fmt: skip


async def _ask_turn(turn: Turn, assistant: Assistant, context: Context, session: str | None) -> TurnResult:
    try:
        answer: Answer = await assistant.ask(turn.question, at=context.at, session_id=session)
    except SreError as error:
        return TurnResult(question=turn.question, answer="", failed=(f"error: {error}",), grounded=False)
    return score(turn.expect, answer, context)


def _moment(own: Staged | None, stage: Stage, offset: timedelta | None) -> datetime:
    moment = own.moment(offset) if own else stage.calm + (offset or timedelta(0))
    return min(moment, now())


def _renamed(case: Case, own: Staged | None) -> Case:
    """The case about the entity that the varied scenario is about."""
    if own is None:
        return case
    rename = renamer(own.original, own.incident.scenario)
    turns = []
    for turn in case.turns:
        expect = turn.expect.model_copy(
            update={
                name: tuple(rename(text) for text in value) if isinstance(value, tuple) else rename(value)
                for name in ("facts", "forbidden", "gaps", "cause_entity", "subjects")
                if (value := getattr(turn.expect, name)) is not None and name in turn.expect.model_fields_set
            }
        )
        turns.append(turn.model_copy(update={"question": rename(turn.question), "expect": expect}))
    return case.model_copy(update={"turns": tuple(turns)})
