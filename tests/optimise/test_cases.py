"""Eval cases: what is refused before any work starts, and which split a case belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from core.errors import InvalidInput
from optimise.cases import EVALSETS, Case, load_cases
from scenarios.index import names

GOOD = {"id": "why", "kind": "explain_alert", "turns": [{"question": "why is everything slow?", "expect": {}}]}


def write(directory: Path, *cases: dict[str, object], name: str = "cases.yaml") -> Path:
    path = directory / name
    path.write_text(yaml.safe_dump(list(cases)), encoding="utf-8")
    return path


def refused(path: Path, **kwargs: object) -> str:
    with pytest.raises(InvalidInput) as error:
        load_cases([path], **kwargs)  # type: ignore[arg-type]
    return str(error.value)


def test_a_case_is_read_from_a_list_or_alone(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    write(tmp_path, {**GOOD, "id": "other"}, name="two.yml")
    assert [each.case.id for each in load_cases([tmp_path])] == ["why", "other"]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"scenaro": "x"}, "case why: scenaro: unknown field"),
        ({"turns": [{"question": "?", "expect": {"couse": None}}]}, "turns.0.expect.couse: unknown field"),
        ({"turns": []}, "case why: turns"),
        ({"scenario": "no-such-scenario"}, "no such scenario"),
        ({"scenario": "dns-outage", "split": "test"}, "is in dev already"),
        ({"documents": ["missing.md"]}, "documents: missing.md: no such file"),
        ({"documents": ["../escape.md"]}, "paths lie beside"),
        (
            {"scenario": "redis-not-started", "turns": [{"question": "?", "expect": {"change": "C77"}}]},
            "the scenario has no C77; there are C1",
        ),
    ],
)
def test_a_wrong_case_is_refused_with_its_file_and_field(tmp_path: Path, changed: dict[str, object], told: str) -> None:
    path = write(tmp_path, {**GOOD, **changed})
    problem = refused(path)
    assert told in problem
    assert str(path) in problem


def test_an_id_is_used_once(tmp_path: Path) -> None:
    assert "case why: the id is used in" in refused(write(tmp_path, GOOD, GOOD))


def test_a_scenario_of_ones_own_is_in_one_split(tmp_path: Path) -> None:
    own = (Path(EVALSETS).parent / "scenarios" / "faults" / "dns-outage.yaml").read_text(encoding="utf-8")
    (tmp_path / "own.yaml").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.yaml").write_text(own.replace("name: dns-outage", "name: own-outage"), encoding="utf-8")
    both = [{**GOOD, "id": f"c{split}", "scenario": "mine/own.yaml", "split": split} for split in ("train", "dev")]
    assert "the scenario own-outage is in two splits, train and dev" in refused(write(tmp_path, *both))


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    assert "no case in" in refused(tmp_path)
    assert "no such file or directory" in refused(tmp_path / "missing")
    assert "is in split test" in refused(write(tmp_path, GOOD), split=["test"])


def test_the_split_is_that_of_the_scenario() -> None:
    case = Case.model_validate({**GOOD, "scenario": names("test")[0]})
    assert case.belongs_to == "test"
    assert Case.model_validate(GOOD).belongs_to == "train"


def test_who_tunes_never_opens_a_file_of_the_test_split(tmp_path: Path) -> None:
    """It would fail to load: the file is no YAML."""
    write(tmp_path, GOOD)
    (tmp_path / "test-held-out.yaml").write_text("{", encoding="utf-8")
    assert len(load_cases([tmp_path], split=["train", "dev"])) == 1
    assert "cannot be read as YAML" in refused(tmp_path, split=["test"])


@pytest.mark.parametrize("split", ["train", "dev"])
def test_the_shipped_cases_of_a_split_ask_about_its_scenarios_only(split: str) -> None:
    for each in load_cases([EVALSETS], split=[split]):  # type: ignore[list-item]
        assert each.file.name.startswith(f"{split}-")
        assert each.case.scenario is None or each.case.scenario not in names("test")
