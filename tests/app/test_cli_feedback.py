"""`sre feedback`: what was judged on the page, as cases that `sre eval` reads."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from app.transcript import Transcript
from core.store import FILE_NAME, Store
from core.vocabulary import Answer, Cause, Passage
from optimise.cases import load_cases

ANSWER = Answer(
    answer="nas is full [E1].",
    mode="deterministic",
    intent="explain_alert",
    subjects=("nas",),
    cause=Cause(statement="a log grew", entity="nas", kind="disk_full", confidence=0.8),
    passages=(Passage(id="K1", document="disk.md", heading="Free space", text="…", score=0.9),),
)


@pytest.fixture
def transcript(tmp_path, monkeypatch) -> Transcript:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SRE_DATA_DIR", str(tmp_path))
    return Transcript(Store(tmp_path / FILE_NAME))


def said(transcript: Transcript, question: str, session_id: str = "night") -> int:
    number = transcript.asked(session_id, question)
    transcript.answered(number, ANSWER)
    return number


def test_what_helped_is_expected_again_and_a_follow_up_follows(transcript, tmp_path) -> None:
    said(transcript, "how is jellyfin?", "day")
    said(transcript, "why is nas full?")
    transcript.asked("night", "never answered")
    transcript.judge(said(transcript, "and since when?"), "up", "at once")
    said(transcript, "thanks")
    result = CliRunner().invoke(cli, ["feedback", "--output", "mine.yaml"])
    assert result.exit_code == 0, result.output
    (loaded,) = load_cases([tmp_path / "mine.yaml"])
    assert [turn.question for turn in loaded.case.turns] == ["why is nas full?", "and since when?"]
    earlier, judged = loaded.case.turns
    assert not earlier.expect.model_fields_set
    assert (judged.expect.intent, judged.expect.subjects) == ("explain_alert", ("nas",))
    assert (judged.expect.runbook, judged.expect.cause_entity, judged.expect.cause_kind) == (
        "disk.md",
        "nas",
        "disk_full",
    )
    assert "at once" in loaded.case.note


def test_what_did_not_help_expects_nothing_yet(transcript, tmp_path) -> None:
    transcript.judge(said(transcript, "why is nas full?"), "down")
    assert CliRunner().invoke(cli, ["feedback", "--output", "mine.yaml"]).exit_code == 0
    (loaded,) = load_cases([tmp_path / "mine.yaml"])
    assert loaded.case.kind == "feedback_wrong"
    assert not loaded.case.turns[0].expect.model_fields_set


def test_without_a_judgement_it_is_said_where_to_give_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SRE_DATA_DIR", str(tmp_path / "none"))
    result = CliRunner().invoke(cli, ["feedback"])
    assert result.exit_code == 0
    assert "thumbs under each answer" in result.output
    assert not (tmp_path / "none").exists()


def test_a_file_that_cannot_be_written_is_named(transcript) -> None:
    transcript.judge(said(transcript, "why is nas full?"), "up")
    result = CliRunner().invoke(cli, ["feedback", "--output", "nowhere/mine.yaml"])
    assert result.exit_code != 0
    assert "--output" in str(result.exception or result.output)
