from datetime import timedelta

import pytest

from scenarios.fault_kinds import load_fault_kinds, traits
from scenarios.schema import Scenario, load_scenario, scenario_names
from scenarios.topology import load_homelab
from scenarios.variation import like, vary

HOMELAB = load_homelab()
SEEDS = range(1, 7)
SCENARIOS = {name: load_scenario(name) for name in scenario_names()}


def variations(name: str) -> list[Scenario]:
    return [vary(SCENARIOS[name], seed, HOMELAB) for seed in SEEDS]


@pytest.mark.parametrize("name", SCENARIOS)
def test_seed_zero_is_the_scenario_as_written(name: str) -> None:
    assert vary(SCENARIOS[name], 0, HOMELAB) == SCENARIOS[name]


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_story_stays_and_decoys_stay_on_their_side_of_the_onset(name: str) -> None:
    scenario = SCENARIOS[name]
    onset = scenario.fault.at if scenario.fault else timedelta(0)
    for varied in variations(name):
        assert varied.fault is not None
        assert varied.fault.at == onset
        assert [log.at for log in varied.logs] == [log.at for log in scenario.logs]
        assert (varied.name, varied.expect.change, varied.duration) == (name, scenario.expect.change, scenario.duration)
        for before, after in zip(scenario.changes, varied.changes, strict=True):
            assert before.id == after.id
            assert (before.at < onset) == (after.at < onset)
            if before.cause:
                assert after.at == before.at


@pytest.mark.parametrize("name", SCENARIOS)
def test_magnitude_stays_within_the_range_of_its_kind(name: str) -> None:
    for varied in variations(name):
        assert varied.fault is not None
        low, high = load_fault_kinds()[varied.fault.kind].magnitude_range
        assert varied.fault.magnitude is None or low <= varied.fault.magnitude <= high


def test_decoys_and_magnitudes_differ_from_seed_to_seed_and_not_from_call_to_call() -> None:
    times = {tuple(change.at for change in varied.changes) for varied in variations("media-cpu-hog")}
    magnitudes = {varied.fault.magnitude for varied in variations("media-cpu-hog") if varied.fault}
    assert len(times) == len(magnitudes) == len(SEEDS)
    assert variations("media-cpu-hog") == variations("media-cpu-hog")


def test_an_entity_is_replaced_everywhere_or_not_at_all() -> None:
    seen = set()
    for name, scenario in SCENARIOS.items():
        assert scenario.fault is not None
        old = scenario.fault.entity
        for varied in variations(name):
            assert varied.fault is not None
            new = varied.fault.entity
            if new == old:
                continue
            seen.add(new)
            assert old not in varied.model_dump_json(exclude={"name"}).casefold()
            assert HOMELAB.host_of(new) == HOMELAB.host_of(old)
            assert traits(HOMELAB, new) == traits(HOMELAB, old)
            assert varied.expect.cause_entity == (
                new if scenario.expect.cause_entity == old else scenario.expect.cause_entity
            )
    assert seen


def test_what_others_need_is_not_replaced() -> None:
    """Its failure would reach further than that of another."""
    assert like("redis", SCENARIOS["dns-outage"], HOMELAB) == []
    assert like("nas", SCENARIOS["nfs-stall"], HOMELAB) == []
