"""Directories of Markdown and YAML to documents. What cannot be read is skipped and named, never an exception.

Symbolic links are followed only while they stay inside their source, and each file counts once, however it is reached.
Hidden directories and those that hold other people's code are passed over in silence, as are files of other types.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from charset_normalizer import from_bytes
from frontmatter.default_handlers import YAMLHandler

from core.errors import InvalidInput

Kind = Literal["runbook", "playbook", "incident"]
Format = Literal["markdown", "yaml"]

FORMATS: dict[str, Format] = {".md": "markdown", ".markdown": "markdown", ".yaml": "yaml", ".yml": "yaml"}
MAX_BYTES = 5_000_000
PASSED_OVER = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_WIDE_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Document:
    """One readable file. `path` is relative to its source, with forward slashes; `body` comes without the front matter."""

    path: str
    body: str
    format: Format = "markdown"
    kind: Kind = "runbook"
    title: str | None = None
    alerts: tuple[str, ...] = ()


@dataclass(slots=True)
class Reading:
    """The documents of some sources, in path order, and one line for each file that was skipped or read only in part."""

    documents: list[Document] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_sources(sources: Sequence[Path]) -> Reading:
    """Every document below each source. Raises InvalidInput when a source is no directory.

    Where two sources hold the same relative path, the first one counts, since an answer cites by that path.
    """
    reading = Reading()
    taken: set[str] = set()
    for source in sources:
        if not source.is_dir():
            raise InvalidInput(f"source: {source} is no directory; give one that holds your runbooks")
        root = source.resolve()
        for path, name in _files(root, reading.skipped):
            if name in taken:
                reading.skipped.append(f"{name}: {source} holds a second document of this name; the first one counts")
                continue
            document = _read(path, name, reading)
            if document is not None:
                taken.add(name)
                reading.documents.append(document)
    return reading


def parse(name: str, text: str, warnings: list[str]) -> Document:
    """A document from its text; front matter that is not YAML is reported and left out, the body is kept."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a name, not a path on this machine
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if FORMATS.get(suffix) == "yaml":
        return Document(path=name, body=text, format="yaml", kind="playbook")
    attributes, body = _split_front_matter(name, text, warnings)
    kind: Kind = next((kind for kind in get_args(Kind) if kind == attributes.get("kind")), "runbook")
    return Document(
        path=name,
        body=body,
        kind=kind,
        title=_words(attributes.get("title")) or None,
        alerts=_names(attributes.get("alerts", attributes.get("alert"))),
    )


def _read(path: Path, name: str, reading: Reading) -> Document | None:
    try:
        # Never wait: a pipe named like a runbook would block for good.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no Path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                reading.skipped.append(f"{name}: not a regular file")
                return None
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        reading.skipped.append(f"{name}: cannot be read ({error.strerror})")
        return None
    if len(content) > MAX_BYTES:
        reading.skipped.append(f"{name}: larger than {MAX_BYTES // 1_000_000} MB")
        return None
    text = _decode(content)
    if text is None:
        reading.skipped.append(f"{name}: binary, not text")
        return None
    if not text.strip():
        reading.skipped.append(f"{name}: empty")
        return None
    return parse(name, text, reading.warnings)


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
    return text


def _files(root: Path, skipped: list[str]) -> Iterator[tuple[Path, str]]:
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
        if not path.is_dir():
            yield path, name
            continue
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            skipped.append(f"{name or path}: cannot be read ({error.strerror})")
            continue
        for entry in entries:
            below = f"{name}/{entry.name}" if name else entry.name
            if entry.is_symlink():
                links.append((Path(entry.path), below))
            elif _wanted(entry.name, directory=entry.is_dir(follow_symlinks=False)):
                pending.append((Path(entry.path), below))


def _resolve_link(path: Path, name: str, root: Path, seen: set[Path], skipped: list[str]) -> Iterator[tuple[Path, str]]:
    """The link's target, if it is worth reading and inside `root`; else a line in `skipped` where it looked like a document."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # pathlib reports a loop as RuntimeError before Python 3.13
        if _wanted(path.name, directory=False):
            skipped.append(f"{name}: a symbolic link that leads nowhere or to itself")
        return
    if not _wanted(path.name, directory=target.is_dir()):
        return
    if not target.is_relative_to(root):
        skipped.append(f"{name}: a symbolic link out of its source")
    elif target.is_dir() and (target in seen or path.parent.is_relative_to(target)):
        skipped.append(f"{name}: a symbolic link to a directory that is read already")
    else:
        yield target, name


def _wanted(name: str, *, directory: bool) -> bool:
    if name.startswith("."):
        return False
    if directory:
        return name not in PASSED_OVER
    return os.path.splitext(name)[1].lower() in FORMATS  # noqa: PTH122 - a name, not a path on this machine


def _split_front_matter(name: str, text: str, warnings: list[str]) -> tuple[dict[str, Any], str]:
    handler = YAMLHandler()
    if not handler.detect(text):
        return {}, text
    try:
        header, body = handler.split(text)
        attributes = handler.load(header)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, yaml.YAMLError):
            warnings.append(f"{name}: its front matter is not valid YAML and was left out")
        return {}, text
    # A rule of dashes at the top, not front matter, when what follows is no mapping.
    return (attributes, body) if isinstance(attributes, dict) else ({}, text)


def _names(value: Any) -> tuple[str, ...]:
    """`alerts: A`, `alerts: A, B` and `alerts: [A, B]` alike."""
    items = value.replace(",", " ").split() if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(name for item in items if (name := _words(item)))


def _words(value: Any) -> str:
    """A scalar as text; anything nested is not a title or a name."""
    return str(value).strip() if isinstance(value, str | int | float | date) else ""
