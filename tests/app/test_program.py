"""Which program answers: the one that is set, else the champion, else the shipped one; never a broken one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.program import champion_file, choose_program, fetch_champion, put_into_service, resolve_program
from app.wiring import build_assistant
from core.errors import InvalidInput, StoreError
from core.settings import Settings, load_settings
from pipeline.parameters import Parameters
from pipeline.program_state import SHIPPED, save_state


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return load_settings(data_dir=tmp_path / "data", lm=None)


@pytest.fixture
def program(settings: Settings, tmp_path: Path) -> Path:
    path = tmp_path / "program.json"
    save_state(build_assistant(settings), path, Parameters().changed({"search.bar": 0.33}))
    return path


def test_a_fresh_clone_starts_with_the_shipped_program(settings: Settings) -> None:
    chosen = choose_program(settings)
    assert (chosen.path, chosen.program.source, chosen.problems) == (SHIPPED, "shipped", [])
    assert build_assistant(settings).program == chosen.program


def test_the_champion_answers_once_it_is_in_service(settings: Settings, program: Path) -> None:
    put_into_service(program, settings)
    chosen = choose_program(settings)
    assert (chosen.path, chosen.program.source) == (champion_file(settings), "champion")
    assert chosen.saved is not None
    assert chosen.saved.numbers().search.bar == 0.33
    assistant = build_assistant(settings)
    assert assistant.program.version.endswith(chosen.saved.fingerprint)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("{", "is not JSON"),
        ('{"program": "homelab-sre", "version": "0.0.1"}', "was made for homelab-sre 0.0.1"),
        ('{"program": "homelab-sre", "version": "0.1.0", "parameters": {"search": {"barr": 1}}}', "search.barr"),
    ],
)
def test_a_broken_champion_steps_down_to_the_shipped_program_and_says_so(
    settings: Settings, broken: str, told: str
) -> None:
    settings.data_dir.mkdir(parents=True)
    champion_file(settings).write_text(broken, encoding="utf-8")
    assistant = build_assistant(settings)
    assert assistant.program.source == "shipped"
    assert told in "\n".join(assistant.problems)


def test_a_name_stands_for_a_file_or_the_shipped_program(settings: Settings, program: Path) -> None:
    assert resolve_program(settings, None) is None
    assert resolve_program(settings, str(program)) == program
    assert resolve_program(settings, "shipped") == SHIPPED
    with pytest.raises(InvalidInput):
        resolve_program(settings, "no-such-alias")


def test_a_server_that_is_away_leaves_the_champion_that_is_there(settings: Settings, program: Path) -> None:
    put_into_service(program, settings)
    away = settings.model_copy(update={"mlflow_tracking_uri": "http://127.0.0.1:9"})
    assert "could not be fetched" in fetch_champion(away)
    assert json.loads(champion_file(settings).read_text(encoding="utf-8"))["parameters"]["search"]["bar"] == 0.33


def test_a_champion_that_cannot_be_written_is_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"champion\.json: cannot be written"):
        put_into_service(tmp_path / "missing.json", settings)
