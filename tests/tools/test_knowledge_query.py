"""What is looked for: words that tell, compounds as phrases, and names that nobody wrote about."""

from __future__ import annotations

import pytest

from tools.knowledge.query import MAX_CHARACTERS, MAX_PHRASES, names_something_foreign, read_query


def test_words_are_lower_case_each_once_and_without_fillers() -> None:
    assert read_query("How do I restart the DNS stack? Restart it!").words == ("restart", "dns", "stack")


def test_a_question_of_fillers_alone_keeps_them() -> None:
    assert read_query("What is this?").words == ("what", "is", "this")


@pytest.mark.parametrize(
    ("text", "words", "compounds"),
    [
        ("KubeAPIErrors", ("kube", "api", "errors"), ("kube api", "api errors")),
        ("node_exporter", ("node", "exporter"), ("node exporter",)),
        ("cert-manager fails", ("cert", "manager", "fails"), ("cert manager",)),
        ("full disk", ("full", "disk"), ()),
    ],
)
def test_a_compound_is_its_words_and_the_pairs_of_neighbours(
    text: str, words: tuple[str, ...], compounds: tuple[str, ...]
) -> None:
    query = read_query(text)
    assert (query.words, query.compounds) == (words, compounds)
    assert query.phrases == (*words, *compounds)


def test_the_embedding_reads_it_spelt_out_and_once_more_without_values() -> None:
    query = read_query("HostDiskFull on 10.0.20.11:9100 /var at 94% now")
    assert query.text == "Host Disk Full on 10.0.20.11:9100 /var at 94% now"
    assert query.bare == "Host Disk Full on at now"
    assert read_query("10.0.20.11:9100").bare == "10.0.20.11:9100"


def test_length_and_phrases_are_bounded() -> None:
    query = read_query(" ".join(f"word{number}name" for number in range(5_000)))
    assert len(query.text) <= MAX_CHARACTERS
    assert len(query.phrases) == MAX_PHRASES


def test_half_a_surrogate_pair_becomes_text() -> None:
    query = read_query("disk \ud83d full")
    assert query.text.encode()
    assert query.words == ("disk", "full")


def test_no_letters_is_no_phrase() -> None:
    assert read_query("\x00 ?! ✓").phrases == ()


@pytest.mark.parametrize("word", ["paperless", "vaultwarden"])
def test_foreign_is_what_neither_the_documents_nor_the_language_know(word: str) -> None:
    assert names_something_foreign(("restart", word), {"unbound"}.__contains__, {"restart"}.__contains__)


@pytest.mark.parametrize("word", ["unbound", "restart", "restarted", "restarting", "unrestart", "94", "10gb", "zz"])
def test_known_words_inflected_ones_numbers_and_scraps_are_not_foreign(word: str) -> None:
    assert not names_something_foreign((word,), {"unbound"}.__contains__, {"restart"}.__contains__)
