"""`sre optimise --method gepa|mipro|bootstrap`: a better prompt, made with the language model that SRE_LM names, within a cap in money."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path

import dspy
from pydantic import ValidationError

from app.cli.screen import say
from app.evaluation import EvaluationBench
from app.program import choose_program
from app.wiring import build_assistant
from core.clock import now
from core.costs import ModelCall, Prices, load_prices
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
from optimise.spending import Spending, StoppedError, Unsent
from pipeline.language_model import Models, build_models
from pipeline.model_engine import Upstream
from pipeline.program_state import MadeBy, save_state
from signatures.synthesise import Synthesise

PLAN = "plan.json"
SPARE = 1.5
"""Cases that are staged for each one that is taken: in some of them no model is asked."""


class Plan(Frozen):
    """What a resumed run has to have in common with the one that was broken off. `end` is where the staged past ends."""

    method: Method
    calls: int
    seed: int
    end: datetime
    data_hash: str
    models: tuple[str, ...]


def optimise_prompts(
    settings: Settings, sets: Sequence[Path], method: Method, *,
    cap_usd: float | None, calls: int, seed: int, dry_run: bool, resume: Path | None,
) -> Path | None:  # fmt: skip
    """Where the program was written; None after a dry run. Raises ConfigurationError and InvalidInput before anything is done."""
    prices, names = _prices(settings)
    if cap_usd is None and not dry_run:
        raise InvalidInput(
            "--cap: say how many US dollars the run may spend at most; --dry-run estimates what it takes"
        )
    groups = {split: _asking(load_cases(sets, split=[split])) for split in ("train", "dev")}
    everything = [case for group in groups.values() for case in group]
    plan = Plan(
        method=method, calls=calls, seed=seed, end=now().replace(second=0, microsecond=0), data_hash=data_hash(everything),
        models=names,
    )  # fmt: skip
    if resume is not None:
        plan = _begun(resume, plan)
    most = {"train": MOST_TRAIN, "dev": MOST_DEV}
    kinds = {split: [(each.case.id, each.case.kind) for each in group] for split, group in groups.items()}
    pool = {split: chosen(kinds[split], round(SPARE * most[split]), plan.seed) for split in most}
    cases = {each.case.id: each for each in everything if each.case.id in {*pool["train"], *pool["dev"]}}
    unsent = Unsent()
    with (
        EvaluationBench(settings, models=_models(settings, unsent.record, unsent.around), say=say) as bench,
        rehearsed(list(cases.values()), bench, end=plan.end, say=say) as run,
        asyncio.Runner() as runner,
    ):
        asked = _asked(list(cases.values()), Rehearsed(run, bench), unsent, runner)
        train, dev = ([number for number in pool[split] if number in asked][: most[split]] for split in most)
        if not train or not dev:
            raise InvalidInput(
                "--set: a model is asked for no case of train, or of dev; add questions that need an explanation"
            )
        _tell_estimate(prices, plan, train, dev, asked)
        if dry_run or cap_usd is None:
            return None
        directory = resume or _begin(settings, plan)
        return _improved(
            settings, plan, directory, run, runner, spending=Spending(prices, names, cap_usd),
            cases=cases, train=train, dev=dev, goes_on=_goes_on(method, sets, directory),
        )  # fmt: skip


def _improved(
    settings: Settings, plan: Plan, directory: Path, run: Run, runner: asyncio.Runner, *, spending: Spending,
    cases: dict[str, LoadedCase], train: Sequence[str], dev: Sequence[str], goes_on: str,
) -> Path:  # fmt: skip
    paid = PaidResponses(directory / "responses.db")
    models = _models(settings, spending.record, lambda upstream: paid.around(spending.around(upstream)))
    assistant = build_assistant(settings)
    try:
        # DSPy draws its progress on stdout, where only the program's path belongs.
        with EvaluationBench(settings, models=models, say=say) as bench, redirect_stdout(sys.stderr):
            asking = Rehearsed(run, bench)
            improved = improve_prompt(
                Desk(asking, cases, spending, runner, models.unavailable), train, dev,
                method=plan.method, lm=models.lm("synthesise"), calls=plan.calls,
                start=assistant.synthesise.write.dump_state(), seed=plan.seed, say=say,
            )  # fmt: skip
            runner.run(asking.aclose())
    except StoppedError as stopped:
        cap = "MORE" if spending.reached else f"{spending.cap_usd:g}"
        raise ModelRefused(f"{stopped}; what was answered is kept in {paid.path}: {goes_on} {cap} goes on") from None
    except (KeyboardInterrupt, Exception):
        say(
            f"{spending.usd:.4f} USD were spent; what was answered is kept in {paid.path}, and not paid for again by "
            f"{goes_on} {spending.cap_usd:g}"
        )
        raise
    finally:
        paid.close()
    say(f"{spending.calls} calls, {spending.usd:.4f} USD; {paid.reused} of them paid before this run was gone on with")
    assistant.synthesise.write.load_state(improved.prompt)
    path = directory / "program.json"
    chosen_program = choose_program(settings)
    made_by = MadeBy(git_revision=git_revision(), data_hash=plan.data_hash, models=plan.models, scores=improved.history)
    save_state(assistant, path, chosen_program.saved.numbers() if chosen_program.saved else None, made_by)
    return path


def _goes_on(method: Method, sets: Sequence[Path], directory: Path) -> str:
    """The command that resumes the run, but for the cap."""
    named = [word for path in sets for word in ("--set", str(path))]
    return shlex.join(["sre", "optimise", "--method", method, *named, "--resume", str(directory), "--cap"])


def _prices(settings: Settings) -> tuple[Prices, tuple[str, ...]]:
    """The table, and the models that are asked, each of which it knows."""
    if settings.lm is None:
        raise ConfigurationError("SRE_LM: no language model is set; --method numbers needs none")
    prices = load_prices(settings.lm_prices)
    names = tuple(dict.fromkeys(name for name in (settings.lm, settings.lm_small) if name))
    for name in names:
        if problem := prices.problem(name):
            raise ConfigurationError(f"{problem}; without a price no cap can hold")
    return prices, names


def _models(settings: Settings, on_call: Callable[[ModelCall], None], around: Callable[[Upstream], Upstream]) -> Models:
    """Whose calls go through `around`, and appear in no daily budget: the cap holds in its place."""
    models = build_models(settings, on_call=on_call, around=around)
    assert models is not None  # noqa: S101  SRE_LM is set: `_prices`
    return models


def _asking(cases: Sequence[LoadedCase]) -> list[LoadedCase]:
    return [case for case in cases if case.case.model != "down"]


def _asked(
    cases: Sequence[LoadedCase], asking: Rehearsed, unsent: Unsent, runner: asyncio.Runner
) -> dict[str, list[ModelCall]]:
    """By id the cases in which a model would write the answer, with the calls that asking one takes. Nothing is sent to find that out."""
    found = {}
    for case in cases:
        unsent.calls.clear()
        runner.run(asking.ask(case, dspy.Predict(Synthesise)))
        if any(call.step == "synthesise" for call in unsent.calls):
            found[case.case.id] = list(unsent.calls)
    runner.run(asking.aclose())
    return found


def _tell_estimate(
    prices: Prices, plan: Plan, train: Sequence[str], dev: Sequence[str], asked: dict[str, list[ModelCall]]
) -> None:
    """An own question of an optimiser counts as much as a case: it quotes several answers."""
    each = [asked[number] for number in (*train, *dev)]
    made = [call for calls in each for call in calls]
    times, own = planned_calls(plan.method, len(train), len(dev), plan.calls)
    usd = sum(prices.cost(call) or 0.0 for call in made) / len(each) * (times + own)
    tokens = sum(call.input_tokens for call in made) / len(made)
    say(
        f"{plan.method} asks {times} times one of {len(each)} cases and {own} questions of its own: about "
        f"{times * len(made) / len(each) + own:,.0f} calls of {' and '.join(plan.models)}, {tokens:,.0f} tokens each, "
        f"about {usd:.2f} USD; more where drafts have to be corrected"
    )


def _begin(settings: Settings, plan: Plan) -> Path:
    """A new directory with its plan."""
    directory = settings.data_dir / "optimise" / now().strftime("%Y%m%dT%H%M%SZ")
    directory.mkdir(parents=True)
    unfinished = directory / f"{PLAN}.tmp"
    unfinished.write_text(plan.model_dump_json(indent=1), encoding="utf-8")
    unfinished.replace(directory / PLAN)
    return directory


def _begun(directory: Path, wanted: Plan) -> Plan:
    """The plan to go on with. Raises InvalidInput when it is of another run."""
    try:
        plan = Plan.model_validate_json((directory / PLAN).read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise InvalidInput(
            f"--resume: {directory} holds no {PLAN} of an optimisation ({type(error).__name__})"
        ) from None
    for name in ("method", "data_hash", "models"):
        if getattr(plan, name) != getattr(wanted, name):
            raise InvalidInput(
                f"--resume: {directory} was begun with {name} {_told(plan, name)}, this is {_told(wanted, name)}"
            )
    return plan


def _told(plan: Plan, name: str) -> str:
    value = getattr(plan, name)
    return ", ".join(value) if isinstance(value, tuple) else str(value)
