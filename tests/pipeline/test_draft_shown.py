"""A draft that is shown while it is written: the answer's words alone, and never half a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.draft_shown import PROSE_FROM, DraftShown
from pipeline.progress import Token, watched

CAUSE = "[[ ## cause ## ]]\nH1\n\n"
ANSWER = "[[ ## answer ## ]]\n"
END = "\n\n[[ ## completed ## ]]"
TEXT = "The disk of media is full [E1, E2], since its log grew by 3 GB an hour [E14]. Rotate it as the page says [K1]."


def pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def shown(write: Callable[[DraftShown], object]) -> list[Token]:
    """What is told while `write` hands over pieces."""

    async def work() -> None:
        write(DraftShown(("answer", "draft")))

    async def watch() -> list[Token]:
        return [one async for one in watched(work()) if isinstance(one, Token)]

    return asyncio.run(watch())


def written(parts: Iterable[str | None], *, finished: bool = True) -> list[Token]:
    def write(draft: DraftShown) -> None:
        draft(None)
        for part in parts:
            draft(part)
        if finished:
            draft.finish()

    return shown(write)


def text_of(tokens: list[Token]) -> str:
    """What a reader has before him in the end."""
    last = max((token.draft for token in tokens), default=0)
    return "".join(token.text for token in tokens if token.draft == last)


@pytest.mark.parametrize("size", [1, 3, 24, 39, 40, 41, 1000])
@pytest.mark.parametrize("field", ["answer", "draft"])
def test_the_text_of_the_field_is_told_and_nothing_else(field, size) -> None:
    tokens = written(pieces(f"{CAUSE}[[ ## {field} ## ]]\n{TEXT}{END}", size))
    assert text_of(tokens) == TEXT
    assert {token.draft for token in tokens} == {1}


def test_it_is_told_piece_by_piece() -> None:
    tokens = written(pieces(CAUSE + ANSWER + TEXT, 10), finished=False)
    assert len(tokens) >= 2
    assert all(TEXT.startswith(text_of(tokens[:count])) for count in range(1, len(tokens) + 1))
    assert len(text_of(tokens)) > len(TEXT) / 2


def test_the_field_before_the_answer_is_never_told() -> None:
    assert written(pieces(CAUSE + "because " * 50, 7)) == []
    assert written(pieces("[[ ## thought ## ]]\n" + "because " * 50, 7)) == []


def test_what_stands_before_the_first_marker_is_not_the_answer() -> None:
    tokens = written(["Here is what I found. " * 2, ANSWER + TEXT + END])
    assert text_of(tokens) == TEXT


@pytest.mark.parametrize("cut", range(1, len("[[ ## completed ## ]]")))
def test_half_a_marker_is_held_back(cut) -> None:
    tokens = written([ANSWER, TEXT, " ", "\n\n[[ ## completed ## ]]"[: cut + 2]])
    assert text_of(tokens) == TEXT


@pytest.mark.parametrize("half", ["[", "[E", "[E1", "[E1,", "[E1, E"])
def test_half_a_citation_is_held_back_until_it_is_whole(half) -> None:
    sentence = "The resolver of the homelab does not answer anybody any more "
    tokens = written([ANSWER, sentence, half], finished=False)
    assert "[" not in text_of(tokens)
    tokens = written([ANSWER, sentence, half, "[E1, E2] at all."[len(half) :], END])
    assert text_of(tokens) == f"{sentence}[E1, E2] at all."


def test_a_second_draft_begins_the_text_anew() -> None:
    first = [*pieces(ANSWER + TEXT + END, 24)]
    second = [*pieces(ANSWER + "The disk of media is full [E1], and that is all that is known of it." + END, 24)]
    tokens = written([*first, None, *second])
    assert [token.draft for token in tokens] == sorted(token.draft for token in tokens)
    assert {token.draft for token in tokens} == {1, 2}
    assert text_of(tokens) == "The disk of media is full [E1], and that is all that is known of it."


def test_a_draft_that_broke_off_is_void_when_the_next_begins() -> None:
    tokens = written([ANSWER + TEXT, None, ANSWER + "Nothing is wrong."])
    assert text_of(tokens) == "Nothing is wrong."


def test_a_text_that_was_written_otherwise_takes_the_place_of_all() -> None:
    def write(draft: DraftShown) -> None:
        draft(None)
        draft(ANSWER + TEXT)
        draft.tell_whole("Code wrote this.")

    tokens = shown(write)
    assert tokens[0].draft < tokens[-1].draft
    assert text_of(tokens) == "Code wrote this."


@pytest.mark.parametrize("size", [1, 7, 40, 500])
def test_prose_without_markers_is_the_answer(size) -> None:
    assert len(TEXT) > PROSE_FROM
    assert text_of(written(pieces(TEXT, size))) == TEXT


def test_a_few_words_may_still_become_a_marker() -> None:
    assert written(pieces("[[ ## cau", 3)) == []
    assert written(["So: "], finished=False) == []


def test_nothing_is_told_and_nothing_fails_where_nobody_watches() -> None:
    draft = DraftShown(("answer",))
    draft(None)
    draft(ANSWER + TEXT)
    draft.finish()
    draft.tell_whole(TEXT)
    assert draft.told == ""


def test_an_empty_answer_tells_nothing() -> None:
    assert written([]) == []
    assert written(pieces(CAUSE + ANSWER + END, 5)) == []


# --- secrets

SECRET = "hunter2longer"
SAID = [
    "password={}",
    "password: {}",
    'password="{} and {}"',
    "--password {}",
    "Authorization: Bearer {}0123456789abcdef",
    "https://me:{}@nas/x",
    "DB_PASSWORD={}\n",
    "-----BEGIN RSA PRIVATE KEY-----\n{0}{0}{0}{0}\n{0}{0}{0}{0}\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("size", [1, 2, 5, 11, 24, 40, 57])
@pytest.mark.parametrize("said", SAID)
def test_a_secret_is_never_told_however_it_is_split(said, size) -> None:
    text = f"The log of media says that it was called with {said.format(SECRET, SECRET)} and then it ended [E1]. " * 2
    tokens = written(pieces(ANSWER + text + END, size))
    assert SECRET not in "".join(token.text for token in tokens)
    assert "redacted" in text_of(tokens)
    assert text_of(tokens).endswith("it ended [E1].")


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(0, 80))
def test_any_split_tells_the_same_text_without_the_secret(sizes, before) -> None:
    text = f"{'x' * before} so it ran with password=hunter2longer and port 53 [E1, E2], as the page says [K1]."
    whole, parts = ANSWER + text + END, []
    for size in sizes * 10:
        parts.append(whole[:size])
        whole = whole[size:]
    tokens = written([*parts, whole])
    assert text_of(tokens) == text.strip().replace("hunter2longer", "[redacted]")
    assert not any("hunter" in token.text for token in tokens)
