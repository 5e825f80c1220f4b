"""Compiling without a language model: it repeats itself, keeps what dev does not bear out from counting, and the shipped program is usable."""

from __future__ import annotations

import numpy as np

from optimise.compile_program import Recorded, compile_numbers
from optimise.fit_changes import Example
from optimise.recordings import ChangeStep
from pipeline.parameters import Parameters
from pipeline.program_state import SHIPPED, read_program
from pipeline.ranking.change_signs import Signs

START = Parameters()


def step(number: int, *, telling: str) -> ChangeStep:
    """Five candidates, of which the right one has the `telling` sign; in every fourth incident none has."""
    draw = np.random.default_rng(number)
    right = int(draw.integers(5)) if number % 4 else None
    signs = tuple(
        Signs({"near": float(draw.normal(0, 0.3)), telling: float(place == right)}, ("",), kind="config_commit")
        for place in range(5)
    )
    example = Example(f"scenario-{number}", signs, {"always": 1.0}, right)
    return ChangeStep(example, example)


def recorded(numbers: range, telling: str = "unchanged") -> Recorded:
    return Recorded([step(number, telling=telling) for number in numbers])


def test_a_small_slice_compiles_to_the_same_program_each_time() -> None:
    once, again = (compile_numbers(recorded(range(24)), recorded(range(24, 32)), START, trials=6) for _ in range(2))
    assert once.parameters == again.parameters
    assert once.history == again.history


def test_it_learns_what_the_incidents_tell_and_dev_bears_out() -> None:
    """A sign that hardly counts at the start is what tells the cause here."""
    found = compile_numbers(recorded(range(24)), recorded(range(24, 40)), START, trials=6)
    assert found.history["tuned"] > found.history["start"] + 0.3
    assert found.parameters.changes.signs["unchanged"] > 1


def test_what_dev_does_not_bear_out_is_not_kept() -> None:
    dev = recorded(range(24, 40), telling="same_words")
    found = compile_numbers(recorded(range(24)), dev, START, trials=6)
    assert found.history["tuned"] >= found.history["start"]
    assert found.score == found.history["tuned"]


def test_the_shipped_program_fits_this_code_and_tells_where_it_comes_from() -> None:
    shipped = read_program(SHIPPED)
    assert shipped.numbers().flat().keys() == START.flat().keys()
    assert shipped.made_by.git_revision not in {"", "unknown"}
    assert shipped.made_by.data_hash
    assert shipped.made_by.scores["tuned"] >= shipped.made_by.scores["start"]
