"""What was said on the page, over a real SQLite file."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.transcript import KEPT_FOR, MAX_COMMENT, MOST_ROWS, ROWS_SHOWN, Transcript
from core.errors import StoreError
from core.store import Store
from core.vocabulary import Answer, Cause, Evidence

ANSWER = Answer(
    answer="The disk is full [E1].",
    mode="llm",
    intent="explain_alert",
    cause=Cause(statement="a log grew", entity="media", kind="disk_full", confidence=0.8),
    evidence=(Evidence(id="E1", source="prometheus", title="disk of media", summary="97 % used"),),
    gaps=("loki: it does not answer",),
)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "assistant.db"


@pytest.fixture
def transcript(path) -> Transcript:
    return Transcript(Store(path))


def change(path: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)


def age(path: Path, number: int, by: timedelta) -> None:
    change(path, "UPDATE transcript SET at = at - ? WHERE id = ?", by.total_seconds(), number)


def questions(transcript: Transcript, session_id: str = "night") -> list[str]:
    return [said.question for said in transcript.of(session_id)]


def test_everything_is_there_after_a_restart(transcript, path) -> None:
    before = datetime.now(UTC)
    number = transcript.asked("night", "why?")
    transcript.answered(number, ANSWER)
    transcript.judge(number, "up", "it was the log")
    failed = transcript.asked("night", "and now?")
    transcript.failed(failed, "store: it is locked")
    transcript.asked("day", "elsewhere?")
    first, second = Transcript(Store(path)).of("night")
    assert (first.id, first.session_id, first.question, first.answer) == (number, "night", "why?", ANSWER)
    assert (first.verdict, first.comment, first.problem) == ("up", "it was the log", None)
    assert before - timedelta(seconds=1) <= first.at <= datetime.now(UTC)
    assert first.at.tzinfo is UTC
    assert (second.question, second.answer, second.problem) == ("and now?", None, "store: it is locked")
    assert (second.verdict, second.comment) == (None, "")


def test_a_question_without_an_answer_has_neither_answer_nor_problem(transcript) -> None:
    transcript.asked("night", "why?")
    (said,) = transcript.of("night")
    assert (said.answer, said.problem) == (None, None)


def test_an_unknown_conversation_is_empty(transcript) -> None:
    assert list(transcript.of("nobody")) == []
    assert transcript.state("nobody") == ""
    assert list(transcript.conversations()) == []
    assert list(transcript.judged()) == []


def test_of_a_long_conversation_the_last_are_shown_oldest_first(transcript) -> None:
    for number in range(ROWS_SHOWN + 3):
        transcript.asked("night", f"question {number}")
    assert questions(transcript) == [f"question {number}" for number in range(3, ROWS_SHOWN + 3)]


def test_the_state_changes_with_each_question_and_each_answer(transcript, path) -> None:
    states = [transcript.state("night")]
    number = transcript.asked("night", "why?")
    states.append(transcript.state("night"))
    transcript.answered(number, ANSWER)
    states.append(transcript.state("night"))
    Transcript(Store(path)).asked("night", "and now?")
    states.append(transcript.state("night"))
    transcript.failed(number + 1, "no")
    states.append(transcript.state("night"))
    assert len(set(states)) == len(states)
    transcript.asked("day", "elsewhere?")
    assert transcript.state("night") == states[-1]


# --- what people think of it


def test_a_judgement_replaces_the_one_before(transcript) -> None:
    number = transcript.asked("night", "why?")
    transcript.judge(number, "up", "right")
    transcript.judge(number, "down")
    (said,) = transcript.of("night")
    assert (said.verdict, said.comment) == ("down", "")


def test_what_was_judged_is_told_oldest_first_over_all_conversations(transcript) -> None:
    one, _, other = (transcript.asked(session, f"of {session}?") for session in ("night", "noon", "day"))
    transcript.judge(other, "down")
    transcript.judge(one, "up")
    assert [(said.id, said.verdict) for said in transcript.judged()] == [(one, "up"), (other, "down")]


def test_a_comment_is_redacted_and_cut(transcript) -> None:
    number = transcript.asked("night", "why?")
    transcript.judge(number, "down", "  it was password=hunter2longer  ")
    assert transcript.of("night")[0].comment == "it was password=[redacted]"
    transcript.judge(number, "down", "x" * (MAX_COMMENT + 1))
    assert transcript.of("night")[0].comment == "x" * MAX_COMMENT


def test_a_secret_is_not_cut_in_two_and_kept(transcript, path) -> None:
    number = transcript.asked("night", "why?")
    transcript.judge(number, "down", "x" * (MAX_COMMENT - 16) + " password=hunter2longer")
    transcript.asked("night", "is password=hunter2longer right?")
    transcript.failed(number, "token=hunter2longer was refused")
    with sqlite3.connect(path) as connection:
        dump = "\n".join(connection.iterdump())
    assert "hunter2" not in dump
    assert "is password=[redacted] right?" in dump


# --- conversations


def test_conversations_are_by_their_first_question_and_the_last_spoken_in_comes_first(transcript, path) -> None:
    numbers = {word: transcript.asked(word, f"first of {word}") for word in ("one", "two", "three")}
    for word, minutes in (("one", 30), ("two", 20), ("three", 10)):
        age(path, numbers[word], timedelta(minutes=minutes))
    transcript.asked("one", "second of one")
    talked = transcript.conversations()
    assert [(each.session_id, each.question) for each in talked] == [
        ("one", "first of one"),
        ("three", "first of three"),
        ("two", "first of two"),
    ]
    assert talked[0].last_at > talked[1].last_at > talked[2].last_at
    assert datetime.now(UTC) - talked[0].last_at < timedelta(minutes=1)
    assert [each.session_id for each in transcript.conversations(limit=2)] == ["one", "three"]


# --- what cannot be read


@pytest.mark.parametrize("body", ['{"mood": "good"}', "{broken", "", '{"answer": "x", "intent": "none such"}'])
def test_an_answer_of_another_version_is_told_and_the_others_are_shown(transcript, path, body) -> None:
    broken, whole = transcript.asked("night", "old?"), transcript.asked("night", "new?")
    transcript.answered(whole, ANSWER)
    transcript.judge(broken, "up")
    change(path, "UPDATE transcript SET answer = ? WHERE id = ?", body, broken)
    old, new = transcript.of("night")
    assert old.answer is None
    assert "another version" in old.problem
    assert new.answer == ANSWER
    assert [said.id for said in transcript.judged()] == [broken]
    assert transcript.state("night").count("!") == 2


def test_a_database_that_cannot_be_read_is_told(path) -> None:
    path.write_text("not a database " * 500)
    with pytest.raises(StoreError, match="move the file away"):
        Transcript(Store(path)).asked("night", "why?")


# --- how long it is kept


def test_what_is_too_old_goes_unless_somebody_judged_it(transcript, path) -> None:
    old, judged, young = (transcript.asked("night", word) for word in ("old", "judged", "young"))
    transcript.judge(judged, "down", "wrong host")
    for number in (old, judged):
        age(path, number, KEPT_FOR + timedelta(minutes=1))
    age(path, young, KEPT_FOR - timedelta(minutes=1))
    assert questions(transcript) == ["old", "judged", "young"], "nothing goes before somebody asks"
    transcript.asked("day", "new")
    assert questions(transcript) == ["judged", "young"]
    assert [said.comment for said in transcript.judged()] == ["wrong host"]


def test_of_too_many_the_first_go_even_those_that_were_judged(transcript, path) -> None:
    first, second = transcript.asked("night", "first"), transcript.asked("night", "second")
    transcript.judge(first, "up")
    change(path, "UPDATE transcript SET id = id + ? WHERE id = ?", MOST_ROWS - 3, second)
    assert transcript.asked("night", "third") == MOST_ROWS
    assert questions(transcript) == ["first", "second", "third"]
    transcript.asked("night", "fourth")
    assert questions(transcript) == ["second", "third", "fourth"]


def test_many_threads_and_stores_write_one_conversation(path) -> None:
    transcripts = [Transcript(Store(path)) for _ in range(4)]
    numbers: list[int] = []

    def write(place: int) -> None:
        for _ in range(10):
            number = transcripts[place].asked("night", f"by {place}")
            transcripts[place].answered(number, ANSWER)
            numbers.append(number)

    threads = [threading.Thread(target=write, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(numbers) == list(range(1, 41))
    assert all(said.answer == ANSWER for said in transcripts[0].of("night"))
    assert len(transcripts[0].of("night")) == 40
