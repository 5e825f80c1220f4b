"""Makes a better prompt with a language model, by one of DSPy's optimisers; what does not do better on dev is not kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import dspy

from optimise.prompt_student import AnswerPrompt, Desk, feedback, worth

Method = Literal["gepa", "mipro", "bootstrap"]
REFLECTIONS_PER_CALL = 0.06
"""GEPA's own calls for each of the program's."""
CANDIDATES, TRIALS, DEMOS = 4, 6, 2
"""MIPROv2: instructions that are proposed, combinations that are tried; examples in a prompt, whose briefs are long."""
PROPOSALS = 13
"""Questions of its own that MIPROv2 asks."""
MOST_TRAIN, MOST_DEV = 32, 16
"""Cases of each split: every one is asked many times."""


@dataclass(frozen=True)
class Improved:
    """`prompt` is the state of the predictor, the start's where nothing was better; `history` the worth on dev (0..1) of both."""

    prompt: dict[str, Any]
    history: dict[str, float]


@dataclass(frozen=True)
class _How:
    lm: Any
    calls: int
    seed: int


def planned_calls(method: Method, train: int, dev: int, calls: int) -> tuple[int, int]:
    """How often a case is asked, roughly at most, and how often the optimiser asks a question of its own.

    What is asked again in the same words is not counted: it is not paid for again.
    """
    if method == "gepa":
        return calls + dev, round(calls * REFLECTIONS_PER_CALL)
    if method == "mipro":
        return train + (TRIALS + 2) * dev, PROPOSALS
    return train + 2 * dev, 0


def improve_prompt(
    desk: Desk,
    train: Sequence[str],
    dev: Sequence[str],
    *,
    method: Method,
    lm: Any,
    calls: int,
    start: dict[str, Any] | None = None,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> Improved:
    """`train` and `dev` are ids of cases of the desk, `lm` proposes instructions, `calls` bounds GEPA. Raises StoppedError."""
    student = AnswerPrompt(desk)
    if start is not None:
        student.write.load_state(start)
    before = _prompt(student)
    history = {"start": _mean(student, dev)}
    say(f"the prompt as it is: {history['start']:.3f} on dev")
    with dspy.context(lm=lm, disable_history=True):
        better = _METHODS[method](student, _examples(desk, train), _examples(desk, dev), _How(lm, calls, seed))
    history[method] = _mean(better, dev)
    say(f"as {method} made it: {history[method]:.3f} on dev")
    return Improved(_prompt(better) if history[method] > history["start"] else before, history)


def chosen(cases: Sequence[tuple[str, str]], most: int, seed: int) -> list[str]:
    """Ids of at most so many (id, kind): of each kind in turn, in an order that the seed decides."""
    by_kind: dict[str, list[str]] = {}
    for number, kind in sorted(cases):
        by_kind.setdefault(kind, []).append(number)
    draw = random.Random(seed)  # noqa: S311  no secret
    for group in by_kind.values():
        draw.shuffle(group)
    found: list[str] = []
    while len(found) < most and any(by_kind.values()):
        found += [group.pop() for group in by_kind.values() if group]
    return found[:most]


def _gepa(student: AnswerPrompt, train: list[Any], dev: list[Any], how: _How) -> AnswerPrompt:
    gepa = dspy.GEPA(metric=_told, max_metric_calls=how.calls, reflection_lm=how.lm, num_threads=1, seed=how.seed)
    return gepa.compile(student, trainset=train, valset=dev)  # type: ignore[no-any-return]


def _mipro(student: AnswerPrompt, train: list[Any], dev: list[Any], how: _How) -> AnswerPrompt:
    mipro = dspy.MIPROv2(
        metric=_scored, metric_threshold=1.0, prompt_model=how.lm, task_model=how.lm, auto=None, num_candidates=CANDIDATES,
        num_threads=1, seed=how.seed, max_bootstrapped_demos=DEMOS, max_labeled_demos=0,
    )  # fmt: skip
    return mipro.compile(student, trainset=train, valset=dev, num_trials=TRIALS, minibatch=False)  # type: ignore[no-any-return]


def _bootstrap(student: AnswerPrompt, train: list[Any], _dev: list[Any], _how: _How) -> AnswerPrompt:
    bootstrap = dspy.BootstrapFewShot(metric=_passes, max_bootstrapped_demos=DEMOS, max_labeled_demos=0)
    return bootstrap.compile(student, trainset=train)  # type: ignore[no-any-return]


_METHODS: dict[Method, Callable[..., AnswerPrompt]] = {"gepa": _gepa, "mipro": _mipro, "bootstrap": _bootstrap}


def _passes(gold: Any, found: Any, trace: Any = None) -> bool:
    return _scored(gold, found, trace) == 1.0


def _scored(_gold: Any, found: Any, _trace: Any = None) -> float:
    return worth(found.result)


def _told(_gold: Any, found: Any, _trace: Any = None, _name: Any = None, _own_trace: Any = None) -> dspy.Prediction:
    return dspy.Prediction(score=worth(found.result), feedback=feedback(found.result))


def _mean(student: AnswerPrompt, cases: Sequence[str]) -> float:
    return sum(worth(student(case=case).result) for case in cases) / len(cases)


def _examples(desk: Desk, cases: Sequence[str]) -> list[Any]:
    """With the question, for a model that proposes instructions."""
    return [dspy.Example(case=case, question=desk.question(case)).with_inputs("case") for case in cases]


def _prompt(student: AnswerPrompt) -> dict[str, Any]:
    """Without the model: a program is asked with the one that the settings name."""
    state: dict[str, Any] = student.write.dump_state()
    return {**state, "lm": None}
