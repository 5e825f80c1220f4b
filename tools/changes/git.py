"""Commits to the homelab's infrastructure repository, from a local clone of it. Nothing is fetched: the clone says what it knows.

A commit is what somebody meant to change; when it reached a machine, `tools.changes.merge` reads off the run that carried it.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

from core.redact import REDACTED, redact
from core.vocabulary import Change, Window
from tools.changes.git_history import MAX_FILES, Commit, Diff, GitFailed, History
from tools.changes.image_bump import only_bumps_images
from tools.changes.source import ChangeList

MAX_DIFF = 20_000
"""Characters of one commit's diff, after redaction."""
MAX_DIFFS_READ = 8_000_000
"""Bytes of all diffs of a repository; the newest have them."""
MAX_TITLE = 200
_SAME_TIME_S = 60
_BLOB = re.compile(
    r"^([+ -]\s*)(?:[0-9a-f]{32,}|(?=\S*[A-Z])(?=\S*[a-z])(?=\S*\d)[A-Za-z0-9+/=]{40,})\s*$", re.MULTILINE
)
"""A line of a vault or a key, whose beginning a diff need not show."""


class GitCommits:
    """Reads `repositories`, each the top of a clone or a bare one, within `deadline_s` seconds."""

    name = "git"

    def __init__(self, repositories: Sequence[Path], *, deadline_s: float = 4.0) -> None:
        self._repositories = tuple(repository.expanduser() for repository in repositories)
        self._deadline_s = deadline_s

    async def changes(self, window: Window, *, limit: int = 500) -> ChangeList:
        """See `ChangeSource.changes`. `at` is the committer's time: when the commit came to stand where it stands."""
        program = shutil.which("git")
        if program is None:
            return ChangeList(gaps=("git: the program git is not installed here; commits are missing",))
        readings = [_Reading(History(program, path), path) for path in self._repositories]
        await asyncio.gather(*(reading.run(window, limit, self._deadline_s) for reading in readings))
        # Redaction of many diffs takes a while.
        lists = await asyncio.gather(*(asyncio.to_thread(reading.changes) for reading in readings))
        found = sorted((change for each in lists for change in each), key=lambda change: change.at)
        return ChangeList(
            changes=tuple(found[-limit:]) if limit > 0 else (),
            available=sum(reading.available for reading in readings),
            gaps=tuple(f"git: {redact(gap)}" for reading in readings for gap in reading.gaps),
        )


class _Reading:
    """What could be read of one repository so far."""

    def __init__(self, history: History, path: Path) -> None:
        self._history = history
        self._path = path
        self._shallow = False
        self._commits: list[Commit] = []
        self._diffs: dict[str, Diff] = {}
        self.available = 0
        self.gaps: list[str] = []

    async def run(self, window: Window, limit: int, deadline_s: float) -> None:
        if not self._path.is_dir():
            self.gaps.append(f"{self._path} is not a directory; check SRE_INFRA_REPOS")
            return
        try:
            async with asyncio.timeout(deadline_s):
                await self._read(window, max(1, limit))
        except TimeoutError:
            self.gaps.append(
                f"{self._path} was not read to the end within {deadline_s:g} s; commits or their diffs are missing"
            )
        except (GitFailed, OSError) as error:
            hint = "; set SRE_INFRA_REPOS to the top of a clone" if "not a git repository" in str(error) else ""
            self.gaps.append(f"{self._path} could not be read: {error}{hint}")
        self.available = max(self.available, len(self._commits))

    async def _read(self, window: Window, limit: int) -> None:
        self._shallow = await self._history.is_shallow()
        async with aclosing(self._history.commits(window, limit=limit, shallow=self._shallow)) as commits:
            async for commit in commits:
                self._commits.append(commit)
        begins = await self._history.begins() if self._shallow else None
        if begins is not None and begins >= window.start:
            self.gaps.append(
                f"{self._path} is a shallow clone; what came before {begins:%Y-%m-%d %H:%M} UTC is missing"
                " (git fetch --unshallow brings it)"
            )
        if len(self._commits) == limit:
            self.available = await self._history.count(window)
        read = 0
        async with aclosing(self._history.diffs(window, limit=limit, shallow=self._shallow)) as diffs:
            async for diff in diffs:
                self._diffs[diff.hash] = diff
                read += len(diff.text)
                if read > MAX_DIFFS_READ:
                    self.gaps.append(
                        f"{self._path}: the newest {len(self._diffs)} commits have their diff, older do not"
                    )
                    break

    def changes(self) -> list[Change]:
        """Oldest first, a parent before its children."""
        return [self._change(commit, self._diffs.get(commit.hash)) for commit in reversed(self._commits)]

    def _change(self, commit: Commit, diff: Diff | None) -> Change:
        text, whole = _shown(diff) if diff else ("", False)
        bump = only_bumps_images(commit.subject, diff.text if diff else "", whole=diff is not None and not diff.cut)
        title = redact(commit.subject)[:MAX_TITLE] or "(no subject)"
        return Change(
            id=f"git:{commit.hash[:12]}",
            at=commit.at,
            kind="image_update" if bump else "config_commit",
            title=title,
            detail=redact(f"{self._path.name}: {'; '.join(self._detail(commit, diff, whole=whole))}"),
            files=tuple(redact(name) for name in commit.files),
            diff=text,
            source=GitCommits.name,
            actor=redact(commit.author) or None,
        )

    def _detail(self, commit: Commit, diff: Diff | None, *, whole: bool) -> list[str]:
        if self._shallow and commit.parents == 0:
            return ["the oldest commit of a shallow clone, so what it changed is unknown"]
        told = [f"{commit.touched} file{'s' * (commit.touched != 1)}, +{commit.added} −{commit.removed}"]
        if commit.binary:
            told.append(f"{commit.binary} binary or large")
        if len(commit.files) >= MAX_FILES:
            told.append(f"the first {MAX_FILES} names are listed")
        if commit.parents > 1:
            told.append("a merge, compared with its first parent")
        if abs((commit.at - commit.authored).total_seconds()) >= _SAME_TIME_S:
            told.append(f"authored {commit.authored:%Y-%m-%d %H:%M} UTC, committed {commit.at:%Y-%m-%d %H:%M} UTC")
        if diff is None:
            told.append("its diff could not be read")
        elif not whole:
            told.append(f"the diff is cut at {MAX_DIFF // 1000} kB")
        return told


def _shown(diff: Diff) -> tuple[str, bool]:
    """The redacted diff, cut at the end of a line, and whether that is all of it."""
    text = _BLOB.sub(rf"\g<1>{REDACTED}", redact(diff.text))
    if len(text) <= MAX_DIFF:
        return text, not diff.cut
    return text[: text.rfind("\n", 0, MAX_DIFF) if "\n" in text[:MAX_DIFF] else MAX_DIFF], False
