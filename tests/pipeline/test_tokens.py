"""Counting tokens without a limit, and without a hole for what the tokenizer does not know."""

from __future__ import annotations

from pipeline.tokens import count_tokens


def test_words_and_punctuation_are_counted() -> None:
    assert count_tokens("") == 0
    assert count_tokens("the disk is full.") == 5


def test_a_long_text_is_counted_to_its_end() -> None:
    assert count_tokens("disk " * 5_000) == 5_000


def test_a_word_that_is_too_long_for_the_tokenizer_is_not_one_token() -> None:
    assert count_tokens("A" * 10_000) >= 2_000


def test_a_script_that_the_tokenizer_does_not_know_counts_by_character() -> None:
    assert count_tokens("ᚠᚢᚦᚨᚱᚲ") == 6
