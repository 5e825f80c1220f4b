"""The search for numbers: it finds better ones, keeps what dev bears out, repeats itself with the same seed, and goes on after a break."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from optimise.teleprompter import NumberTeleprompter, TunedSteps, as_examples, mean_score
from pipeline.parameters import Parameters, declared, read_parameters


@dataclass(frozen=True)
class Nearer:
    """A step that does better the nearer the bar of the search is to `wanted`."""

    scenario: str
    wanted: float

    def judged(self, parameters: Parameters) -> float:
        return 1.0 - abs(parameters.search.bar - self.wanted)


TRAIN = as_examples([Nearer("a", 0.55), Nearer("b", 0.6)])
DEV = as_examples([Nearer("c", 0.58)])
START = Parameters()


def compiled(storage: Path | None = None, trials: int = 30, valset: list[object] | None = None) -> Parameters:
    teleprompter = NumberTeleprompter(["search.bar"], trials=trials, seed=3, storage=storage)
    return teleprompter.compile(TunedSteps(START), trainset=TRAIN, valset=valset or DEV).parameters  # type: ignore[arg-type]


def test_it_finds_what_is_better_on_cases_that_it_does_not_look_for() -> None:
    found = compiled()
    assert abs(found.search.bar - 0.58) < abs(START.search.bar - 0.58) / 2
    assert found.changes == START.changes


def test_the_same_seed_finds_the_same_numbers() -> None:
    assert compiled() == compiled()


def test_the_start_is_kept_when_dev_gains_nothing() -> None:
    assert compiled(valset=as_examples([Nearer("c", START.search.bar)])) == START


def test_a_search_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    import optuna

    storage = tmp_path / "trials.db"
    compiled(storage, trials=4)
    compiled(storage, trials=9)
    study = optuna.load_study(study_name="numbers", storage=f"sqlite:///{storage}")
    assert len(study.trials) == 9
    assert study.trials[0].params["search.bar"] == pytest.approx(START.search.bar), "the start is tried first"


def test_each_scenario_counts_once() -> None:
    often = as_examples([*[Nearer("a", 0.46)] * 9, Nearer("b", 0.96)])
    assert mean_score(TunedSteps(START), often) == pytest.approx(0.75)


def test_numbers_beyond_their_bounds_or_unknown_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"search\.bar is 3, outside 0\.1 to 0\.9"):
        START.changed({"search.bar": 3})
    with pytest.raises(ConfigurationError, match=r"search\.nothing is not declared"):
        START.changed({"search.nothing": 1})
    with pytest.raises(ConfigurationError, match=r"search\.barr"):
        read_parameters({"search": {"barr": 1}})


def test_every_declared_number_can_be_changed_and_is_saved() -> None:
    flat = START.flat()
    assert flat.keys() == declared().keys()
    for name, bounds in declared().items():
        assert bounds.low <= flat[name] <= bounds.high, name
        other = START.changed({name: (bounds.low + bounds.high) / 2})
        assert other.flat()[name] == pytest.approx((bounds.low + bounds.high) / 2)
        assert read_parameters(other.saved()) == other
