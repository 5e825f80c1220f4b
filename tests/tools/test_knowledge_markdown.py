"""Which lines of a page stand under which heading."""

from __future__ import annotations

import pytest

from tools.knowledge.markdown import markdown_sections


def sections(body: str) -> list[tuple[tuple[str, ...], list[str]]]:
    """Heading paths with the texts of their blocks; those without text left out."""
    lines = body.split("\n")
    return [
        (section.path, ["\n".join(lines[start:end]).strip() for start, end in section.blocks])
        for section in markdown_sections(body)
        if section.blocks
    ]


def test_headings_nest_and_close_what_is_as_deep() -> None:
    body = "before\n\n# A\n\none\n\n### C\n\ntwo\n\n## B\n\nthree\n\n# D\n\nfour\n"
    assert sections(body) == [
        ((), ["before"]),
        (("A",), ["one"]),
        (("A", "C"), ["two"]),
        (("A", "B"), ["three"]),
        (("D",), ["four"]),
    ]


def test_a_section_without_text_is_kept_for_its_heading() -> None:
    assert [section.path for section in markdown_sections("# Restore\n\n## Steps\n")] == [
        (),
        ("Restore",),
        ("Restore", "Steps"),
    ]


@pytest.mark.parametrize("body", ["```bash\n# df -h\n```", "~~~\n# df -h\n~~~", "    # df -h", "> # df -h", "#df -h"])
def test_what_only_looks_like_a_heading_is_text(body: str) -> None:
    assert [(path, len(blocks)) for path, blocks in sections(f"# A\n\n{body}\n")] == [(("A",), 1)]


def test_headings_lose_their_markup() -> None:
    assert sections("The *old* `zfs` [pool](x.md)\n====\n\ntext\n") == [(("The old zfs pool",), ["text"])]


def test_blocks_are_paragraphs_fences_tables_and_single_list_items() -> None:
    body = "one\ntwo\n\n```\na\n\nb\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n1. first\n\n   more\n2. second\n   - inner\n"
    assert sections(body) == [
        (
            (),
            [
                "one\ntwo",
                "```\na\n\nb\n```",
                "| a | b |\n|---|---|\n| 1 | 2 |",
                "1. first\n\n   more",
                "2. second\n   - inner",
            ],
        )
    ]
