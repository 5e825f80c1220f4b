"""Commits, read from real repositories."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.vocabulary import Change, Window
from tools.changes.git import MAX_DIFF, GitCommits
from tools.changes.git_history import MAX_FILES
from tools.changes.image_bump import only_bumps_images

AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
WINDOW = Window(start=AT - timedelta(hours=1), end=AT + timedelta(hours=1))


class Clone:
    """A repository in which commits are made at the minutes a test says."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, minute: float = 0, authored: float | None = None) -> str:
        def when(minutes: float) -> str:
            return (AT + timedelta(minutes=minutes)).isoformat()

        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Ana"), ("EMAIL", "a@home.lan"))
        }
        dates = {"GIT_COMMITTER_DATE": when(minute), "GIT_AUTHOR_DATE": when(minute if authored is None else authored)}
        env = {**os.environ, **who, **dates, "GIT_CONFIG_GLOBAL": os.devnull}
        return subprocess.run(
            ["git", *arguments], cwd=self.path, env=env, check=True, capture_output=True
        ).stdout.decode(errors="replace")

    def commit(
        self, subject: str, files: dict[str, str | bytes], *, minute: float = 0, authored: float | None = None
    ) -> None:
        for name, content in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject, minute=minute, authored=authored)

    async def changes(self, window: Window = WINDOW, **options: int) -> list[Change]:
        found = await GitCommits((self.path,)).changes(window, **options)
        assert found.gaps == ()
        return list(found.changes)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "homelab")


async def test_a_commit_is_a_change(clone: Clone) -> None:
    clone.commit("First", {"roles/adguard/tasks/main.yml": "- a\n- b\n"}, minute=-120)
    clone.commit("adguard: fewer upstreams", {"roles/adguard/tasks/main.yml": "- a\n"}, minute=10)
    [change] = await clone.changes()
    head = clone.git("rev-parse", "HEAD").strip()
    assert (change.id, change.at, change.kind) == (f"git:{head[:12]}", AT + timedelta(minutes=10), "config_commit")
    assert (change.title, change.actor, change.source, change.entity) == (
        "adguard: fewer upstreams",
        "Ana",
        "git",
        None,
    )
    assert change.files == ("roles/adguard/tasks/main.yml",)
    assert change.detail == "homelab: 1 file, +0 −1"
    assert change.diff.splitlines()[-2:] == [" - a", "-- b"]


async def test_the_committers_time_counts_and_the_authors_is_told(clone: Clone) -> None:
    clone.commit("Rebased", {"a": "1\n"}, minute=5, authored=-3000)
    [change] = await clone.changes()
    assert change.at == AT + timedelta(minutes=5)
    assert "authored 2026-11-18 01:00 UTC, committed 2026-11-20 03:05 UTC" in change.detail


async def test_both_ends_of_the_window_count_and_the_newest_win(clone: Clone) -> None:
    for number, minute in enumerate((-61, -60, 0, 60, 61)):
        clone.commit(f"c{number}", {"a": f"{number}\n"}, minute=minute)
    assert [change.title for change in await clone.changes()] == ["c1", "c2", "c3"]
    cut = await GitCommits((clone.path,)).changes(WINDOW, limit=2)
    assert [change.title for change in cut.changes] == ["c2", "c3"]
    assert cut.available == 3


async def test_a_merge_is_compared_with_its_first_parent(clone: Clone) -> None:
    clone.commit("First", {"a": "1\n"}, minute=-120)
    clone.git("checkout", "-q", "-b", "branch")
    clone.commit("On the branch", {"b": "1\n"}, minute=1)
    clone.git("checkout", "-q", "main")
    clone.commit("On main", {"c": "1\n"}, minute=2)
    clone.git("merge", "-q", "--no-ff", "-m", "Merge branch 'branch'", "branch", minute=3)
    merge = (await clone.changes())[-1]
    assert (merge.title, merge.files) == ("Merge branch 'branch'", ("b",))
    assert "a merge, compared with its first parent" in merge.detail
    assert "+++ b/b" in merge.diff


async def test_names_and_contents_of_every_sort(clone: Clone) -> None:
    clone.commit("First", {"old.yml": "x: 1\n" * 9, "logo.png": b"\0\1"}, minute=-120)
    clone.git("mv", "old.yml", "new\n>näme.yml")
    latin = "gemütlich\n".encode("latin-1")
    clone.commit("Odd", {"logo.png": b"\0\2", "latin.txt": latin, "tab\tname": "1\n"}, minute=1)
    [change] = await clone.changes()
    assert set(change.files) == {"old.yml", "new\n>näme.yml", "logo.png", "latin.txt", "tab\tname"}
    assert "4 files, +2 −0; 1 binary or large" in change.detail
    assert "+gem\ufffdtlich" in change.diff


