"""The runbooks fit the homelab: every alert has a page, and every name, id, address and command on it holds."""

import datetime as dt
import re
import subprocess
from pathlib import Path
from typing import Any

import frontmatter
import promql_parser
import pytest
import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parent.parent
RUNBOOKS = sorted((ROOT / "runbooks").glob("*.md"))
RULE_FILES = sorted((ROOT / "scenarios" / "rules").glob("*.yaml"))
HOMELAB = yaml.safe_load((ROOT / "scenarios" / "homelab.yaml").read_text("utf-8"))
GUESTS = HOMELAB["guests"]
MACHINES = {**HOMELAB["nodes"], **HOMELAB["devices"], **GUESTS}
SERVICES = {name for services in HOMELAB["services"].values() for name in services}
ALERT_SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Rollback"]
PROCEDURE_SECTIONS = ["When to use", "Before you start", "Steps", "Verify", "Rollback"]
# loopback, the container that new-lxc.md creates, its gateway, a public resolver, an NTP server, an example of RFC 5737
OTHER_ADDRESSES = {"127.0.0.1", "10.0.20.27", "10.0.20.1", "9.9.9.9", "162.159.200.1", "192.0.2.10"}

every_runbook = pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.name)


def rules() -> list[dict[str, Any]]:
    groups = [group for file in RULE_FILES for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def fences(page: Path, language: str) -> list[str]:
    tokens = MarkdownIt().parse(frontmatter.load(str(page)).content)
    return [token.content for token in tokens if token.type == "fence" and token.info.strip() == language]


@every_runbook
def test_front_matter_names_what_exists(page: Path) -> None:
    meta = frontmatter.load(str(page)).metadata
    assert set(meta) == {"title", "alerts", "services", "hosts", "symptoms", "updated"}
    assert 5 <= len(meta["symptoms"]) <= 10
    assert meta["title"]
    assert isinstance(meta["updated"], dt.date)
    assert set(meta["alerts"]) <= {rule["alert"] for rule in rules()}
    assert set(meta["services"]) <= SERVICES
    assert set(meta["hosts"]) <= set(MACHINES)


@every_runbook
def test_sections_stand_in_order(page: Path) -> None:
    post = frontmatter.load(str(page))
    tokens = MarkdownIt().parse(post.content)
    headings = [(t.tag, tokens[i + 1].content) for i, t in enumerate(tokens) if t.type == "heading_open"]
    assert [tag for tag, _ in headings].count("h1") == 1
    wanted = ALERT_SECTIONS if post["alerts"] else PROCEDURE_SECTIONS
    assert [text for tag, text in headings if tag == "h2"] == wanted


@every_runbook
def test_length_suits_a_tired_reader(page: Path) -> None:
    assert 250 <= len(page.read_text("utf-8").split()) <= 600


@every_runbook
def test_bash_parses(page: Path) -> None:
    blocks = fences(page, "bash")
    assert blocks
    for block in blocks:
        checked = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, timeout=10, check=False)
        assert checked.returncode == 0, f"{page.name}: {checked.stderr}\n{block}"


@every_runbook
def test_promql_parses(page: Path) -> None:
    for query in fences(page, "promql"):
        promql_parser.parse(query)  # raises ValueError on malformed PromQL


@every_runbook
def test_every_fence_says_its_language(page: Path) -> None:
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    assert {token.info.strip() for token in tokens if token.type == "fence"} <= {"bash", "promql"}


@every_runbook
def test_commands_name_guests_of_the_right_kind(page: Path) -> None:
    """`qm` only knows VMs and `pct` only containers; ids above the highest guest are ones that a page creates."""
    kinds = {guest["id"]: guest["type"] for guest in GUESTS.values()}
    for tool, number in re.findall(r"\b(qm|pct) [a-z]+(?: resize)? (\d{3})\b", page.read_text("utf-8")):
        if int(number) <= max(kinds):
            assert kinds[int(number)] == {"qm": "qemu", "pct": "lxc"}[tool], f"{tool} … {number}"


@every_runbook
def test_addresses_exist(page: Path) -> None:
    known = {machine["address"] for machine in MACHINES.values()} | OTHER_ADDRESSES
    assert set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", page.read_text("utf-8"))) <= known


@every_runbook
def test_stack_directories_belong_to_services(page: Path) -> None:
    stacks = SERVICES | {
        "immich",
        "notes",
    }  # immich's four services share one project; notes is the example in new-lxc.md
    assert set(re.findall(r"/opt/stacks/([a-z0-9][a-z0-9-]*)", page.read_text("utf-8"))) <= stacks


@every_runbook
def test_links_to_other_runbooks_resolve(page: Path) -> None:
    names = {other.name for other in RUNBOOKS}
    assert set(re.findall(r"\b[a-z]+(?:-[a-z]+)*\.md\b", page.read_text("utf-8"))) <= names


def test_every_alert_is_served_by_a_runbook() -> None:
    served = {alert for page in RUNBOOKS for alert in frontmatter.load(str(page))["alerts"]}
    alerts = {rule["alert"] for rule in rules()}
    assert alerts
    assert alerts - served == set()


def test_the_runbook_of_every_rule_lists_its_alert() -> None:
    for rule in rules():
        page = ROOT / "runbooks" / rule["annotations"]["runbook"]
        assert rule["alert"] in frontmatter.load(str(page))["alerts"], f"{rule['alert']} → {page.name}"
