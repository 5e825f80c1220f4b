"""How far the words of a change agree with what was logged: a shared option, file, port or limit says more than a shared plain word."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from core.vocabulary import Change

LogLines = Sequence[tuple[datetime, str | None, str]]

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:@-]*[A-Za-z0-9]|\d")
_ERROR = re.compile(
    r"\b(err(?:or)?|fatal|panic|crit(?:ical)?|fail(?:ed|ure|s)?|exception|traceback|denied|refused|invalid|unknown|cannot|unable|"
    r"timed? ?out|timeout|oom|killed|unreachable|no such|not found|exhausted|too many|warn(?:ing)?|expired|[45]\d\d)\b",
    re.IGNORECASE,
)
_PLAIN = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "from",
        "into",
        "that",
        "this",
        "was",
        "were",
        "are",
        "has",
        "have",
        "not",
        "but",
        "its",
        "error",
        "failed",
        "failure",
        "fatal",
        "warning",
        "warn",
        "info",
        "debug",
        "level",
        "true",
        "false",
        "none",
        "null",
        "yes",
        "name",
        "state",
        "changed",
        "change",
        "task",
        "role",
        "set",
        "add",
        "added",
        "adding",
        "remove",
        "removed",
        "update",
        "updated",
        "use",
        "used",
        "using",
        "new",
        "old",
        "file",
        "files",
        "line",
        "path",
        "host",
        "hosts",
        "server",
        "service",
        "container",
        "image",
        "version",
        "default",
        "after",
        "before",
        "http",
        "https",
        "tcp",
        "udp",
        "com",
        "lan",
        "home",
        "local",
        "main",
        "err",
        "msg",
        "time",
        "caller",
        "root",
        "var",
        "etc",
        "opt",
        "srv",
        "usr",
        "lib",
        "bin",
        "log",
        "logs",
        "app",
        "data",
        "config",
        "yml",
        "yaml",
        "env",
        "conf",
        "json",
        "j2",
        "templates",
        "tasks",
        "roles",
        "stacks",
        "compose",
        "docker",
        "ansible",
        "deploy",
        "render",
        "template",
        "copy",
        "restart",
        "restarted",
        "reload",
        "start",
        "started",
        "stop",
        "stopped",
        "run",
        "running",
    ]
)
_CARRIER = re.compile(r"took effect with “[^”]*” \([^)]*\)")
_PLACE = re.compile(r"^(?:.*/)?(?:stacks|hosts|host_vars|group_vars|compose|apps)/[^/]+/")
"""The part of a path that says where, not what."""
_DEVICE = re.compile(r"/?(?:dev/)?(?:sd[a-z]\d*|nvme\d\w*|dev)")
_COMMENTS = ("#", "//", ";", "<!--", "/*", '"""', "{#")
NAMED, PLAIN = 1.0, 0.2
"""What a shared token counts: a name of several parts or a telling number, and a plain word."""
NO_ERROR = 0.3
"""What a line counts that reports nothing bad: it may just announce the change."""
SEEN_BEFORE = 0.2
"""What a token counts that stood in the logs before the change already."""
MIN_NAME = 5
MOST_BY_WORDS = 0.3
"""Plain words alone never make a sign."""
ANNOUNCED = timedelta(seconds=45)
MAX_LINES = 400
MAX_CHARACTERS = 20_000


@lru_cache(maxsize=4096)  # the same lines are held against every change
def tokens(text: str) -> frozenset[str]:
    """Names, numbers and words in lower case, with the parts of paths and dotted names; short and empty ones aside."""
    found = set()
    for token in _TOKEN.findall(text[:MAX_CHARACTERS]):
        lowered = token.lower().strip(".:-/@")
        parts = re.split(r"[/.:=@]", lowered)
        for each in {lowered, *parts}:
            if len(each) >= 3 and each not in _PLAIN and not (each.isdigit() and len(each) < 3):
                found.add(each)
    return frozenset(found)


def words_of_change(change: Change) -> str:
    """Title, detail (but not who carried it), files, and of a diff what was added and removed, under the keys that it stands below."""
    detail = _CARRIER.sub("", change.detail)
    files = [_PLACE.sub("", name) for name in change.files]
    return "\n".join([change.title, detail, *files, *changed_lines(change.diff, with_keys=True)])


def changed_lines(diff: str, *, with_keys: bool = False) -> list[str]:
    """The lines added and removed; with the less indented ones above them that tell what they are part of (`retain:` above `days: 7`)."""
    found: list[str] = []
    above: list[str] = []
    for line in diff.splitlines():
        if line.startswith(("+++", "---", "@@")):
            above = []
        elif line[:1] in {"+", "-"}:
            found += [key for key in above if with_keys and _indent(key) < _indent(line[1:])]
            above = []
            found.append(line[1:])
        else:
            above = [key for key in above if _indent(key) < _indent(line[1:])] + [line[1:]]
    return found


def only_comments(diff: str) -> bool:
    """Whether a diff has changed lines, and all of them are comments or empty."""
    lines = [line.strip() for line in changed_lines(diff)]
    return bool(lines) and all(not line or line.startswith(_COMMENTS) for line in lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def agreement(
    change: Change, at: datetime, lines: LogLines, rarity: Mapping[str, float], names: frozenset[str]
) -> tuple[float, tuple[str, ...]]:
    """0..1, and the tokens that tell most. `rarity` says of a token how few of the changes hold it (1: only one)."""
    own = {token for token in tokens(words_of_change(change)) if not _is_called(token, names)}
    before: set[str] = set()
    best: dict[str, float] = {}
    for when, _, text in lines[:MAX_LINES]:
        shared = own & tokens(text)
        if when < at - timedelta(seconds=30):
            before |= shared
            continue
        weight = 1.0 if _ERROR.search(text) else NO_ERROR
        if when < at + ANNOUNCED and weight < 1:
            weight /= 2
        for token in shared:
            counts = weight * (NAMED if _is_name(token) else PLAIN) * rarity.get(token, 1.0)
            best[token] = max(best.get(token, 0.0), counts)
    for token in best.keys() & before:
        best[token] *= SEEN_BEFORE
    telling = sorted(best, key=lambda token: (-best[token], token))[:3]
    counted = sorted(best, key=lambda token: -best[token])[:6]
    names_shared = sum(best[token] for token in counted if _is_name(token))
    words_shared = sum(best[token] for token in counted if not _is_name(token))
    return 1 - math.exp(-names_shared - min(words_shared, MOST_BY_WORDS)), tuple(telling)


def _is_called(token: str, names: frozenset[str]) -> bool:
    """Whether it is a name of somebody, or a longer form of one (adguardhome): it says who, and not what."""
    token = token.removesuffix(".service")
    if token in names or _DEVICE.fullmatch(token):
        return True
    return token.isalpha() and any(len(name) >= MIN_NAME and token.startswith(name) for name in names)


def rarity_among(changes: Iterable[Change]) -> dict[str, float]:
    """Of each token one over the number of changes that hold it."""
    count: dict[str, int] = {}
    for change in changes:
        for token in tokens(words_of_change(change)):
            count[token] = count.get(token, 0) + 1
    return {token: 1 / number for token, number in count.items()}


def is_error(text: str) -> bool:
    return bool(_ERROR.search(text))


def _is_name(token: str) -> bool:
    """An option, path, port, address or version, rather than a word of prose."""
    return bool(re.search(r"[_./:@-]|[a-z]\d|\d[a-z]", token)) or (token.isdigit() and len(token) >= 3)
