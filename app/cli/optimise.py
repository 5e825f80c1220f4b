"""`sre optimise`: makes a better program, proves it on cases that it was not tuned on, and puts it into service."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.screen import counting, say
from core.clock import now

if TYPE_CHECKING:
    from scenarios.index import Split


def optimise(
    *,
    trials: Annotated[int, typer.Option(min=1, max=5000, help="How many settings of the numbers are tried.")] = 80,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Replay each scenario so often, varied each time.")] = 2,
    ship: Annotated[
        bool, typer.Option("--ship", help="For this repository: make it the program that a fresh clone starts with.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Write the program there, too.", show_default=False)] = None,
) -> None:
    """Tune the program's numbers on the train scenarios, without a language model; what is better on dev becomes a candidate."""
    from app.evaluation import EvaluationBench
    from app.program import choose_program
    from app.wiring import build_assistant
    from core.revision import git_revision
    from core.settings import load_settings
    from optimise.cases import load_cases
    from optimise.compile_program import Recorded, compile_numbers
    from optimise.evaluate import data_hash
    from optimise.recordings import record_changes, record_pages
    from pipeline.parameters import Parameters
    from pipeline.program_state import SHIPPED, MadeBy, save_state
    from scenarios.index import names

    settings = load_settings()
    cases = {split: load_cases([EVALSETS], split=[split]) for split in TUNED_ON}
    chosen = choose_program(settings)
    start = chosen.saved.numbers() if chosen.saved else Parameters()
    directory = settings.data_dir / "optimise" / now().strftime("%Y%m%dT%H%M%SZ")
    directory.mkdir(parents=True)
    with EvaluationBench(settings, say=say) as bench:
        recorded = {}
        for split in TUNED_ON:
            steps = record_changes(names(split), bench, seeds=range(1, seeds + 1), say=say)
            recorded[split] = Recorded(steps, record_pages(cases[split], bench.pages()))
        with counting("trying") as progress:
            compiled = compile_numbers(
                recorded["train"], recorded["dev"], start, trials=trials, say=say, progress=progress,
                storage=directory / "trials.db",
            )  # fmt: skip
    path = directory / "program.json"
    made_by = MadeBy(
        git_revision=git_revision(), data_hash=data_hash([*cases["train"], *cases["dev"]]), scores=compiled.history
    )
    save_state(build_assistant(settings), path, compiled.parameters, made_by)
    for target in (output, SHIPPED if ship else None):
        if target is not None:
            shutil.copyfile(path, target)
    print(path)


EVALSETS = Path(__file__).resolve().parents[2] / "evalsets"
TUNED_ON: tuple[Split, ...] = ("train", "dev")
