"""The last good answer of a model, over a real SQLite file."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.store import Store
from core.vocabulary import Answer, Evidence
from pipeline.classify import classify
from pipeline.last_good import MAX_ANSWERS, MAX_CHARACTERS, LastGood, key_of

NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)
ANSWER = Answer(
    answer="tdarr fills the memory [E1]",
    mode="llm",
    intent="explain_alert",
    subjects=("media",),
    evidence=(Evidence(id="E1", source="prometheus", title="memory", summary="97 %"),),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "assistant.db"


@pytest.fixture
def last_good(path):
    return LastGood(Store(path))


def test_an_answer_is_recalled_with_its_time_in_another_process(last_good, path) -> None:
    last_good.keep("k", ANSWER.model_copy(update={"session_id": "night"}), NOW)
    assert LastGood(Store(path)).recall("k", NOW + timedelta(hours=3)) == (ANSWER, NOW)
    assert last_good.recall("other", NOW) is None


def test_a_newer_answer_replaces_the_older(last_good) -> None:
    last_good.keep("k", ANSWER, NOW)
    newer = ANSWER.model_copy(update={"answer": "it is over"})
    last_good.keep("k", newer, NOW + timedelta(hours=1))
    assert last_good.recall("k", NOW + timedelta(hours=2)) == (newer, NOW + timedelta(hours=1))


def test_an_answer_of_yesterday_is_not_recalled(last_good) -> None:
    last_good.keep("k", ANSWER, NOW)
    assert last_good.recall("k", NOW + timedelta(hours=24)) is not None
    assert last_good.recall("k", NOW + timedelta(hours=24, seconds=1)) is None
    assert last_good.recall("k", NOW - timedelta(seconds=1)) is None


def test_so_many_are_kept_and_none_that_is_too_old_or_too_long(last_good, path) -> None:
    last_good.keep("old", ANSWER, NOW - timedelta(days=2))
    last_good.keep("long", ANSWER.model_copy(update={"answer": "x" * MAX_CHARACTERS}), NOW)
    for number in range(MAX_ANSWERS + 3):
        last_good.keep(f"k{number}", ANSWER, NOW + timedelta(seconds=number))
    with sqlite3.connect(path) as connection:
        keys = {key for (key,) in connection.execute("SELECT key FROM last_good_answers")}
    assert keys == {f"k{number}" for number in range(3, MAX_ANSWERS + 3)}


def test_an_answer_of_another_version_is_not_recalled(last_good, path) -> None:
    last_good.keep("k", ANSWER, NOW)
    with sqlite3.connect(path) as connection:
        connection.execute("""UPDATE last_good_answers SET body = '{"answer": "x"}'""")
    assert last_good.recall("k", NOW) is None


def key(text, homelab, alerts=(), now=NOW):
    return key_of(classify(text, inventory=homelab, alerts=alerts, now=now, zone=ZoneInfo("UTC")))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Why is HostHighMemory firing on media?", "explain HostHighMemory on media please"),
        ("is jellyfin slow?", "Is jellyfin SLOW"),
        ("what is the capital of France", "What is the capital of  France?"),
    ],
)
def test_the_same_question_in_other_words_has_the_same_key(homelab, memory_alert, one, other) -> None:
    assert key(one, homelab, (memory_alert,)) == key(other, homelab, (memory_alert,), NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("is jellyfin slow?", "is tdarr slow?"),
        ("is jellyfin slow?", "how much memory does jellyfin use?"),
        ("is the memory of jellyfin ok?", "how much memory did jellyfin use at its worst?"),
        ("is jellyfin slow?", "was jellyfin slow yesterday?"),
        ("Why is HostHighMemory firing?", "runbook for HostHighMemory"),
        ("which certificates expire soon?", "which disks are full?"),
    ],
)
def test_another_question_has_another_key(homelab, one, other) -> None:
    assert key(one, homelab) != key(other, homelab)
