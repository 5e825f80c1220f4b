"""What the optimiser makes of questions for the router, with words as vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from optimise.cases import EVALSETS, load_cases
from optimise.compile_program import Recorded, compile_numbers
from optimise.routing import Asked, asked_in, question_steps, routing_score, with_asked
from pipeline.parameters import Parameters

WORDS = ["what", "changed", "updated", "lately", "which", "alerts", "fire", "now", "how", "full", "is", "it"]


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    rows = np.array([[word in text.lower().split() for word in WORDS] for text in texts], dtype=np.float32)
    rows += 1e-3
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


START = Parameters(router_examples={"what_changed": ("what changed lately",), "alert_summary": ("which alerts fire",)})
ASKED = [
    Asked("known", "what changed", ("what_changed",)),
    Asked("new", "updated lately", ("what_changed",)),
    Asked("other", "how full is it now", ("metric_question",)),
    Asked("alike", "how full is it", ("metric_question",)),
]


def test_a_question_does_not_answer_itself() -> None:
    own = START.model_copy(update={"router_examples": {**START.router_examples, "status": ("how full is it",)}})
    (step,) = question_steps([Asked("a", "how full is it", ("status",))], own.router_examples, embed)
    assert "status" not in step.nearest


def test_what_no_example_tells_joins_them() -> None:
    found = with_asked(START, ASKED, [Asked("held", "is it full", ("metric_question",))], embed)
    assert "what changed" not in found.router_examples["what_changed"]
    assert "updated lately" in found.router_examples["what_changed"]
    steps = question_steps([Asked("held", "is it full", ("metric_question",))], found.router_examples, embed)
    assert routing_score(steps, found) == 1.0


def test_examples_that_do_worse_on_what_was_held_back_are_not_taken() -> None:
    misleading = [Asked("wrong", "which alerts now", ("report",))]
    held = [Asked("held", "alerts now", ("alert_summary",))]
    assert with_asked(START, misleading, held, embed) == START


def test_the_threshold_is_searched() -> None:
    strict = START.changed({"router.threshold": 0.5})
    steps = question_steps([Asked("a", "changed now", ("what_changed",))], START.router_examples, embed)
    assert routing_score(steps, strict) == 0.5
    found = compile_numbers(Recorded([], (), steps), Recorded([], (), steps), strict, trials=40).parameters
    assert found.router.threshold < 0.42
    assert routing_score(steps, found) == 1.0


def test_names_are_no_part_of_a_question_of_the_train_cases() -> None:
    asked = asked_in(load_cases([EVALSETS], split=["train"]), ["nvr", "nas"])
    assert len(asked) > 50
    assert not [each.text for each in asked if {"nvr", "nas"} & set(each.text.lower().split())]
