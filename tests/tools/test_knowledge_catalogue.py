"""The words of one generation, in a real SQLite file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.knowledge.catalogue import SHARING, Catalogue, Stamp
from tools.knowledge.chunks import split_document
from tools.knowledge.damage import DamagedIndex
from tools.knowledge.documents import parse

CHANGED = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = Stamp("/srv/runbooks", 120, 1_700_000_000_123_456_789, "ab" * 32)
PAGES = {
    "dns.md": "---\nalerts: [DnsServerFailing]\n---\n# Name resolution\n\n## Meaning\n\nA resolver is silent.\n\n## Mitigation\n\nRestart Unbound.\n",
    "disk-full.md": "# Disk full\n\nDelete old logs, then restart nothing.\n",
    "ups.md": "---\ntitle: [open\n---\n# Battery\n\nMains power is gone.\n",
    "roles/lanbox/tasks/main.yml": "- name: Install Unbound\n  ansible.builtin.apt:\n    name: unbound\n",
}


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    catalogue = Catalogue(tmp_path / "words.db", create=True)
    for path, text in PAGES.items():
        put(catalogue, path, text)
    catalogue.commit()
    yield catalogue
    catalogue.close()


def put(catalogue: Catalogue, path: str, text: str) -> None:
    document = parse(path, text, str)
    catalogue.put(document, split_document(document), STAMP, CHANGED)


def found(catalogue: Catalogue, *phrases: str) -> list[str]:
    """The documents of the passages that match, best first."""
    numbers = catalogue.matches("passages", phrases, 10)
    stored = catalogue.passages(list(numbers))
    return [stored[number].path for number in numbers]


def test_what_was_put_comes_back(catalogue: Catalogue) -> None:
    assert catalogue.counts() == (4, 6)
    assert catalogue.stamps() == dict.fromkeys(PAGES, STAMP)
    assert catalogue.warnings() == ["ups.md: its front matter is not valid YAML and was left out"]
    first, second = catalogue.sections("dns.md")
    assert (first.heading, first.text, first.position, first.line) == (
        "Name resolution > Meaning",
        "A resolver is silent.",
        0,
        8,
    )
    assert (second.kind, second.belongs, second.changed_at) == ("runbook", "dns.md", CHANGED)
    assert catalogue.sections("nothing.md") == []
    (task,) = catalogue.sections("roles/lanbox/tasks/main.yml")
    assert (task.kind, task.belongs) == ("playbook", "roles/lanbox")


def test_names_count_and_words_match_by_their_stem(catalogue: Catalogue) -> None:
    assert set(found(catalogue, "restarting")) == {"dns.md", "disk-full.md"}
    assert set(found(catalogue, "unbound")) == {"roles/lanbox/tasks/main.yml", "dns.md"}
    assert set(found(catalogue, "failing")) == {"dns.md"}, "an alert is a name"
    assert found(catalogue, "DISKS") == ["disk-full.md"]
    assert found(catalogue, "elasticsearch") == found(catalogue) == []


def test_a_phrase_is_words_side_by_side(catalogue: Catalogue) -> None:
    assert found(catalogue, "old logs") == ["disk-full.md"]
    assert found(catalogue, "logs old") == []
    assert catalogue.frequency("documents", "install unbound") == 1
    assert catalogue.frequency("documents", "unbound") == 2


def test_words_that_no_tokenizer_keeps_match_nothing(catalogue: Catalogue) -> None:
    for phrase in ("²", "'", "*", "a OR b", "^", "NEAR(a b)"):
        assert found(catalogue, phrase) == []


def test_plain_bm25_over_whole_pages(catalogue: Catalogue) -> None:
    assert catalogue.best_documents(["resolver", "silent"], 3) == ["dns.md"]
    assert len(catalogue.best_documents(["restart", "unbound", "power"], 2)) == 2


def test_what_reads_alike_shares_a_vector(catalogue: Catalogue) -> None:
    """And gives it up when the last of them has gone."""
    license_only = "# Role Name\n\nBSD\n"
    before = catalogue.vectors("passage"), catalogue.vectors("document")
    assert (len(before[0]), len(before[1])) == (6, 4)
    copies = [f"roles/{number}/README.md" for number in range(SHARING + 3)]
    for path in copies:
        put(catalogue, path, license_only)
    (passage,), (document,) = catalogue.vectors("passage") - before[0], catalogue.vectors("document") - before[1]
    assert set(catalogue.sharing("passage", [passage, "nobody's"]).values()) == {passage}
    numbers = catalogue.sharing("document", [document])
    assert len(numbers) == SHARING
    assert catalogue.document_vectors(list(numbers)) == dict.fromkeys(numbers, document)
    for path in copies[1:]:
        catalogue.remove(path)
    assert passage in catalogue.vectors("passage")
    catalogue.remove(copies[0])
    assert (catalogue.vectors("passage"), catalogue.vectors("document")) == before


def test_lookups_by_number(catalogue: Catalogue) -> None:
    passages = [stored.number for stored in catalogue.sections("dns.md")]
    document = catalogue.sections("dns.md")[0].document
    assert catalogue.document_of(passages) == dict.fromkeys(passages, document)
    assert catalogue.first_passages([document]) == {document: passages[0]}
    assert catalogue.passages([passages[1], 999]) == {passages[1]: catalogue.sections("dns.md")[1]}


def test_a_removed_document_leaves_no_word_behind(catalogue: Catalogue) -> None:
    keys = [stored.key for stored in catalogue.sections("dns.md")]
    catalogue.remove("dns.md")
    catalogue.remove("dns.md")  # what is not there is no trouble
    assert catalogue.counts() == (3, 4)
    assert catalogue.frequency("documents", "resolver") == catalogue.frequency("passages", "resolver") == 0
    assert found(catalogue, "restart") == ["disk-full.md"]
    put(catalogue, "dns.md", PAGES["dns.md"])
    assert {stored.key for stored in catalogue.sections("dns.md")} == set(keys)
    catalogue.check()


def test_nothing_is_kept_until_the_commit(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.remove("dns.md")
    catalogue.close()
    reader = Catalogue(tmp_path / "words.db")
    assert set(reader.stamps()) == set(PAGES)
    reader.close()


def test_touching_changes_the_stamp_and_not_the_date(catalogue: Catalogue) -> None:
    catalogue.touch("dns.md", Stamp("/elsewhere", 121, 7, "other"))
    assert catalogue.stamps()["dns.md"] == Stamp("/elsewhere", 121, 7, STAMP.sha256)
    assert catalogue.sections("dns.md")[0].changed_at == CHANGED


def test_the_best_possible_score_of_a_rare_word_is_near_its_bound(catalogue: Catalogue) -> None:
    """Scores become comparable by it; SQLite's own inverse document frequency over 6 passages, of which one matches."""
    (score,) = catalogue.matches("passages", ["mains"], 1).values()
    frequency_weight = math.log((6 - 1 + 0.5) / (1 + 0.5))
    assert 0.5 * frequency_weight < score < 2.2 * frequency_weight


def test_a_reader_cannot_write(catalogue: Catalogue, tmp_path: Path) -> None:
    reader = Catalogue(tmp_path / "words.db")
    with pytest.raises(DamagedIndex, match="readonly"):
        reader.remove("dns.md")
    reader.close()


def test_a_missing_file_is_damage_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DamagedIndex, match="unable to open"):
        Catalogue(tmp_path / "words.db").counts()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"nonsense" * 5000], ids=["empty", "garbage"])
def test_another_file_in_its_place_is_damage(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "words.db").write_bytes(content)
    with pytest.raises(DamagedIndex):
        Catalogue(tmp_path / "words.db").counts()


def test_a_torn_page_is_noticed_by_the_check(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.close()
    path = tmp_path / "words.db"
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 6] = b"\xff" * 4096 * 4
    path.write_bytes(content)
    with pytest.raises(DamagedIndex):
        Catalogue(path).check()
