"""`sre optimise`: makes a better program, proves it on cases that it was not tuned on, and puts it into service."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli.screen import counting, say
from core.clock import now

if TYPE_CHECKING:
    from core.settings import Settings
    from scenarios.index import Split


def optimise(
    *,
    method: Annotated[
        Literal["numbers", "gepa", "mipro", "bootstrap"],
        typer.Option(help="numbers: without a language model; the others improve the prompt with the one of SRE_LM."),
    ] = "numbers",
    cap: Annotated[
        float | None, typer.Option(min=0, help="US dollars that the model may cost at most.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate what the model would cost.")] = False,
    calls: Annotated[int, typer.Option(min=10, max=5000, help="gepa: how many answers are judged at most.")] = 150,
    resume: Annotated[
        Path | None, typer.Option(help="Go on in this directory of a run that was broken off.", show_default=False)
    ] = None,
    sets: Annotated[
        list[Path] | None,
        typer.Option("--set", help="File or directory of cases; repeatable.", show_default="evalsets"),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, max=5000, help="How many settings of the numbers are tried.")] = 80,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Replay each scenario so often, varied each time.")] = 2,
    ship: Annotated[
        bool, typer.Option("--ship", help="For this repository: make it the program that a fresh clone starts with.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Write the program there, too.", show_default=False)] = None,
) -> None:
    """Make a better program out of the train cases; what does better on dev becomes a candidate, for `sre promote`."""
    from core.settings import load_settings

    settings = load_settings()
    if method == "numbers":
        path: Path | None = _numbers(settings, sets or [EVALSETS], trials, seeds)
    else:
        from app.cli.optimise_prompts import optimise_prompts

        path = optimise_prompts(
            settings, sets or [EVALSETS], method, cap_usd=cap, calls=calls, seed=0, dry_run=dry_run, resume=resume
        )
    if path is None:
        return
    for target in (output, SHIPPED_PROGRAM if ship else None):
        if target is not None:
            shutil.copyfile(path, target)
    print(path)


def _numbers(settings: Settings, sets: list[Path], trials: int, seeds: int) -> Path:
    """Tunes the numbers, without a language model."""
    from app.evaluation import EvaluationBench
    from app.knowledge import build_embedder
    from app.program import choose_program
    from app.wiring import build_assistant
    from core.revision import git_revision
    from optimise.cases import load_cases
    from optimise.compile_program import Recorded, compile_numbers
    from optimise.evaluate import data_hash
    from optimise.recordings import record_changes, record_pages
    from optimise.routing import asked_in, question_steps, with_asked
    from pipeline.parameters import Parameters
    from pipeline.program_state import MadeBy, save_state
    from scenarios.index import names
    from scenarios.topology import load_homelab

    cases = {split: load_cases(sets, split=[split]) for split in TUNED_ON}
    chosen = choose_program(settings)
    start = chosen.saved.numbers() if chosen.saved else Parameters()
    directory = settings.data_dir / "optimise" / now().strftime("%Y%m%dT%H%M%SZ")
    directory.mkdir(parents=True)
    embed = build_embedder(settings.data_dir).embed
    asked = {split: asked_in(cases[split], load_homelab().entities) for split in TUNED_ON}
    start = with_asked(start, asked["train"], asked["dev"], embed)
    with EvaluationBench(settings, say=say) as bench:
        recorded = {}
        for split in TUNED_ON:
            steps = record_changes(names(split), bench, seeds=range(1, seeds + 1), say=say)
            questions = question_steps(asked[split], start, embed)
            recorded[split] = Recorded(steps, record_pages(cases[split], bench.pages()), questions)
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
    return path


EVALSETS = Path(__file__).resolve().parents[2] / "evalsets"
TUNED_ON: tuple[Split, ...] = ("train", "dev")
SHIPPED_PROGRAM = Path(__file__).resolve().parents[2] / "pipeline" / "shipped_program.json"
