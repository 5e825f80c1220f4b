"""When each file was last changed: git's word where git has one, else the file system's.

A clone or a copy gives every file the time it was made, which would call the oldest page fresh. So for a file that git tracks and
that stands as it was committed, the last commit that changed its content counts. Git is only asked for objects and history, never
for the state of the work tree: comparing that would rewrite the index and run whatever filter a repository's configuration names.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

DEADLINE_S = 4.0
MAX_REPOSITORIES = 20
"""Repositories inside a source (clones side by side, submodules) that are asked; files of further ones get their mtime."""

MAX_BYTES = 5_000_000
"""A larger file is no document, and not read to tell whether it stands as it was committed."""

_HARMLESS = (
    "--no-pager",
    "-c core.fsmonitor=false -c core.hooksPath=/dev/null -c log.follow=false",
    "-c log.showSignature=false",  # it would run gpg.program
    "-c safe.bareRepository=explicit",  # a directory that only looks like a repository brings its own configuration
)
_LOG = "log -z --format=%x00>%ct_%P --name-status -c -M100% --no-ext-diff --no-textconv HEAD -- ."
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Commit:
    """One commit of the log. `touched` are the names it changed, `moved` maps new names to old of mere renames."""

    at: float
    has_parents: bool
    touched: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)


def last_changed(root: Path, files: Mapping[str, float], *, deadline_s: float = DEADLINE_S) -> dict[str, datetime]:
    """When each of `files` last changed, UTC. Keys are relative to `root` with forward slashes, values are mtimes (epoch seconds).

    A mere rename is no change. Where history ends early, because the clone is shallow or the deadline has passed, its earliest
    commit only says "not after". Never raises; a file whose mtime no calendar holds is left out.
    """
    ends = time.monotonic() + deadline_s
    git = shutil.which("git")
    seconds = dict(files)
    for top, names in _by_repository(root, files) if git and files else ():
        prefix = f"{top}/" if top else ""
        present = {name: files[prefix + name] for name in names}
        dated = _dated(Git(str(Path(git or "").absolute()), root / top, ends), present)
        seconds |= {prefix + name: at for name, at in dated.items()}
    moments = {name: _moment(at) or _moment(files[name]) for name, at in seconds.items()}
    return {name: at for name, at in moments.items() if at is not None}


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):  # a clock that ran wild, or a forged commit
        return None


def _by_repository(root: Path, files: Mapping[str, float]) -> list[tuple[str, list[str]]]:
    """The names grouped by the directory below `root` whose repository holds them ("" is `root`), relative to it."""
    tops: dict[str, str] = {"": ""}
    groups: dict[str, list[str]] = {}
    for name in files:
        directory, unknown = name.rpartition("/")[0], []
        while directory not in tops and not os.path.lexists(root / directory / ".git"):
            unknown.append(directory)
            directory = directory.rpartition("/")[0]
        top = tops.setdefault(directory, directory)
        tops |= dict.fromkeys(unknown, top)
        groups.setdefault(top, []).append(name[len(top) + 1 :] if top else name)
    if len(groups) > MAX_REPOSITORIES:
        _log.info("%s holds %d repositories; the first %d are asked", root, len(groups), MAX_REPOSITORIES)
    return list(groups.items())[:MAX_REPOSITORIES]


def _dated(git: Git, files: Mapping[str, float]) -> dict[str, float]:
    """Epoch seconds of the files for which git's history tells more than their mtime."""
    told = git.say("rev-parse", "--is-inside-work-tree", "--is-shallow-repository", "--show-prefix")
    inside, _, rest = (told or "").partition("\n")
    shallow, _, prefix = rest.partition("\n")
    if inside != "true":
        return {}
    prefix = prefix.removesuffix("\n")
    # Today's names by what each was called at the point of history that is being read.
    sought = {prefix + name: name for name in _as_committed(git, files)}
    dates: dict[str, float] = {}
    oldest: float | None = None
    with closing(_history(git)) as commits:
        for commit in commits if sought else ():
            oldest = commit.at
            for path in commit.touched & sought.keys():
                name = sought.pop(path)
                vague = shallow == "true" and not commit.has_parents
                dates[name] = min(commit.at, files[name]) if vague else commit.at
            moves = {old: sought.pop(new) for new, old in commit.moved.items() if new in sought}
            sought |= moves
            if not sought:
                break
    if oldest is not None and time.monotonic() >= git.ends:
        dates |= {name: min(oldest, files[name]) for name in sought.values()}
    return dates


