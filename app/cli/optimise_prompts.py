"""`sre optimise --method gepa|mipro|bootstrap`: a better prompt, made with the language model that SRE_LM names, within a cap in money."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import get_args

import dspy
from pydantic import ValidationError

from app.cli.screen import say
from app.evaluation import EvaluationBench
from app.program import choose_program
from app.wiring import build_assistant
from core.clock import now
from core.costs import Prices, load_prices
from core.errors import ConfigurationError, InvalidInput, ModelRefused
from core.revision import git_revision
from core.settings import Settings
from core.vocabulary import Frozen
from optimise.cases import LoadedCase, load_cases
from optimise.evaluate import Run, data_hash
from optimise.model_optimisers import MOST_DEV, MOST_TRAIN, Method, chosen, improve_prompt, planned_calls
from optimise.paid_responses import PaidResponses
from optimise.prompt_student import Desk
from optimise.rehearsed import Rehearsed, rehearsed
from optimise.spending import CapReachedError, Counting, Spending, estimated_usd
from pipeline.language_model import build_models
from pipeline.model_engine import Engine
from pipeline.program_state import MadeBy, save_state
from signatures.synthesise import Synthesise

METHODS: tuple[Method, ...] = get_args(Method)
PLAN = "plan.json"


class Plan(Frozen):
    """What a resumed run has to have in common with the one that was broken off. `end` is where the staged past ends."""

    method: Method
    calls: int
    seed: int
    end: datetime
    data_hash: str


def optimise_prompts(
    settings: Settings, sets: Sequence[Path], method: Method, *,
    cap_usd: float | None, calls: int, seed: int, dry_run: bool, resume: Path | None,
) -> Path | None:  # fmt: skip
    """Where the program was written; None after a dry run. Raises ConfigurationError and InvalidInput before anything is done."""
    prices = _prices(settings)
    if cap_usd is None and not dry_run:
        raise InvalidInput(
            "--cap: say how many US dollars the run may spend at most; --dry-run estimates what it takes"
        )
    cases = {split: _asking(load_cases(sets, split=[split])) for split in ("train", "dev")}
    everything = [case for group in cases.values() for case in group]
    end = now().replace(second=0, microsecond=0)
    wanted = Plan(method=method, calls=calls, seed=seed, end=end, data_hash=data_hash(everything))
    directory, plan = _directory(settings, wanted, resume)
    counting = Counting()
    with (
        _bench(settings, counting.around, Spending(prices, 0.0)) as bench,
        rehearsed(everything, bench, end=plan.end, say=say) as run,
        asyncio.Runner() as runner,
    ):
        asked = {split: _asked(group, Rehearsed(run, bench), counting, runner) for split, group in cases.items()}
        train, dev = chosen(asked["train"], MOST_TRAIN, seed), chosen(asked["dev"], MOST_DEV, seed)
        if not train or not dev:
            raise InvalidInput(
                "--set: a model is asked for no case of train, or of dev; add questions that need an explanation"
            )
        _tell_estimate(settings, prices, method, planned_calls(method, len(train), len(dev), calls), counting)
        if dry_run or cap_usd is None:
            return None
        return _improved(
            settings, plan, directory, run, runner, spending=Spending(prices, cap_usd),
            cases={case.case.id: case for case in everything}, train=train, dev=dev,
        )  # fmt: skip


def _improved(
    settings: Settings, plan: Plan, directory: Path, run: Run, runner: asyncio.Runner, *,
    spending: Spending, cases: dict[str, LoadedCase], train: Sequence[str], dev: Sequence[str],
) -> Path:  # fmt: skip
    paid = PaidResponses(directory / "responses.db")
    again = f"sre optimise --method {plan.method} --resume {directory}"
    try:
        with _bench(settings, paid.around, spending) as bench:
            assistant = build_assistant(settings)
            models = bench.models
            assert models is not None  # noqa: S101  _bench built them
            improved = improve_prompt(
                Desk(Rehearsed(run, bench), cases, spending, runner), train, dev,
                method=plan.method, lm=models.lm("synthesise"), calls=plan.calls,
                start=assistant.synthesise.write.dump_state(), seed=plan.seed, say=say,
            )  # fmt: skip
    except CapReachedError as reached:
        raise ModelRefused(f"{reached}; nothing of it is lost: {again} goes on with a higher --cap") from None
    except KeyboardInterrupt:
        say(f"{spending.usd:.4f} USD were spent; {again} goes on without paying for anything twice")
        raise
    finally:
        paid.close()
    say(f"{spending.calls} calls, {spending.usd:.4f} USD; {paid.reused} responses were there already")
    assistant.synthesise.write.load_state(improved.prompt)
    path = directory / "program.json"
    chosen_program = choose_program(settings)
    made_by = MadeBy(
        git_revision=git_revision(),
        data_hash=plan.data_hash,
        models=tuple(dict.fromkeys(name for name in (settings.lm, settings.lm_small) if name)),
        scores=improved.history,
    )
    save_state(assistant, path, chosen_program.saved.numbers() if chosen_program.saved else None, made_by)
    return path


def _prices(settings: Settings) -> Prices:
    if settings.lm is None:
        raise ConfigurationError("SRE_LM: no language model is set; --method numbers needs none")
    prices = load_prices(settings.lm_prices)
    if problem := prices.problem(settings.lm):
        raise ConfigurationError(f"{problem}; without a price no cap can hold")
    return prices


def _bench(settings: Settings, around: Callable[[Engine], Engine], spending: Spending) -> EvaluationBench:
    """Whose calls go through `around`, are paid from `spending`, and appear in no daily budget: the cap holds in its place."""
    models = build_models(settings, on_call=spending.record, refuse=spending.refuse, around=around)
    return EvaluationBench(settings, models=models, say=say)


def _asking(cases: Sequence[LoadedCase]) -> list[LoadedCase]:
    return [case for case in cases if case.case.model != "down"]


def _asked(
    cases: Sequence[LoadedCase], rehearsed_cases: Rehearsed, counting: Counting, runner: asyncio.Runner
) -> list[tuple[str, str]]:
    """Id and kind of those in which a model would write the answer. Nothing is sent to find that out."""
    found = []
    for case in cases:
        before = len(counting.input_tokens)
        runner.run(rehearsed_cases.ask(case, dspy.Predict(Synthesise)))
        if len(counting.input_tokens) > before:
            found.append((case.case.id, case.case.kind))
    runner.run(rehearsed_cases.aclose())
    return found


def _tell_estimate(settings: Settings, prices: Prices, method: Method, calls: int, counting: Counting) -> None:
    tokens = sum(counting.input_tokens) / len(counting.input_tokens)
    cost = estimated_usd(prices, settings.lm or "", calls, tokens)
    say(f"{method} asks {settings.lm} about {calls} times, {tokens:,.0f} tokens each: about {cost or 0.0:.2f} USD")


def _directory(settings: Settings, wanted: Plan, resume: Path | None) -> tuple[Path, Plan]:
    """A new directory with its plan, or the one to go on in. Raises InvalidInput when that one is of another run."""
    if resume is None:
        directory = settings.data_dir / "optimise" / now().strftime("%Y%m%dT%H%M%SZ")
        directory.mkdir(parents=True)
        unfinished = directory / f"{PLAN}.tmp"
        unfinished.write_text(wanted.model_dump_json(indent=1), encoding="utf-8")
        unfinished.replace(directory / PLAN)
        return directory, wanted
    try:
        plan = Plan.model_validate_json((resume / PLAN).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise InvalidInput(f"--resume: {resume} holds no {PLAN} of an optimisation ({type(error).__name__})") from None
    for name in ("method", "data_hash"):
        if getattr(plan, name) != getattr(wanted, name):
            raise InvalidInput(
                f"--resume: {resume} was begun with {name} {getattr(plan, name)}, this is {getattr(wanted, name)}"
            )
    return resume, plan