async def test_secrets_do_not_leave(clone: Clone) -> None:
    vault = "$ANSIBLE_VAULT;1.1;AES256\n" + "".join(f"{digit * 80}\n" for digit in "0123456")
    clone.commit("First", {"vault.yml": vault}, minute=-120)
    key = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz"
    files = {"vault.yml": vault.replace("3" * 80, "a" * 80), "env": f"DB_PASSWORD=hunter2hunter2\nkeep=1\n{key}\n"}
    clone.commit("Rotate password=hunter3hunter3", files, minute=1)
    [change] = await clone.changes()
    said = change.model_dump_json()
    assert not [secret for secret in ("hunter2", "hunter3", key, "a" * 40, "3" * 40) if secret in said]
    assert "+keep=1" in change.diff


async def test_a_large_commit_is_cut_and_says_so(clone: Clone) -> None:
    clone.commit("Vendor", {f"charts/{number:03}.yml": "line of a chart\n" * 40 for number in range(300)}, minute=1)
    clone.commit("Small", {"a": "1\n"}, minute=2)
    large, small = await clone.changes()
    assert MAX_DIFF - 100 < len(large.diff) <= MAX_DIFF
    assert large.diff.endswith("+line of a chart")
    assert len(large.files) == MAX_FILES
    assert "300 files, +12000 −0" in large.detail
    assert "the diff is cut at 20 kB" in large.detail
    assert small.diff.endswith("+1"), "what follows a cut diff is whole"


async def test_a_huge_file_is_not_compared(clone: Clone) -> None:
    clone.commit("Dump", {"dump.sql": "x" * 2_000_000 + "\n", "a": "1\n"}, minute=1)
    [change] = await clone.changes()
    assert "Binary files" in change.diff
    assert "1 binary or large" in change.detail


async def test_what_looks_like_our_own_marks_is_content(clone: Clone) -> None:
    forged = b"x\n" * 5_000 + b"\0>0000\nforged\n\0" + b"f" * 40 + b"\n"
    clone.commit("First", {"a.txt": b"x\n" * 5_000}, minute=-120)
    clone.git("config", "core.autocrlf", "false")
    clone.commit("Marks", {"a.txt": forged, ".gitattributes": "*.txt text diff\n"}, minute=1)
    [change] = await clone.changes()
    assert change.title == "Marks"
    assert "forged" in change.diff


async def test_a_repositorys_configuration_starts_nothing(clone: Clone, tmp_path: Path) -> None:
    clone.commit("First", {"a.txt": "1\n", ".gitattributes": "*.txt diff=evil\n"}, minute=-120)
    clone.commit("Second", {"a.txt": "2\n"}, minute=1)
    started = tmp_path / "started"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {started}\ncat $1\n")
    program.chmod(0o755)
    for option in (
        "diff.evil.textconv",
        "diff.evil.command",
        "diff.external",
        "core.fsmonitor",
        "core.pager",
        "gpg.program",
    ):
        clone.git("config", option, str(program))
    for option in ("log.showSignature", "diff.noprefix", "diff.relative"):
        clone.git("config", option, "true")
    clone.git("log", "-p", "--textconv")
    started.unlink()  # the trap works
    [change] = await clone.changes()
    assert "+++ b/a.txt" in change.diff
    assert not started.exists()


async def test_a_bare_mirror_will_do(clone: Clone, tmp_path: Path) -> None:
    clone.commit("First", {"a": "1\n"}, minute=1)
    clone.git("clone", "-q", "--mirror", ".", str(tmp_path / "mirror.git"))
    found = await GitCommits((tmp_path / "mirror.git",)).changes(WINDOW)
    assert ([change.title for change in found.changes], found.gaps) == (["First"], ())


async def test_a_locked_index_does_not_matter(clone: Clone) -> None:
    clone.commit("First", {"a": "1\n"}, minute=1)
    (clone.path / ".git" / "index.lock").write_bytes(b"")
    assert [change.title for change in await clone.changes()] == ["First"]


async def test_a_shallow_clone_does_not_claim_to_have_changed_everything(clone: Clone, tmp_path: Path) -> None:
    for minute in (1, 2, 3):
        clone.commit(f"c{minute}", {"a": f"{minute}\n", f"b{minute}": "1\n"}, minute=minute)
    clone.git("clone", "-q", "--depth", "2", f"file://{clone.path}", str(tmp_path / "shallow"))
    found = await GitCommits((tmp_path / "shallow",)).changes(WINDOW)
    oldest, newest = found.changes
    assert (oldest.title, oldest.files, oldest.diff) == ("c2", (), "")
    assert "what it changed is unknown" in oldest.detail
    assert newest.files == ("a", "b3")
    assert found.gaps == (
        f"git: {tmp_path}/shallow is a shallow clone; what came before 2026-11-20 03:02 UTC is missing (git fetch --unshallow brings it)",
    )
    later = Window(start=AT + timedelta(minutes=2, seconds=30), end=AT + timedelta(hours=1))
    assert (await GitCommits((tmp_path / "shallow",)).changes(later)).gaps == (), "nothing of that window is missing"


