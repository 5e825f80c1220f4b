import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.parse
import urllib.request
from datetime import datetime, timedelta
from glob import glob
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from core.errors import LabError
from scenarios.binaries import Binaries
from scenarios.lab import Lab, interrupted_by_sigterm
from scenarios.processes import choose_ports
from scenarios.prometheus_config import RULES_DIR
from scenarios.schema import load_scenario
from scenarios.topology import load_homelab
from scenarios.world import World

SHORT = timedelta(minutes=30)


def get(url: str, path: str, **parameters: str) -> Any:
    with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(parameters)}", timeout=20) as response:
        return json.load(response)


def prometheus(lab: Any, path: str, **parameters: str) -> Any:
    return get(lab.env["SRE_PROMETHEUS_URL"], path, **parameters)["data"]


def query(lab: Any, promql: str, at: datetime | None = None) -> list[dict[str, Any]]:
    when = {"time": str(at.timestamp())} if at else {}
    return prometheus(lab, "/api/v1/query", query=promql, **when)["result"]


def values(lab: Any, promql: str, start: datetime, end: datetime, step: str = "15s") -> list[list[tuple[float, str]]]:
    result = prometheus(
        lab, "/api/v1/query_range", query=promql, start=str(start.timestamp()), end=str(end.timestamp()), step=step
    )["result"]
    return [series["values"] for series in result]


def onset(lab: Any) -> datetime:
    return datetime.fromisoformat(lab.incident["onset"])


def test_the_expected_alert_fires_in_alertmanager_with_its_runbook(lab: Any) -> None:
    expected = load_scenario(lab.incident["name"]).expect
    assert lab.alert["labels"]["alertname"] == expected.alert
    assert lab.alert["annotations"]["runbook"] == expected.runbook
    assert datetime.fromisoformat(lab.alert["startsAt"]) > onset(lab)
    assert lab.alert["generatorURL"].startswith(lab.env["SRE_PROMETHEUS_URL"])


def test_nothing_fired_before_the_fault(lab: Any) -> None:
    assert values(lab, "ALERTS", onset(lab) - timedelta(hours=2), onset(lab)) == []


