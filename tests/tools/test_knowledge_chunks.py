"""Pages to chunks: what counts as a heading, where cuts fall, and which ids survive an edit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.knowledge.chunks import MAX_CHARACTERS, Chunk, spell_out, split_document
from tools.knowledge.documents import Document

PAGE = """# Disk full

Intro.

## Diagnosis

```bash
# not a heading
df -h
```

### On the NAS

Look at `zpool list`.

## Mitigation

Free space.
"""


def split(body: str, **fields: object) -> list[Chunk]:
    return split_document(Document(path="host-disk-full.md", body=body, **fields))  # type: ignore[arg-type]


def test_sections_carry_their_heading_path_and_fences_hold_no_headings() -> None:
    assert [(chunk.heading, chunk.text) for chunk in split(PAGE)] == [
        ("Disk full", "Intro."),
        ("Disk full > Diagnosis", "```bash\n# not a heading\ndf -h\n```"),
        ("Disk full > Diagnosis > On the NAS", "Look at `zpool list`."),
        ("Disk full > Mitigation", "Free space."),
    ]


def test_headings_lose_their_markup_and_underlined_ones_count() -> None:
    chunks = split("The *old* `zfs` [pool](x.md)\n====\n\ntext\n\n> # quoted\n")
    assert [chunk.heading for chunk in chunks] == ["The old zfs pool"]


def test_the_embedding_reads_title_path_alerts_and_file_name_as_words() -> None:
    chunk = split(PAGE, alerts=("HostDiskWillFill",))[1]
    assert chunk.embedding_text.startswith("Disk full. Diagnosis. Host Disk Will Fill. host disk full\n")
    titled = split(PAGE, title="Storage")[1]
    assert titled.embedding_text.startswith("Storage. Disk full. Diagnosis\n")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HostDiskFull", "Host Disk Full"),
        ("PveAPIQuotaLow", "Pve API Quota Low"),
        ("zfsPoolFaulted fires", "zfs Pool Faulted fires"),
        ("NAS and DNS", "NAS and DNS"),
        ("node_load1 Disk", "node_load1 Disk"),
    ],
)
def test_compound_names_are_spelt_out(name: str, words: str) -> None:
    assert spell_out(name) == words


def test_a_long_section_is_cut_between_steps_into_similar_pieces() -> None:
    steps = [f"{number}. Step {number}: " + "check this and that. " * 10 for number in range(1, 13)]
    chunks = split("# Long\n\n" + "\n".join(steps))
    assert len(chunks) > 1
    assert all(chunk.text.lstrip()[0].isdigit() for chunk in chunks)
    assert min(len(chunk.text) for chunk in chunks) > max(len(chunk.text) for chunk in chunks) / 2
    assert {chunk.heading for chunk in chunks} == {"Long"}


def test_a_long_code_block_is_closed_and_opened_again_at_a_cut() -> None:
    lines = [f"echo line number {number} of the script" for number in range(200)]
    chunks = split("# Script\n\n```bash\n" + "\n".join(lines) + "\n```\n")
    assert len(chunks) > 1
    for chunk in chunks:
        assert chunk.text.startswith("```bash\n")
        assert chunk.text.endswith("\n```")
    assert re.findall(r"echo .*", "\n".join(chunk.text for chunk in chunks)) == lines


def test_ids_survive_an_edit_in_another_section_and_differ_within_one_page() -> None:
    before, after = split(PAGE), split(PAGE.replace("Intro.", "Intro.\n\n" + "More text. " * 300))
    assert len({chunk.id for chunk in after}) == len(after)
    assert {chunk.id for chunk in before if chunk.heading != "Disk full"} <= {chunk.id for chunk in after}
    again = split("# A\n\n## Same\n\none\n\n## Same\n\ntwo\n")
    assert len({chunk.id for chunk in again}) == 2


def test_a_page_of_headings_only_can_still_be_found() -> None:
    assert [(chunk.heading, chunk.text) for chunk in split("# Restore\n\n## Steps\n")] == [("Restore", "Restore")]


def test_yaml_is_cut_at_blank_lines() -> None:
    body = "\n\n".join(f"- name: task {number}\n  ansible.builtin.debug:\n    msg: hello" for number in range(60))
    chunks = split_document(Document(path="site.yml", body=body, format="yaml", kind="playbook"))
    assert len(chunks) > 1
    assert all(chunk.text.startswith("- name") and chunk.text.endswith("hello") for chunk in chunks)
    assert {chunk.heading for chunk in chunks} == {"site.yml"}


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from("*`>1. \nabcdefgh|"), max_size=6000))
def test_no_letter_is_lost_and_no_chunk_too_long(body: str) -> None:
    chunks = split(body)
    shown = iter("".join(chunk.text for chunk in chunks))
    assert all(letter in shown for letter in body if letter.isalpha())  # in order: each search goes on from the last
    assert all(len(chunk.text) <= MAX_CHARACTERS + 100 for chunk in chunks)  # a fence closed and opened again at a cut


def test_a_line_longer_than_a_chunk_is_broken() -> None:
    chunks = split("# Log\n\n" + "x" * 5000)
    assert sum(len(chunk.text) for chunk in chunks) == 5000
    assert max(len(chunk.text) for chunk in chunks) <= MAX_CHARACTERS
