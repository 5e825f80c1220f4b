"""What one task did on one host, whoever recorded it, and the change that it is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from core.redact import redact, redact_mapping
from core.vocabulary import Change, ChangeKind
from tools.changes.ansible_diff import cut, printed_diff, told_diff

MAX_TITLE, MAX_WORDS, MAX_FILES, MAX_ITEMS = 200, 300, 50, 10
_PACKAGE_MODULES = frozenset({
    "apk", "apt", "apt_rpm", "dnf", "dnf5", "flatpak", "homebrew", "npm", "opkg", "package", "pacman", "pip", "pipx", "pkgng",
    "portage", "snap", "yum", "zypper",
})  # fmt: skip
_PACKAGE_ARGUMENTS = ("name", "package", "pkg", "deb", "requirements", "upgrade", "autoremove")
_SERVICE_MODULES = frozenset({"openrc", "rc", "service", "systemd", "systemd_service", "sysvinit", "win_service"})
_COMPOSE_MODULES = frozenset({"docker_compose", "docker_compose_v2", "docker_compose_v2_pull", "podman_compose"})
_RESTARTED = frozenset(("restarted", "reloaded"))
_RESTARTS = re.compile(r"(?<!daemon[ _-])\b(?:restart|reload)", re.IGNORECASE)
_IS_MODULE = re.compile(
    r"[a-z]\w*\.[a-z]\w*\.[a-z]\w*|(?:apt|dnf|yum|pip|package|service|systemd|command|shell|reboot)"
)
"""What Ansible calls a task that has no name of its own."""
_TOLD = ("name", "deb", "image", "repo", "version", "tag", "state", "line")
"""Arguments that say what a task was about, whichever its module."""
_LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))
_PRINTED_PATH = re.compile(r"(?:--- before|\+\+\+ after): (/.+?)(?: \((?:content|file attributes)\))?$")
_TEMPORARY = re.compile(r"/ansible-(?:tmp|local)-|/\.ansible/tmp/")
"""Where Ansible keeps a rendered template until it is copied."""
_APT_SAYS = re.compile(r"^\d+ upgraded, \d+ newly installed", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TaskResult:
    """A changed result. `at` is when the task ended on `host`, the inventory's name; `task` is its name with its role, "web : reload".

    `path` is the file that holds the task, `content` the module's answer, `printed` a diff that stands beside it. What a
    recorder does not know is empty.
    """

    at: datetime
    host: str
    task: str
    module: str = ""
    handler: bool = False
    failed: bool = False
    playbook: str = ""
    play: str = ""
    path: str = ""
    user: str = ""
    delegated_to: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    printed: str = ""
    items: tuple[str, ...] = ()

    @property
    def is_censored(self) -> bool:
        """Whether the task said `no_log`."""
        return "censored" in self.content or self.content.get("_ansible_no_log") is True

    @property
    def short_module(self) -> str:
        """`apt` for `ansible.builtin.apt`; a task without a name of its own is called after its module."""
        name = self.task.rpartition(" : ")[2]
        module = self.module or (name if _IS_MODULE.fullmatch(name) else "")
        return module.rpartition(".")[2]

    def changed_parts(self) -> list[Mapping[str, Any]]:
        """The module's answer, or of a loop those of the items that changed something."""
        items = self.content.get("results")
        if not isinstance(items, list):
            return [self.content]
        return [item for item in items if isinstance(item, Mapping) and item.get("changed") is True]


def with_ids(results: Iterable[TaskResult]) -> Iterator[tuple[str, TaskResult]]:
    """Each result with an id that depends on time, host and task only, so that it is the same in every record of the run.

    A file of tasks that is included several times runs tasks of one name within a second; they are numbered.
    """
    seen: dict[str, int] = {}
    for result in results:
        # What two clocks of one machine say a moment apart is rounded to one second as often as can be.
        at = result.at.astimezone(UTC) + timedelta(milliseconds=500)
        told = f"{at:%Y-%m-%dT%H:%M:%SZ}\n{result.host}\n{result.task}"
        digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        nth = seen[digest] = seen.get(digest, 0) + 1
        yield (f"ansible:{digest}" if nth == 1 else f"ansible:{digest}-{nth}"), result


def to_change(result: TaskResult, *, change_id: str, source: str) -> Change:
    """What a task under `no_log` was given is not told at all."""
    parts = [] if result.is_censored else result.changed_parts()
    delegate = result.delegated_to if result.delegated_to not in _LOCAL else ""
    outcome = "failed" if result.failed else "changed"
    return Change(
        id=change_id,
        at=result.at,
        kind=_kind(result, parts),
        entity=delegate or result.host,
        title=f"{redact(result.task)[:MAX_TITLE]} ({outcome})",
        detail="" if result.is_censored else "; ".join(redact(told)[:MAX_WORDS] for told in _detail(result, parts)),
        files=tuple(dict.fromkeys(redact(path) for path in _files(result, parts)))[:MAX_FILES],
        diff="" if result.is_censored else _diff(result, parts),
        source=source,
        actor=redact(result.user) or None,
    )


