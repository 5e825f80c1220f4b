"""A large tree of runbooks and Ansible roles, recombined from this repository's own: the same text for the same seed.

Only the arrangement and the names are new, so words per passage and tokens per word are those of real pages. A page takes sections and
steps from several runbooks, a role takes tasks, variables and templates from several roles; both are about machines and software
with names of their own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from core.redact import redact
from tools.knowledge.chunks import split_document
from tools.knowledge.documents import Unreadable, parse

ROOT = Path(__file__).resolve().parent.parent
NAMES = 400
"""Invented names. Each page draws from them, so that one stands in some dozen pages, as a product's does."""
PAGES_PER_ROLE = 2
"""Gives about as many passages of Markdown as of Ansible."""
_HEADING = re.compile(r"^#{1,3} .*$", re.MULTILINE)
_FENCE = re.compile(r"^\s*```")
_TITLE = re.compile(r"^(title: .*|# .*)$", re.MULTILINE)
_CAPITALISED = re.compile(r"[A-Z][a-z0-9]*")
_PLACEHOLDER = re.compile(r"{{.*?}}")
_SYLLABLES = ("bal", "bren", "cor", "dra", "fen", "hel", "jor", "kel", "lum", "mar", "nex", "pra", "quil", "sel", "vex")
_ENDINGS = ("a", "ix", "on", "is", "ar", "eth", "ide", "um", "ow", "ica", "ent", "ora")


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was written: `documents` files with `words` words (whitespace apart), which are cut into `passages`."""

    directory: Path
    documents: int
    passages: int
    words: int


def write_corpus(directory: Path, passages: int, seed: int = 0) -> Corpus:
    """Write documents below `directory` until they hold at least `passages` passages."""
    documents = written = words = 0
    for name, text in _documents(random.Random(seed)):
        try:
            document = parse(name, text, redact)
        except Unreadable:  # a recombined task that is no YAML: an unlucky cut
            continue
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        documents += 1
        written += len(split_document(document))
        words += len(text.split())
        if written >= passages:
            break
    return Corpus(directory, documents, written, words)


def questions(count: int, seed: int = 0) -> list[str]:
    """Questions of the project's own set and texts of its alert rules in turn, about the corpus's names; all different."""
    chance = random.Random(seed)
    asked = [str(pair["question"]) for pair in yaml.safe_load((ROOT / "evalsets" / "search.json").read_text("utf-8"))]
    alerts = [f"{name} {summary}" for name, summary in _alerts().items()]
    pool = _invented_names(random.Random(seed))
    found: dict[str, None] = {}
    while len(found) < count:
        texts = alerts if len(found) % 2 else asked
        renamed = _renamed(chance.choice(texts), _new_names(chance, pool))
        found[_PLACEHOLDER.sub(lambda match: _filled_in(match[0], chance, pool), renamed)] = None
    return list(found)


def _filled_in(placeholder: str, chance: random.Random, pool: Sequence[str]) -> str:
    """What stands in an alert's text for a number, for a label, and for an `if`."""
    if "$value" in placeholder:
        return f"{chance.uniform(1, 100):.3g}"
    return chance.choice(pool) if placeholder.startswith("{{ $labels") else ""


def _documents(chance: random.Random) -> Iterator[tuple[str, str]]:
    """(relative path, text), without end."""
    pool = _invented_names(chance)
    runbooks = [path.read_text("utf-8") for path in sorted((ROOT / "runbooks").glob("*.md"))]
    playbooks = [path.read_text("utf-8") for path in sorted((ROOT / "ansible" / "playbooks").glob("*.yml"))]
    roles = sorted(path for path in (ROOT / "ansible" / "roles").iterdir() if path.is_dir())
    number = 0
    while True:
        for _ in range(PAGES_PER_ROLE):
            number += 1
            subject = chance.choice(pool)
            sources = chance.sample(runbooks, 3)
            page = _TITLE.sub(rf"\1 on {subject}", _page(chance, sources), count=2)
            yield f"runbooks/{subject}-{number:04}.md", _renamed(page, _new_names(chance, pool))
        number += 1
        subject = chance.choice(pool)
        names = _new_names(chance, pool)
        yield f"ansible/playbooks/{subject}_{number:04}.yml", _renamed(chance.choice(playbooks), names)
        for file, text in _role(chance, roles):
            yield f"ansible/roles/{subject}_{number:04}/{_renamed(file, names)}", _renamed(text, names)


