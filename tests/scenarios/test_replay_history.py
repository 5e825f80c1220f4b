from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from scenarios.replay_history import History
from scenarios.replay_plan import ReplayPlan, lay_out
from scenarios.schema import load_scenario
from scenarios.topology import load_homelab

HOMELAB = load_homelab()
END = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)


def laid(*names: str, noise: float = 1.0) -> ReplayPlan:
    return lay_out([load_scenario(name) for name in names], HOMELAB, end=END, days=1.5, noise=noise)


def at(history: History, times: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}{sorted(labels.items())}": values for name, labels, values in history.series(times)}


@pytest.fixture(scope="module")
def three() -> ReplayPlan:
    return laid("dns-outage", "paperless-crash-loop", "jellyfin-memory-leak")


def cuts(plan: ReplayPlan) -> list[float]:
    windows = [incident.window for incident in plan.incidents]
    return [(earlier[1].timestamp() + later[0].timestamp()) / 2 for earlier, later in pairwise(windows)]


def test_nothing_jumps_where_one_incident_follows_another(three: ReplayPlan) -> None:
    """What was counted and restarted in an incident stays so: no counter starts anew, no start time goes back."""
    history = History(three)
    for cut in cuts(three):
        times = np.floor(cut / 60) * 60 + np.arange(-600, 660, 60)
        for series, values in at(history, times).items():
            steps = np.abs(np.diff(values))
            if "_total{" in series.replace("[", "{") or "start_time" in series:
                assert (np.diff(values) >= 0).all(), series
                usual = np.delete(steps, [9, 10])
                assert steps[9:11].max() <= 3 * usual.max() + 2, series


def test_a_restart_is_remembered_after_the_next_incident_has_begun(three: ReplayPlan) -> None:
    history = History(three)
    crash = next(each for each in three.incidents if each.scenario.name == "paperless-crash-loop")
    started = [
        values[0]
        for series, values in at(history, np.array([three.end.timestamp()])).items()
        if series.startswith("container_start_time_seconds") and "'paperless'" in series
    ]
    assert len(started) == 1
    assert crash.onset.timestamp() < started[0] <= crash.end.timestamp()


def test_any_two_histories_of_a_plan_agree(three: ReplayPlan) -> None:
    times = np.array([three.end.timestamp() - 7200, three.end.timestamp() - 60])
    in_order = History(three)
    for incident in three.incidents:
        at(in_order, np.array([incident.onset.timestamp()]))
    assert str(at(in_order, times)) == str(at(History(three), times))


def test_noise_is_multiplied() -> None:
    times = END.timestamp() - np.arange(3 * 3600, 0, -60)
    name = "probe_duration_seconds"
    quiet, loud = (at(History(laid("dns-outage", noise=noise)), times) for noise in (1.0, 2.5))
    ratios = [
        np.std(np.diff(loud[series])) / np.std(np.diff(quiet[series])) for series in quiet if series.startswith(name)
    ]
    assert np.median(ratios) == pytest.approx(2.5, rel=0.1)
