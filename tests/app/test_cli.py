"""The command line as a person or a script meets it: real processes, exit codes, one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.screen import Batch
from core.errors import InvalidInput

SRE = str(Path(sys.executable).with_name("sre"))
NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""


def sre(*arguments: str, cwd: Path, stdin: str | bytes = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `sre` in an empty directory with nothing configured but `environment`."""
    clean = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(cwd),
        "SRE_DATA_DIR": str(cwd / "data"),
        "LC_ALL": "C.UTF-8",
        **environment,
    }
    return subprocess.run(
        [SRE, *arguments], cwd=cwd, env=clean, input=stdin, capture_output=True, text=True, timeout=90
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["ask", ""], "question: "),
        (["ask", "x" * 100_000], "question: "),
        (["ask", "why\x01\x02"], "question: "),
        (["ask"], "question: "),
        (["ask", "why?", "--at", "yesterday-ish"], "--at: "),
        (["ask", "why?", "--at", "2026-11-20T03:10:00"], "--at: "),
        (["ask", "why?", "--at", "2999-01-01T00:00:00Z"], "--at: "),
        (["ask", "--batch", "missing.jsonl"], "--batch: "),
        (["search", "  "], "query: "),
        (["ingest", "--source", "no-such-directory"], "--source: "),
        (["lab", "up", "--scenario", "no-such-scenario"], "no-such-scenario"),
        (["serve", "--host", "0.0.0.0"], "SRE_HOST: "),
    ],
)
def test_bad_input_is_one_line_that_names_the_field(arguments, named, tmp_path) -> None:
    done = sre(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert named in errors[0]
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_named(tmp_path) -> None:
    done = sre("alerts", cwd=tmp_path, SRE_PROMETHEUS_URL="localhost:9090")
    assert done.returncode == 2
    assert "error: SRE_PROMETHEUS_URL: " in done.stderr


def test_a_source_that_is_down_is_a_gap_and_not_an_error(tmp_path) -> None:
    done = sre(
        "ask", "is anything wrong?", "--json", cwd=tmp_path, SRE_PROMETHEUS_URL=NOBODY, SRE_ALERTMANAGER_URL=NOBODY
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["mode"] == "deterministic"
    assert any(gap.startswith("prometheus: ") for gap in answer["gaps"])
    assert any(gap.startswith("alertmanager: ") for gap in answer["gaps"])
    assert "It cannot be told" in answer["answer"]


def test_nothing_configured_says_what_to_do(tmp_path) -> None:
    done = sre("doctor", "--json", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert report["status"] == "failed"
    assert {c["name"]: c["state"] for c in report["components"]}["prometheus"] == "not configured"
    assert all(c["next_step"] for c in report["components"] if c["state"] != "ok")


def test_doctor_fails_when_something_configured_does_not_answer(tmp_path) -> None:
    done = sre("doctor", cwd=tmp_path, SRE_PROMETHEUS_URL=NOBODY)
    assert done.returncode == 1
    assert "✘ prometheus" in done.stdout


def test_a_batch_answers_in_order_and_names_the_bad_line(tmp_path) -> None:
    lines = [
        '{"question": "tell me a joke", "session_id": "a"}',
        "{broken",
        '{"question": "write a poem"}',
        '{"question": "x", "oops": 1}',
    ]
    done = sre("ask", "--batch", "-", cwd=tmp_path, stdin="\n".join(lines))
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [("error" in r) for r in results] == [False, True, False, True]
    assert results[0]["session_id"] == "a"
    assert "line 2" in results[1]["error"]
    assert "oops" in results[3]["error"]
    assert done.returncode == 2


def test_an_unexpected_error_ends_neither_the_batch_nor_its_output(capsys, caplog) -> None:
    batch = Batch()
    with batch.line():
        raise InvalidInput("line 1: question: it is empty")
    with batch.line():
        raise ZeroDivisionError
    with batch.line():
        print("{}")
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert results == [{"error": "line 1: question: it is empty"}, {"error": "internal error: ZeroDivisionError"}, {}]
    assert "a line of the batch failed" in caplog.text
    assert batch.exit_code == 1


def test_a_session_that_cannot_be_printed_is_refused(tmp_path) -> None:
    done = sre("ask", "--batch", "-", cwd=tmp_path, stdin='{"question": "tell me a joke", "session_id": "\\ud800"}')
    assert json.loads(done.stdout)["error"].startswith("session_id: ")
    assert done.returncode == 2


def test_times_far_away_are_answered_or_refused(tmp_path) -> None:
    lines = [
        '{"question": "why was media slow on 0001-01-01?"}',
        '{"question": "what changed since 9999-12-31?"}',
        '{"question": "alerts in the last 500000 days"}',
        '{"question": "is anything wrong?", "at": "0001-01-01T00:00:00Z"}',
    ]
    done = sre("ask", "--batch", "-", cwd=tmp_path, stdin="\n".join(lines))
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [("error" in r) for r in results] == [False, False, False, True]
    assert results[3]["error"].startswith("line 4: at: ")
    assert done.returncode == 2


def test_a_password_in_a_url_is_never_shown(tmp_path) -> None:
    url = "http://admin:" + "hunter2secret" + "@127.0.0.1:9"
    for command in (["doctor"], ["alerts"], ["ask", "is anything wrong?"]):
        done = sre(*command, cwd=tmp_path, SRE_PROMETHEUS_URL=url)
        assert "hunter2secret" not in done.stdout + done.stderr


def test_init_tests_what_it_is_told_and_writes_an_env_file_for_its_owner(tmp_path) -> None:
    answers = f"nonsense\n{NOBODY}\ny\n-\n-\n-\nEurope/Amsterdam\n"
    done = sre("init", cwd=tmp_path, stdin=answers)
    assert done.returncode == 0, done.stderr + done.stdout
    written = tmp_path / ".env"
    assert f"SRE_PROMETHEUS_URL='{NOBODY}'" in written.read_text()
    assert "SRE_TIMEZONE='Europe/Amsterdam'" in written.read_text()
    assert written.stat().st_mode & 0o077 == 0
    assert "needs a scheme" in done.stderr


def test_init_removes_what_is_skipped_and_keeps_the_other_lines(tmp_path) -> None:
    written = tmp_path / ".env"
    written.write_text(f"# mine\nOTHER=1\nSRE_PROMETHEUS_URL='{NOBODY}'\nSRE_GRAFANA_URL='{NOBODY}'\n")
    written.chmod(0o644)
    done = sre("init", cwd=tmp_path, stdin="-\n-\n-\n-\nUTC\n")
    assert done.returncode == 0, done.stderr + done.stdout
    assert written.read_text() == "# mine\nOTHER=1\nSRE_TIMEZONE='UTC'\n"
    assert written.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".sre-init")] == []


def test_a_damaged_index_is_reported(tmp_path) -> None:
    index = tmp_path / "data" / "index"
    index.mkdir(parents=True)
    (index / "current.json").write_text("{")
    done = sre("doctor", "--json", cwd=tmp_path)
    runbooks = next(c for c in json.loads(done.stdout)["components"] if c["name"] == "runbooks")
    assert (runbooks["state"], runbooks["next_step"]) == ("failed", "run: sre ingest")
    assert done.returncode == 1


@pytest.mark.parametrize("setting", ["SRE_RUNBOOKS", "SRE_ANSIBLE"])
def test_a_setting_that_leads_nowhere_is_named_by_ingest(setting, tmp_path) -> None:
    (tmp_path / "docs").mkdir()
    both = {"SRE_RUNBOOKS": "docs", "SRE_ANSIBLE": "docs", setting: "nowhere"}
    done = sre("ingest", cwd=tmp_path, **both)
    assert done.returncode == 2
    assert f"error: {setting}: nowhere is not there" in done.stderr


def test_a_single_inventory_is_indexed_without_its_neighbours(tmp_path) -> None:
    (tmp_path / "hosts.yml").write_text("dns:\n  hosts:\n    pi4:\n      ansible_host: 10.0.0.4\n")
    (tmp_path / "private.md").write_text("# Private\n\nNobody asked for this.\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "ups.md").write_text("# UPS on battery\n\nShut the guests down.\n")
    done = sre("ingest", cwd=tmp_path, SRE_RUNBOOKS="docs", SRE_ANSIBLE="hosts.yml")
    assert done.returncode == 0, done.stderr
    assert "2 documents" in done.stdout
    assert "hosts.yml:" in sre("search", "in which group is pi4?", "-k", "9", cwd=tmp_path).stdout


def test_a_repair_is_told_beside_the_output(tmp_path) -> None:
    (tmp_path / "ups.md").write_text("# UPS on battery\n\nShut the guests down before the battery is empty.\n")
    assert sre("ingest", "--source", "ups.md", "--index", "index", cwd=tmp_path).returncode == 0
    (words,) = (tmp_path / "index").glob("generation-*/words.db")
    words.write_bytes(b"nonsense")
    found = sre("search", "ups on battery", "--json", "--index", "index", cwd=tmp_path)
    assert json.loads(found.stdout)[0]["document"] == "ups.md"
    assert found.stderr.count("building it anew") == 1


def test_ingest_and_search_find_the_page(tmp_path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "dns.md").write_text("# Restarting DNS\n\n## Steps\n\n1. Restart unbound, then AdGuard.\n")
    (pages / "ups.md").write_text(
        "# UPS on battery\n\n## Steps\n\n1. Shut the guests down before the battery is empty.\n"
    )
    (pages / "latin.md").write_bytes("# Büro\n\nDer Drucker hängt am Netzteil.\n".encode("latin-1"))
    (pages / "broken.md").write_bytes(b"\x00\x01\x02" * 100)
    done = sre("ingest", "--source", str(pages), "--index", str(tmp_path / "index"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 documents" in done.stdout
    assert "broken.md" in done.stderr
    queries = '{"query": "how do I restart the resolver"}\n{"query": 7}\n{"query": "power outage"}\n'
    found = sre("search", "--batch", "-", "--index", str(tmp_path / "index"), cwd=tmp_path, stdin=queries)
    dns, problem, ups = (json.loads(line) for line in found.stdout.splitlines())
    assert (dns[0]["document"], ups[0]["document"]) == ("dns.md", "ups.md")
    assert "line 2: query" in problem["error"]
    assert found.returncode == 2
