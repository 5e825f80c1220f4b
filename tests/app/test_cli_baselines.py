"""`sre baselines`, as a process, against a real Prometheus."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from backfilled_series import prometheus_of
from weekly_rhythm import latest, rhythm

SRE = str(Path(sys.executable).with_name("sre"))
NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory):
    with prometheus_of(tmp_path_factory.mktemp("rhythm"), rhythm()) as url:
        yield url


@pytest.fixture
def sre(tmp_path):
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "SRE_DATA_DIR": str(tmp_path / "data"),
            "COLUMNS": "120",
        }
        return subprocess.run(
            [SRE, "baselines", *arguments],
            cwd=tmp_path, env={**clean, **environment}, capture_output=True, text=True, timeout=90,
        )  # fmt: skip

    return run


def test_before_anything_is_learnt_it_says_how_to(sre, tmp_path) -> None:
    done = sre(SRE_PROMETHEUS_URL=NOBODY)
    assert done.returncode == 0
    assert "sre baselines learn" in done.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("arguments", [[], ["learn"]])
def test_without_prometheus_the_setting_is_named(sre, arguments) -> None:
    done = sre(*arguments)
    assert done.returncode == 2
    assert done.stderr.count("error: SRE_PROMETHEUS_URL: ") == 1


def test_what_is_learnt_is_told_and_shown(sre, prometheus_url) -> None:
    done = sre("learn", "--json", SRE_PROMETHEUS_URL=prometheus_url)
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["signals"] > 20
    assert told["series"] == 2
    assert [problem.partition(":")[0] for problem in told["problems"]] == ["tcp_connections"]
    assert "not learnt: tcp_connections: " in done.stderr
    shown = {row["signal"]: row for row in json.loads(sre("--json", SRE_PROMETHEUS_URL=prometheus_url).stdout)}
    assert shown["memory_used"]["series"] == 2
    assert shown["memory_used"]["bytes"] > 0
    assert shown["tcp_connections"]["learnt_at"] is None
    assert "probe" not in shown
    table = sre(SRE_PROMETHEUS_URL=prometheus_url).stdout
    assert "28 days" in next(line for line in table.splitlines() if line.startswith("memory_used"))


def test_a_prometheus_that_is_down_is_one_line_and_keeps_what_was_learnt(sre) -> None:
    done = sre("learn", SRE_PROMETHEUS_URL=NOBODY)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: prometheus: ")


def test_a_question_is_answered_from_what_was_learnt(sre, prometheus_url, tmp_path) -> None:
    """The Sunday backup is normal at its hour, and would be above it at another."""
    sre("learn", SRE_PROMETHEUS_URL=prometheus_url, SRE_TIMEZONE="Europe/Berlin")
    answers = {}
    for at in (latest(6, 2, 30), latest(1, 2, 30)):
        done = subprocess.run(
            [SRE, "ask", "Is 80 % memory normal for nas?", "--at", at.isoformat(), "--json"],
            cwd=tmp_path, capture_output=True, text=True, timeout=90,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SRE_DATA_DIR": str(tmp_path / "data"),
                 "SRE_PROMETHEUS_URL": prometheus_url, "SRE_TIMEZONE": "Europe/Berlin"},
        )  # fmt: skip
        answers[at.weekday()] = json.loads(done.stdout)["answer"]
    sunday, tuesday = answers.values()
    assert "80 % would be **normal** for nas's memory in use" in sunday
    assert "at this hour of the week, as learnt from" in sunday
    assert "80 % would be **above what is normal** for nas's memory in use" in tuesday
