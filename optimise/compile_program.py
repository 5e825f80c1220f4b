"""Makes a better program out of the one in service. Without a language model: the numbers, by likelihood and by search.

1. The weights of the signs by which changes are ranked are fitted to the train scenarios; the ridge penalty that does best in
   cross-validation over them is taken.
2. `NumberTeleprompter` looks for better values of the rest: bars, delays, the weights of the search, how sure the router must
   be. Which questions of train join the examples, `optimise.routing` says before.

The fit is kept where it does no worse on the dev split, the rest where it does better. The test split is not read here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from optimise.fit_changes import Ranked, cross_validated, fit, judge
from optimise.recordings import MISLED, ChangeStep, PageStep, Step
from optimise.routing import QuestionStep
from optimise.teleprompter import NumberTeleprompter, TunedSteps, as_examples, mean_score
from pipeline.parameters import Parameters

PENALTIES = (0.01, 0.02, 0.05, 0.1)
SEARCHED = (
    "changes.bar",
    "changes.accumulating_opaque",
    "changes.delay_s.",
    "changes.accumulating.",
    "search.",
    "router.threshold",
)
"""What Optuna looks for; names that end in a dot stand for all below. Entity weights have a benchmark of their own (bench/ranking.py)."""


@dataclass(frozen=True)
class Recorded:
    """Steps of one split."""

    changes: Sequence[ChangeStep]
    pages: Sequence[PageStep] = ()
    questions: Sequence[QuestionStep] = ()

    @property
    def steps(self) -> list[Step]:
        return [*self.changes, *self.pages, *self.questions]


@dataclass(frozen=True)
class Compiled:
    """`score` is the mean over the dev steps (0..1), `history` the same after each stage, by name."""

    parameters: Parameters
    score: float
    history: dict[str, float]
    cross_validated: Ranked


def compile_numbers(
    train: Recorded,
    dev: Recorded,
    start: Parameters,
    *,
    trials: int = 80,
    seed: int = 0,
    storage: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Compiled:
    """The start with whatever was found to be better on dev. The same steps and seed give the same numbers."""
    held = as_examples(dev.steps)
    history = {"start": mean_score(TunedSteps(start), held)}
    fitted, expected = _fitted(train.changes, start, seed)
    history["fitted"] = mean_score(TunedSteps(fitted), held)
    say(
        f"weights of signs fitted; in cross-validation {expected.right:.3f} right, {expected.decoy:.3f} misled; dev {history['fitted']:.3f}, was {history['start']:.3f}"
    )
    best = fitted if history["fitted"] >= history["start"] else start  # it has seen more incidents
    names = [name for name in best.flat() if name.startswith(SEARCHED)]
    unmoved = [part for part, steps in (("search.", train.pages), ("router.", train.questions)) if not steps]
    names = [name for name in names if not name.startswith(tuple(unmoved))]
    teleprompter = NumberTeleprompter(names, trials=trials, seed=seed, storage=storage, progress=progress)
    tuned = teleprompter.compile(TunedSteps(best), trainset=as_examples(train.steps), valset=held).parameters
    tuned = _rounded(tuned)
    history["tuned"] = mean_score(TunedSteps(tuned), held)
    say(f"numbers searched; dev {history['tuned']:.3f}")
    return Compiled(tuned, history["tuned"], history, expected)


def _fitted(steps: Sequence[ChangeStep], start: Parameters, seed: int) -> tuple[Parameters, Ranked]:
    """With the penalty that holds best on scenarios that were not fitted to; and how well it held."""
    examples = [each.example for each in steps] + [each.unaided for each in steps]
    found: list[tuple[float, float, Ranked]] = []
    for penalty in PENALTIES:
        weights = cross_validated(examples, penalty, start.changes, seed=seed)[: len(steps)]
        held = judge(examples[: len(steps)], weights)
        worth = held.right + held.abstains + 2 * MISLED * held.decoy
        found.append((worth, penalty, held))
    _, penalty, held = max(found, key=lambda each: each[0])
    return start.model_copy(update={"changes": fit(examples, penalty, start.changes)}), held


def _rounded(parameters: Parameters) -> Parameters:
    """Four digits tell all there is to tell."""
    values = {name: float(f"{value:.4g}") for name, value in parameters.flat().items() if name.startswith(SEARCHED)}
    return parameters.changed(values)
