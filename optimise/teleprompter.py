"""A DSPy teleprompter over numbers: Optuna looks for values of the declared parameters that do better on recorded steps.

It needs no language model. The trainset decides where to look; it stops early when the valset has gained nothing for a while, and what
is kept is what did best there, the start included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dspy
import numpy as np
from dspy.teleprompt import Teleprompter

from optimise.recordings import Step
from pipeline.parameters import Parameters, declared

SPAN = 0.35
"""How far from its start a number is looked for, relatively (of a number near 0: absolutely)."""


class TunedSteps(dspy.Module):
    """The steps of the program that have numbers, on recorded input."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        self.parameters = parameters

    def forward(self, step: Step) -> dspy.Prediction:
        return dspy.Prediction(score=step.judged(self.parameters))


class NumberTeleprompter(Teleprompter):
    """`names` are declared parameters; `trials` and `patience` count trials; the same seed finds the same numbers.

    With `storage` (an SQLite file) a search that was broken off goes on where it was.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        trials: int = 80,
        patience: int = 40,
        seed: int = 0,
        storage: Path | None = None,
        study: str = "numbers",
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        super().__init__()
        self.names = list(names)
        self.trials = trials
        self.patience = patience
        self.seed = seed
        self.storage = storage
        self.study = study
        self.progress = progress

    def compile(
        self,
        student: TunedSteps,
        *,
        trainset: list[dspy.Example],
        teacher: dspy.Module | None = None,  # noqa: ARG002  DSPy's signature
        valset: list[dspy.Example] | None = None,
        **_: Any,
    ) -> TunedSteps:
        """The student with better numbers, or as it was. A teacher has nothing to teach numbers."""
        import optuna  # a second that only tuning pays for

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        start = student.parameters
        held = valset or trainset
        best, kept, idle = mean_score(student, held), start, 0
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=self.seed, multivariate=True),
            storage=f"sqlite:///{self.storage}" if self.storage else None,
            study_name=self.study,
            load_if_exists=True,
        )
        if not study.trials:
            study.enqueue_trial({name: value for name, value in start.flat().items() if name in self.names})
        for done in range(len(study.trials), self.trials):
            trial = study.ask()
            tried = start.changed({name: self._suggested(trial, name, start.flat()[name]) for name in self.names})
            candidate = TunedSteps(tried)
            found = mean_score(candidate, trainset)
            study.tell(trial, found)
            idle += 1
            if found >= study.best_value and (on_held := mean_score(candidate, held)) > best:
                best, kept, idle = on_held, tried, 0
            self.progress(done + 1, self.trials)
            if idle >= self.patience:
                break
        return TunedSteps(kept)

    def _suggested(self, trial: Any, name: str, start: float) -> float:
        bounds = declared()[name]
        span = SPAN * max(abs(start), 0.5)
        low, high = max(bounds.low, start - span), min(bounds.high, start + span)
        if bounds.scale:
            low, high = max(bounds.low, start * (1 - SPAN)), min(bounds.high, start / (1 - SPAN))
        return float(trial.suggest_float(name, low, high, log=bounds.scale))


def mean_score(program: TunedSteps, examples: Sequence[dspy.Example]) -> float:
    """Each kind of step counts the same, and in it each scenario."""
    by_kind: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in examples:
        score = program(step=each.step).score
        by_kind[type(each.step).__name__][each.step.scenario].append(score)
    return float(np.mean([np.mean([np.mean(own) for own in scenarios.values()]) for scenarios in by_kind.values()]))


def as_examples(steps: Sequence[Step]) -> list[dspy.Example]:
    """Steps as DSPy's data sets hold them."""
    return [dspy.Example(step=step).with_inputs("step") for step in steps]
