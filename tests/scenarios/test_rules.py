import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from scenarios.schema import load_scenario, scenario_names
from scenarios.topology import load_homelab
from scenarios.world import World

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "scenarios" / "rules"
HOMELAB = load_homelab()
FAMILIES = sorted(RULES.glob("*.yaml"))
RULE_NAMES = {
    "HostHighCpu", "HostHighMemory", "HostOomKill", "HostDiskFull", "HostDiskCritical", "HostDiskWillFill",
    "HostHighIowait", "HostCpuSteal", "HostNetworkSaturated", "HostDown", "HostClockSkew", "ServiceDown", "ServiceSlow",
    "DnsServerFailing", "ContainerCrashLooping", "ContainerHighMemory", "ProxmoxNodeHighCpu", "GuestDown", "NfsServerSlow",
    "NfsClientRetransmissions", "CertificateExpiringSoon", "CertificateExpired", "DiskSmartFailing", "DiskSectorsPending",
    "ZfsPoolDegraded", "UpsOnBattery", "UpsLowBattery", "TraefikHighErrorRate", "TargetMissing",
}  # fmt: skip


def promtool(*arguments: str) -> None:
    binary = shutil.which("promtool")
    assert binary, "promtool is not on PATH"
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text()) for path in FAMILIES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def cases(family: Path) -> list[dict[str, Any]]:
    file = yaml.safe_load((family.parent / "tests" / family.name).read_text())
    return [check for test in file["tests"] for check in test["alert_rule_test"]]


def test_the_rules_parse() -> None:
    promtool("check", "rules", *map(str, FAMILIES))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda path: path.stem)
def test_each_rule_fires_and_spares_its_near_misses(family: Path) -> None:
    promtool("test", "rules", str(family.parent / "tests" / family.name))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda path: path.stem)
def test_each_rule_has_a_case_that_fires_and_one_that_does_not(family: Path) -> None:
    names = {rule["alert"] for group in yaml.safe_load(family.read_text())["groups"] for rule in group["rules"]}
    checks = cases(family)
    assert {check["alertname"] for check in checks if check["exp_alerts"]} == names
    assert {check["alertname"] for check in checks if not check["exp_alerts"]} == names


def family_of(alert: str) -> tuple[Path, str]:
    """The file of an alert's rule, and its expression."""
    for path in FAMILIES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if rule["alert"] == alert:
                    return path, rule["expr"]
    raise AssertionError(f"no rule for {alert}")


def samples(world: World, expression: str, times: Any) -> list[dict[str, str]]:
    """What the expression asks for, as promtool takes it: its epoch is the first of `times`."""
    wanted = set(re.findall(r"\w+", expression))
    series = []
    for name, labels, values in world.series(times):
        # One core of a machine stands for all of them.
        if name in wanted and labels.get("cpu", "0") == "0":
            matchers = ", ".join(f"{key}={json.dumps(value)}" for key, value in labels.items())
            seen = values - times[0] if name == "probe_ssl_earliest_cert_expiry" else values
            series.append(
                {
                    "series": f"{name}{{{matchers}}}",
                    "values": " ".join("_" if np.isnan(value) else repr(float(value)) for value in seen),
                }
            )
    return series


@pytest.mark.parametrize("name", scenario_names())
def test_the_alert_that_a_scenario_expects_fires_after_its_onset_and_not_before(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name)
    start = datetime(2026, 11, 20, 19, tzinfo=UTC)
    world = World(HOMELAB, scenario, start=start)
    assert scenario.expect.alert
    assert scenario.duration
    assert world.onset
    family, expression = family_of(scenario.expect.alert)
    begin, minute = start - timedelta(minutes=15), timedelta(minutes=1)
    end = int((start + scenario.duration - begin) / minute)
    times = begin.timestamp() + 60.0 * np.arange(end + 1)
    fired = f'count(max_over_time(ALERTS{{alertname="{scenario.expect.alert}", alertstate="firing"}}[{end}m])) > bool 0'
    onset = int((world.onset - begin) / minute)
    test = {
        "interval": "1m",
        "input_series": samples(world, expression, times),
        "promql_expr_test": [
            {"expr": "count(ALERTS)", "eval_time": f"{onset - 1}m", "exp_samples": []},
            {"expr": fired, "eval_time": f"{end}m", "exp_samples": [{"labels": "{}", "value": 1}]},
        ],
    }
    file = tmp_path / "test.yaml"
    # JSON is YAML, and much quicker to write.
    file.write_text(json.dumps({"rule_files": [str(family)], "evaluation_interval": "1m", "tests": [test]}))
    promtool("test", "rules", str(file))


def test_the_alerts_are_the_ones_that_scenarios_and_runbooks_speak_of() -> None:
    assert sorted(rule["alert"] for rule in rules()) == sorted(RULE_NAMES)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_says_how_bad_it_is_and_which_runbook_helps(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert {"summary", "description", "runbook"} == set(rule["annotations"])
    assert (REPOSITORY / "runbooks" / rule["annotations"]["runbook"]).is_file()
