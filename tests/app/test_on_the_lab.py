"""The doors over a real Prometheus and Alertmanager that watch the simulated homelab while its DNS is down."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.server import in_background
from core.settings import Settings
from scenarios.processes import choose_ports
from scenarios.topology import load_homelab
from tests.pipeline.test_grounded import ungrounded

SRE = str(Path(sys.executable).with_name("sre"))
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def sre(lab, tmp_path_factory) -> Run:
    """`sre` in an empty directory, pointed at the lab as `sre lab up --json` says, with the runbooks indexed."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        **lab.env,
        "SRE_DATA_DIR": str(home / "data"),
    }

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SRE, *arguments], cwd=home, env=environment, input=stdin, capture_output=True, text=True, timeout=90
        )

    ingested = run("ingest")
    assert ingested.returncode == 0, ingested.stderr
    return run


@pytest.fixture(scope="module")
def answers(sre) -> dict[str, dict[str, Any]]:
    """One batch of questions, answered in one process."""
    questions = {
        "alert": "Why is DnsServerFailing firing?",
        "vague_why": "Why is everything slow?",
        "vague": "things seem slow",
        "summary": "summarize alerts",
        "disk": "Is any VM low on disk?",
        "cpu": "why is cpu high on media?",
        "guest": "how much memory is used on qemu/104?",
        "address": "cpu on 10.0.20.14",
        "unknown": "why is memory high on kodi-box?",
        "runbook": "Is there a runbook for restarting the DNS stack?",
        "lxc": "how do I set up a new LXC?",
        "logs": "show me the error logs of adguard",
        "changed": "what changed in the last 24h?",
        "status": "is anything wrong?",
        "certificates": "which certificates expire soon?",
        "yesterday": "was anything wrong yesterday?",
        "joke": "tell me a joke",
    }
    lines = "\n".join(json.dumps({"question": text}) for text in questions.values())
    done = sre("ask", "--batch", "-", stdin=lines)
    assert done.returncode == 0, done.stderr
    return dict(zip(questions, map(json.loads, done.stdout.splitlines()), strict=True))


def test_every_answer_is_deterministic_free_and_without_gaps(answers) -> None:
    for name, answer in answers.items():
        assert answer["mode"] == "deterministic", name
        assert answer["usage"]["llm_calls"] == 0
        # Without DNS no TLS handshake ends, so that no certificate is measured, which the answer has to say.
        unmeasured = [gap for gap in answer["gaps"] if name == "certificates" and "nothing is recorded" in gap]
        assert answer["gaps"] == unmeasured, name


def test_every_citation_stands_for_an_item(answers) -> None:
    for name, answer in answers.items():
        known = {item["id"] for item in (*answer["evidence"], *answer["passages"], *answer["changes"])}
        assert set(re.findall(r"\[([EKC]\d+)\]", answer["answer"])) <= known, name


def test_every_number_and_host_is_carried_by_a_cited_item(answers) -> None:
    loose = {name: ungrounded(answer, load_homelab().entities) for name, answer in answers.items()}
    assert {name: found for name, found in loose.items() if found} == {}


@pytest.mark.parametrize("name", ["alert", "vague_why", "vague", "summary", "status"])
def test_the_failing_resolver_is_named_as_the_cause(answers, name) -> None:
    cause = answers[name]["cause"]
    assert (cause["entity"], cause["kind"]) in {("adguard", "dns_failure"), ("adguard-secondary", "dns_failure")}
    assert "dns-stack.md" in [passage["document"] for passage in answers[name]["passages"]]


def test_the_alert_is_explained_with_what_is_normal_and_what_to_do(answers) -> None:
    answer = answers["alert"]
    assert answer["intent"] == "explain_alert"
    assert "DNS probe" in answer["answer"]
    assert "succeeding yesterday" in answer["answer"]
    assert "resolvers down" in answer["answer"]
    assert answer["passages"][0]["document"] == "dns-stack.md"
    assert any(action["command"] for action in answer["actions"])
    assert {item["source"] for item in answer["evidence"]} >= {"alertmanager", "prometheus"}


def test_links_open_the_same_query_in_prometheus(answers, lab) -> None:
    links = [item["link"] for item in answers["alert"]["evidence"] if item["source"] == "prometheus"]
    assert links
    for link in links:
        assert link.startswith(lab.env["SRE_PROMETHEUS_URL"])
        with urllib.request.urlopen(link, timeout=10) as page:
            assert page.status == 200


def test_a_vague_question_is_answered_with_a_sweep_and_one_question_back(answers) -> None:
    answer = answers["vague"]
    assert answer["intent"] == "clarify"
    assert "Out of the ordinary" in answer["answer"]
    assert answer["answer"].count("?") == 1


def test_alerts_are_summed_up_by_severity(answers) -> None:
    text = answers["summary"]["answer"]
    assert re.search(r"\d+ alerts? firing", text)
    assert text.index("Critical") < text.index("DnsServerFailing")
    assert "What they have in common" in text


