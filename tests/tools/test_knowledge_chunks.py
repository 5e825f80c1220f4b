"""Pages to chunks: where cuts fall, which line each begins in, and which ids survive an edit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.knowledge.chunks import MAX_CHARACTERS, Chunk, names_of, spell_out, split_document
from tools.knowledge.documents import parse

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


def split(text: str, name: str = "host-disk-full.md") -> list[Chunk]:
    return split_document(parse(name, text, str))


def line_of(chunk: Chunk, text: str) -> str:
    """What stands in the file where the chunk says that it begins."""
    return text.split("\n")[chunk.line - 1]


def test_sections_carry_their_heading_path_and_fences_hold_no_headings() -> None:
    assert [(chunk.heading, chunk.text) for chunk in split(PAGE)] == [
        ("Disk full", "Intro."),
        ("Disk full > Diagnosis", "```bash\n# not a heading\ndf -h\n```"),
        ("Disk full > Diagnosis > On the NAS", "Look at `zpool list`."),
        ("Disk full > Mitigation", "Free space."),
    ]


def test_positions_count_through_the_page_and_lines_are_those_of_the_file() -> None:
    for front_matter in ("", "---\ntitle: Storage\nalerts: [HostDiskFull]\n---\n", "---\ntitle: T\n---\n\n\n"):
        text = front_matter + PAGE
        chunks = split(text)
        assert [chunk.position for chunk in chunks] == [0, 1, 2, 3]
        assert [line_of(chunk, text) for chunk in chunks] == [
            "Intro.",
            "```bash",
            "Look at `zpool list`.",
            "Free space.",
        ]


def test_the_embedding_reads_title_telling_headings_and_alerts_as_words() -> None:
    """A heading that half of all runbooks have, like "Diagnosis", would only make their passages more alike."""
    text = "---\nalerts: [HostDiskWillFill]\n---\n" + PAGE
    assert split(text)[2].embedding_text.startswith("Disk full. On the NAS. Host Disk Will Fill\nLook at")
    assert split(text)[1].embedding_text.startswith("Disk full. Host Disk Will Fill\n```bash")
    titled = split("---\ntitle: Storage\n---\n" + PAGE)[0]
    assert titled.embedding_text == "Storage. Disk full\nIntro."


def test_a_document_goes_by_its_title_its_file_name_and_its_alerts() -> None:
    document = parse("storage/host-disk_full.md", "---\nalerts: [HostDiskWillFill]\n---\n" + PAGE, str)
    assert names_of(document) == "Disk full. host disk full. Host Disk Will Fill"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HostDiskFull", "Host Disk Full"),
        ("PveAPIQuotaLow", "Pve API Quota Low"),
        ("zfsPoolFaulted fires", "zfs Pool Faulted fires"),
        ("KubeAPIErrorBudgetBurn", "Kube API Error Budget Burn"),
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


def test_each_piece_of_a_long_section_knows_its_line() -> None:
    text = "---\ntitle: T\n---\n# Long\n\n" + "\n\n".join(
        f"Paragraph {number}. " + "words " * 60 + "end" for number in range(12)
    )
    chunks = split(text)
    assert len(chunks) > 2
    assert [chunk.text.split("\n")[0] for chunk in chunks] == [line_of(chunk, text) for chunk in chunks]


def test_a_long_code_block_is_closed_and_opened_again_at_a_cut() -> None:
    lines = [f"echo line number {number} of the script" for number in range(200)]
    text = "# Script\n\n```bash\n" + "\n".join(lines) + "\n```\n"
    chunks = split(text)
    assert len(chunks) > 1
    assert line_of(chunks[0], text) == "```bash"
    assert [line_of(chunk, text) for chunk in chunks[1:]] == [chunk.text.split("\n")[1] for chunk in chunks[1:]]
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


def test_headings_that_read_alike_have_ids_of_their_own() -> None:
    """The path "A > B" and the heading "A > B" are the same words."""
    chunks = split("# A\n\n## B\n\none\n\n# A > B\n\ntwo\n")
    assert [chunk.heading for chunk in chunks] == ["A > B", "A > B"]
    assert len({chunk.id for chunk in chunks}) == 2


def test_the_same_page_elsewhere_has_other_ids() -> None:
    assert {chunk.id for chunk in split(PAGE)}.isdisjoint(chunk.id for chunk in split(PAGE, "copy.md"))


def test_plain_yaml_is_cut_at_blank_lines() -> None:
    text = "\n\n".join(f"service_{number}:\n  image: nginx\n  note: {'hello ' * 6}end" for number in range(60))
    chunks = split(text, "deploy/compose.yml")
    assert len(chunks) > 1
    assert all(chunk.text.startswith("service_") and chunk.text.endswith("end") for chunk in chunks)
    assert {chunk.heading for chunk in chunks} == {"deploy/compose.yml"}
    assert [line_of(chunk, text) for chunk in chunks] == [chunk.text.split("\n")[0] for chunk in chunks]


def test_each_task_and_each_variable_stands_where_its_passage_says() -> None:
    tasks = "---\n# SPDX-License-Identifier: MIT\n\n" + "\n".join(
        f"# Why {number}\n- name: Task {number}\n  ansible.builtin.command: run {number}\n" for number in range(5)
    )
    chunks = split(tasks, "roles/a/tasks/main.yml")
    assert [chunk.heading for chunk in chunks] == [f"role a > tasks/main.yml > Task {number}" for number in range(5)]
    assert [line_of(chunk, tasks) for chunk in chunks] == [f"# Why {number}" for number in range(5)]
    variables = "---\n" + "\n".join(f"a_{number}:\n" + "  - some value of it\n" * 12 for number in range(9))
    chunks = split(variables, "roles/a/defaults/main.yml")
    assert len(chunks) > 1
    assert [line_of(chunk, variables) for chunk in chunks] == [chunk.text.split("\n")[0] for chunk in chunks]


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
