"""Evaluations in a real MLflow on SQLite; and what is said when the place is down, slow, refusing, failing or read-only."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from evaluation_reports import case, report

from core.errors import ConfigurationError, InvalidInput
from optimise.comparison import compare
from optimise.mlflow_client import IMPATIENCE, backend_uri
from optimise.report import TurnResult
from optimise.tracking import Tracking, sha256_of

STATE = {"program": "homelab-sre", "version": "0.1.0", "state": None}


@pytest.fixture
def tracking(mlflow_dir: Path) -> Tracking:
    return Tracking(None, mlflow_dir)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "compiled.json"
    path.write_text(json.dumps(STATE), encoding="utf-8")
    return path


@contextmanager
def answering(status: int | None, body: str = "{}") -> Iterator[str]:
    """A server that says the same to everything; for None it says nothing until the end."""
    end = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if status is None:
                end.wait(60)
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        end.set()
        server.shutdown()
        server.server_close()
        thread.join()


def refused(uri: str | None, data_dir: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        Tracking(uri, data_dir).check()
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith("MLFLOW_TRACKING_URI: ")
    return line


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_an_evaluation_is_a_run_with_parameters_metrics_cases_and_report(tracking, state, tmp_path) -> None:
    wrong = TurnResult(
        question="why?", answer="no", failed=("cause",), grounded=False, confidently_wrong=True, llm_calls=2, input_tokens=90,
        output_tokens=10, cost_usd=0.25, latency_s=1.5,
    )  # fmt: skip
    told = report(case("a"), case("b", kind="dns", split="train", turns=(wrong,)), case("c"), case("c", seed=1))
    run = tracking.client.get_run(tracking.log_evaluation(told, state, "first"))
    assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
    assert run.data.params == {
        "program": "0.1.0+aaa", "program_source": "shipped", "data_hash": "d1", "git_revision": "abc123", "split": "dev,train",
        "cases": "3", "seeds": "2", "program_sha256": sha256_of(state.read_text()),
    }  # fmt: skip
    metrics = run.data.metrics
    assert metrics["passed"] == 0.75
    assert (metrics["kind/high_cpu"], metrics["kind/dns"]) == (1.0, 0.0)
    assert (metrics["split/dev"], metrics["split/train"]) == (1.0, 0.0)
    assert (metrics["confidently_wrong"], metrics["grounded"]) == (0.25, 0.75)
    assert (metrics["latency_s/median"], metrics["latency_s/p95"]) == (0.5, pytest.approx(1.35))
    assert (metrics["llm_calls"], metrics["input_tokens"], metrics["output_tokens"]) == (2, 90, 10)
    assert metrics["cost_usd"] == 0.25
    assert tracking.report(run.info.run_id) == told
    table = json.loads(tracking.fetch(run.info.run_id, "cases.json", tmp_path, 10_000).read_text())
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [(row["id"], row["seed"], row["passed"], row["failed"]) for row in rows] == [
        ("a", 0, True, ""), ("b", 0, False, "cause"), ("c", 0, True, ""), ("c", 1, True, ""),
    ]  # fmt: skip
    assert json.loads(tracking.fetch(run.info.run_id, "program.json", tmp_path, 10_000).read_text()) == STATE


def test_everything_stays_in_the_data_directory(tracking, tmp_path, monkeypatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    tracking.check()
    run = tracking.log_evaluation(report(case("a")), None, "first")
    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "mlflow" / "artifacts" / run / "artifacts" / "report.json").is_file()


def test_a_run_belongs_to_its_parent_and_the_evaluations_of_a_program_are_found(tracking, state) -> None:
    first = tracking.log_evaluation(report(case("a")), state, "first")
    second = tracking.log_evaluation(report(case("a"), data_hash="d2"), state, "second", parent=first)
    tracking.log_evaluation(report(case("a")), None, "of another program")
    assert tracking.client.get_run(second).data.tags["mlflow.parentRunId"] == first
    assert tracking.evaluations(sha256_of(state.read_text())) == [(second, "d2"), (first, "d1")]


def test_a_comparison_is_logged_with_what_was_won_and_lost(tracking, tmp_path) -> None:
    found = compare(report(case("a"), case("b", False)), report(case("a", False), case("b"), program="0.1.0+bbb"))
    run = tracking.client.get_run(tracking.log_comparison(found, "a and b"))
    assert (run.data.metrics["won"], run.data.metrics["lost"], run.data.metrics["difference"]) == (1, 1, 0)
    assert run.data.params == {"before": "0.1.0+aaa", "after": "0.1.0+bbb"}
    table = json.loads(tracking.fetch(run.info.run_id, "cases.json", tmp_path, 10_000).read_text())
    assert [row[3] for row in table["data"]] == ["lost", "won"]


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_what_fails_on_the_way_is_marked_so_and_not_read_as_an_evaluation(tracking, error, status) -> None:
    with pytest.raises(error), tracking.run("broken", "evaluation") as run:
        raise error
    assert tracking.client.get_run(run).info.status == status
    with pytest.raises(InvalidInput, match="no finished evaluation"):
        tracking.report(run)


def test_files_that_cannot_be_stored_mark_the_run_failed(tracking, state) -> None:
    tracking.check()
    artifacts = tracking.data_dir / "mlflow" / "artifacts"
    artifacts.rmdir()
    artifacts.write_text("in the way")
    with pytest.raises(ConfigurationError, match="MLFLOW_TRACKING_URI"):
        tracking.log_evaluation(report(case("a")), state, "first")
    (run,) = tracking.client.search_runs([tracking.experiment_id])
    assert run.info.status == "FAILED"
    with pytest.raises(ConfigurationError, match=r"artifacts, which cannot be written .*; make it writable"):
        tracking.check()


def test_a_run_without_a_report_is_named(tracking) -> None:
    for run in ("f" * 32, tracking.log_comparison(compare(report(case("a")), report(case("a"))), "a comparison")):
        with pytest.raises(InvalidInput, match=f"{run}: no finished evaluation"):
            tracking.report(run)


def test_a_program_that_is_no_json_object_leaves_no_run(tracking, tmp_path) -> None:
    for content in (b"\x80\x04pickle", b"[1]", b"{", b"[" * 100_000):
        (tmp_path / "bad.json").write_bytes(content)
        with pytest.raises(InvalidInput, match=r"bad\.json: not "):
            tracking.log_evaluation(report(case("a")), tmp_path / "bad.json", "first")
    assert tracking.client.search_runs([tracking.experiment_id]) == []


def test_nothing_listens(tmp_path) -> None:
    uri = f"http://someone:pa55word@127.0.0.1:{free_port()}"
    line = refused(uri, tmp_path)
    assert "nothing answers there; start the server" in line
    assert "pa55word" not in line


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (403, '{"detail": "Forbidden"}', "it refuses us; check its permissions"),
        (403, '{"error_code": "PERMISSION_DENIED", "message": "no"}', "it refuses us"),
        (401, "<html>", "it refuses us"),
        (500, "{}", "the server fails; look at its log"),
        (200, "<html>a router</html>", "that is no MLflow server; correct the address"),
        (404, "<html>", "that is no MLflow server"),
        (None, "", "it does not answer in time"),
    ],
)
def test_a_server_that_is_of_no_use_is_told_in_one_line(tmp_path, status, body, told) -> None:
    with answering(status, body) as uri:
        line = refused(uri, tmp_path)
    assert uri in line
    assert told in line


def test_waiting_is_short_only_while_checking(tmp_path, monkeypatch) -> None:
    for name in IMPATIENCE:
        monkeypatch.setenv(name, "3")
    with answering(500) as uri:
        refused(uri, tmp_path)
    assert [os.environ[name] for name in IMPATIENCE] == ["3", "3"]


def test_a_database_that_can_only_be_read(mlflow_dir, monkeypatch) -> None:
    """MLflow makes a directory of the odd address, hence the change of the working one."""
    monkeypatch.chdir(mlflow_dir)
    Tracking(None, mlflow_dir).check()
    uri = f"sqlite:///file:{mlflow_dir}/mlflow/mlflow.db?mode=ro&uri=true"
    assert "it can be read but not written; make it writable" in refused(uri, mlflow_dir)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_without_the_right_to_write(mlflow_dir) -> None:
    (mlflow_dir / "mlflow" / "mlflow.db").chmod(0o444)
    assert "it can be read but not written" in refused(None, mlflow_dir)


def test_a_file_that_is_no_database(mlflow_dir) -> None:
    (mlflow_dir / "mlflow" / "mlflow.db").write_bytes(b"not at all " * 1000)
    line = refused(None, mlflow_dir)
    assert f"not set, so {mlflow_dir}/mlflow is used: the file is no SQLite database" in line


def test_a_directory_that_is_not_there(tmp_path) -> None:
    assert "cannot be opened" in refused(f"sqlite:///{tmp_path}/missing/mlflow.db", tmp_path)


def test_a_database_of_another_mlflow(mlflow_dir) -> None:
    from sqlalchemy import create_engine

    with create_engine(backend_uri(None, mlflow_dir)).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'of_the_future'")
    assert "of another version of MLflow; run: mlflow db upgrade" in refused(None, mlflow_dir)


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "./mlflow.db"])
def test_a_directory_is_no_place_for_runs(tmp_path, uri) -> None:
    assert "neither a server" in refused(uri, tmp_path)
