"""Playbooks and task lists: where each play and each task begins, and what it is called."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, SequenceNode

from tools.knowledge.ansible_lines import Cut
from tools.knowledge.ansible_yaml import Entry, entries, items, value_of, words, written_here

MAX_LABEL = 120
_MAX_DEPTH = 20
_BLOCK_LISTS = frozenset({"block", "rescue", "always"})
_PLAY_LISTS = frozenset({"pre_tasks", "tasks", "post_tasks", "handlers"})
_IMPORTS = ("import_playbook", "ansible.builtin.import_playbook")
_PLAY_KEYWORDS = _PLAY_LISTS | {
    *("any_errors_fatal", "become", "become_user", "collections", "connection", "environment", "force_handlers"),
    *("gather_facts", "gather_subset", "max_fail_percentage", "module_defaults", "remote_user", "roles", "serial"),
    *("strategy", "sudo", "user", "vars", "vars_files", "vars_prompt"),
}
_ACTIONS = frozenset({"action", "local_action"})
# These say "a task" wherever they stand; the others are words that any list of mappings may use.
_TELLING = frozenset(
    {
        *("become", "become_user", "changed_when", "check_mode", "delegate_to", "failed_when", "ignore_errors"),
        *("loop", "loop_control", "no_log", "notify", "register", "run_once", "until", "when"),
    }
)
_KEYWORDS = (
    _TELLING
    | _BLOCK_LISTS
    | {
        *(
            "any_errors_fatal",
            "args",
            "async",
            "become_exe",
            "become_flags",
            "become_method",
            "collections",
            "connection",
        ),
        *(
            "debugger",
            "delay",
            "delegate_facts",
            "diff",
            "environment",
            "ignore_unreachable",
            "listen",
            "module_defaults",
        ),
        *("name", "poll", "port", "remote_user", "retries", "sudo", "tags", "throttle", "timeout", "vars"),
    }
)
_QUALIFIED = re.compile(r"[a-z]\w*\.[a-z]\w*(?:\.[a-z]\w*)+")
_SHORT_MODULES = frozenset(
    {
        *(
            "add_host",
            "apk",
            "apt",
            "apt_key",
            "apt_repository",
            "assemble",
            "assert",
            "async_status",
            "authorized_key",
        ),
        *("blockinfile", "command", "copy", "cron", "debconf", "debug", "dnf", "docker_compose"),
        *("docker_compose_v2", "docker_container", "docker_image", "docker_network", "expect", "fail", "fetch", "file"),
        *("filesystem", "find", "firewalld", "get_url", "getent", "git", "group", "group_by", "homebrew", "hostname"),
        *("import_role", "import_tasks", "include", "include_role", "include_tasks", "include_vars", "ini_file"),
        *("iptables", "known_hosts", "lineinfile", "locale_gen", "lvol", "meta", "modprobe", "mount", "nmcli", "npm"),
        *("openssl_certificate", "openssl_privatekey", "package", "package_facts", "pacman", "parted", "pause", "ping"),
        *("pip", "postgresql_db", "postgresql_user", "mysql_db", "mysql_user", "raw", "reboot", "replace", "rpm_key"),
        *("script", "seboolean", "selinux", "service", "service_facts", "set_fact", "set_stats", "setup", "shell"),
        *("slurp", "snap", "stat", "synchronize", "sysctl", "systemd", "systemd_service", "sysvinit", "tempfile"),
        *("template", "timezone", "ufw", "unarchive", "uri", "user", "wait_for", "wait_for_connection", "win_shell"),
        *("xml", "yum", "yum_repository", "zfs", "zypper"),
    }
)


def is_playbook(root: Node) -> bool:
    """A list of plays and imported playbooks, nothing else."""
    plays = items(root)
    return bool(plays) and all(isinstance(play, MappingNode) and _is_play(play) for play in plays)


def is_task_list(root: Node, *, expected: bool) -> bool:
    """Whether these are tasks: each has one module at most, and one at least is known. `expected` where the directory says so already."""
    tasks = items(root)
    if not tasks or not all(isinstance(task, MappingNode) and _may_be_task(task) for task in tasks):
        return False
    return expected or any(_is_surely_task(task) for task in tasks)


def play_cuts(root: Node, path: tuple[str, ...]) -> Iterator[Cut]:
    """Each play's header and each of its tasks; playbooks imported without a name come together under one heading."""
    importing = False
    for play in written_here(items(root), root):
        line, column = play.start_mark.line, root.start_mark.column
        imported = words(value_of(play, *_IMPORTS))
        if imported and not words(value_of(play, "name")):
            yield from () if importing else (Cut(line, column, (*path, "imported playbooks")),)
            importing = True
            continue
        importing = False
        play_path = (*path, play_label(play))
        yield Cut(line, column, play_path, play, about=play_label(play))
        yield from _play_lists(play, play_path)


