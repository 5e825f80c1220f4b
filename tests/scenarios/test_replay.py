"""`sre lab replay`, asked over HTTP."""

import json
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from glob import glob
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.vocabulary import Change
from scenarios.prometheus_config import RULES_DIR
from scenarios.schema import load_scenario

NAMES = ("dns-outage", "paperless-crash-loop")
CODE = "from app.cli import main; main()"


@dataclass(frozen=True)
class Replayed:
    env: dict[str, str]
    incidents: list[dict[str, Any]]
    said: str

    def query(self, promql: str, at: datetime) -> list[dict[str, Any]]:
        return self._result("/api/v1/query", query=promql, time=at.timestamp())

    def firing(self, name: str, start: datetime, end: datetime) -> list[float]:
        found = self._result(
            "/api/v1/query_range",
            query=f'ALERTS{{alertname=~"{name}",alertstate="firing"}}',
            start=start.timestamp(),
            end=end.timestamp(),
            step=60,
        )
        return sorted({float(stamp) for series in found for stamp, _ in series["values"]})

    def _result(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        address = f"{self.env['SRE_PROMETHEUS_URL']}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=20) as response:
            return list(json.load(response)["data"]["result"])


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    """Two incidents within half a day, by way of the command line; SIGINT ends it and leaves nothing behind."""
    options = [part for name in NAMES for part in ("--scenario", name)]
    said = tmp_path_factory.mktemp("replay") / "stderr"
    with (
        said.open("wb") as err,
        subprocess.Popen(
            [sys.executable, "-c", CODE, "lab", "replay", *options, "--days", "0.5", "--json"],
            stdout=subprocess.PIPE,
            stderr=err,
        ) as running,
    ):
        assert running.stdout
        ready = json.loads(running.stdout.readline() or "null")
        assert ready, said.read_text()
        yield Replayed(**ready, said=said.read_text())
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
    assert glob(ready["env"]["SRE_LOG_FILES"]) == []  # noqa: PTH207 - the setting is a glob over an absolute path


def moment(incident: dict[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(incident[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_expected_alert_fires_after_its_for_and_ends(replayed: Replayed, name: str) -> None:
    incident = next(each for each in replayed.incidents if each["name"] == name)
    alert = load_scenario(name).expect.alert or ""
    start, onset, alert_at, end = (moment(incident, each) for each in ("start", "onset", "alert_at", "end"))
    firing = replayed.firing(alert, start - timedelta(hours=3), end + timedelta(hours=1))
    assert start < onset < alert_at == datetime.fromtimestamp(firing[0], alert_at.tzinfo)
    rule = next(rule for rule in rules() if rule["alert"] == alert)
    assert rule["for"] == "2m"
    active = replayed.query(f'ALERTS_FOR_STATE{{alertname="{alert}"}}', alert_at)
    assert float(active[0]["value"][1]) == alert_at.timestamp() - 120
    states = replayed.query(f'ALERTS{{alertname="{alert}"}}', alert_at - timedelta(seconds=60))
    assert {series["metric"]["alertstate"] for series in states} == {"pending"}
    gone = datetime.fromtimestamp(firing[-1] + 60, end.tzinfo)
    assert replayed.query(rule["expr"], gone) == replayed.query(f'ALERTS{{alertname="{alert}"}}', gone) == []


def rules() -> list[dict[str, Any]]:
    files = (yaml.safe_load(path.read_text()) for path in RULES_DIR.glob("*.yaml"))
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def test_nothing_fires_between_the_incidents(replayed: Replayed) -> None:
    first, second = (incident for incident in replayed.incidents)
    calm = (moment(first, "end") + timedelta(minutes=30), moment(second, "onset"))
    assert replayed.firing(".+", *calm) == []


def test_incidents_come_in_order_of_time_and_do_not_overlap(replayed: Replayed) -> None:
    assert {incident["name"] for incident in replayed.incidents} == set(NAMES)
    first, second = (incident for incident in replayed.incidents)
    assert moment(first, "end") < moment(second, "start")


def test_logs_are_there_at_their_time(replayed: Replayed) -> None:
    for incident in replayed.incidents:
        log = load_scenario(incident["name"]).logs[0]
        at = (moment(incident, "start") + log.at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        files = [Path(path) for path in glob(replayed.env["SRE_LOG_FILES"])]  # noqa: PTH207 - as above
        own = next(path for path in files if path.stem == log.entity)
        assert f"{at} {log.level.upper()} {log.line}" in own.read_text().splitlines()


def test_changes_are_records_with_ids_of_their_own(replayed: Replayed) -> None:
    lines = Path(replayed.env["SRE_CHANGE_FILES"]).read_text().splitlines()
    changes = {change.id: change for change in map(Change.model_validate_json, lines)}
    assert len(changes) == len(lines)
    assert [change.at for change in changes.values()] == sorted(change.at for change in changes.values())
    for incident in replayed.incidents:
        for own in load_scenario(incident["name"]).changes:
            change = changes[incident["changes"][own.id]]
            assert (change.title, change.kind, change.entity) == (own.title, own.kind, own.entity)
            assert change.at == moment(incident, "start") + own.at


def test_it_says_how_much_it_writes(replayed: Replayed) -> None:
    assert "2 incidents into 0.5 days of " in replayed.said
    counted = int(replayed.said.partition(" days of ")[2].split()[0].replace(",", ""))
    onset = moment(replayed.incidents[0], "start")
    stored = replayed.query('count({__name__=~"[a-z].*"})', onset)
    assert counted >= int(stored[0]["value"][1]) >= 1500
