"""Staged cases that are asked one by one, again and again, with whatever prompt an optimiser tries."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from optimise.cases import LoadedCase
from optimise.evaluate import Circumstances, Run, Workbench, ask_case, scenarios_of
from optimise.rehearsal import staged
from optimise.report import CaseResult
from scenarios.schema import load_scenario
from scenarios.topology import load_homelab

if TYPE_CHECKING:  # DSPy takes a second to import
    import dspy

    from pipeline.assistant import Assistant


class Rehearsed:
    """Belongs to one event loop."""

    def __init__(self, run: Run, bench: Workbench) -> None:
        self._run = run
        self._bench = bench
        self._assistants: dict[Circumstances, Assistant] = {}
        self._asked = 0

    async def ask(self, case: LoadedCase, prompt: dspy.Predict) -> CaseResult:
        """The case, answered with this prompt. Only one at a time."""
        circumstances = Circumstances.of(case)
        if circumstances not in self._assistants:
            built = await asyncio.to_thread(self._bench.assistant, self._run.stage, circumstances)
            self._assistants[circumstances] = built
        assistant = self._assistants[circumstances]
        assistant.synthesise.write = prompt
        self._asked += 1
        # A session is named after its case; asked again, the case must not go on with what it said the last time.
        anew = case.case.model_copy(update={"id": f"{self._asked}-{case.case.id}"})
        result = await ask_case(anew, self._run.incident(case), assistant, self._run)
        return result.model_copy(update={"id": case.case.id})

    async def aclose(self) -> None:
        for assistant in self._assistants.values():
            await assistant.__aexit__()


@contextmanager
def rehearsed(
    cases: Sequence[LoadedCase], bench: Workbench, *, end: datetime, say: Callable[[str], None] = lambda _: None
) -> Iterator[Run]:
    """What is staged, to be asked by a `Rehearsed`. `end` is where the past ends: with the same one, the same past is staged again. Raises LabError."""
    scenarios = {name: load_scenario(name) for name in scenarios_of(cases)}
    with (
        tempfile.TemporaryDirectory(prefix="sre-optimise-") as directory,
        staged(
            list(scenarios.values()), seed=0, directory=Path(directory), binaries=bench.binaries, progress=say, end=end
        ) as stage,
    ):
        yield Run(stage, 0, bench.zone, frozenset(load_homelab().entities), scenarios)
