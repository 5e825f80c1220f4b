"""What the optimiser makes of questions for the router, with words as vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optimise.cases import EVALSETS, load_cases
from optimise.compile_program import Recorded, compile_numbers
from optimise.routing import Asked, QuestionStep, asked_in, question_steps, routing_score, with_asked
from pipeline.parameters import Parameters

WORDS = ["what", "changed", "updated", "lately", "which", "alerts", "fire", "now", "how", "full", "is", "it"]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    rows = np.array([[word in text.lower().split() for word in WORDS] for text in texts], dtype=np.float32)
    rows += 1e-3
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


START = Parameters(router_examples={"what_changed": ("what changed lately",), "alert_summary": ("which alerts fire",)})
HELD = [Asked("held", "is it full", ("metric_question",))]


def of_examples(**examples: tuple[str, ...]) -> Parameters:
    return START.model_copy(update={"router_examples": {**START.router_examples, **examples}})


def test_a_question_does_not_answer_itself() -> None:
    own = of_examples(status=("how full is it",))
    (step,) = question_steps([Asked("a", "how full is it", ("status",))], own, embed)
    assert "status" not in step.scores


def test_each_question_has_its_own_scores() -> None:
    asked = [Asked(str(place), words, ("status",)) for place, words in enumerate(["what changed", "which alerts"] * 6)]
    steps = question_steps(asked, START, embed)
    assert [step.scenario for step in steps] == [each.case for each in asked]
    for step, each in zip(steps, asked, strict=True):
        best = max(step.scores, key=step.scores.__getitem__)
        assert best == ("what_changed" if each.text == "what changed" else "alert_summary")


def test_what_is_asked_joins_the_examples() -> None:
    asked = [Asked("known", "what changed lately", ("what_changed",)), Asked("new", "how full", ("metric_question",))]
    found = with_asked(START, asked, HELD, embed)
    assert found.router_examples == {**START.router_examples, "metric_question": ("how full",)}
    assert routing_score(question_steps(HELD, found, embed), found) == 1.0


def test_examples_that_do_worse_on_what_was_held_back_are_not_taken() -> None:
    misleading = [Asked("wrong", "which alerts fire now", ("report",))]
    assert with_asked(START, misleading, [Asked("held", "alerts fire now", ("alert_summary",))], embed) == START


def test_the_threshold_is_searched() -> None:
    strict = START.changed({"router.threshold": 0.5})
    steps = [QuestionStep("a", ("what_changed",), {"what_changed": 0.41, "status": 0.1})]
    assert routing_score(steps, strict) == 0.5
    found = compile_numbers(Recorded([], (), steps), Recorded([], (), steps), strict, trials=40).parameters
    assert found.router.threshold <= 0.41
    assert routing_score(steps, found) == 1.0


def test_names_are_no_part_of_a_question_of_the_train_cases() -> None:
    asked = asked_in(load_cases([EVALSETS], split=["train"]), ["nvr", "nas"])
    assert len(asked) > 50
    assert not [each.text for each in asked if {"nvr", "nas"} & set(each.text.lower().split())]
