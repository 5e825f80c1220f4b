"""When a commit reached the machines: with the run, update or restart that carried it there."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import PurePosixPath

from core.vocabulary import Change

_CARRIES = frozenset({"ansible_task", "image_update", "package_update", "restart", "version", "guest_lifecycle"})
_ROLE = re.compile(r"(?:^|/)roles/([^/]+)/")
_ROLE_OF_TASK = re.compile(r"^([\w.-]+) ?: ")
_ROLE_TOLD = re.compile(r"\brole:? ([\w.-]+)")
_STACK = re.compile(r"(?:^|/)(?:stacks|compose|docker|apps|services|containers)/([^/]+)/")
_PROJECT_TOLD = re.compile(r"compose project ([\w.-]+)")
_COMPOSE_FILE = re.compile(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml$")
_IN_COMPOSE = re.compile(
    r"^[ +-](?: {2}([\w.-]+):\s*$|\s+container_name:\s*[\"']?([\w.-]+)|\s+image:\s*\S*?([\w.-]+)[:@])", re.MULTILINE
)
_LAYOUT = frozenset({
    "ansible", "apps", "compose", "configs", "containers", "defaults", "docker", "environments", "files", "group_vars", "handlers",
    "host_vars", "infra", "inventory", "main", "meta", "playbooks", "roles", "scripts", "services", "stacks", "tasks", "templates", "vars",
})  # fmt: skip
"""Names in a path that say how a repository is laid out, not what it is about."""


def with_effective_times(changes: Sequence[Change], *, within: timedelta) -> list[Change]:
    """`changes`, each commit with the time of the first later change that touches the same, `within` that time after it.

    A commit that nothing carried keeps `effective_at` as it is: it may never have reached a machine.
    """
    carriers = sorted((each for each in changes if _carries(each)), key=lambda change: change.at)
    places: dict[str, list[int]] = defaultdict(list)
    for place, carrier in enumerate(carriers):
        for mark in _marks_of_a_run(carrier):
            places[mark].append(place)
    times = [carrier.at for carrier in carriers]

    def dated(change: Change) -> Change:
        if not _is_commit(change) or change.effective_at is not None:
            return change
        earliest = bisect_left(times, change.at)
        later = [found[nth] for found in _found(places, change) if (nth := bisect_left(found, earliest)) < len(found)]
        first = carriers[min(later)] if later else None
        return _carried(change, first) if first is not None and first.at - change.at <= within else change

    return [dated(change) for change in changes]


def _found(places: Mapping[str, list[int]], commit: Change) -> Iterator[list[int]]:
    for mark in _marks_of_a_commit(commit):
        if mark in places:
            yield places[mark]


def _is_commit(change: Change) -> bool:
    """A record may tell of a commit, too; an image update that git does not tell of happened when it says."""
    return change.kind == "config_commit" or change.id.startswith("git:")


def _carries(change: Change) -> bool:
    """A task that failed may have brought nothing."""
    return change.kind in _CARRIES and not _is_commit(change) and not change.title.endswith("(failed)")


def _carried(commit: Change, carrier: Change) -> Change:
    told = f"took effect with “{carrier.title}” ({carrier.id})"
    return commit.model_copy(
        update={
            "effective_at": carrier.effective_at or carrier.at,
            "detail": "; ".join(filter(None, (commit.detail, told))),
        }
    )


def _marks_of_a_commit(commit: Change) -> set[str]:
    """Everything by which a run may turn out to concern the same: files, roles, stacks, and the names of what runs."""
    marks = {f"name:{commit.entity.casefold()}"} if commit.entity else set()
    for name in commit.files:
        path = PurePosixPath(name)
        marks |= _marks_of_a_path(name, whole="from the top:", ending="ends in:")
        marks |= {f"name:{part.casefold()}" for part in (*path.parts[:-1], path.stem) if part.casefold() not in _LAYOUT}
        if _COMPOSE_FILE.search(path.name):
            named = {each.casefold() for found in _IN_COMPOSE.findall(commit.diff) for each in found if each}
            marks |= {f"stack:{path.parent.name}"} | {f"name:{each}" for each in named}
    return marks


def _marks_of_a_run(change: Change) -> set[str]:
    marks = {f"name:{change.entity.casefold()}"} if change.entity else set()
    for name in change.files:
        marks |= _marks_of_a_path(name, whole="ends in:", ending="from the top:")
    roles = (*_ROLE_OF_TASK.findall(change.title), *_ROLE_TOLD.findall(change.detail))
    marks |= {f"role:{role}" for role in roles}
    return marks | {f"stack:{project}" for project in _PROJECT_TOLD.findall(change.detail)}


def _marks_of_a_path(name: str, *, whole: str, ending: str) -> set[str]:
    """A run names files by where they lay when it ran, a commit from the top of the repository: one ends in the other."""
    path = PurePosixPath(name)
    parts = path.parts[path.is_absolute() :]
    endings = {f"{ending}{'/'.join(parts[place:])}" for place in range(len(parts) - 1)}
    return (
        {f"{whole}{'/'.join(parts)}", *endings}
        | {f"role:{role}" for role in _ROLE.findall(name)}
        | {f"stack:{stack}" for stack in _STACK.findall(name)}
    )