def _page(chance: random.Random, sources: Sequence[str]) -> str:
    """The first source's head, title and headings; below each heading as many steps as it had, out of all the sources."""
    sections = [_sections(source) for source in sources]
    page = []
    for heading, blocks in sections[0].items():
        offered = [block for other in sections for block in other.get(heading, [])]
        page.append("\n\n".join([heading, *chance.sample(offered, len(blocks))]))
    return "\n\n".join(page) + "\n"


def _sections(page: str) -> dict[str, list[str]]:
    """By heading, the blocks below it; the first key is the front matter and the title."""
    title = next(_HEADING.finditer(page)).end()
    starts = [0, *(match.start() for match in _HEADING.finditer(page, title) if not _in_fence(page, match.start()))]
    found: dict[str, list[str]] = {}
    for start, end in zip(starts, [*starts[1:], len(page)], strict=True):
        head = title if not start else page.index("\n", start)
        found.setdefault(page[start:head], []).extend(_blocks(page[head:end]))
    return found


def _in_fence(page: str, position: int) -> bool:
    return sum(1 for line in page[:position].splitlines() if _FENCE.match(line)) % 2 == 1


def _blocks(text: str) -> list[str]:
    """What begins at the left margin after a blank line: a paragraph, a list item with its code, a task, a variable."""
    return [block.strip("\n") for block in re.split(r"\n\n+(?=\S)", text) if block.strip()]


def _role(chance: random.Random, roles: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """The files of one role; half of the tasks and variables in them come from another role's."""
    kept, other = chance.sample(roles, 2)
    for path in sorted(kept.rglob("*")):
        if not path.is_file():
            continue
        text = path.read_text("utf-8")
        name = path.relative_to(kept)
        beside = other / name
        if name.suffix == ".yml" and beside.is_file():
            own, foreign = _blocks(text), _blocks(beside.read_text("utf-8"))
            mixed = [chance.choice(pair) for pair in zip(own[1:], foreign[1:], strict=False)]
            text = "\n\n".join([own[0], *mixed, *own[1 + len(mixed) :]]) + "\n"
        yield name.as_posix(), text


def _invented_names(chance: random.Random) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < NAMES:
        syllables = chance.choices(_SYLLABLES, k=chance.choice((1, 2, 2)))
        found["".join([*syllables, chance.choice(_ENDINGS)])] = None
    return list(found)


@cache
def _real_names() -> tuple[str, ...]:
    """The roles and services of this repository, and its alerts."""
    homelab = yaml.safe_load((ROOT / "scenarios" / "homelab.yaml").read_text("utf-8"))
    services = {name for of_guest in homelab["services"].values() for name in of_guest}
    roles = {path.name for path in (ROOT / "ansible" / "roles").iterdir()}
    return (*sorted(name for name in services | roles if len(name) > 3), *_alerts())


@cache
def _alerts() -> Mapping[str, str]:
    """The summaries of this repository's alert rules by the alert's name."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in sorted((ROOT / "scenarios" / "rules").glob("*.yaml"))]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"] if "alert" in rule]
    return {rule["alert"]: rule["annotations"]["summary"] for rule in rules}


@cache
def _real_name() -> re.Pattern[str]:
    longest_first = sorted(_real_names(), key=len, reverse=True)
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(map(re.escape, longest_first))})(?![A-Za-z])", re.IGNORECASE)


def _new_names(chance: random.Random, pool: Sequence[str]) -> Mapping[str, str]:
    """By lower-case name, what it is called instead; every third one keeps its name. `HostDown` becomes `<Name>Down`."""
    new: dict[str, str] = {}
    for name in _real_names():
        invented = chance.choice(pool)
        if name in _alerts():
            invented = invented.capitalize() + "".join(_CAPITALISED.findall(name)[1:])
        new[name.lower()] = name if chance.random() < 1 / 3 else invented
    return new


def _renamed(text: str, names: Mapping[str, str]) -> str:
    """`text` with other names, capitals kept."""

    def replace(match: re.Match[str]) -> str:
        new = names[match[0].lower()]
        return new[0].upper() + new[1:] if match[0][0].isupper() else new

    return _real_name().sub(replace, text)
