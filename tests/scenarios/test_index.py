import pytest

from core.errors import InvalidInput
from scenarios.index import SPLITS, names, split_of
from scenarios.schema import Scenario, load_scenario, scenario_names


def outcomes(scenario: Scenario) -> set[str]:
    """What a reader has to see: that a change is the cause, that none is, that a later one is not."""
    assert scenario.fault
    onset = scenario.fault.at
    before = {change.id: change.effective_at or change.at for change in scenario.changes}
    before = {name: at for name, at in before.items() if at <= onset}
    if scenario.expect.change is None:
        herring = any(change.id in before and change.entity == scenario.fault.entity for change in scenario.changes)
        return {"no change"} | ({"red herring"} if herring else set())
    herring = any(at > before[scenario.expect.change] for at in before.values())
    return {"a change"} | ({"red herring"} if herring else set())


def test_every_scenario_is_in_exactly_one_split() -> None:
    listed = [name for split in SPLITS for name in names(split)]
    assert sorted(listed) == scenario_names()
    assert all(name in names(split_of(name)) for name in scenario_names())


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_holds_every_kind_of_outcome_more_than_once(split: str) -> None:
    found = [outcome for name in names(split) for outcome in outcomes(load_scenario(name))]
    assert {outcome: found.count(outcome) > 1 for outcome in ("a change", "no change", "red herring")} == {
        "a change": True,
        "no change": True,
        "red herring": True,
    }


def test_enough_is_kept_to_judge_on() -> None:
    assert len(names("test")) >= 11
    assert len(names("train")) > len(names("test")) > len(names("dev"))
    kinds = {fault.kind for name in names("test") if (fault := load_scenario(name).fault)}
    assert len(kinds) >= 8


def test_a_scenario_that_is_not_listed_has_no_split() -> None:
    with pytest.raises(InvalidInput, match=r"my-own: in no split; .*index\.yaml"):
        split_of("my-own")
