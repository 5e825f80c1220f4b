"""Who writes a log file, as its path says: `<host>/<service>.log`, `nginx/access.log`, `jellyfin/log_20261122.log.1.gz`."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_DIRECTORIES = frozenset(
    ("log", "logs", "var", "srv", "opt", "tmp", "data", "config", "app", "home", "containers", "docker", "remote", "root", "")
)  # fmt: skip
"""Directories that name nobody."""
_FILES = frozenset(
    (
        "log", "logs", "access", "error", "errors", "debug", "stdout", "stderr", "current", "out", "output", "app", "main",
        "server", "console", "",
    )
)  # fmt: skip
"""Files whose directory says whose they are."""
_SHARED = frozenset(("syslog", "messages", "kern", "auth", "daemon", "user", "system", "all", "docker", "journal"))
"""Files that many write to; their lines say who."""
_ENDING = re.compile(
    r"(?:\.(?:gz|log|txt|jsonl?|out|err|old|\d{1,4})|[-_.]\d{8}|[-_.]\d{4}-\d{2}-\d{2}|-json)$", re.IGNORECASE
)
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
_UNIT = re.compile(r"\.(?:service|scope|timer|socket)$")
_COMPOSE = re.compile(r"^[a-z0-9]+[-_](?P<name>.+)[-_]\d{1,3}$")


class PathNames(NamedTuple):
    """`service` is None when only the lines can tell; `names` are the service and the directories that may be its host."""

    path: Path
    service: str | None
    names: frozenset[str]

    @property
    def host(self) -> str | None:
        return next(iter(sorted(self.names - {self.service})), None)


def names_of(path: Path, pattern: str) -> PathNames:
    """The names in the part of `path` that the glob `pattern` left open; of a plain path, its directory."""
    fixed = len(Path(re.split(r"[*?\[]", pattern, maxsplit=1)[0] + "x").parent.parts)
    directories = path.parts[fixed:-1] if re.search(r"[*?\[]", pattern) else path.parts[-2:-1]
    named = [each for each in directories if each.lower() not in _DIRECTORIES and not _CONTAINER_ID.fullmatch(each)]
    stem = path.name
    while (shorter := _ENDING.sub("", stem)) != stem:
        stem = shorter
    if _CONTAINER_ID.fullmatch(stem):
        stem = stem[:12]
    if stem.lower() in _SHARED:
        return PathNames(path, None, frozenset(named))
    service = stem if stem.lower() not in _FILES else named[-1] if named else None
    return PathNames(path, service, frozenset(filter(None, [service, *named])))


def plain_name(name: str) -> str:
    """As people say it: `jellyfin` for `jellyfin.service` and for Docker's `/jellyfin`."""
    return _UNIT.sub("", name.strip().lstrip("/"))


def same_name(name: str, wanted: str) -> bool:
    """Whether a name found in a log means the entity asked for: case, systemd suffix, domain and compose numbering aside."""
    return not _variants(name).isdisjoint(_variants(wanted))


@lru_cache(maxsize=4096)
def _variants(name: str) -> frozenset[str]:
    plain = plain_name(name).lower()
    found = {plain, plain.split(".", 1)[0] if not plain.replace(".", "").isdigit() else plain}
    if composed := _COMPOSE.match(plain):
        found.add(composed["name"])
    return frozenset(found)