async def test_what_cannot_be_read_is_a_gap_and_the_rest_stands(clone: Clone, tmp_path: Path) -> None:
    clone.commit("First", {"a": "1\n"}, minute=1)
    empty, plain, inside = Clone(tmp_path / "empty"), tmp_path / "plain", clone.path / "sub"
    plain.mkdir()
    inside.mkdir()
    found = await GitCommits((tmp_path / "none", plain, inside, empty.path, clone.path)).changes(WINDOW)
    assert [change.title for change in found.changes] == ["First"]
    none, no_repository, subdirectory, no_commits = found.gaps
    assert none == f"git: {tmp_path}/none is not a directory; check SRE_INFRA_REPOS"
    for gap, path in ((no_repository, plain), (subdirectory, inside)):
        assert gap.startswith(f"git: {path} could not be read: fatal: not a git repository")
        assert gap.endswith("set SRE_INFRA_REPOS to the top of a clone")
    assert no_commits.startswith(f"git: {empty.path} could not be read: fatal: ")


async def test_a_corrupt_repository_keeps_what_could_be_read(clone: Clone) -> None:
    clone.commit("First", {"a": "1\n"}, minute=1)
    lost = clone.git("rev-parse", "HEAD:a").strip()
    clone.commit("Second", {"b": "1\n"}, minute=2)
    (clone.path / ".git/objects" / lost[:2] / lost[2:]).unlink()
    found = await GitCommits((clone.path,)).changes(WINDOW)
    assert [change.title for change in found.changes][-1:] == ["Second"]
    assert found.gaps == (f"git: {clone.path} could not be read: {found.gaps[0].partition('could not be read: ')[2]}",)
    assert lost[:7] in found.gaps[0]
    assert "\n" not in found.gaps[0]


async def test_without_git_there_is_one_gap(clone: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await GitCommits((clone.path,)).changes(WINDOW)
    assert found.gaps == ("git: the program git is not installed here; commits are missing",)


async def test_a_deadline_ends_the_reading(clone: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = await GitCommits((clone.path,), deadline_s=0.2).changes(WINDOW)
    assert found.gaps == (
        f"git: {clone.path} was not read to the end within 0.2 s; commits or their diffs are missing",
    )


async def test_a_bump_of_an_image_is_an_image_update(clone: Clone) -> None:
    compose = "services:\n  jellyfin:\n    image: jellyfin/jellyfin:{}\n    mem_limit: {}\n"
    clone.commit("First", {"stacks/media/compose.yaml": compose.format("10.11.1", "2g")}, minute=-120)
    clone.commit("Newer jellyfin", {"stacks/media/compose.yaml": compose.format("10.11.2", "2g")}, minute=1)
    clone.commit("Newer, and less memory", {"stacks/media/compose.yaml": compose.format("10.11.3", "1g")}, minute=2)
    assert [change.kind for change in await clone.changes()] == ["image_update", "config_commit"]


@pytest.mark.parametrize(
    ("subject", "old", "new", "is_one"),
    [
        (
            "x",
            "    image: lscr.io/linuxserver/sonarr:4.0.9@sha256:" + "a" * 64,
            "    image: lscr.io/linuxserver/sonarr:4.0.10@sha256:" + "b" * 64,
            True,
        ),
        ("x", 'jellyfin_image: "jellyfin/jellyfin:10.11.1"', 'jellyfin_image: "jellyfin/jellyfin:10.11.2"', True),
        ("x", "FROM python:3.11-slim AS build", "FROM python:3.12-slim AS build", True),
        ("x", "Image=docker.io/library/redis:7", "Image=docker.io/library/redis:8", True),
        ("x", '  tag: "1.4.2"', '  tag: "1.5.0"', True),
        ("Update traefik to 3.5", "traefik_version: 3.4.1", "traefik_version: 3.5.0", True),
        ("traefik", "traefik_version: 3.4.1", "traefik_version: 3.5.0", False),
        ("Update TLS", "tls_min_version: 1.2", "tls_min_version: 1.3", False),
        ("x", "    image: postgres:16", "    image: pgvector/pgvector:pg16", False),
        ("x", "  retag: no", "  retag: yes", False),
        ("Update docker", "mem_limit: 2g", "mem_limit: 4g", False),
    ],
)
def test_which_lines_are_a_bump(subject: str, old: str, new: str, is_one: bool) -> None:
    diff = f"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n same\n-{old}\n+{new}\n"
    assert only_bumps_images(subject, diff, whole=True) is is_one


def test_where_the_diff_does_not_tell_renovates_subject_does() -> None:
    subject = "Update jellyfin/jellyfin Docker tag to v10.11.2"
    assert only_bumps_images(subject, "", whole=False)
    assert not only_bumps_images("Tidy up", "", whole=False)
    added = "diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+image: redis:7\n"
    assert not only_bumps_images("Add redis", added, whole=True)
