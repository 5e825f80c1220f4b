"""Dates of files, told by real git repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.knowledge.changed import MAX_REPOSITORIES, last_changed

MTIME = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
CHECKED_OUT = datetime(2026, 11, 1, tzinfo=UTC)


class Repository:
    """A repository whose commits are made on January 1st of a year."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, year: int = 2020) -> str:
        day = f"{year}-01-01T00:00:00Z"
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_DATE": day,
            "GIT_COMMITTER_DATE": day,
            **{f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        command = ["git", "-C", str(self.directory), "-c", "protocol.file.allow=always", *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    def commit(self, year: int, **pages: str) -> None:
        for name, text in pages.items():
            self.write(name, text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=a change", year=year)

    def write(self, name: str, text: str) -> None:
        path = self.directory / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "docs")


def years(root: Path, *names: str) -> dict[str, int]:
    """The year that each file is dated to; CHECKED_OUT's when the file system's time was used."""
    return {name.removesuffix(".md"): at.year for name, at in last_changed(root, dict.fromkeys(names, MTIME)).items()}


def test_the_last_commit_that_touched_a_file_counts(repository: Repository) -> None:
    repository.commit(2020, a="one", b="one")
    repository.commit(2021, a="two")
    repository.commit(2022, c="one")
    assert years(repository.directory, "a.md", "b.md", "c.md") == {"a": 2021, "b": 2020, "c": 2022}
    assert last_changed(repository.directory, {"a.md": MTIME})["a.md"] == datetime(2021, 1, 1, tzinfo=UTC)


def test_what_is_not_as_committed_has_its_own_time(repository: Repository) -> None:
    repository.commit(2020, edited="one", staged="one", kept="one", gone="one")
    repository.write("edited", "two")
    repository.write("staged", "two")
    repository.git("add", "staged.md")
    repository.write("untracked", "one")
    (repository.directory / "gone.md").unlink()
    names = ("edited", "staged", "kept", "gone", "untracked", "../outside")
    assert years(repository.directory, *(f"{name}.md" for name in names)) == {
        **dict.fromkeys(names, 2026),
        "kept": 2020,
    }


def test_lines_that_end_as_windows_likes_it_are_no_change(repository: Repository) -> None:
    repository.commit(2020, a="one\ntwo\n")
    (repository.directory / "a.md").write_bytes(b"one\r\ntwo\r\n")
    assert years(repository.directory, "a.md") == {"a": 2020}


def test_a_link_is_not_dated_by_the_commit_that_made_it(repository: Repository) -> None:
    (repository.directory / "link.md").symlink_to("a.md")
    repository.commit(2020, a="link.md")
    assert years(repository.directory, "a.md", "link.md") == {"a": 2020, "link": 2026}


def test_a_mere_rename_is_no_change_and_an_edit_is(repository: Repository) -> None:
    repository.commit(2020, a="page of a\n" * 9, b="page of b\n" * 9)
    repository.git("mv", "a.md", "moved.md")
    repository.commit(2021)
    repository.git("mv", "moved.md", "again.md")
    repository.git("mv", "b.md", "edited.md")
    repository.commit(2022, edited="page of b\n" * 9 + "more\n")
    assert years(repository.directory, "again.md", "edited.md") == {"again": 2020, "edited": 2022}


def test_a_merge_counts_only_for_what_it_settled(repository: Repository) -> None:
    repository.commit(2020, both="one\n", ours="one\n", theirs="one\n")
    repository.git("checkout", "--quiet", "-b", "side")
    repository.commit(2021, both="side\n", theirs="side\n")
    repository.git("checkout", "--quiet", "main")
    repository.commit(2022, both="main\n", ours="main\n")
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "--quiet", "side")
    repository.commit(2023, both="settled\n")
    found = years(repository.directory, "both.md", "ours.md", "theirs.md")
    assert found == {"both": 2023, "ours": 2022, "theirs": 2021}


def test_names_of_every_sort_in_a_subdirectory(repository: Repository) -> None:
    names = ("höst/größe", "höst/a b", 'höst/"quoted"', "höst/new\nline", "höst/tab\t", "höst/R100", "höst/>1 2")
    repository.commit(2020, outside="one", **dict.fromkeys(names, "one"))
    repository.commit(2021, **{"höst/größe": "two", "outside": "two"})
    root = repository.directory / "höst"
    found = years(root, *(f"{name.removeprefix('höst/')}.md" for name in names))
    assert found.pop("größe") == 2021
    assert set(found.values()) == {2020}
    assert len(found) == len(names) - 1


def test_a_shallow_clone_says_no_more_than_not_after(repository: Repository, tmp_path: Path) -> None:
    repository.commit(2020, old="one", recent="one")
    repository.commit(2021, other="one")
    repository.commit(2022, recent="two")
    clone = Repository(tmp_path / "clone")
    clone.git("fetch", "--quiet", "--depth=2", f"file://{repository.directory}", "main")
    clone.git("checkout", "--quiet", "FETCH_HEAD")
    assert years(clone.directory, "old.md", "recent.md") == {"old": 2021, "recent": 2022}
    earlier = datetime(2019, 6, 1, tzinfo=UTC)
    found = last_changed(clone.directory, {"old.md": earlier.timestamp(), "recent.md": earlier.timestamp()})
    assert {name: at.year for name, at in found.items()} == {"old.md": 2019, "recent.md": 2022}


def test_repositories_inside_the_source_answer_for_their_own_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        Repository(source / f"r{number}").commit(2020 + number, page="one", **{"deep/er/page": "two"})
    (source / "loose.md").write_text("x")
    found = years(source, "r0/page.md", "r1/deep/er/page.md", "r2/page.md", "loose.md")
    assert found == {"r0/page": 2020, "r1/deep/er/page": 2021, "r2/page": 2022, "loose": 2026}


def test_no_more_repositories_are_asked_than_the_bound(tmp_path: Path) -> None:
    for number in range(MAX_REPOSITORIES + 2):
        (tmp_path / f"r{number}" / ".git").mkdir(parents=True)
    Repository(tmp_path / "last").commit(2020, page="one")
    names = [f"r{number}/page.md" for number in range(MAX_REPOSITORIES + 2)]
    assert years(tmp_path, "last/page.md", *names)["last/page"] == 2020
    assert years(tmp_path, *names, "last/page.md")["last/page"] == 2026


def test_a_submodule_answers_for_its_own_files(repository: Repository, tmp_path: Path) -> None:
    inner = Repository(tmp_path / "inner")
    inner.commit(2020, page="one")
    repository.git("submodule", "--quiet", "add", str(inner.directory), "inner")
    repository.commit(2022, own="one")
    assert years(repository.directory, "inner/page.md", "own.md") == {"inner/page": 2020, "own": 2022}


@pytest.mark.parametrize("state", ["no repository", "no commit", "broken", "bare", "no git"])
def test_without_an_answer_from_git_the_file_system_counts(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "docs"
    root.mkdir()
    if state != "no repository":
        repository = Repository(root)
        repository.write("a", "one")
        if state != "no commit":
            repository.commit(2020)
        if state == "broken":
            (root / ".git" / "HEAD").write_text("nonsense")
        if state == "bare":
            for entry in (root / ".git").iterdir():
                entry.rename(root / entry.name)
            (root / ".git").rmdir()
        if state == "no git":
            monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert last_changed(root, {"a.md": MTIME}) == {"a.md": CHECKED_OUT}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a directory away")
def test_a_repository_of_somebody_else_is_left_alone(repository: Repository) -> None:
    repository.commit(2020, a="one")
    for path in (repository.directory, repository.directory / ".git"):
        os.chown(path, 12345, 12345)
    assert years(repository.directory, "a.md") == {"a": 2026}


def test_the_callers_own_git_variables_do_not_lead_astray(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(2020, a="one")
    other = Repository(tmp_path / "other")
    other.commit(2023, a="one")
    monkeypatch.setenv("GIT_DIR", str(other.directory / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.directory))
    assert years(repository.directory, "a.md") == {"a": 2020}


def test_nothing_is_written_and_nothing_configured_is_run(repository: Repository, tmp_path: Path) -> None:
    repository.commit(2020, a="one", b="one")
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    (repository.directory / ".gitattributes").write_text("*.md filter=trap diff=trap\n")
    hooks = {"core.fsmonitor", "core.pager", "gpg.program", "diff.external", "filter.trap.clean", "diff.trap.textconv"}
    for name in hooks:
        repository.git("config", name, str(trap))
    repository.git("config", "log.showSignature", "true")
    os.utime(repository.directory / "a.md", (1, 1))  # as if it had to be compared
    before = {path: path.stat().st_mtime_ns for path in repository.directory.rglob("*")}
    assert years(repository.directory, "a.md", "b.md") == {"a": 2020, "b": 2020}
    assert {path: path.stat().st_mtime_ns for path in repository.directory.rglob("*")} == before
    assert not (tmp_path / "sprung").exists()
    repository.git("status")
    assert (tmp_path / "sprung").exists()  # the trap works


def test_after_the_deadline_what_was_not_met_is_older_than_what_was(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(2020, old="one")
    repository.commit(2021, recent="one")
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    real = shutil.which("git")
    slow.write_text(f"""#!/bin/sh
case "$*" in *" log "*) {real} "$@" | head -c 70; exec sleep 600;; esac
exec {real} "$@"
""")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    files = {"old.md": MTIME, "recent.md": MTIME}
    found = last_changed(repository.directory, files, deadline_s=1.0)
    assert {name: at.year for name, at in found.items()} == {"old.md": 2021, "recent.md": 2021}
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    assert last_changed(repository.directory, files, deadline_s=0.2) == dict.fromkeys(files, CHECKED_OUT)


@pytest.mark.parametrize("mtime", [float("inf"), float("nan"), 1e18, -1e18])
def test_a_time_that_no_calendar_holds_is_left_out(tmp_path: Path, mtime: float) -> None:
    (tmp_path / "a.md").write_text("x")
    assert set(last_changed(tmp_path, {"a.md": mtime, "b.md": MTIME})) == {"b.md"}


def test_no_files_no_dates(repository: Repository) -> None:
    assert last_changed(repository.directory, {}) == {}
