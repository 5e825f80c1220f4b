"""`sre eval`: asks a curated set of questions and judges the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.screen import counting, say
from core.errors import InvalidInput

if TYPE_CHECKING:
    from optimise.report import Report
    from scenarios.index import Split

BASELINE = Path(__file__).resolve().parents[2] / "evalsets" / "baseline.json"
EVALSETS = Path(__file__).resolve().parents[2] / "evalsets"
FAILURES_SHOWN = 60


def evaluation(
    *,
    sets: Annotated[
        list[Path] | None,
        typer.Option("--set", help="File or directory of cases; repeatable.", show_default="evalsets"),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="train, dev or test; repeatable.", show_default="train and dev")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Ask each case so often, each time of a varied incident.")
    ] = 1,
    program: Annotated[
        str | None,
        typer.Option(
            help='Version, alias or file of the program, "shipped", or "untuned": the numbers as its code has them.',
            show_default="the one in service",
        ),
    ] = None,
    with_model: Annotated[bool, typer.Option("--with-model", help="Ask the language model that SRE_LM names.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write the verdicts there as JUnit XML.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the whole report there, for `sre compare`.")] = None,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Keep the evaluation in MLflow.")] = True,
    record: Annotated[bool, typer.Option("--record-baseline", help="From now on compare with this result.")] = False,
) -> None:
    """Ask the eval sets and judge the answers; exit code 1 when a case fails that passed in the recorded baseline."""
    from app.evaluation import EvaluationBench
    from app.program import UNTUNED, resolve_program
    from core.settings import load_settings
    from optimise.cases import load_cases
    from optimise.evaluate import evaluate
    from optimise.held_out import record_test_read
    from optimise.junit import write_junit
    from optimise.tracking import Tracking
    from pipeline.parameters import Parameters

    cases = load_cases(sets or [EVALSETS], split=_splits(split, own=bool(sets)))
    settings = load_settings()
    tracking = Tracking(settings.mlflow_tracking_uri, settings.data_dir) if log else None
    if tracking is not None:
        tracking.check()
    if any(each.case.belongs_to == "test" for each in cases):
        record_test_read(settings.data_dir, "sre eval")
    parameters = Parameters() if program == UNTUNED else None
    state = None if program == UNTUNED else resolve_program(settings, program)
    with (
        EvaluationBench(settings, program=state, parameters=parameters, with_model=with_model, say=say) as bench,
        counting("asking") as progress,
    ):
        report = evaluate(cases, bench, seeds=range(seeds), say=say, progress=progress)
    if tracking is not None:
        say(f"logged in MLflow as run {tracking.log_evaluation(report, state, 'eval')}; make mlflow shows it")
    if output is not None:
        output.write_text(report.model_dump_json(indent=1), encoding="utf-8")
    if junit is not None:
        write_junit(report, junit)
    if record:
        BASELINE.write_text(json.dumps(_passes(report), indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report.contract(), indent=2)) if as_json else show(report)
    lost = regressions(report)
    for name in lost:
        say(f"regression: {name} passed in the baseline")
    if lost:
        raise typer.Exit(1)


def _splits(named: list[str] | None, *, own: bool) -> list[Split] | None:
    """Train and dev; of a set that is named, everything."""
    from scenarios.index import SPLITS

    if not named:
        return None if own else ["train", "dev"]
    wrong = [name for name in named if name not in SPLITS]
    if wrong:
        raise InvalidInput(f"--split: {wrong[0][:40]!r} is none of {', '.join(SPLITS)}")
    return [name for name in SPLITS if name in named]


def _passes(report: Report) -> dict[str, bool]:
    return {f"{case.id} seed {case.seed}": case.passed for case in report.cases}


def regressions(report: Report) -> list[str]:
    """Cases that passed when the baseline was recorded."""
    if not BASELINE.exists():
        return []
    before = json.loads(BASELINE.read_text(encoding="utf-8"))
    return sorted(name for name, passed in _passes(report).items() if not passed and before.get(name))


def show(report: Report) -> None:
    """A table by kind, the failures, and what is told of all."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=140, soft_wrap=True)
    table = Table("kind", "passed", "of")
    for kind, (passed, total) in report.kinds().items():
        table.add_row(kind, str(passed), str(total), style="" if passed == total else "yellow")
    console.print(table)
    failed = [case for case in report.cases if not case.passed]
    for case in failed[:FAILURES_SHOWN]:
        console.print(f"{case.id} (seed {case.seed}): {case.failed_checks[0]}", markup=False, highlight=False)
    if len(failed) > FAILURES_SHOWN:
        console.print(f"… and {len(failed) - FAILURES_SHOWN} more; --json or --output has all")
    passed = len(report.cases) - len(failed)
    gap = "" if report.gap is None else f", easy less adversarial {report.gap:+.3f}"
    console.print(
        f"{passed} of {len(report.cases)} pass ({report.share():.3f}){gap}; confidently wrong {report.confidently_wrong:.3f}; "
        f"grounded {report.grounded:.3f}; {report.seconds:.0f} s; program {report.program} ({report.program_source})",
        highlight=False,
    )