def _as_committed(git: Git, files: Mapping[str, float]) -> Iterator[str]:
    """Those of `files` whose content is what HEAD holds."""
    with closing(git.stream("ls-tree", "-r", "-z", "HEAD")) as entries:
        for entry in entries:
            description, _, name = entry.partition("\t")
            mode, _, blob = description.partition(" blob ")
            if name in files and mode.startswith("100") and _is_content(git.directory / name, blob):
                yield name


def _is_content(path: Path, blob: str) -> bool:
    """Whether the file's content has git's object id `blob`, lines ending as git or as Windows likes it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no Path
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            content = file.read(MAX_BYTES + 1) if regular else b""
    except OSError:
        return False
    return regular and blob in {_object_id(content, blob), _object_id(content.replace(b"\r\n", b"\n"), blob)}


def _object_id(content: bytes, like: str) -> str:
    # Git names content by these hashes; nothing here relies on their strength.
    kind = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return kind(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _history(git: Git) -> Generator[_Commit, None, None]:
    """Commits below the directory, newest first. A merge tells only what differs from all its parents."""
    with closing(git.stream(*_LOG.split())) as tokens:
        commit: _Commit | None = None
        for token in tokens:
            word = token.lstrip("\n")
            if word.startswith(">"):
                if commit is not None:
                    yield commit
                at, _, parents = word[1:].partition("_")
                commit = _Commit(float(at), bool(parents))
            elif word == "R100" and commit:
                old, new = next(tokens, ""), next(tokens, "")
                commit.moved[new] = old
            elif word and commit:  # git puts an empty token here and there
                commit.touched.add(next(tokens, ""))
        if commit is not None:
            yield commit


@dataclass(frozen=True, slots=True)
class Git:
    """Reads the repository that holds `directory` until `ends` (monotonic seconds): no writes, hooks, pager, network or prompts."""

    program: str
    directory: Path
    ends: float

    def say(self, *arguments: str) -> str | None:
        """What one short command prints; None when git refuses, which is logged with its reason."""
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program, its arguments are ours
                self._command(arguments),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=max(0.1, self.ends - time.monotonic()),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            _log.info("file times instead of git's for %s: %s", self.directory, error)
            return None
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip().splitlines()[:1]
            _log.info("file times instead of git's for %s: %s", self.directory, "".join(reason))
            return None
        return os.fsdecode(done.stdout)

    def stream(self, *arguments: str) -> Generator[str, None, None]:
        """What a command prints, cut at NUL bytes. It is ended when the reader stops or the deadline passes."""
        try:
            process = subprocess.Popen(  # noqa: S603 - a fixed program, its arguments are ours
                self._command(arguments),
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            _log.info("file times instead of git's for %s: %s", self.directory, error)
            return
        deadline = threading.Timer(max(0.0, self.ends - time.monotonic()), process.kill)
        deadline.start()
        try:
            rest = b""
            while process.stdout and (read := os.read(process.stdout.fileno(), 1 << 16)):
                *tokens, rest = (rest + read).split(b"\0")
                yield from map(os.fsdecode, tokens)
            if (code := process.wait()) and time.monotonic() < self.ends:
                _log.info("git %s ended with %d in %s", arguments[0], code, self.directory)
        finally:
            deadline.cancel()
            process.kill()
            process.communicate()

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [self.program, "-C", str(self.directory), *" ".join(_HARMLESS).split(), *arguments]


def _environment() -> dict[str, str]:
    """Ours without what would point git at another repository; HOME stays, since people list `safe.directory` there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # A clone without all objects would fetch the missing ones: no protocol is allowed.
    return kept | {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
