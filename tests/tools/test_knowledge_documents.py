"""Directories as people have them: wrong encodings, binaries, links in circles, pipes, broken front matter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import InvalidInput
from tools.knowledge.documents import MAX_BYTES, Document, parse, read_sources


def write(root: Path, name: str, content: str | bytes = "# Page\n\nText.\n") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def names(documents: list[Document]) -> list[str]:
    return sorted(document.path for document in documents)


def test_reads_markdown_and_yaml_below_the_source_and_nothing_else(tmp_path: Path) -> None:
    for name in (
        "a.md",
        "deep/er/b.MARKDOWN",
        "plays/site.yml",
        ".git/c.md",
        "node_modules/d.md",
        "picture.png",
        ".e.md",
    ):
        write(tmp_path, name)
    reading = read_sources([tmp_path])
    assert names(reading.documents) == ["a.md", "deep/er/b.MARKDOWN", "plays/site.yml"]
    assert reading.skipped == []
    assert {document.path: document.kind for document in reading.documents}["plays/site.yml"] == "playbook"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_text_that_is_not_plain_utf8_is_still_read(tmp_path: Path, encoding: str) -> None:
    text = (
        "# Überlauf\n\nDie Festplatte ist voll. Größe prüfen, alte Protokolle löschen, Dienst für Dienst neu starten.\n"
    )
    write(tmp_path, "voll.md", text.encode(encoding))
    (document,) = read_sources([tmp_path]).documents
    assert document.body == text


def test_what_cannot_be_indexed_is_skipped_and_named(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    write(tmp_path, "image.md", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 20)
    write(tmp_path, "huge.md", b"word " * (MAX_BYTES // 5 + 1))
    write(tmp_path, "blank.md", " \n\n")
    write(tmp_path, "control.md", b"\x01\x02\x03\x04 text " * 50)
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "itself.md").symlink_to("itself.md")
    (tmp_path / "nowhere.md").symlink_to("gone.md")
    reading = read_sources([tmp_path])
    assert names(reading.documents) == ["good.md"]
    assert sorted(reading.skipped) == [
        "blank.md: empty",
        "control.md: binary, not text",
        "huge.md: larger than 5 MB",
        "image.md: binary, not text",
        "itself.md: a symbolic link that leads nowhere or to itself",
        "nowhere.md: a symbolic link that leads nowhere or to itself",
        "pipe.md: not a regular file",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_and_directory_are_named(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    write(tmp_path, "secret.md").chmod(0)
    write(tmp_path, "closed/page.md").parent.chmod(0)
    reading = read_sources([tmp_path])
    (tmp_path / "closed").chmod(0o700)
    assert names(reading.documents) == ["good.md"]
    assert sorted(reading.skipped) == [
        "closed: cannot be read (Permission denied)",
        "secret.md: cannot be read (Permission denied)",
    ]


def test_links_are_followed_inside_the_source_only_and_count_once(tmp_path: Path) -> None:
    source = tmp_path / "runbooks"
    write(source, "real/page.md")
    write(tmp_path, "outside/private.md")
    (source / "again.md").symlink_to(source / "real" / "page.md")
    (source / "loop").symlink_to(source)
    (source / "real" / "up").symlink_to("..")
    (source / "out").symlink_to(tmp_path / "outside")
    (source / "out.md").symlink_to(tmp_path / "outside" / "private.md")
    reading = read_sources([source])
    assert names(reading.documents) == ["real/page.md"]
    assert sorted(reading.skipped) == [
        "loop: a symbolic link to a directory that is read already",
        "out.md: a symbolic link out of its source",
        "out: a symbolic link out of its source",
        "real/up: a symbolic link to a directory that is read already",
    ]


def test_a_mounted_config_map_is_read_through_its_links(tmp_path: Path) -> None:
    """Kubernetes keeps the files in a hidden directory and links to them."""
    write(tmp_path, "..2026_11_20/dns.md")
    (tmp_path / "..data").symlink_to("..2026_11_20")
    (tmp_path / "dns.md").symlink_to("..data/dns.md")
    assert names(read_sources([tmp_path]).documents) == ["dns.md"]


def test_the_first_of_two_documents_with_one_name_counts(tmp_path: Path) -> None:
    write(tmp_path, "one/page.md", "first")
    write(tmp_path, "two/page.md", "second")
    reading = read_sources([tmp_path / "one", tmp_path / "two"])
    assert [document.body for document in reading.documents] == ["first"]
    assert len(reading.skipped) == 1
    assert "holds a second document of this name" in reading.skipped[0]


def test_a_source_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"source: .*missing is no directory"):
        read_sources([tmp_path / "missing"])


def test_front_matter_gives_title_alerts_and_kind() -> None:
    text = "---\ntitle: DNS stack\nalerts: [DnsServerFailing, TargetMissing]\nkind: incident\nupdated: 2026-11-22\n---\n\n# X\n"
    document = parse("dns.md", text, [])
    assert (document.title, document.alerts, document.kind) == (
        "DNS stack",
        ("DnsServerFailing", "TargetMissing"),
        "incident",
    )
    assert document.body.strip() == "# X"


@pytest.mark.parametrize(
    "header", ["alert: HostDown, GuestDown", "alerts: HostDown GuestDown", "alerts:\n- HostDown\n- GuestDown"]
)
def test_alerts_may_be_written_in_any_usual_way(header: str) -> None:
    assert parse("a.md", f"---\n{header}\n---\ntext", []).alerts == ("HostDown", "GuestDown")


def test_broken_front_matter_costs_a_warning_and_not_the_page() -> None:
    warnings: list[str] = []
    document = parse("a.md", "---\ntitle: [open\n---\n\n# Steps\n\nRestart it.\n", warnings)
    assert "Restart it." in document.body
    assert warnings == ["a.md: its front matter is not valid YAML and was left out"]


@pytest.mark.parametrize(
    "text", ["---\nno mapping\n---\nbody", "---\nnever closed\n", "---\ntitle: {a: b}\nalerts: 3\n---\nbody"]
)
def test_odd_front_matter_loses_no_text(text: str) -> None:
    document = parse("a.md", text, [])
    assert document.title is None
    assert document.alerts == ()
    assert text.strip().splitlines()[-1] in document.body


def test_windows_line_ends_do_not_matter() -> None:
    assert parse("a.md", "---\r\ntitle: T\r\n---\r\n# A\r\n\r\ntext\r\n", []) == parse(
        "a.md", "---\ntitle: T\n---\n# A\n\ntext\n", []
    )
