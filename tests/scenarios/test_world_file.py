from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from core.errors import LabError
from scenarios.schema import load_scenario, scenario_names
from scenarios.topology import load_homelab
from scenarios.world import World
from scenarios.world_file import WorldFile, counted_from, read_world

ORIGIN = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def snapshot(world: World, *moments: datetime) -> dict[str, list[float]]:
    times = np.array([moment.timestamp() for moment in moments])
    return {f"{name}{sorted(labels.items())}": values.tolist() for name, labels, values in world.series(times)}


@pytest.mark.parametrize("name", scenario_names())
def test_a_world_read_from_a_file_is_the_one_that_was_written(tmp_path: Path, name: str) -> None:
    written = WorldFile(load_scenario(name), ORIGIN, seed=7, speedup=30)
    read = read_world(written.write(tmp_path / "world.json"))
    assert (read.scenario, read.start, read.seed, read.speedup) == (written.scenario, ORIGIN, 7, 30)


@pytest.mark.parametrize("name", ["dns-outage", "jellyfin-memory-leak"])
def test_the_past_does_not_depend_on_a_start_that_is_chosen_later(name: str) -> None:
    scenario = load_scenario(name)
    start = ORIGIN + timedelta(minutes=3, seconds=17)
    world = WorldFile(counted_from(scenario, start, ORIGIN), ORIGIN, seed=1, speedup=30).build()
    healthy = WorldFile(None, ORIGIN, seed=1, speedup=30).build()
    before = (ORIGIN - timedelta(days=7), ORIGIN - timedelta(hours=1), start + timedelta(minutes=19))
    assert str(snapshot(world, *before)) == str(snapshot(healthy, *before))
    assert world.onset == start + (scenario.fault.at if scenario.fault else timedelta(0))
    after = world.onset + timedelta(minutes=2)
    assert str(snapshot(world, after)) != str(snapshot(healthy, after))


def test_logs_and_changes_move_with_the_scenario() -> None:
    scenario = load_scenario("jellyfin-memory-leak")
    start = ORIGIN - timedelta(minutes=5)
    moved = World(load_homelab(), counted_from(scenario, start, ORIGIN), start=ORIGIN, speedup=30)
    own = World(load_homelab(), scenario, start=start, speedup=30)
    window = (start - timedelta(minutes=1), start + timedelta(minutes=25))
    lines = {log.line for log in scenario.logs}
    seen = [line for line in own.logs(*window) if line.line in lines]
    assert [line for line in moved.logs(*window) if line.line in lines] == seen != []
    assert moved.end == own.end
    assert moved.scenario is not None
    assert [ORIGIN + change.at for change in moved.scenario.changes] == [
        start + change.at for change in scenario.changes
    ]


@pytest.mark.parametrize("text", ["", "{}", '{"scenario": null, "start": "yesterday", "seed": 0, "speedup": 1}'])
def test_a_file_that_is_none_of_ours_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "world.json"
    path.write_text(text)
    with pytest.raises(LabError, match=r"world\.json: not a description"):
        read_world(path)
