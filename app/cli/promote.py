"""`sre promote`: puts a program into service, if it proves to be the better one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.screen import counting, say
from core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.settings import Settings
    from optimise.promotion import Decision
    from optimise.registry import Registry
    from optimise.report import Report
    from optimise.tracking import Tracking
    from scenarios.index import Split

EVALSETS = Path(__file__).resolve().parents[2] / "evalsets"


def promote(
    candidate: Annotated[
        str, typer.Argument(help="File, version or alias of the program that is to answer.", show_default=False)
    ],
    *,
    against: Annotated[
        str | None,
        typer.Option(help="The program to be better than.", show_default="the champion, else the one in service"),
    ] = None,
    sets: Annotated[
        list[Path] | None,
        typer.Option("--set", help="File or directory of cases; repeatable.", show_default="evalsets"),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Ask each case so often, each time of a varied incident.")
    ] = 1,
    margin: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of a kind's cases by which it may get worse; one case always may."),
    ] = 0.05,
    with_model: Annotated[bool, typer.Option("--with-model", help="Ask the language model that SRE_LM names.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the decision as JSON.")] = False,
) -> None:
    """Make a program the champion if dev improves, no kind gets much worse, and the test split, read once, confirms; else say why not."""
    from app.program import put_into_service
    from core.settings import load_settings
    from optimise.registry import Registry
    from optimise.tracking import Tracking

    settings = load_settings()
    tracking = Tracking(settings.mlflow_tracking_uri, settings.data_dir)
    registry = Registry(settings.mlflow_tracking_uri, settings.data_dir)
    tracking.check()
    trial = _Trial(settings, tracking, sets or [EVALSETS], range(seeds), with_model=with_model)
    decision, state, run = trial.hold(candidate, against, registry, margin)
    version = None
    if decision.promote:
        version = registry.register(state, run_id=run)
        registry.set_champion(version)
        put_into_service(state, settings)
    if as_json:
        print(json.dumps({**decision.model_dump(mode="json"), "version": version}, indent=2))
    else:
        print(f"promoted: version {version} is the champion" if version else "not promoted")
        for reason in decision.reasons:
            print(f"- {reason}")
    if not decision.promote:
        raise typer.Exit(1)


class _Trial:
    """Evaluates two programs under the same circumstances; every evaluation is logged."""

    def __init__(
        self, settings: Settings, tracking: Tracking, sets: Sequence[Path], seeds: Sequence[int], *, with_model: bool
    ) -> None:
        self._settings = settings
        self._tracking = tracking
        self._sets = sets
        self._seeds = seeds
        self._with_model = with_model

    def hold(
        self, candidate: str, against: str | None, registry: Registry, margin: float
    ) -> tuple[Decision, Path, str]:
        """The decision, the candidate's state, and the run that logged it."""
        from app.program import choose_program, resolve_program
        from optimise.promotion import decide
        from pipeline.program_state import read_program

        state = resolve_program(self._settings, candidate)
        if state is None:
            raise InvalidInput("CANDIDATE: name a file, a version or an alias")
        read_program(state)
        champion = registry.champion() if against is None else None
        held = champion[0] if champion else resolve_program(self._settings, against)
        held = held or choose_program(self._settings).path
        before, _ = self._evaluate(held, "dev")
        after, run = self._evaluate(state, "dev")
        decision = decide(
            before,
            after,
            lambda: self._evaluate(held, "test")[0],
            lambda: self._evaluate(state, "test")[0],
            data_dir=self._settings.data_dir,
            margin=margin,
        )
        for comparison in (decision.dev, decision.test):
            if comparison is not None:
                self._tracking.log_comparison(comparison, f"promote {comparison.after}", parent=run)
        return decision, state, run

    def _evaluate(self, state: Path | None, split: Split) -> tuple[Report, str]:
        """The report and its run. `state` is None for the program as its code stands."""
        from app.evaluation import EvaluationBench
        from optimise.cases import load_cases
        from optimise.evaluate import evaluate

        cases = load_cases(self._sets, split=[split])
        what = f"{state.name if state else 'the program as its code stands'} on {split}"
        say(f"evaluating {what}: {len(cases)} cases")
        with (
            EvaluationBench(self._settings, program=state, with_model=self._with_model, say=say) as bench,
            counting("asking") as progress,
        ):
            report = evaluate(cases, bench, seeds=self._seeds, say=say, progress=progress)
        return report, self._tracking.log_evaluation(report, state, f"promotion: {what}")
