"""`sre compare` and what `sre promote` refuses, as processes over a real MLflow on SQLite."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from evaluation_reports import case, report

from optimise.registry import Registry
from optimise.report import Report
from optimise.tracking import Tracking

pytestmark = pytest.mark.xdist_group("compare")
SRE = "from app.cli import main\nmain()"
ROOT = Path(__file__).resolve().parents[2]
BEFORE = report(case("a"), case("b", False), case("old"))
AFTER = report(case("a", False), case("b"), case("new"), program="0.1.0+bbb")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two programs with evaluations of both: the latest of the first one is over other cases."""
    directory = tmp_path_factory.mktemp("data")
    tracking, registry = Tracking(None, directory), Registry(None, directory)
    tracking.check()
    for name, told in (("one", BEFORE), ("two", AFTER)):
        path = directory / f"{name}.json"
        path.write_text(json.dumps({"program": name}))
        registry.register(path, run_id=tracking.log_evaluation(told, path, name))
    other = BEFORE.model_copy(update={"cases": (case("x"),), "data_hash": "d2"})
    tracking.log_evaluation(other, directory / "one.json", "over other cases")
    registry.set_champion("2")
    return directory


@pytest.fixture
def sre(data, tmp_path) -> Run:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        set_here = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "SRE_DATA_DIR": str(data), **environment}
        return subprocess.run(
            [sys.executable, "-c", SRE, *arguments],
            cwd=tmp_path,
            env=set_here,
            capture_output=True,
            text=True,
            timeout=100,
        )

    return run


def written(directory: Path, name: str, told: Report) -> str:
    (directory / name).write_text(told.model_dump_json())
    return str(directory / name)


def test_files_are_compared_and_mlflow_is_left_alone(sre, tmp_path) -> None:
    a, b = written(tmp_path, "a.json", BEFORE), written(tmp_path, "b.json", AFTER)
    done = sre("compare", a, b, "--no-log", SRE_DATA_DIR=str(tmp_path / "none"))
    assert done.returncode == 0, done.stderr
    rows = [line.split("│")[1:-1] for line in done.stdout.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["a", "0", "high_cpu", "lost", "facts: a"],
        ["b", "0", "high_cpu", "won", "facts: b"],
    ]
    assert "only in A: old seed 0\nonly in B: new seed 0\n" in done.stdout
    assert "1 of 2 pass with 0.1.0+aaa, 1 with 0.1.0+bbb: +0.000" in done.stdout
    assert not (tmp_path / "none").exists()


def test_programs_are_compared_over_the_same_cases_and_the_result_is_logged(sre, data) -> None:
    done = sre("compare", "1", "champion", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["before"], told["after"], told["pairs"]) == ("0.1.0+aaa", "0.1.0+bbb", 2)
    run = done.stderr.partition("logged in MLflow as run ")[2].partition(";")[0]
    assert Tracking(None, data).client.get_run(run).data.metrics["lost"] == 1


def test_a_run_is_compared_with_a_file(sre, data, tmp_path) -> None:
    (run,) = Tracking(None, data).evaluations(Registry(None, data).find("2").sha256)
    done = sre("compare", run[0], written(tmp_path, "a.json", BEFORE), "--no-log")
    assert done.returncode == 0, done.stderr
    assert "with 0.1.0+bbb, 1 with 0.1.0+aaa" in done.stdout


def test_a_comparison_that_cannot_be_logged_is_printed_all_the_same(sre, tmp_path) -> None:
    a = written(tmp_path, "a.json", BEFORE)
    done = sre("compare", a, a, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 0
    assert "0 won, 0 lost, 3 the same" in done.stdout
    assert "the comparison is not logged: MLFLOW_TRACKING_URI: http://127.0.0.1:9: nothing answers" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("compare", "nobody", "1"), "error: nobody: no program in MLflow is called so; there are: champion, 2, 1"),
        (("compare", "missing.json", "1"), "error: missing.json: no such file; sre eval --output missing.json"),
        (("compare", "f" * 32, "1"), "no finished evaluation in MLflow is called so"),
        (("compare", __file__, "1"), "not a report as sre eval --output writes it"),
        (("promote", "nobody"), "error: nobody: no program in MLflow is called so"),
        (("promote", __file__), "is not JSON"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(sre, arguments, told) -> None:
    done = sre(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_promotion_asks_nothing_while_mlflow_is_down(sre, data) -> None:
    done = sre("promote", str(data / "one.json"), MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert done.returncode == 2
    assert (
        done.stderr
        == "error: MLFLOW_TRACKING_URI: http://127.0.0.1:9: nothing answers there; start the server, or name another one\n"
    )
