"""Directories to the files worth indexing. What cannot be read is skipped and named, never an exception.

Symbolic links are followed only while they stay inside their source, and each file counts once, however it is reached.
Hidden directories and those that hold other people's code are passed over in silence, as are files of other types.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from core.errors import InvalidInput
from tools.knowledge.ansible_place import INVENTORIES, INVENTORY_NAMES
from tools.knowledge.documents import is_document

MAX_BYTES = 5_000_000
PASSED_OVER = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_UNFIT_FOR_A_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""A citation is one line of text; bytes that are no UTF-8 reach Python as lone surrogates."""
_WIDE_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class File:
    """A file that may hold a document. `name` is relative to its source `root`, with forward slashes.

    `size` (bytes) and `modified` (ns since the epoch) tell whether it was touched since it was last read.
    """

    name: str
    path: Path
    root: Path
    size: int
    modified: int


def find_files(sources: Sequence[Path], skipped: list[str]) -> list[File]:
    """The files below each source, in path order; a source may also be a single file. Raises InvalidInput for one that is not there.

    Where two sources hold the same relative path, the first one counts, since an answer cites by that path.
    """
    found: dict[str, File] = {}
    for source in sources:
        if not source.exists():
            raise InvalidInput(f"source: {source} is no directory and no file; give one that holds your runbooks")
        root = source.resolve()
        files = _walk(root, skipped) if root.is_dir() else _alone(root, skipped)
        root = root if root.is_dir() else root.parent
        for path, name in files:
            try:
                status = path.stat()
            except OSError as error:
                skipped.append(f"{name}: cannot be read ({error.strerror})")
                continue
            if name in found:
                if found[name].path != path:  # not the same file by way of two sources
                    skipped.append(f"{name}: {source} holds a second document of this name; the first one counts")
            elif not stat.S_ISREG(status.st_mode):
                skipped.append(f"{name}: not a regular file")
            elif status.st_size > MAX_BYTES:
                skipped.append(f"{name}: larger than {MAX_BYTES // 1_000_000} MB")
            else:
                found[name] = File(name, path, root, status.st_size, status.st_mtime_ns)
    return list(found.values())


def read_file(file: File, skipped: list[str]) -> str | None:
    """The text of a file, or None when it holds none (which is noted)."""
    try:
        # Never wait: a pipe that took the file's place would block for good.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as opened:  # noqa: PTH123 - a descriptor has no Path
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        skipped.append(f"{file.name}: cannot be read ({error.strerror})")
        return None
    text = _decode(content[:MAX_BYTES])
    if text is None:
        skipped.append(f"{file.name}: binary, not text")
    elif not text.strip():
        skipped.append(f"{file.name}: empty")
    else:
        return text
    return None


def _decode(content: bytes) -> str | None:
    """UTF-8, else what charset-normalizer takes it for; None for a binary."""
    text: str | None = None
    if not content.startswith(_WIDE_BYTE_ORDER_MARKS):
        if b"\x00" in content:
            return None
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = None
    if text is None:
        guess = from_bytes(content).best()
        text = str(guess) if guess is not None else None
    if text is None or len(_CONTROL.findall(text)) > len(text) / 100:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _alone(path: Path, skipped: list[str]) -> Iterator[tuple[Path, str]]:
    """A file that is a source itself, of whatever type."""
    if _UNFIT_FOR_A_NAME.search(path.name):
        skipped.append(f"{_UNFIT_FOR_A_NAME.sub('�', path.name)}: its name is not one line of UTF-8 text")
    else:
        yield path, path.name


def _walk(root: Path, skipped: list[str]) -> Iterator[tuple[Path, str]]:
    """Files of known types with their names below `root`: real ones first, then what links add."""
    seen: set[Path] = set()
    links: list[tuple[Path, str]] = []
    pending: list[tuple[Path, str]] = [(root, "")]
    while pending or links:
        if not pending:
            pending.extend(_resolve_link(*links.pop(0), root, seen, skipped))
            continue
        path, name = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        try:
            directory = path.is_dir()
            entries = sorted(os.scandir(path), key=lambda entry: entry.name, reverse=True) if directory else []
        except OSError as error:
            skipped.append(f"{name or path}: cannot be read ({error.strerror})")
            continue
        if not directory:
            yield path, name
        for entry in entries:
            below = f"{name}/{entry.name}" if name else entry.name
            link = entry.is_symlink()
            if not (link or _wanted(Path(entry.path), below, directory=entry.is_dir(follow_symlinks=False))):
                continue
            if _UNFIT_FOR_A_NAME.search(entry.name):
                skipped.append(f"{_UNFIT_FOR_A_NAME.sub('�', below)}: its name is not one line of UTF-8 text")
            else:
                (links if link else pending).append((Path(entry.path), below))


def _resolve_link(path: Path, name: str, root: Path, seen: set[Path], skipped: list[str]) -> Iterator[tuple[Path, str]]:
    """The link's target, if it is worth reading and inside `root`; else a line in `skipped` where it looked like a document."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # pathlib reports a loop as RuntimeError before Python 3.13
        if _wanted(path, name, directory=False):
            skipped.append(f"{name}: a symbolic link that leads nowhere or to itself")
        return
    if not _wanted(path, name, directory=target.is_dir()):
        return
    if not target.is_relative_to(root):
        skipped.append(f"{name}: a symbolic link out of its source")
    elif target.is_dir() and (target in seen or path.parent.is_relative_to(target)):
        skipped.append(f"{name}: a symbolic link to a directory that is read already")
    else:
        yield target, name


def _wanted(path: Path, name: str, *, directory: bool) -> bool:
    if path.name.startswith("."):
        return False
    if directory:
        return path.name not in PASSED_OVER
    return is_document(name) or (path.name in INVENTORY_NAMES and _holds_inventories(path.parent))


def _holds_inventories(directory: Path) -> bool:
    """Whether files of its own are Ansible inventories; the source itself may be such a directory."""
    return directory.name in INVENTORIES or (directory / "ansible.cfg").is_file()