def task_cuts(tasks: Node, path: tuple[str, ...], lead: tuple[int, int] | None = None, depth: int = 0) -> Iterator[Cut]:
    """Each task, also those in blocks. `lead` is where the first one begins when that is above its dash (`rescue:`)."""
    for task in written_here(items(tasks), tasks):
        line, column = lead or (task.start_mark.line, tasks.start_mark.column)
        lead = None
        nested = [entry for entry in entries(task) if entry.name in _BLOCK_LISTS and _is_list(entry)]
        if not nested or depth >= _MAX_DEPTH:
            label = _task_label(task)
            about = "" if label == _module(task) else label
            yield Cut(line, column, (*path, label), task, about)
            continue
        name = _clip(words(value_of(task, "name")))
        if name:
            yield Cut(line, column, (*path, name), task, about=name)
        inner_path = (*path, name) if name else path
        for number, entry in enumerate(nested):
            inner_lead = (entry.line, entry.column) if number else None if name else (line, column)
            yield from task_cuts(entry.value, inner_path, inner_lead, depth + 1)


def play_label(play: Node) -> str:
    if name := words(value_of(play, "name")):
        return _clip(name)
    if imported := words(value_of(play, *_IMPORTS)):
        return _clip(f"import_playbook {imported}")
    hosts = value_of(play, "hosts")
    return _clip(f"hosts {words(hosts) or ', '.join(words(item) for item in items(hosts))}")


def play_roles(root: Node) -> Iterator[str]:
    """The roles that the plays name under `roles:`."""
    for play in items(root):
        for role in items(value_of(play, "roles")):
            if name := words(role) or words(value_of(role, "role", "name")):
                yield _clip(f"role {name}")


def _play_lists(play: Node, path: tuple[str, ...]) -> Iterator[Cut]:
    """The play's tasks, and what the play itself says between and after them."""
    after_tasks = False
    for entry in entries(play):
        if entry.name in _PLAY_LISTS and _is_list(entry):
            yield from task_cuts(entry.value, path, (entry.line, entry.column) if after_tasks else None)
            after_tasks = True
        elif after_tasks:
            yield Cut(entry.line, entry.column, path, play)
            after_tasks = False


def _is_list(entry: Entry) -> bool:
    return isinstance(entry.value, SequenceNode) and bool(entry.value.value) and not entry.is_borrowed


def _is_play(play: Node) -> bool:
    keys = {entry.name for entry in entries(play)}
    if not keys.isdisjoint(_IMPORTS):
        return True
    return "hosts" in keys and (keys <= {"hosts", "name"} or not keys.isdisjoint(_PLAY_KEYWORDS))


def _may_be_task(task: Node) -> bool:
    keys = [entry.name for entry in entries(task)]
    modules = [key for key in keys if not _is_keyword(key)]
    return len(modules) == 1 or (not modules and "block" in keys)


def _is_surely_task(task: Node) -> bool:
    keys = {entry.name for entry in entries(task)}
    module = _module(task)
    if "block" in keys or _QUALIFIED.fullmatch(module):
        return True
    if not keys.isdisjoint(_TELLING) or any(key.startswith("with_") for key in keys):
        return True
    return module in _SHORT_MODULES and len(keys) > 1


def _is_keyword(key: str) -> bool:
    return key in _KEYWORDS or key.startswith("with_")


def _module(task: Node) -> str:
    for entry in entries(task):
        if entry.name in _ACTIONS:
            return (entry.text or words(value_of(entry.value, "module"))).split(" ")[0]
        if not _is_keyword(entry.name):
            return _clip(entry.name)
    return "block" if value_of(task, "block") else "task"


def _task_label(task: Node) -> str:
    """Its name; else its module, with the file or role when it includes one."""
    if name := words(value_of(task, "name")):
        return _clip(name)
    module = _module(task)
    if not module.rpartition(".")[2].startswith(("include", "import")):
        return module
    included = value_of(task, module)
    return _clip(f"{module} {words(included) or words(value_of(included, 'file', 'name'))}".rstrip())


def _clip(label: str) -> str:
    return label if len(label) <= MAX_LABEL else f"{label[: MAX_LABEL - 1]}…"
