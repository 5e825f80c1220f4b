from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import InvalidInput, LabError
from scenarios.backfill import Stretch
from scenarios.replay import shared_out
from scenarios.replay_plan import (
    AFTERMATH,
    DENSE_BEFORE,
    LEAD_IN,
    SHORTEST_CALM,
    STEP_S,
    ReplayPlan,
    as_many_as_fit,
    lay_out,
    read_plan,
)
from scenarios.schema import load_scenario, scenario_names
from scenarios.topology import load_homelab

HOMELAB = load_homelab()
END = datetime(2026, 11, 20, 3, 10, 42, tzinfo=UTC)
NAMES = ("dns-outage", "jellyfin-memory-leak", "nfs-stall", "dns-outage")
SCENARIOS = {name: load_scenario(name) for name in NAMES}


def plan(*, seed: int = 0, days: float = 7, step_s: int = STEP_S) -> ReplayPlan:
    chosen = [SCENARIOS[name] for name in NAMES]
    return lay_out(chosen, HOMELAB, end=END, days=days, seed=seed, step_s=step_s)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("days", [0.6, 1, 7])
def test_no_window_touches_another_or_leaves_the_days(seed: int, days: float) -> None:
    laid = plan(seed=seed, days=days)
    windows = [incident.window for incident in laid.incidents]
    assert len(windows) == len(NAMES)
    assert laid.begin <= windows[0][0]
    assert windows[-1][1] <= laid.end <= END
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(windows))


def test_hours_and_order_depend_on_the_seed() -> None:
    hours = {plan(seed=seed).incidents[0].start.hour for seed in range(8)}
    orders = {tuple(incident.scenario.name for incident in plan(seed=seed).incidents) for seed in range(8)}
    assert len(hours) > 3
    assert len(orders) > 3
    assert plan(seed=3) == plan(seed=3)


def test_a_scenario_given_twice_is_varied_differently() -> None:
    twins = [incident for incident in plan().incidents if incident.scenario.name == "dns-outage"]
    assert {incident.seed for incident in twins} == {0, 1}
    first, second = (twin.scenario.changes for twin in sorted(twins, key=lambda twin: twin.seed))
    assert first == load_scenario("dns-outage").changes
    assert first != second


def test_too_little_time_is_said() -> None:
    with pytest.raises(InvalidInput, match=r"--days 0\.4: 4 incidents need 0\.5 days"):
        plan(days=0.4)


def test_where_days_are_short_the_calm_between_incidents_is_shorter() -> None:
    wide, narrow = (plan(days=days).incidents[0] for days in (7, 0.6))
    assert (wide.lead_in, wide.aftermath) == (LEAD_IN, AFTERMATH)
    assert SHORTEST_CALM <= narrow.lead_in < LEAD_IN
    assert SHORTEST_CALM <= narrow.aftermath < AFTERMATH


def test_all_shipped_scenarios_fit_into_three_weeks() -> None:
    chosen = [load_scenario(name) for name in scenario_names()]
    assert len(lay_out(chosen, HOMELAB, end=END, days=21).incidents) == len(chosen)


def test_a_week_takes_as_many_as_fit() -> None:
    known = [load_scenario(name) for name in scenario_names()]
    chosen, others = (as_many_as_fit(known, days=7, seed=seed) for seed in (0, 1))
    assert 40 < len(chosen) < len(known)
    assert len(lay_out(chosen, HOMELAB, end=END, days=7).incidents) == len(chosen)
    assert chosen != others
    assert as_many_as_fit(known, days=28) == known


def test_a_fault_is_over_at_the_end_of_its_incident() -> None:
    for incident in plan().incidents:
        fault = incident.ending().fault
        assert fault is not None
        assert fault.duration is not None
        assert incident.onset + fault.duration == incident.end


def test_the_days_before_an_incident_are_dense_and_nothing_is_left_out() -> None:
    chosen = [load_scenario("dns-outage")]
    laid = lay_out(chosen, HOMELAB, end=END, days=7, seed=6, step_s=120)
    stretches = laid.stretches()
    assert [stretch.step for stretch in stretches] == [120, 60, 120]
    assert all(earlier.end == later.start for earlier, later in pairwise(stretches))
    assert stretches[1].start == (laid.incidents[0].start - DENSE_BEFORE).timestamp()


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    laid = plan(seed=5)
    assert read_plan(laid.write(tmp_path / "plan.json")) == laid


def test_a_file_that_is_no_plan_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(LabError, match="not the plan of a replay"):
        read_plan(tmp_path / "plan.json")


def test_shares_are_equal_and_cover_everything() -> None:
    stretches = [Stretch(0, 6000, 60), Stretch(6000, 7200, 15), Stretch(7200, 7260, 60)]
    shares = shared_out(stretches, 2)
    assert [sum(stretch.count for stretch in share) for share in shares] == [91, 90]
    times = [time for share in shares for stretch in share for time in stretch.times().tolist()]
    assert times == [time for stretch in stretches for time in stretch.times().tolist()]
