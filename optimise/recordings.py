"""What the tunable steps of the program are given, written down once over replayed incidents, so that a trial needs no question.

Two steps have numbers worth tuning on cases: which change is blamed, and which pages answer. Each recorded step says how good the
program does with other numbers: 1 where it is right, 0 where it is not, below 0 where it would mislead.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from core.errors import SreError
from core.vocabulary import Passage
from optimise.cases import LoadedCase
from optimise.evaluate import AT_ONCE, Circumstances, Workbench
from optimise.fit_changes import Example, blamed_by
from optimise.rehearsal import Stage, Staged, staged
from pipeline.assistant import Assistant
from pipeline.inquiry import Inquiry
from pipeline.parameters import Parameters
from pipeline.ranking.change_signs import signs_of
from pipeline.ranking.changes import Candidates, signs_of_none
from scenarios.schema import load_scenario
from tools.knowledge.ranking import SearchWeights

MISLED = -0.5
"""What blaming the wrong change is worth beside blaming none."""
UNAIDED = 0.1
"""What an incident counts in the fit without what the assistant knows beyond shifts and logs."""
PAGES = 3


class Step(Protocol):
    """`scenario` groups steps that are alike."""

    @property
    def scenario(self) -> str: ...

    def judged(self, parameters: Parameters) -> float: ...


@dataclass(frozen=True)
class ChangeStep:
    """An incident with its candidates; `unaided` is the same for somebody who knows shifts and logs alone."""

    example: Example
    unaided: Example

    @property
    def scenario(self) -> str:
        return self.example.scenario

    def judged(self, parameters: Parameters) -> float:
        blamed = blamed_by(self.example, parameters.changes)
        return 1.0 if blamed == self.example.right else 0.0 if blamed is None else MISLED


class Pages(Protocol):
    """A search whose weights may be set."""

    weights: SearchWeights

    def search(self, query: str, k: int = 3) -> list[Passage]: ...


@dataclass(frozen=True)
class PageStep:
    """A question and the pages that answer it; none where nothing does."""

    question: str
    right: tuple[str, ...]
    pages: Pages

    @property
    def scenario(self) -> str:
        return self.question

    def judged(self, parameters: Parameters) -> float:
        self.pages.weights = parameters.search
        found = [passage.document for passage in self.pages.search(self.question, PAGES)]
        if not self.right:
            return float(not found)
        return float(any(document.endswith(self.right) for document in found))


def record_changes(
    scenarios: Sequence[str], bench: Workbench, *, seeds: Sequence[int], say: Callable[[str], None] = lambda _: None
) -> list[ChangeStep]:
    """What `rank_changes` is given when each scenario's alert is asked about, with each seed. Raises LabError."""
    found: list[ChangeStep] = []
    for seed in seeds:
        with (
            tempfile.TemporaryDirectory(prefix="sre-optimise-") as directory,
            staged(
                [load_scenario(name) for name in scenarios], seed=seed, directory=Path(directory),
                binaries=bench.binaries, progress=say,
            ) as stage,
        ):  # fmt: skip
            found += asyncio.run(_record(stage, bench))
        say(f"seed {seed}: {len(found)} incidents recorded")
    return found


async def _record(stage: Stage, bench: Workbench) -> list[ChangeStep]:
    slots = asyncio.Semaphore(AT_ONCE)
    async with await asyncio.to_thread(bench.assistant, stage, Circumstances()) as assistant:

        async def one(incident: Staged) -> ChangeStep | None:
            async with slots:
                return await _incident(assistant, incident)

        recorded = await asyncio.gather(*(one(each) for each in stage.incidents.values()))
    return [each for each in recorded if each is not None]


async def _incident(assistant: Assistant, own: Staged) -> ChangeStep | None:
    """None where no cause is found, so that no change is ranked."""
    scenario = own.incident.scenario
    text = f"Why is {scenario.expect.alert} firing?" if own.alert_at else "What is wrong?"
    inquiry = Inquiry(text, own.moment(None), live=False)
    inquiry.ends = asyncio.get_running_loop().time() + assistant.deadline_s
    try:
        await assistant.acall(inquiry=inquiry)
    except SreError:
        return None
    brief = inquiry.brief
    considered = brief.changed.considered if brief is not None and brief.changed is not None else None
    if brief is None or brief.cause is None or considered is None:
        return None
    right = next((change.title for change in scenario.changes if change.id == scenario.expect.change), None)
    titles = [change.title for change in considered.changes]
    if right is not None and right not in titles:
        return None
    place = titles.index(right) if right is not None else None
    unaided = replace(considered, affected=None, kind=None)
    return ChangeStep(_example(scenario.name, considered, place), _example(scenario.name, unaided, place, UNAIDED))


def _example(scenario: str, considered: Candidates, right: int | None, weight: float = 1.0) -> Example:
    incident = considered.incident()
    signs = tuple(signs_of(change, incident) for change in considered.changes)
    return Example(scenario, signs, signs_of_none(incident, Parameters().changes), right, weight)


def record_pages(cases: Sequence[LoadedCase], pages: Pages) -> list[PageStep]:
    """The questions of cases that say which page answers, or that none does."""
    found = []
    for each in cases:
        if each.case.documents or each.case.down or len(each.case.turns) > 1:
            continue
        for turn in each.case.turns:
            if turn.expect.names("runbook"):
                wanted = turn.expect.runbook
                right = (wanted,) if isinstance(wanted, str) else wanted or ()
                found.append(PageStep(turn.question, tuple(right), pages))
    return found
