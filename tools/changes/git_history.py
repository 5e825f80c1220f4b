"""The commits of one local clone, as `git log` tells them, read as a stream so that nothing grows with the repository.

Only objects and history are asked for, never the state of the work tree: comparing that would run filters and rewrite the index.
A repository's own configuration and attributes may name programs; every kind that `git log` would start is switched off.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor
from pathlib import Path

from core.vocabulary import Window

MAX_FILES = 200
"""Names kept of one commit; all are counted."""
MAX_DIFF_BYTES = 64_000
"""Of one commit. More than is shown, since redaction comes first and secrets span lines."""
_CHUNK = 1 << 16
_LONGEST_TOKEN = 1 << 16

_HARMLESS = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.attributesFile=/dev/null", "core.quotePath=false",
    "core.bigFileThreshold=1m",  # a larger file counts as binary, and is not compared
    "log.showSignature=false",  # it would run gpg.program
    "log.follow=false", "diff.orderFile=/dev/null",
)  # fmt: skip
_LOG = (
    "log", "--no-color", "--no-decorate", "--encoding=UTF-8", "--no-ext-diff", "--no-textconv", "--submodule=short",
    "--no-relative", "--src-prefix=a/", "--dst-prefix=b/", "-M", "--diff-merges=first-parent",
)  # fmt: skip
_HEADER = "--format=%x00>%H%n%P%n%ct%n%at%n%an%n%s"


class GitFailed(Exception):
    """Git ended with an error; the text is its reason, on one line."""


@dataclass(slots=True)
class Commit:
    """`files` are at most MAX_FILES of `touched`, a renamed one by both names. `binary` counts those without lines to count."""

    hash: str
    parents: int
    at: datetime
    authored: datetime
    author: str
    subject: str
    files: list[str]
    touched: int = 0
    added: int = 0
    removed: int = 0
    binary: int = 0


@dataclass(frozen=True, slots=True)
class Diff:
    """The patch of one commit as git printed it; `cut` says that it goes on beyond MAX_DIFF_BYTES."""

    hash: str
    text: str
    cut: bool


class History:
    """`program` is git's absolute path; `directory` the top of a clone, or a bare one. Every method raises GitFailed."""

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory.resolve()

    async def is_shallow(self) -> bool:
        """Whether the clone was made without its older history, so that its oldest commit seems to have brought everything."""
        return (await self._say("rev-parse", "--is-shallow-repository")) == "true"

    async def begins(self) -> datetime | None:
        """When the oldest commit that is there was committed (UTC); None in an empty repository."""
        told = await self._say("log", "--max-parents=0", "--format=%ct", "HEAD")
        times = [datetime.fromtimestamp(int(line), UTC) for line in told.split()]
        return min(times, default=None)

    async def count(self, window: Window) -> int:
        return int(await self._say("rev-list", "--count", *_between(window), "HEAD"))

    async def commits(self, window: Window, *, limit: int, shallow: bool) -> AsyncGenerator[Commit, None]:
        """The commits below HEAD whose committer time lies in `window`, newest first, merges as seen from their first parent."""
        arguments = [*_LOG, "-z", "--numstat", _HEADER, f"--max-count={limit}", *_between(window), "HEAD"]
        commit: Commit | None = None
        failed: GitFailed | None = None
        try:
            async with aclosing(self._tokens(*_roots(shallow), *arguments)) as tokens:
                async for token in tokens:
                    if token.lstrip("\n").startswith(">"):
                        if commit is not None:
                            yield commit
                        commit = _commit(token.lstrip("\n")[1:])
                    elif commit is not None and token.strip("\n"):
                        name = _count_lines(commit, token.lstrip("\n"))
                        # A rename has an empty name here, and its two in the tokens that follow.
                        names = [name] if name else [await anext(tokens, ""), await anext(tokens, "")]
                        commit.files += names[: max(0, MAX_FILES - len(commit.files))]
        except GitFailed as error:
            failed = error  # what was told before stands
        if commit is not None:
            yield commit
        if failed is not None:
            raise failed

    async def diffs(self, window: Window, *, limit: int, shallow: bool) -> AsyncGenerator[Diff, None]:
        """The patches of the same commits, in the same order."""
        arguments = [*_LOG, "--patch", "-U3", "--format=%x00%H", f"--max-count={limit}", *_between(window), "HEAD"]
        # A line of a patch begins with a sign, a blank or a word: a NUL at the beginning of a line is none of it.
        kept, dropped, carried = b"", False, b"\n"
        async with aclosing(self._output(*_roots(shallow), *arguments)) as chunks:
            async for chunk in chunks:
                text = carried + chunk
                carried = b"\n" if text.endswith(b"\n") else b""
                first, *rest = text[: len(text) - len(carried)].split(b"\n\0")
                for part in (None, *rest):
                    if part is not None:
                        if kept:
                            yield _diff(kept, cut=dropped)
                        first, kept, dropped = part, b"", False
                    dropped |= len(kept) + len(first) > MAX_DIFF_BYTES
                    kept = (kept + first)[:MAX_DIFF_BYTES]
        if kept:
            yield _diff(kept, cut=dropped)

    async def _say(self, *arguments: str) -> str:
        async with aclosing(self._output(*arguments)) as chunks:
            return b"".join([chunk async for chunk in chunks]).decode(errors="replace").strip()

    async def _tokens(self, *arguments: str) -> AsyncGenerator[str, None]:
        """The output, cut at NUL bytes; of what is longer than any name, a part."""
        rest = b""
        async with aclosing(self._output(*arguments)) as chunks:
            async for chunk in chunks:
                *tokens, rest = (rest + chunk).split(b"\0")
                rest = rest[:_LONGEST_TOKEN]
                for token in tokens:
                    yield token.decode(errors="replace")
        if rest:
            yield rest.decode(errors="replace")

    async def _output(self, *arguments: str) -> AsyncGenerator[bytes, None]:
        """What git prints; it is ended when the reader stops."""
        process = await asyncio.create_subprocess_exec(
            self._program,
            *self._options(),
            *arguments,
            env=self._environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        if process.stdout is None or process.stderr is None:
            raise GitFailed("its output cannot be read")
        complaints = asyncio.create_task(_beginning_of(process.stderr))
        try:
            while chunk := await process.stdout.read(_CHUNK):
                yield chunk
            said = await complaints
            if code := await process.wait():
                raise GitFailed(_reason(said) or f"git ended with {code}")
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            while await process.stdout.read(_CHUNK):  # else asyncio keeps the pipe
                pass
            await complaints
            await process.wait()

    def _options(self) -> list[str]:
        # The directory was named in the settings, so it is trusted although somebody else may own it; only itself is.
        named = [f"safe.directory={self._directory}", f"safe.directory={self._directory / '.git'}"]
        return [
            "--no-pager",
            "-C",
            str(self._directory),
            *(each for one in (*_HARMLESS, *named) for each in ("-c", one)),
        ]

    def _environment(self) -> dict[str, str]:
        """Ours without what would point git elsewhere; no configuration but the repository's own, and no network."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        return kept | {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(self._directory.parent),  # not the repository that the directory lies in
            "GIT_OPTIONAL_LOCKS": "0",
            # A partial clone would fetch what it lacks.
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }


def _between(window: Window) -> list[str]:
    return [f"--max-age={ceil(window.start.timestamp())}", f"--min-age={floor(window.end.timestamp())}"]


def _roots(shallow: bool) -> list[str]:
    """Where the older history is missing, the oldest commit's patch would be the whole tree."""
    return ["-c", f"log.showRoot={'false' if shallow else 'true'}"]


def _commit(header: str) -> Commit:
    """Raises GitFailed for a header with a time that no calendar holds."""
    digest, parents, at, authored, author, subject = [*header.split("\n", 5), *[""] * 6][:6]
    try:
        committed_at, authored_at = (datetime.fromtimestamp(int(each), UTC) for each in (at, authored))
    except (ValueError, OverflowError, OSError):
        raise GitFailed(f"commit {digest[:12]} has no time that can be read") from None
    return Commit(digest, len(parents.split()), committed_at, authored_at, author, subject.strip("\n"), [])


def _count_lines(commit: Commit, token: str) -> str:
    """Adds what `12<tab>3<tab>name` tells; the name, empty for a rename."""
    added, removed, name = [*token.split("\t", 2), "", ""][:3]
    commit.touched += 1
    commit.binary += added == "-"
    commit.added += int(added) if added.isdecimal() else 0
    commit.removed += int(removed) if removed.isdecimal() else 0
    return name


def _diff(record: bytes, *, cut: bool) -> Diff:
    digest, _, patch = record.partition(b"\n")
    return Diff(digest.decode(errors="replace"), patch.decode("utf-8", errors="replace").strip("\n"), cut)


async def _beginning_of(stream: asyncio.StreamReader) -> str:
    """The first kilobytes; the rest is read, too, for git would wait for it."""
    kept = b""
    while chunk := await stream.read(_CHUNK):
        kept = (kept + chunk)[:2_000]
    return kept.decode(errors="replace")


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[0] if lines else "")
