"""The text of one file to a document: what it is about, and its sections.

Markdown may open with front matter (`title`, `kind`, `alert` or `alerts`). YAML and templates of an Ansible tree are read for what they
are; other YAML has no headings, and its units are what stands between blank lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

import yaml
from frontmatter.default_handlers import YAMLHandler

from core.yaml_files import LOADER
from tools.knowledge.ansible import read_ansible, without_vault
from tools.knowledge.ansible_place import INVENTORIES, TEMPLATES, YAML, Part, in_inventory, subject_of
from tools.knowledge.ansible_yaml import check_nesting
from tools.knowledge.markdown import markdown_sections
from tools.knowledge.sections import Section

Kind = Literal["runbook", "playbook", "incident"]
MARKDOWN = frozenset({".md", ".markdown"})
TELLING = ("description", "summary", "symptoms", "tags", "keywords", "aliases", "services", "hosts")
"""Fields of front matter that say what a page is about, beside its title and alerts."""

_ROLE = re.compile(r"(?:.*/)?roles/[^/]+(?=/)")


class Unreadable(Exception):
    """The text is not what its name says; the message says why. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file. `path` is relative to its source, with forward slashes; `lines` come without the front matter.

    `group` is what belongs together: the directory of an Ansible role, else the document itself. `part` is what it is in an Ansible
    tree, None outside of one. `names` are what it is known by beside its title and path: the alerts of a runbook. `contents` say in few words what it holds: the tasks, plays and variables of an Ansible
    file, the description and symptoms of a page. `first_line` is where `lines` begin in the file, counted from 1.
    """

    path: str
    lines: tuple[str, ...]
    sections: tuple[Section, ...]
    kind: Kind
    title: str
    group: str
    part: Part | None = None
    names: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    first_line: int = 1
    warning: str | None = None


def is_document(name: str) -> bool:
    """Whether a file of this relative name may hold a document. Without a suffix, inventories and variables of Ansible's do."""
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if suffix in MARKDOWN | YAML | TEMPLATES:
        return True
    if name.endswith("~"):  # what an editor keeps of an older version
        return False
    is_inventory = suffix in {"", ".ini"} and (path.stem in INVENTORIES | {"hosts"} or in_inventory(path))
    return is_inventory or subject_of(path) is not None


def parse(name: str, text: str, redact: Callable[[str], str]) -> Document:
    """The document in `text`, without its secrets. Raises Unreadable for broken YAML and for a file that is all vault."""
    open_text = without_vault(text)
    if open_text is None:
        raise Unreadable("encrypted with ansible-vault")
    if PurePosixPath(name).suffix.lower() in MARKDOWN:
        return _parse_markdown(name, redact(open_text))
    try:
        found = read_ansible(name, open_text)
        if found is None and PurePosixPath(name).suffix.lower() in YAML:
            _check_yaml(open_text)
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable(f"not valid YAML ({_where(error)})") from error
    redacted = redact(open_text)
    lines = tuple(redacted.split("\n"))
    # Line ranges were found in the open text: they hold only while redaction has not joined lines (a private key).
    if found is None or len(lines) != open_text.count("\n") + 1:
        sections: tuple[Section, ...] = (Section((), tuple(paragraphs(lines))),)
    else:
        sections = tuple(
            Section(tuple(redact(part) for part in section.path), section.blocks) for section in found.sections
        )
    return Document(
        path=name,
        lines=lines,
        sections=sections,
        kind="playbook",
        title=redact(found.title) if found else name,
        group=found.group if found else name,
        part=found.part if found else None,
        contents=tuple(redact(one) for one in found.names) if found else (),
    )


def _parse_markdown(name: str, text: str) -> Document:
    attributes, body, warning = _split_front_matter(name, text)
    sections = tuple(markdown_sections(body))
    headings = (section.path[0] for section in sections if section.path)
    return Document(
        path=name,
        lines=tuple(body.split("\n")),
        sections=sections,
        kind=next((kind for kind in get_args(Kind) if kind == attributes.get("kind")), "runbook"),
        title=_words(attributes.get("title")) or next(headings, None) or PurePosixPath(name).stem,
        group=role[0] if (role := _ROLE.match(name)) else name,
        names=_names(attributes.get("alerts", attributes.get("alert"))),
        contents=tuple(line for field in TELLING for line in _lines(attributes.get(field))),
        first_line=text.count("\n") - body.count("\n") + 1,
        warning=warning,
    )


def _split_front_matter(name: str, text: str) -> tuple[dict[str, Any], str, str | None]:
    """The front matter, the body, and what is wrong; front matter that is not YAML is left out and the body kept."""
    handler = YAMLHandler()
    if not handler.detect(text):
        return {}, text, None
    try:
        header, body = handler.split(text)
    except ValueError:  # a rule of dashes at the top, and no second one
        return {}, text, None
    try:
        check_nesting(header)
        attributes = handler.load(header)
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a date that no calendar holds
        return {}, text, f"{name}: its front matter is not valid YAML and was left out"
    # A rule of dashes at the top, not front matter, when what follows is no mapping.
    return (attributes, body, None) if isinstance(attributes, dict) else ({}, text, None)


def paragraphs(lines: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """What stands between blank lines, as line ranges."""
    start = 0
    for number, line in enumerate((*lines, "")):
        if not line.strip():
            if number > start:
                yield start, number
            start = number + 1


def _check_yaml(text: str) -> None:
    """Events only: nothing is built, so no tag runs and no alias is expanded."""
    for _ in yaml.parse(text, Loader=LOADER):
        pass


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {getattr(error, 'problem', None)}" if mark else "nested too deeply"


def _names(value: Any) -> tuple[str, ...]:
    """`alerts: A`, `alerts: A, B` and `alerts: [A, B]` alike."""
    items = value.replace(",", " ").split() if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(name for item in items if (name := _words(item)))


def _lines(value: Any) -> list[str]:
    """A list's items, or a scalar as the only one."""
    return [line for item in (value if isinstance(value, list) else [value]) if (line := _words(item))]


def _words(value: Any) -> str:
    """A scalar as text; anything nested is not a title or a name."""
    return str(value).strip() if isinstance(value, str | int | float | date) else ""