def _kind(result: TaskResult, parts: list[Mapping[str, Any]]) -> ChangeKind:
    module, arguments = result.short_module, [_arguments(part) for part in parts]
    name = result.task.rpartition(" : ")[2]
    if module in {"reboot", "win_reboot"}:
        return "reboot"
    if module in _PACKAGE_MODULES and (not any(arguments) or any(map(_names_packages, arguments))):
        return "package_update"
    if not module and _APT_SAYS.search(result.printed):
        return "package_update"
    if module in _SERVICE_MODULES and any(each.get("state") in _RESTARTED for each in arguments):
        return "restart"
    if _RESTARTS.search(name) and (result.handler or (module in {"", "command", "shell"} and _RESTARTS.match(name))):
        return "restart"
    return "ansible_task"


def _names_packages(arguments: Mapping[str, Any]) -> bool:
    """`apt` with `update_cache` alone reports a change, too, and installs nothing."""
    return any(arguments.get(argument) not in (None, False, "", "no", []) for argument in _PACKAGE_ARGUMENTS)


def _arguments(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the module was given, where the record has it."""
    invocation = part.get("invocation")
    arguments = invocation.get("module_args") if isinstance(invocation, Mapping) else None
    return arguments if isinstance(arguments, Mapping) else {}


def _detail(result: TaskResult, parts: list[Mapping[str, Any]]) -> Iterator[str]:
    if module := result.module or result.short_module:
        yield f"module {module}"
    if result.playbook:
        yield f"playbook {result.playbook}"
    if result.play:
        yield f"play {result.play}"
    if result.delegated_to and result.delegated_to != result.host:
        yield f"run on {result.delegated_to} for {result.host}"
    about = dict.fromkeys(told for part in parts for told in _about(result, part))
    yield from islice(about, MAX_ITEMS)
    if items := [*result.items, *map(_item, parts)]:
        told = [item for item in dict.fromkeys(items) if item]
        more = f" and {len(told) - MAX_ITEMS} more" if len(told) > MAX_ITEMS else ""
        if told:
            yield f"items {', '.join(told[:MAX_ITEMS])}{more}"
    yield from (f"path {path}" for path in islice(dict.fromkeys(_destinations(result, parts)), MAX_ITEMS))
    message = result.content.get("msg")
    if result.failed and isinstance(message, str) and message.strip():
        yield f"failed: {' '.join(message.split())}"


def _about(result: TaskResult, part: Mapping[str, Any]) -> Iterator[str]:
    arguments = _safe(_arguments(part) or part)
    if result.short_module in _COMPOSE_MODULES:
        project = arguments.get("project_name") or PurePosixPath(_words(arguments.get("project_src"))).name
        if project:
            yield f"compose project {_words(project)}"
    if command := _words(_safe(part).get("cmd") or arguments.get("_raw_params"), " "):
        yield f"command {command}"
        return
    if told := [f"{key} {words}" for key in _TOLD if (words := _words(arguments.get(key)))]:
        yield ", ".join(told)


def _safe(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Only what is told, without secrets: contents may be large."""
    wanted = {key: values.get(key) for key in (*_TOLD, "cmd", "_raw_params", "project_name", "project_src")}
    safe: Mapping[str, Any] = redact_mapping(wanted)
    return safe


def _words(value: Any, joined_by: str = ", ") -> str:
    if isinstance(value, list):
        value = joined_by.join(map(str, value))
    return " ".join(value.split()) if isinstance(value, str) else ""


def _item(part: Mapping[str, Any]) -> str:
    item = part.get("_ansible_item_label", part.get(str(part.get("ansible_loop_var", "item"))))
    return "" if item is None else redact(str(redact_mapping(item)))[: MAX_WORDS // 3]


def _files(result: TaskResult, parts: list[Mapping[str, Any]]) -> Iterator[str]:
    """The file that holds the task, and those that it changed on the host."""
    if result.path:
        yield result.path
    if not result.is_censored:
        yield from _destinations(result, parts)


def _destinations(result: TaskResult, parts: list[Mapping[str, Any]]) -> Iterator[str]:
    yield from filter(None, map(_destination, parts))
    for line in result.printed.splitlines():
        if (match := _PRINTED_PATH.match(line)) and not _TEMPORARY.search(match[1]):
            yield match[1]


def _destination(part: Mapping[str, Any]) -> str:
    arguments = _arguments(part)
    told = (part.get("dest"), part.get("path"), arguments.get("dest"), arguments.get("path"))
    return next((path for path in told if isinstance(path, str) and path), "")


def _diff(result: TaskResult, parts: list[Mapping[str, Any]]) -> str:
    told = [told_diff(part.get("diff"), _destination(part)) for part in parts]
    printed = printed_diff(result.printed) if result.printed else ""
    return cut("\n".join(filter(None, (*told, printed))))