def test_no_rule_would_have_fired_in_the_past(lab: Any) -> None:
    rules = [
        rule
        for path in RULES_DIR.glob("*.yaml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
    day = (onset(lab) - timedelta(hours=25), onset(lab) - timedelta(minutes=1))
    assert {rule["alert"]: values(lab, rule["expr"], *day, step="10m") for rule in rules} == {
        rule["alert"]: [] for rule in rules
    }


def test_every_target_is_scraped_under_its_real_name(lab: Any) -> None:
    targets = prometheus(lab, "/api/v1/targets", state="active")["activeTargets"]
    media = next(target for target in targets if target["labels"]["instance"] == "media:9100")
    assert media["scrapeUrl"] == "http://media:9100/metrics"
    assert media["health"] == "up"
    world = World(load_homelab(), None, start=onset(lab))
    assert {(target["labels"]["job"], target["labels"]["instance"]) for target in targets} == {
        (target.job, target.instance) for target in world.targets()
    }


@pytest.mark.parametrize("ago", [timedelta(hours=1), timedelta(hours=24), timedelta(days=7)])
def test_the_past_is_there_to_compare_with(lab: Any, ago: timedelta) -> None:
    found = query(lab, 'avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))', onset(lab) - ago)
    assert {"media:9100", "pve1:9100", "nas:9100"} <= {series["metric"]["instance"] for series in found}


def test_series_of_the_past_and_of_today_are_the_same_ones(lab: Any) -> None:
    window = onset(lab) + timedelta(seconds=2)
    for metric in ("node_memory_MemTotal_bytes", "container_start_time_seconds", "pve_guest_info", "smartctl_device"):
        past = {
            json.dumps(series["metric"], sort_keys=True)
            for series in query(lab, metric, window - timedelta(minutes=10))
        }
        live = {json.dumps(series["metric"], sort_keys=True) for series in query(lab, metric, window)}
        assert past == live != set()


def test_scraping_follows_the_past_without_a_gap(lab: Any) -> None:
    matrix = query(lab, 'node_boot_time_seconds{instance="media:9100"}[10m]', onset(lab))
    stamps = [stamp for stamp, _ in matrix[0]["values"]]
    assert max(later - earlier for earlier, later in pairwise(stamps)) <= 30
    assert {value for _, value in matrix[0]["values"]} == {matrix[0]["values"][0][1]}


def test_logs_reach_from_yesterday_into_the_incident(lab: Any) -> None:
    stamps = [
        datetime.fromisoformat(line.split(" ", 1)[0])
        for path in glob(lab.env["SRE_LOG_FILES"])  # noqa: PTH207 - the setting is a glob over an absolute path
        for line in Path(path).read_text().splitlines()
    ]
    assert min(stamps) < onset(lab) - timedelta(hours=24)
    assert max(stamps) > onset(lab) - timedelta(minutes=1)


def three_free_ports() -> int:
    """The first of three that nobody listens on."""
    for base in range(43210, 65000, 3):
        try:
            choose_ports(base, ["a", "b", "c"])
        except LabError:
            continue
        return base
    pytest.fail("no three free ports in a row")


def descendants() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_a_lab_starts_on_its_ports_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = descendants()
    base = three_free_ports()
    said: list[str] = []
    lab = Lab(None, directory=tmp_path, port_base=base, history=SHORT, progress=said.append)
    try:
        ready = lab.start()
        assert ready.env["SRE_PROMETHEUS_URL"] == f"http://127.0.0.1:{base}"
        assert ready.env["SRE_ALERTMANAGER_URL"] == f"http://127.0.0.1:{base + 1}"
        assert ready.incidents == []
        assert any("divided by 30" in line for line in said)
        with pytest.raises(LabError, match="another lab is running here"):
            Lab(None, directory=tmp_path).start()
        with pytest.raises(LabError, match="has been started already"):
            lab.start()
        psutil.Process(lab.pids()["alertmanager"]).kill()
        with pytest.raises(LabError, match=rf"alertmanager \(port {base + 1}\) ended"):
            lab.wait(20)
    finally:
        lab.stop()
    assert descendants() <= before
    lab.stop()
    for port in range(base, base + 3):
        socket.create_server(("127.0.0.1", port)).close()


def test_a_lab_whose_owner_is_killed_ends_by_itself(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        from datetime import timedelta
        from pathlib import Path
        from scenarios.lab import Lab
        Lab(None, directory=Path({str(tmp_path)!r}), history=timedelta(0)).start()
    """)
    with subprocess.Popen([sys.executable, "-c", script]) as owner:
        children: list[psutil.Process] = []
        while owner.poll() is None and not any("--storage.tsdb.path" in " ".join(command(child)) for child in children):
            children = psutil.Process(owner.pid).children(recursive=True)
            time.sleep(0.05)
        owner.kill()
    assert len(children) >= 4  # the keeper, the exporter, Alertmanager and Prometheus
    _, alive = psutil.wait_procs(children, timeout=20)
    assert [child for child in alive if child.status() != psutil.STATUS_ZOMBIE] == []


def command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def test_a_port_in_use_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match=rf"port {port} for Prometheus cannot be used"):
            Lab(None, directory=tmp_path, port_base=port).start()
    assert [path.name for path in tmp_path.iterdir()] == ["lab.lock"]


def test_a_directory_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(LabError, match="give an empty directory"):
        Lab(None, directory=tmp_path).start()
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_a_program_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "prometheus"
    broken.write_text("#!/bin/sh\necho 'no space left on device' >&2\nexit 1\n")
    broken.chmod(0o755)
    lab = Lab(None, directory=tmp_path / "lab", binaries=Binaries(broken, broken, broken), history=SHORT)
    with pytest.raises(LabError, match=r"\(port \d+\) ended with exit code 1; .*no space left on device"):
        lab.start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_signals_interrupt_even_where_they_are_ignored(number: signal.Signals) -> None:
    """A script's background job starts with SIGINT ignored."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interrupted_by_sigterm():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before
