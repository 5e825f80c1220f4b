"""What is left of a long conversation."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pipeline.conversation import (
    CHARACTERS_PER_TOKEN,
    MAX_RECENT,
    RECENT_TOKENS,
    SUMMARY_TOKENS,
    Conversation,
    Turn,
    fold,
    shortened,
)

NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)


def turn(number: int, *, answer: str = "fine", **found) -> Turn:
    return Turn(at=NOW, question=f"question {number}?", intent="status", answer=answer, **found)


def test_a_short_conversation_is_told_in_full() -> None:
    turns = [turn(number) for number in range(MAX_RECENT)]
    assert shortened("s", turns) == Conversation(session_id="s", turns=tuple(turns))


def test_older_turns_become_lines_with_their_subjects() -> None:
    turns = [turn(n, subjects=(f"host{n}",), cause_entity="tdarr") for n in range(MAX_RECENT + 2)]
    conversation = shortened("s", turns)
    assert conversation.turns == tuple(turns[2:])
    assert conversation.summary.splitlines() == [
        "It was about host1, tdarr, host0.",
        "- 2026-11-20 03:10Z question 0? (host0; at fault: tdarr)",
        "- 2026-11-20 03:10Z question 1? (host1; at fault: tdarr)",
    ]


def test_long_answers_leave_room_for_fewer_turns_but_always_one() -> None:
    assert len(shortened("s", [turn(n, answer="x" * 600) for n in range(20)]).turns) == 3
    assert len(shortened("s", [turn(1, answer="x" * 100_000)]).turns) == 1


@given(
    st.lists(
        st.tuples(
            st.text(max_size=400), st.text(max_size=600), st.lists(st.text(min_size=1, max_size=40), max_size=20)
        ),
        max_size=60,
    ),
    st.text(max_size=2_000),
)
def test_a_conversation_keeps_to_its_budget(said, written) -> None:
    """Whatever was said, in characters: those of the turns that are kept beyond one, and of the summary."""
    turns = [Turn(at=NOW, question=q, intent="status", answer=a, subjects=tuple(names)) for q, a, names in said]
    conversation = shortened("s", turns, summary=written, summarised=3)
    assert len(conversation.summary) <= SUMMARY_TOKENS * CHARACTERS_PER_TOKEN
    told = sum(len(turn.question) + len(turn.answer) for turn in conversation.turns)
    assert told <= RECENT_TOKENS * CHARACTERS_PER_TOKEN or len(conversation.turns) == 1
    assert conversation.turns == tuple(turns[len(turns) - len(conversation.turns) :])


def test_the_subjects_outlast_the_lines() -> None:
    turns = [turn(n, subjects=("proxmox-backup-server",) if n == 0 else ()) for n in range(200)]
    summary = fold(turns)
    assert "It was about proxmox-backup-server." in summary
    assert "older questions are left out)" in summary
    assert "question 199?" in summary
    assert "question 0?" not in summary


def test_what_a_model_reads_says_who_said_what() -> None:
    conversation = Conversation(session_id="s", turns=(turn(1, subjects=("media",)),), summary="It was about nas.")
    assert conversation.as_text() == ("Earlier: It was about nas.\nAsked (about media): question 1?\nAnswered: fine")
    assert Conversation(session_id="s").as_text() == ""
