import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
RULES = REPOSITORY / "scenarios" / "rules"
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


def test_the_alerts_are_the_ones_that_scenarios_and_runbooks_speak_of() -> None:
    assert sorted(rule["alert"] for rule in rules()) == sorted(RULE_NAMES)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_says_how_bad_it_is_and_which_runbook_helps(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert {"summary", "description", "runbook"} == set(rule["annotations"])
    assert (REPOSITORY / "runbooks" / rule["annotations"]["runbook"]).is_file()
