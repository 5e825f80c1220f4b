"""Runs recorded by the callbacks ansible.posix.jsonl and ansible.posix.json, as real runs printed them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.vocabulary import Change
from tools.changes.ansible_callbacks import read_callbacks
from tools.changes.ansible_task import to_change, with_ids

DATA = Path(__file__).resolve().parents[1] / "data" / "ansible"
JSONL = (DATA / "run.jsonl").read_text()
DOCUMENT = (DATA / "run.json").read_text()
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyb290In0.abcdefghijklmnopqrstuvwxyz"
PASSWORD = "hunter2Hunter2"


def changes_in(text: str) -> list[Change]:
    results = with_ids(read_callbacks(text).results)
    return [to_change(result, change_id=change_id, source="ansible") for change_id, result in results]


def one(title: str, host: str = "web1", text: str = JSONL) -> Change:
    [change] = [each for each in changes_in(text) if each.title == title and each.entity == host]
    return change


def event(content: dict[str, Any], name: str = "web : task", path: str = "/srv/roles/web/tasks/main.yml:3") -> str:
    """What ansible.posix.jsonl writes when a task has ended on web1."""
    end = "2026-11-23T06:03:01.743299Z"
    task = {"name": name, "path": path, "id": "t", "duration": {"end": end}}
    content = {"changed": True, **content}
    return json.dumps({"_event": "v2_runner_on_ok", "_timestamp": end, "task": task, "hosts": {"web1": content}}) + "\n"


def given(action: str, **arguments: Any) -> dict[str, Any]:
    return {"action": action, "invocation": {"module_args": arguments}}


def test_a_changed_template_is_a_change_with_its_diff() -> None:
    change = one("web : template app.conf (changed)")
    assert change.kind == "ansible_task"
    assert change.at == datetime(2026, 11, 23, 6, 3, 1, 768964, tzinfo=UTC)
    assert change.detail == "module template; playbook site.yml; play web tier; path /opt/app/web1/app.conf"
    assert change.files == ("/srv/ansible/roles/web/tasks/main.yml", "/opt/app/web1/app.conf")
    assert change.diff.splitlines() == [
        "--- /opt/app/web1/app.conf",
        "+++ /opt/app/web1/app.conf",
        "@@ -0,0 +1,3 @@",
        "+workers = 2",
        "+db_password = [redacted]",
        "+host = web1",
    ]
    assert (change.source, change.actor) == ("ansible", None)


def test_every_changed_result_is_one_change_and_no_other() -> None:
    """Two hosts did nine tasks of the first play, three the two of the last; dns1 did one more."""
    told = [(change.title, change.entity) for change in changes_in(JSONL)]
    assert len(told) == 2 * 6 + 1 + 2 * 3
    assert not read_callbacks(JSONL).problems


def test_a_loop_is_one_change_with_its_items_and_all_their_diffs() -> None:
    change = one("web : several files (changed)")
    assert "items one, two" in change.detail
    assert change.files[1:] == ("/opt/app/web1/one", "/opt/app/web1/two")
    assert [line for line in change.diff.splitlines() if line.startswith("+") and "/" not in line] == [
        "+one", "+web1", "+two", "+web1",
    ]  # fmt: skip


@pytest.mark.parametrize("task", ["secret file", "secret loop"])
def test_of_a_task_under_no_log_only_the_title_is_told(task: str) -> None:
    change = one(f"web : {task} (changed)")
    assert (change.detail, change.diff) == ("", "")
    assert change.files == ("/srv/ansible/roles/web/tasks/main.yml",)


def test_a_delegated_task_changed_the_machine_that_did_it() -> None:
    first, second = (each for each in changes_in(JSONL) if each.title == "web : on another (changed)")
    assert first.entity == second.entity == "dns1"
    assert "run on dns1 for web1" in first.detail
    assert first.id != second.id


def test_a_task_delegated_to_the_controller_is_about_its_host() -> None:
    content = {"action": "command", "cmd": ["dig"], "_ansible_delegated_vars": {"ansible_host": "localhost"}}
    [change] = changes_in(event(content))
    assert change.entity == "web1"
    assert "run on localhost for web1" in change.detail


def test_a_handler_that_restarts_is_a_restart() -> None:
    assert one("web : restart app (changed)").kind == "restart"


def test_a_failed_task_that_changed_something_is_told_as_failed() -> None:
    change = one("failing (failed)")
    assert change.detail.endswith("; failed: non-zero return code")
    assert "command echo boo > /opt/app/boo-web1; exit 3" in change.detail


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (given("ansible.builtin.apt", name=["jellyfin", "nginx"], state="latest"), "package_update", "name jellyfin, nginx"),
        (given("apt", update_cache=True, name=None, upgrade="no"), "ansible_task", "module apt"),
        (given("apt", upgrade="dist"), "package_update", "module apt"),
        (given("pip", name="mkdocs"), "package_update", "name mkdocs"),
        ({"action": "dnf"}, "package_update", "module dnf"),
        (given("ansible.builtin.systemd_service", name="nginx", state="restarted"), "restart", "state restarted"),
        (given("service", name="nginx", state="started"), "ansible_task", "name nginx, state started"),
        (given("ansible.builtin.reboot"), "reboot", "module ansible.builtin.reboot"),
        (given("community.docker.docker_container", name="jellyfin", image="jellyfin:10.11"), "ansible_task", "image jellyfin:10.11"),
        (given("community.docker.docker_compose_v2", project_src="/opt/stacks/media"), "ansible_task", "compose project media"),
    ],
)  # fmt: skip
def test_the_module_decides_the_kind(content: dict[str, Any], kind: str, told: str) -> None:
    [change] = changes_in(event(content))
    assert change.kind == kind
    assert told in change.detail


@pytest.mark.parametrize(
    ("name", "path", "kind"),
    [
        ("web : nginx restart", "/srv/roles/web/handlers/main.yml:1", "restart"),
        ("web : reload systemd", "/srv/roles/web/handlers/main.yml:1", "restart"),
        ("web : systemd daemon-reload", "/srv/roles/web/handlers/main.yml:1", "ansible_task"),
        ("web : Restart the app", "/srv/roles/web/tasks/main.yml:1", "restart"),
        ("web : set the restart policy", "/srv/roles/web/tasks/main.yml:1", "ansible_task"),
    ],
)
def test_what_a_command_restarts_is_told_by_its_name(name: str, path: str, kind: str) -> None:
    [change] = changes_in(event({"action": "command"}, name=name, path=path))
    assert change.kind == kind


def test_secrets_in_arguments_and_diffs_do_not_come_out() -> None:
    lines = "\n".join(f"setting {number}" for number in range(20))
    key = (
        "-----BEGIN OPENSSH PRIVATE KEY-----\n"
        + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n" * 9
        + "-----END OPENSSH PRIVATE KEY-----\n"
    )
    changed = key.replace("b3Blbn", "c4Cmco", 5)
    content = {
        **given("uri", url=f"https://ops:{PASSWORD}@host/api", password=PASSWORD, line=f"token={TOKEN}"),
        "cmd": ["mysql", "--password", PASSWORD, f"-H 'Authorization: Bearer {TOKEN}'"],
        "results": [
            {"changed": True, "item": {"name": "db", "password": PASSWORD}},
            {"changed": True, "diff": {"before": f"{lines}\npassword: old{PASSWORD}\n{lines}\n", "after": f"{lines}\npassword: {PASSWORD}\n{lines}\n"}},
            {"changed": True, "diff": {"before": {"api_token": "none yet"}, "after": {"api_token": PASSWORD, "user": "ops"}}},
            {"changed": True, "diff": {"before": key, "after": changed}, **given("copy", line=f"token={TOKEN}")},
            {"changed": True, "diff": {"prepared": f"-password={PASSWORD}\n+-----BEGIN RSA PRIVATE KEY-----\n+b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"}},
        ],
    }  # fmt: skip
    [change] = changes_in(event(content, name=f"web : set {TOKEN}"))
    told = change.model_dump_json()
    for secret in (TOKEN, PASSWORD, "b3Blbn", "c4Cmco"):
        assert secret not in told
    assert "-password: [redacted]" in change.diff.splitlines()
    assert "+password: [redacted]" in change.diff.splitlines()
    assert '+  "user": "ops"' in change.diff.splitlines()


def test_the_document_of_the_json_callback_tells_the_same() -> None:
    change = one("web : template nginx.conf (changed)", "web1", DOCUMENT)
    assert change.detail == (
        "module ansible.builtin.template; playbook site.yml; play web tier; path /srv/ansible/out/web1/nginx.conf"
    )
    assert change.diff.splitlines()[2:] == [
        "@@ -1,2 +1,2 @@",
        "-worker_processes 3;",
        "+worker_processes 5;",
        " # web1",
    ]
    assert {each.title for each in changes_in(DOCUMENT)} == {
        "web : template nginx.conf (changed)",
        "web : reload nginx (changed)",
    }
    assert one("web : reload nginx (changed)", "web2", DOCUMENT).kind == "restart"


@pytest.mark.parametrize("together", ["{0}{1}", "{1}{0}", "[WARNING]: old\n{1}\nPlaying {{x}}\n{0}"])
def test_several_runs_in_one_file_are_all_read(together: str) -> None:
    both = together.format(JSONL, DOCUMENT)
    assert len(changes_in(both)) == len(changes_in(JSONL)) + len(changes_in(DOCUMENT))


def test_indented_events_are_read_too() -> None:
    indented = "\n".join(json.dumps(json.loads(line), indent=2) for line in JSONL.splitlines())
    assert changes_in(indented) == changes_in(JSONL)


def test_a_half_written_last_line_is_a_problem_and_the_rest_stands() -> None:
    whole = JSONL.splitlines(keepends=True)
    cut = "".join(whole[:-1]) + whole[-2][:300]
    reading = read_callbacks(cut)
    assert len(reading.results) == len(changes_in(JSONL))
    [(at, problem)] = reading.problems
    assert "half-written" in problem
    assert at == reading.results[-1].at


def _without_hosts(lines: list[str]) -> list[str]:
    broken = json.loads(lines[2])
    return [*lines[:2], json.dumps({**broken, "hosts": ["web2"]}), *lines[3:]]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda lines: [*lines[:2], lines[2][:100], *lines[3:]], "line 3 is broken JSON"),
        (_without_hosts, r"line 3: hosts: Input should be a valid dictionary"),
        (
            lambda lines: [*lines[:2], lines[2].replace("2026-11-23T", "soon "), *lines[3:]],
            r"line 3: task.duration.end",
        ),
    ],
)
def test_a_broken_line_is_a_problem_that_names_it(break_it: Callable[[list[str]], list[str]], said: str) -> None:
    reading = read_callbacks("\n".join(break_it(JSONL.splitlines())))
    assert len(reading.results) == len(changes_in(JSONL)) - 1
    [(_, problem)] = reading.problems
    assert said in problem


def test_a_broken_task_in_a_document_leaves_the_others() -> None:
    document = json.loads(DOCUMENT)
    document["plays"][0]["tasks"][0] = {"task": "?"}
    reading = read_callbacks(json.dumps(document))
    assert len(reading.results) == len(changes_in(DOCUMENT))
    assert len(reading.problems) == 1


def test_a_document_that_ends_early_is_a_problem() -> None:
    reading = read_callbacks(DOCUMENT[: len(DOCUMENT) // 2])
    assert reading.results == []
    assert "cut off" in reading.problems[0][1]


def test_json_of_others_is_not_taken_for_ansibles() -> None:
    assert not read_callbacks('{"plays": 3}\n{"event": "x"}\n').known


def test_tasks_of_one_name_in_one_second_stay_apart() -> None:
    ids = [change.id for change in changes_in(event({"cmd": "a"}) + event({"cmd": "b"}))]
    assert ids[1] == f"{ids[0]}-2"
    assert ids == [change.id for change in changes_in(event({"cmd": "a"}) + event({"cmd": "b"}))]


def test_a_long_diff_is_cut_at_a_line() -> None:
    text = "".join(f"line number {number}\n" for number in range(3_000))
    [change] = changes_in(event({"diff": {"before": "", "after": text}}))
    *_, last, note = change.diff.splitlines()
    assert last.startswith("+line number ")
    kept = int(last.removeprefix("+line number "))
    assert note == f"… {3_000 - kept - 1} more lines"


def test_a_diff_of_too_many_lines_is_only_counted() -> None:
    [change] = changes_in(event({"path": "/x", "diff": {"before": "a\n" * 6_000, "after": "b\n"}}))
    assert change.diff == "/x: 6000 lines before, 1 after; too long to compare"