def test_disks_are_ranked_over_all_hosts(answers) -> None:
    answer = answers["disk"]
    assert answer["intent"] == "metric_question"
    assert re.search(r"\*\*None of \d{2}\*\* is beyond the threshold", answer["answer"])
    assert "85 %" in answer["answer"]


def test_cpu_of_a_host_comes_with_its_neighbours_and_top_containers(answers) -> None:
    text = answers["cpu"]["answer"]
    assert answers["cpu"]["subjects"] == ["media"]
    assert "CPU in use" in text
    assert "busiest containers on media" in text
    assert "neighbours on pve1" in text


@pytest.mark.parametrize("name", ["guest", "address"])
def test_a_guest_id_and_an_address_are_the_same_host(answers, name) -> None:
    assert answers[name]["subjects"] == ["media"]


def test_an_unknown_host_is_said_to_be_unknown(answers) -> None:
    answer = answers["unknown"]
    assert answer["subjects"] == []
    assert "no such host or service as “kodi-box”" in answer["answer"]
    assert answer["cause"] is None


@pytest.mark.parametrize(("name", "page"), [("runbook", "dns-stack.md"), ("lxc", "new-lxc.md")])
def test_a_lookup_finds_the_page_and_its_steps(answers, name, page) -> None:
    answer = answers[name]
    assert answer["intent"] == "runbook_lookup"
    assert answer["passages"][0]["document"] == page
    assert answer["actions"]


def test_logs_are_quoted(answers) -> None:
    answer = answers["logs"]
    assert answer["intent"] == "log_question"
    assert "logs" in {item["source"] for item in answer["evidence"]}
    assert answer["cause"]["entity"] == "adguard"
    assert "adguard" in answer["answer"]


def test_what_changed_tells_changes_and_alerts(answers) -> None:
    answer = answers["changed"]
    assert "adguard : deploy AdGuardHome.yaml (changed)" in answer["answer"]
    assert {"ansible_task", "image_update"} <= {change["kind"] for change in answer["changes"]}
    assert "DnsServerFailing fired" in answer["answer"]


def test_yesterday_was_quiet(answers) -> None:
    answer = answers["yesterday"]
    assert answer["cause"] is None
    assert "Nothing is wrong" in answer["answer"]


def test_out_of_scope_is_declined_in_a_sentence(answers) -> None:
    assert answers["joke"]["intent"] == "out_of_scope"
    assert answers["joke"]["usage"]["tool_calls"] < 20


def test_a_moment_before_the_fault_was_healthy(sre, lab) -> None:
    before = datetime.fromisoformat(lab.incident["onset"]) - timedelta(minutes=5)
    done = sre("ask", "is anything wrong?", "--at", before.isoformat(), "--json")
    answer = json.loads(done.stdout)
    assert "Nothing is wrong" in answer["answer"]
    assert answer["cause"] is None


def test_alerts_lists_what_fires(sre) -> None:
    done = sre("alerts", "--json")
    names = {alert["name"] for alert in json.loads(done.stdout)["alerts"]}
    assert "DnsServerFailing" in names
    assert "DnsServerFailing" in sre("alerts").stdout


def test_doctor_finds_everything_that_is_configured(sre) -> None:
    done = sre("doctor", "--json")
    states = {c["name"]: c["state"] for c in json.loads(done.stdout)["components"]}
    assert states == {
        "prometheus": "ok",
        "alertmanager": "ok",
        "grafana": "not configured",
        "log files": "ok",
        "loki": "not configured",
        "changes": "ok",
        "baselines": "not configured",
        "ansible": "ok",
        "runbooks": "ok",
        "language model": "not configured",
    }
    assert done.returncode == 0


@pytest.fixture(scope="module")
def api(lab, tmp_path_factory) -> Iterator[str]:
    settings = Settings(
        _env_file=None,
        prometheus_url=lab.env["SRE_PROMETHEUS_URL"],
        alertmanager_url=lab.env["SRE_ALERTMANAGER_URL"],
        data_dir=tmp_path_factory.mktemp("api"),
        port=choose_ports(None, ["API"])[0],
        log_level="WARNING",
    )
    with in_background(settings) as url:
        yield url


def test_the_api_gives_the_same_answer_and_says_what_is_missing(api, lab) -> None:
    body = json.dumps({"question": "Why is DnsServerFailing firing?"}).encode()
    request = urllib.request.Request(f"{api}/ask", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)
    assert answer["cause"]["kind"] == "dns_failure"
    assert any("sre ingest" in gap for gap in answer["gaps"]), "nothing is indexed in this data directory"


def test_the_api_lists_alerts_and_is_healthy(api) -> None:
    with urllib.request.urlopen(f"{api}/alerts", timeout=30) as response:
        assert "DnsServerFailing" in {alert["name"] for alert in json.load(response)["alerts"]}
    with urllib.request.urlopen(f"{api}/health", timeout=30) as response:
        assert json.load(response)["status"] == "ok"
