"""Directories as people have them: wrong encodings, binaries, links in circles, pipes, names that are no text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import InvalidInput
from tools.knowledge.files import MAX_BYTES, find_files, read_file


def write(root: Path, name: str, content: str | bytes = "# Page\n\nText.\n") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read_all(*sources: Path) -> tuple[dict[str, str], list[str]]:
    """The texts by name, and what was skipped."""
    skipped: list[str] = []
    texts = {file.name: read_file(file, skipped) for file in find_files(sources, skipped)}
    return {name: text for name, text in texts.items() if text is not None}, sorted(skipped)


def test_reads_documents_below_the_source_and_nothing_else(tmp_path: Path) -> None:
    wanted = ("a.md", "deep/er/b.MARKDOWN", "inventory/hosts", "plays/site.yml", "roles/x/templates/unit.service.j2")
    unwanted = (
        ".git/c.md",
        "production",
        "bin/staging",
        "node_modules/d.md",
        "venv/x.yml",
        "picture.png",
        ".e.md",
        "hosts.txt",
        "Makefile",
    )
    for name in (*wanted, *unwanted):
        write(tmp_path, name)
    texts, skipped = read_all(tmp_path)
    assert sorted(texts) == sorted(wanted)
    assert skipped == []


def test_a_file_comes_with_what_tells_whether_it_was_touched(tmp_path: Path) -> None:
    page = write(tmp_path, "deep/page.md", "12345")
    os.utime(page, ns=(0, 1_700_000_000_123_456_789))
    (file,) = find_files([tmp_path], [])
    assert (file.name, file.path, file.root) == ("deep/page.md", page, tmp_path)
    assert (file.size, file.modified) == (5, 1_700_000_000_123_456_789)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
def test_text_that_is_not_plain_utf8_is_still_read(tmp_path: Path, encoding: str) -> None:
    text = (
        "# Überlauf\n\nDie Festplatte ist voll. Größe prüfen, alte Protokolle löschen, Dienst für Dienst neu starten.\n"
    )
    write(tmp_path, "voll.md", text.encode(encoding))
    assert read_all(tmp_path) == ({"voll.md": text}, [])


def test_windows_and_old_mac_line_ends_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "# A\r\n\r\none\rtwo\n")
    assert read_all(tmp_path)[0] == {"a.md": "# A\n\none\ntwo\n"}


def test_what_cannot_be_indexed_is_skipped_and_named(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    write(tmp_path, "image.md", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 20)
    write(tmp_path, "large.md", b"word " * (MAX_BYTES // 5 + 1))
    write(tmp_path, "blank.md", " \n\n")
    write(tmp_path, "nothing.md", "")
    write(tmp_path, "control.md", b"\x01\x02\x03\x04 text " * 50)
    with (tmp_path / "huge.md").open("wb") as sparse:
        sparse.truncate(50_000_000)
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "itself.md").symlink_to("itself.md")
    (tmp_path / "nowhere.md").symlink_to("gone.md")
    (tmp_path / "empty").mkdir()
    texts, skipped = read_all(tmp_path)
    assert list(texts) == ["good.md"]
    assert skipped == [
        "blank.md: empty",
        "control.md: binary, not text",
        "huge.md: larger than 5 MB",
        "image.md: binary, not text",
        "itself.md: a symbolic link that leads nowhere or to itself",
        "large.md: larger than 5 MB",
        "nothing.md: empty",
        "nowhere.md: a symbolic link that leads nowhere or to itself",
        "pipe.md: not a regular file",
    ]


def test_a_file_of_the_largest_size_is_read_whole(tmp_path: Path) -> None:
    write(tmp_path, "large.md", b"a" * (MAX_BYTES - 1) + b"z")
    text = read_all(tmp_path)[0]["large.md"]
    assert (len(text), text[-1]) == (MAX_BYTES, "z")


def test_what_is_unreadable_is_named(tmp_path: Path) -> None:
    """Also a directory that can be listed and not entered."""
    write(tmp_path, "good.md")
    secret = write(tmp_path, "secret.md")
    closed, listed = (write(tmp_path, f"{name}/page.md").parent for name in ("closed", "listed"))
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        pytest.skip("this user may read everything")
    closed.chmod(0)
    listed.chmod(0o400)
    texts, skipped = read_all(tmp_path)
    closed.chmod(0o700)
    listed.chmod(0o700)
    assert list(texts) == ["good.md"]
    assert skipped == [
        "closed: cannot be read (Permission denied)",
        "listed/page.md: cannot be read (Permission denied)",
        "secret.md: cannot be read (Permission denied)",
    ]


def test_a_file_that_is_gone_or_a_pipe_by_now_is_named(tmp_path: Path) -> None:
    gone, pipe = write(tmp_path, "gone.md"), write(tmp_path, "pipe.md")
    found = find_files([tmp_path], [])
    gone.unlink()
    pipe.unlink()
    os.mkfifo(pipe)
    skipped: list[str] = []
    assert [read_file(file, skipped) for file in found] == [None, None]
    assert sorted(skipped) == ["gone.md: cannot be read (No such file or directory)", "pipe.md: empty"]


def test_links_are_followed_inside_the_source_only_and_count_once(tmp_path: Path) -> None:
    source = tmp_path / "runbooks"
    write(source, "real/page.md")
    write(tmp_path, "outside/private.md")
    (source / "again.md").symlink_to(source / "real" / "page.md")
    (source / "loop").symlink_to(source)
    (source / "real" / "up").symlink_to("..")
    (source / "out").symlink_to(tmp_path / "outside")
    (source / "out.md").symlink_to(tmp_path / "outside" / "private.md")
    texts, skipped = read_all(source)
    assert list(texts) == ["real/page.md"]
    assert skipped == [
        "loop: a symbolic link to a directory that is read already",
        "out.md: a symbolic link out of its source",
        "out: a symbolic link out of its source",
        "real/up: a symbolic link to a directory that is read already",
    ]


def test_two_links_that_lead_to_each_other_end(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    (tmp_path / "one.md").symlink_to("two.md")
    (tmp_path / "two.md").symlink_to("one.md")
    texts, skipped = read_all(tmp_path)
    assert list(texts) == ["good.md"]
    assert skipped == [f"{name}.md: a symbolic link that leads nowhere or to itself" for name in ("one", "two")]


def test_a_mounted_config_map_is_read_through_its_links(tmp_path: Path) -> None:
    """Kubernetes keeps the files in a hidden directory and links to them."""
    write(tmp_path, "..2026_11_20/dns.md")
    (tmp_path / "..data").symlink_to("..2026_11_20")
    (tmp_path / "dns.md").symlink_to("..data/dns.md")
    assert list(read_all(tmp_path)[0]) == ["dns.md"]


@pytest.mark.parametrize("beside", ["ansible.cfg", "nothing"])
def test_the_usual_inventories_are_read_beside_a_configuration_of_ansible(tmp_path: Path, beside: str) -> None:
    names = ("production", "staging", "real/production")
    for name in (*names, "lab/staging", "lab/ansible.cfg", "notes", beside):
        write(tmp_path, name)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "production").symlink_to(tmp_path / "real" / "production")
    write(tmp_path, f"linked/{beside}")
    texts, skipped = read_all(tmp_path)
    found = {"production", "staging", "linked/production"} if beside == "ansible.cfg" else set()
    assert set(texts) == found | {"lab/staging"}
    assert skipped == []


def test_a_source_may_be_the_directory_of_inventories_itself(tmp_path: Path) -> None:
    for name in ("production", "hosts", "group_vars/all", "LICENSE"):
        write(tmp_path / "inventory", name)
    assert sorted(read_all(tmp_path / "inventory")[0]) == ["group_vars/all", "hosts", "production"]


def test_a_source_may_be_a_single_file_of_any_type(tmp_path: Path) -> None:
    """Its neighbours are not read."""
    page = write(tmp_path, "homelab", "[dns]\npi4\n")
    write(tmp_path, "private.md")
    (file,) = find_files([page], [])
    assert (file.name, file.path, file.root) == ("homelab", page, tmp_path)
    assert read_all(page) == ({"homelab": "[dns]\npi4\n"}, [])
    assert read_all(tmp_path / "private.md", tmp_path) == ({"private.md": "# Page\n\nText.\n"}, [])
    picture = write(tmp_path, "picture.png", b"\x89PNG\x00\x00")
    odd = write(tmp_path, "two\nlines.md")
    os.mkfifo(tmp_path / "pipe")
    assert read_all(picture, odd, tmp_path / "pipe") == (
        {},
        [
            "picture.png: binary, not text",
            "pipe: not a regular file",
            "two�lines.md: its name is not one line of UTF-8 text",
        ],
    )


def test_the_first_of_two_documents_with_one_name_counts(tmp_path: Path) -> None:
    write(tmp_path, "one/page.md", "first")
    write(tmp_path, "two/page.md", "second")
    write(tmp_path, "two/other.md", "other")
    texts, skipped = read_all(tmp_path / "one", tmp_path / "two")
    assert texts == {"page.md": "first", "other.md": "other"}
    assert skipped == [
        f"page.md: {tmp_path / 'two'} holds a second document of this name; the first one counts",
    ]


def test_names_of_any_script_are_kept(tmp_path: Path) -> None:
    for name in ("feuer 🔥.md", "вниз.md", "a'b\"c;--.md", "100% %s.md"):
        write(tmp_path, name)
    texts, skipped = read_all(tmp_path)
    assert sorted(texts) == sorted(("feuer 🔥.md", "вниз.md", "a'b\"c;--.md", "100% %s.md"))
    assert skipped == []


def test_a_name_that_is_not_one_line_of_text_is_skipped_and_shown_on_one(tmp_path: Path) -> None:
    write(tmp_path, "good.md")
    write(tmp_path, "two\nlines.md")
    write(tmp_path, "bell\x07/page.md")
    write(tmp_path, "picture\n.png")  # no document, so not a word about it
    latin = os.fsencode(tmp_path) + b"/caf\xe9.md"
    Path(os.fsdecode(latin)).write_text("# Coffee\n")
    (tmp_path / "link\n").symlink_to(tmp_path)
    texts, skipped = read_all(tmp_path)
    assert list(texts) == ["good.md"]
    assert skipped == [
        f"{name}: its name is not one line of UTF-8 text" for name in ("bell�", "caf�.md", "link�", "two�lines.md")
    ]


def test_a_source_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"source: .*missing is no directory"):
        find_files([tmp_path / "missing"], [])
