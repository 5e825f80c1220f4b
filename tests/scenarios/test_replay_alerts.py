"""Rules of a real Prometheus over a past that it has not seen happen."""

import json
import math
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import yaml

from core.errors import LabError
from scenarios.processes import Processes, choose_ports
from scenarios.remote_write import TimeSeries, remote_write
from scenarios.replay_alerts import Episode, Grid, alert_series, record
from scenarios.tsdb_block import BlockWriter, labels_of

END = int(time.time()) // 60 * 60 - 600
GRID = Grid(END - 26 * 3600, END, 60)
HOT, SHORT, STILL = END - 25 * 3600, END - 3 * 3600, END - 30 * 60
RULES = [
    {"record": "oven:celsius:max", "expr": "max by (oven) (celsius)", "labels": {"kind": "recorded"}},
    {"alert": "Hot", "expr": "oven:celsius:max > 90", "for": "5m", "labels": {"severity": "critical"}},
    {"alert": "HotAtOnce", "expr": 'celsius{oven="a"} > 90'},
]


def celsius(times: np.ndarray) -> np.ndarray:
    """Oven a is hot for 20 minutes, for 3 minutes, and again now; oven b never."""
    hot = ((times >= HOT) & (times < HOT + 1200)) | ((times >= SHORT) & (times < SHORT + 180)) | (times >= STILL)
    return np.stack([np.where(hot, 95.0, 20.0), np.full(len(times), 20.0)])


@dataclass(frozen=True)
class Recorded:
    port: int
    episodes: list[Episode]

    def result(self, path: str, **parameters: Any) -> list[Any]:
        address = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=20) as response:
            return list(json.load(response)["data"]["result"])

    def at(self, query: str, moment: float) -> list[Any]:
        return self.result("/api/v1/query", query=query, time=moment)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    directory = tmp_path_factory.mktemp("ovens")
    times = np.arange(GRID.start, GRID.end + 1, 60, dtype=float)
    with BlockWriter(directory / "data", [labels_of("celsius", {"oven": oven}) for oven in "ab"]) as block:
        block.add(times, celsius(times), ended=np.zeros((2, len(times)), dtype=bool))
    (directory / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "ovens", "rules": RULES}]}))
    window = {"storage": {"tsdb": {"out_of_order_time_window": "30d"}}}
    (directory / "prometheus.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], **window}))
    (port,) = choose_ports(None, ["Prometheus"])
    binary = shutil.which("prometheus")
    assert binary
    command = [
        binary,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
    ]
    processes = Processes(directory / "output")
    try:
        processes.wait_ready(processes.start("prometheus", command, port=port), "/-/ready", deadline_s=30)
        yield Recorded(port, record(port, GRID))
    finally:
        processes.stop()


def test_an_alert_is_pending_for_as_long_as_its_rule_says(recorded: Recorded) -> None:
    hot = [episode for episode in recorded.episodes if episode.name == "Hot"]
    assert [(episode.active_at, episode.fired_at, episode.ended_at) for episode in hot] == [
        (HOT, HOT + 300, HOT + 1200),
        (SHORT, None, SHORT + 180),
        (STILL, STILL + 300, None),
    ]
    assert hot[0].labels == {"alertname": "Hot", "oven": "a", "severity": "critical", "kind": "recorded"}


def test_without_a_for_it_fires_at_once(recorded: Recorded) -> None:
    once = [episode for episode in recorded.episodes if episode.name == "HotAtOnce"]
    assert [(episode.active_at, episode.fired_at) for episode in once] == [(at, at) for at in (HOT, SHORT, STILL)]


@pytest.mark.parametrize(
    ("after_s", "states"),
    [(-1, []), (0, ["pending"]), (299, ["pending"]), (300, ["firing"]), (1199, ["firing"]), (1200, []), (1260, [])],
)
def test_an_instant_query_sees_the_state_of_that_instant(recorded: Recorded, after_s: int, states: list[str]) -> None:
    """At the end too: without a marker, the alert would seem to fire for five more minutes."""
    found = recorded.at('ALERTS{alertname="Hot"}', HOT + after_s)
    assert [series["metric"]["alertstate"] for series in found] == states
    since = recorded.at('ALERTS_FOR_STATE{alertname="Hot"}', HOT + after_s)
    assert [float(series["value"][1]) for series in since] == [HOT] * len(states)


def test_a_recording_rule_is_recorded(recorded: Recorded) -> None:
    found = recorded.at("oven:celsius:max", HOT + 60)
    assert {(series["metric"]["oven"], series["metric"]["kind"], series["value"][1]) for series in found} == {
        ("a", "recorded", "95"),
        ("b", "recorded", "20"),
    }


def test_what_goes_on_has_no_end() -> None:
    episode = Episode({"alertname": "Hot"}, GRID.end - 120, GRID.end - 60, None)
    series = {tuple(sorted(each.labels.values())): each.samples for each in alert_series(episode, GRID)}
    pending, firing = series["ALERTS", "Hot", "pending"], series["ALERTS", "Hot", "firing"]
    assert [at for at, _ in firing] == [GRID.end - 60, GRID.end]
    assert all(value == 1 for _, value in firing)
    assert [at for at, _ in pending] == [GRID.end - 120, GRID.end - 60]
    assert math.isnan(pending[-1][1])


def test_a_refusal_carries_the_words_of_prometheus(recorded: Recorded) -> None:
    with pytest.raises(LabError, match=r"refuses the alerts with \d+: .*too old"):
        remote_write(recorded.port, [TimeSeries({"__name__": "old"}, [(END - 40 * 86400, 1.0)])])


def test_nobody_there_is_an_error() -> None:
    (port,) = choose_ports(None, ["nobody"])
    with pytest.raises(LabError, match="does not take the alerts"):
        remote_write(port, [TimeSeries({"__name__": "up"}, [(END, 1.0)])])
