"""Versions of the program in a real MLflow on SQLite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evaluation_reports import case, report

from core.errors import ConfigurationError, InvalidInput
from optimise.registry import MODEL, Registry
from optimise.tracking import MAX_PROGRAM_BYTES, Tracking, sha256_of


@pytest.fixture
def registry(mlflow_dir: Path) -> Registry:
    return Registry(None, mlflow_dir)


@pytest.fixture
def tracking(mlflow_dir: Path) -> Tracking:
    return Tracking(None, mlflow_dir)


def program(directory: Path, number: int) -> Path:
    path = directory / f"program-{number}.json"
    content = {
        "program": "homelab-sre",
        "parameters": {"bar": number},
        "made_by": {"git_revision": "abc", "scores": {"dev": 1}},
    }
    path.write_text(json.dumps(content) + "\r\n", encoding="utf-8")
    return path


def test_versions_count_up_and_load_as_they_were_saved(registry, tmp_path) -> None:
    first, second = program(tmp_path, 1), program(tmp_path, 2)
    assert [registry.register(each) for each in (first, second)] == ["1", "2"]
    for name, expected in (("1", first), ("v2", second)):
        path, version = registry.load(name)
        assert path.read_bytes() == expected.read_bytes()
        assert version == name.removeprefix("v")
        assert path.is_relative_to(tmp_path / "mlflow" / "programs")


def test_the_list_tells_hash_aliases_and_run_newest_first(registry, tracking, tmp_path) -> None:
    for number in (1, 2):
        registry.register(program(tmp_path, number))
    registry.set_champion("1")
    newest, oldest = registry.list()
    assert [newest.version, oldest.version] == ["2", "1"]
    assert (newest.aliases, oldest.aliases) == ((), ("champion",))
    assert oldest.sha256 == sha256_of(program(tmp_path, 1).read_bytes().decode())
    assert tracking.client.get_run(oldest.run_id).info.status == "FINISHED"
    assert tracking.client.get_model_version(MODEL, "1").tags["git_revision"] == "abc"


def test_the_same_program_is_registered_once(registry, tmp_path) -> None:
    assert registry.register(program(tmp_path, 1)) == registry.register(program(tmp_path, 1)) == "1"
    assert len(registry.list()) == 1


def test_the_champion_is_none_until_one_is_set_and_then_moves(registry, tmp_path) -> None:
    assert registry.champion() is None
    for number in (1, 2):
        registry.register(program(tmp_path, number))
    assert registry.champion() is None
    registry.set_champion("1")
    registry.set_champion("2")
    found = registry.champion()
    assert found is not None
    assert (found[1], json.loads(found[0].read_text())["parameters"]) == ("2", {"bar": 2})
    assert registry.load("champion") == found


@pytest.mark.parametrize("name", ["7", "nobody", "", "../../etc/passwd", "'; drop"])
def test_a_name_that_nothing_has(registry, tmp_path, name) -> None:
    with pytest.raises(InvalidInput, match="there are: none yet"):
        registry.load(name)
    registry.register(program(tmp_path, 1))
    registry.set_champion("1")
    with pytest.raises(InvalidInput, match=r"there are: champion, 1$"):
        registry.load(name)
    with pytest.raises(InvalidInput, match="no program in MLflow is called so"):
        registry.set_champion(name)


def test_the_run_of_an_evaluation_is_what_a_version_comes_from(registry, tracking, tmp_path) -> None:
    run = tracking.log_evaluation(report(case("a")), program(tmp_path, 1), "first")
    version = registry.register(program(tmp_path, 1), run_id=run)
    assert registry.find(version).run_id == run


def test_a_run_that_failed_or_holds_another_program_registers_nothing(registry, tracking, tmp_path) -> None:
    with pytest.raises(RuntimeError), tracking.run("broken", "evaluation") as broken:
        raise RuntimeError
    with pytest.raises(InvalidInput, match="is FAILED, not FINISHED"):
        registry.register(program(tmp_path, 1), run_id=broken)
    other = tracking.log_evaluation(report(case("a")), program(tmp_path, 2), "other")
    with pytest.raises(InvalidInput, match="holds another program"):
        registry.register(program(tmp_path, 1), run_id=other)
    empty = tracking.log_evaluation(report(case("a")), None, "empty")
    with pytest.raises(ConfigurationError, match=r"has no file program\.json"):
        registry.register(program(tmp_path, 1), run_id=empty)
    with pytest.raises(ConfigurationError, match="MLFLOW_TRACKING_URI"):
        registry.register(program(tmp_path, 1), run_id="f" * 32)
    assert registry.list() == []


def test_files_that_cannot_be_stored_leave_no_version(registry, tracking, tmp_path) -> None:
    tracking.check()
    (tmp_path / "mlflow" / "artifacts").rmdir()
    (tmp_path / "mlflow" / "artifacts").write_text("in the way")
    with pytest.raises(ConfigurationError, match="MLFLOW_TRACKING_URI"):
        registry.register(program(tmp_path, 1))
    assert registry.list() == []
    (run,) = tracking.client.search_runs([tracking.experiment_id])
    assert run.info.status == "FAILED"


@pytest.mark.parametrize("content", [b"\x80\x04\x95pickle", b"[]", b"{", b'{"a": "' + b"x" * MAX_PROGRAM_BYTES + b'"}'])
def test_only_json_objects_of_bounded_size_are_registered(registry, tmp_path, content) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"bad\.json: "):
        registry.register(tmp_path / "bad.json")
    with pytest.raises(InvalidInput, match=r"missing\.json: cannot be read"):
        registry.register(tmp_path / "missing.json")
    assert registry.list() == []


def stored(tracking: Tracking, run: str) -> Path:
    return tracking.data_dir / "mlflow" / "artifacts" / run / "artifacts" / "program.json"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"parameters": {"bar": 99}}', "was altered after it was registered"),
        (b"\x80\x04pickle", "not JSON"),
        (b"x" * (MAX_PROGRAM_BYTES + 1), "larger than 5,000,000 bytes"),
        (None, "has no file program.json"),
    ],
)
def test_what_was_altered_in_the_store_is_refused(registry, tracking, tmp_path, content, told) -> None:
    registry.register(program(tmp_path, 1))
    file = stored(tracking, registry.find("1").run_id)
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=told):
        registry.load("1")


def test_a_local_copy_serves_again_and_is_fetched_anew_when_spoilt(registry, tracking, tmp_path) -> None:
    registry.register(program(tmp_path, 1))
    path, _ = registry.load("1")
    path.write_text("spoilt")
    assert registry.load("1")[0].read_bytes() == program(tmp_path, 1).read_bytes()
    stored(tracking, registry.find("1").run_id).unlink()
    assert registry.load("1")[0] == path
    assert list(path.parent.iterdir()) == [path]


def test_a_version_that_somebody_else_made_is_not_loaded(registry, tracking, tmp_path) -> None:
    """Its source may be any file of this machine."""
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    tracking.client.create_registered_model(MODEL)
    tracking.client.create_model_version(MODEL, source=secret.as_uri(), run_id=None)
    with pytest.raises(ConfigurationError, match="version 1 of homelab-sre was not registered by sre"):
        registry.load("1")


def test_a_registry_that_can_only_be_read_gives_programs_and_takes_none(mlflow_dir, monkeypatch) -> None:
    monkeypatch.chdir(mlflow_dir)
    Registry(None, mlflow_dir).register(program(mlflow_dir, 1))
    read_only = Registry(f"sqlite:///file:{mlflow_dir}/mlflow/mlflow.db?mode=ro&uri=true", mlflow_dir)
    with pytest.raises(ConfigurationError, match="it can be read but not written"):
        read_only.register(program(mlflow_dir, 2))
    with pytest.raises(ConfigurationError, match="it can be read but not written"):
        read_only.set_champion("1")
    assert [each.version for each in Registry(None, mlflow_dir).list()] == ["1"]
    assert Registry(None, mlflow_dir).champion() is None
