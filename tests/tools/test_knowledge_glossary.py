"""Pages named after well-known software, found by what it is for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.knowledge.catalogue import Catalogue, Stamp
from tools.knowledge.chunks import split_document
from tools.knowledge.documents import parse
from tools.knowledge.glossary import LONGEST_NAME, gloss_of, load_glossary


def test_a_role_is_looked_up_by_its_directory_and_a_page_by_its_file() -> None:
    chrony = load_glossary()["chrony"]
    assert gloss_of("roles/chrony/tasks/main.yml", "roles/chrony") == chrony
    assert gloss_of("time/chrony.md", "time/chrony.md") == chrony
    assert gloss_of("chrony/notes.md", "chrony/notes.md") == "", "a page's directory is no name of its own"
    assert gloss_of("roles/nothing-known/tasks/chrony.yml", "roles/nothing-known") == ""


@pytest.mark.parametrize("name", ["Chrony.md", "install_chrony.md", "chrony-on-proxmoxless-hosts.md"])
def test_a_name_is_found_however_it_is_written_and_among_other_words(name: str) -> None:
    assert load_glossary()["chrony"] in gloss_of(name, name).split(". ")


def test_the_longest_name_counts_and_each_word_once() -> None:
    glossary = load_glossary()
    assert {"adguard", "adguard home"} <= glossary.keys()
    assert gloss_of("adguard-home.md", "adguard-home.md") == glossary["adguard home"]
    assert gloss_of("adguard.md", "adguard.md") == glossary["adguard"]


def test_all_that_a_name_names_is_told() -> None:
    glossary = load_glossary()
    assert gloss_of("chrony-and-adguard.md", "chrony-and-adguard.md") == f"{glossary['chrony']}. {glossary['adguard']}"


def test_every_entry_can_be_found_by_its_name() -> None:
    """One that is written in another way than names are read, or is longer than what is looked up, would be dead."""
    glossary = load_glossary()
    assert len(glossary) > 500
    lost = [name for name, words in glossary.items() if gloss_of(f"{name}.md", f"{name}.md") != words]
    assert lost == []
    assert max(len(name.split()) for name in glossary) <= LONGEST_NAME


def test_the_index_finds_a_page_by_words_that_only_its_gloss_has(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "words.db", create=True)
    for name in ("chrony.md", "unrelated.md"):
        document = parse(name, "# Installation\n\nRun the installer.\n", str)
        catalogue.put(document, split_document(document), Stamp("/srv", 1, 1, "a"), datetime(2026, 3, 1, tzinfo=UTC))
    assert catalogue.best_documents(["synchronisation"], 5) == ["chrony.md"]
    catalogue.close()
