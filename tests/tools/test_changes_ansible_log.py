"""Runs recorded by `log_path`: a recorded log, logs written by a real run, and local times that are hard to read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Change
from tools.changes.ansible_callbacks import Reading
from tools.changes.ansible_log import looks_like_a_log, read_log
from tools.changes.ansible_task import to_change, with_ids

DATA = Path(__file__).resolve().parents[1] / "data" / "ansible"
LOG = (DATA / "run.log").read_text()
JSONL = (DATA / "run.jsonl").read_text()
BERLIN = ZoneInfo("Europe/Berlin")
LATER = datetime(2026, 12, 24, tzinfo=UTC)
TOKEN = "ghp_" + "a1B2c3D4e5F6" * 3
PASSWORD = "hunter2Hunter2"


def changes_of(reading: Reading) -> list[Change]:
    return [to_change(each, change_id=change_id, source="ansible") for change_id, each in with_ids(reading.results)]


def changes_in(text: str, zone: ZoneInfo = BERLIN) -> list[Change]:
    return changes_of(read_log(text, zone, LATER))


def log(*entries: tuple[str, str], pid: int = 7, user: str = "ops") -> str:
    """Entries as Ansible 2.19 writes them; a time is a clock's on 2026-10-25 unless it has its date."""
    whole = [(when if len(when) > 8 else f"2026-10-25 {when}", message) for when, message in entries]
    return "".join(f"{when},123 p={pid} u={user} n=ansible INFO| {message}\n" for when, message in whole)


def task(*clocks: str, name: str = "web : touch") -> str:
    return log((clocks[0], f"TASK [{name}] ****"), *((clock, f"changed: [host{clock[:5]}]") for clock in clocks))


def clocks(found: Iterable[Change]) -> list[str]:
    return [f"{change.at:%H:%M}" for change in found]


def test_each_changed_line_is_a_change_with_the_diff_before_it() -> None:
    found = changes_in(LOG)
    assert [(change.title, change.entity) for change in found] == [
        ("web : make the conf dir (changed)", "web1"),
        ("web : make the conf dir (changed)", "web2"),
        ("web : template nginx.conf (changed)", "web2"),
        ("web : template nginx.conf (changed)", "web1"),
        ("web : reload nginx (changed)", "web1"),
        ("web : reload nginx (changed)", "web2"),
        ("dns : blocklist (changed)", "dns1"),
    ]
    template = found[3]
    assert template.at == datetime(2026, 11, 22, 15, 43, 1, 70_000, tzinfo=UTC)
    assert template.diff.splitlines()[-2:] == ["+worker_processes 3;", "+# web1"]
    assert (template.actor, template.source) == ("ops", "ansible")
    assert template.detail == "play web tier; path /home/ops/x"
    assert [change.kind for change in found[3:6]] == ["ansible_task", "restart", "restart"]
    assert found[4].diff == ""
    assert found[6].files == ("/srv/ansible/out/dns1-blocklist",)


def test_the_log_and_the_callback_of_one_run_agree_on_ids() -> None:
    """A log of the jsonl callback holds its lines; the same run in a file of its own has the same ids."""
    wrapped = "".join(log(("2026-11-23 07:03:20", line)) for line in JSONL.splitlines())
    from_log = changes_in(wrapped)
    assert len(from_log) == 19
    assert {change.actor for change in from_log} == {"ops"}
    first = from_log[0]
    text = log(
        ("2026-11-23 07:03:00", "TASK [web : template app.conf] ***"), ("2026-11-23 07:03:01", "changed: [web2]")
    ).replace(",123", ",745")
    [printed] = changes_in(text)
    assert (printed.title, printed.entity, printed.id) == (first.title, first.entity, first.id)


@pytest.mark.parametrize(
    "head", ["p=7 u=ops | ", "p=7 u=ops n=ansible | ", "p=7 u=ops n=ansible INFO| ", "p=7 u=uid=1000 n=a |  "]
)
def test_the_line_heads_of_older_releases_are_read(head: str) -> None:
    text = log(("12:00:00", "TASK [a] ***"), ("12:00:01", "changed: [web1]")).replace(
        "p=7 u=ops n=ansible INFO| ", head
    )
    assert clocks(changes_in(text)) == ["11:00"]


def test_a_loop_ends_with_its_last_item() -> None:
    [change] = changes_in(log(
        ("12:00:00", "TASK [web : copy] ***"),
        ("12:00:01", "--- before\n+++ after: /etc/one\n@@ -0,0 +1 @@\n+1\n\n"),
        ("12:00:01", "changed: [web1] => (item=one)"),
        ("12:00:02", "ok: [web1] => (item=two)"),
        ("12:00:03", "--- before\n+++ after: /etc/three\n@@ -0,0 +1 @@\n+3\n\n"),
        ("12:00:03", "changed: [web1] => (item={'name': 'three', 'password': 'hunter2Hunter2'})"),
        ("12:00:09", "ok: [web1] => (item=four)"),
    ))  # fmt: skip
    assert change.at == datetime(2026, 10, 25, 11, 0, 9, 123_000, tzinfo=UTC)
    assert change.files == ("/etc/one", "/etc/three")
    assert "items one, {'name': 'three', 'password': '[redacted]'}" in change.detail
    assert change.diff.count("@@ -0,0 +1 @@") == 2


def test_a_diff_belongs_only_to_the_result_right_after_it() -> None:
    found = changes_in(log(
        ("12:00:00", "TASK [web : copy] ***"),
        ("12:00:01", "--- before\n+++ after\n@@ -0,0 +1 @@\n+of web1\n\n"),
        ("12:00:01", "ok: [web1]"),
        ("12:00:01", "changed: [web2]"),
        ("12:00:02", "--- before\n+++ after\n@@ -0,0 +1 @@\n+of web3\n\n"),
        ("12:00:02", "[WARNING]: something\nin two lines"),
        ("12:00:02", "changed: [web3]"),
    ))  # fmt: skip
    assert [(change.entity, change.diff) for change in found] == [("web2", ""), ("web3", "")]


def test_two_runs_that_write_at_once_are_told_apart() -> None:
    text = (
        log(("12:00:00", "TASK [web : copy] ***"))
        + log(("12:00:01", "TASK [dns : zone] ***"), pid=8)
        + log(("12:00:02", "--- before\n+++ after: /etc/x\n@@ -0,0 +1 @@\n+x\n\n"))
        + log(("12:00:02", "changed: [dns1]"), pid=8, user="cron")
        + log(("12:00:03", "changed: [web1]"))
    )
    told = {(change.title, change.entity, change.files) for change in changes_in(text)}
    assert told == {("web : copy (changed)", "web1", ("/etc/x",)), ("dns : zone (changed)", "dns1", ())}


@pytest.mark.parametrize(
    "header", ["TASK [web : copy] [CHECK MODE] ****", "RUNNING HANDLER [web : copy] [CHECK MODE] ****"]
)
def test_a_dry_run_changed_nothing(header: str) -> None:
    assert changes_in(log(("12:00:00", header), ("12:00:01", "changed: [web1]"))) == []
    play = log(("12:00:00", "PLAY [web] [CHECK MODE] ****")) + task("12:00:01")
    assert changes_in(play) == []
    assert len(changes_in(play + log(("12:01:00", "PLAY [dns] ****")) + task("12:01:01"))) == 1


def test_failures_count_when_they_changed_something() -> None:
    found = changes_in(log(
        ("12:00:00", "TASK [web : migrate] ***"),
        ("12:00:01", f'fatal: [web1]: FAILED! => {{"changed": true, "cmd": "migrate --password {PASSWORD}", "msg": "non-zero return code"}}'),
        ("12:00:01", 'fatal: [web2]: FAILED! => {"changed": false, "msg": "no such file"}'),
        ("12:00:01", 'fatal: [web3]: UNREACHABLE! => {"changed": false, "msg": "timed out"}'),
        ("12:00:02", 'failed: [web4] (item=x) => {"changed": true, "item": "x", "msg": "bad"}'),
    ))  # fmt: skip
    assert [(change.entity, change.title) for change in found] == [
        ("web1", "web : migrate (failed)"),
        ("web4", "web : migrate (failed)"),
    ]
    assert "command migrate --password [redacted]; failed: non-zero return code" in found[0].detail


def test_packages_are_known_by_the_module_or_by_what_apt_says() -> None:
    apt = "The following packages will be upgraded:\n  nginx\n1 upgraded, 0 newly installed, 0 to remove and 3 not upgraded."
    found = changes_in(log(
        ("12:00:00", "TASK [web : upgrade everything] ***"), ("12:00:01", apt), ("12:00:01", "changed: [web1]"),
        ("12:01:00", "TASK [web : ansible.builtin.dnf] ***"), ("12:01:01", "changed: [web1]"),
        ("12:02:00", "TASK [web : look] ***"), ("12:02:01", "changed: [web1]"),
    ))  # fmt: skip
    assert [change.kind for change in found] == ["package_update", "package_update", "ansible_task"]
    assert "1 upgraded" in found[0].diff


def test_what_verbose_runs_print_is_used() -> None:
    [change] = changes_in(log(
        ("12:00:00", "PLAYBOOK: site.yml *******"),
        ("12:00:00", "TASK [web : copy] ***"),
        ("12:00:00", "task path: /srv/ansible/roles/web/tasks/main.yml:3"),
        ("12:00:00", "<web1> EXEC /bin/sh -c 'x\ny'"),
        ("12:00:01", 'changed: [web1 -> nas(10.0.0.9)] => {"changed": true, "dest": "/etc/x", "state": "file"}'),
    ))  # fmt: skip
    assert change.entity == "nas"
    assert change.files == ("/srv/ansible/roles/web/tasks/main.yml", "/etc/x")
    assert change.detail == "playbook site.yml; run on nas for web1; state file; path /etc/x"
    assert change.diff == ""


def test_secrets_do_not_come_out() -> None:
    key = "\n".join(["+-----BEGIN OPENSSH PRIVATE KEY-----", *["+b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"] * 5])
    text = log(
        ("12:00:00", f"TASK [web : login password={PASSWORD}] ***"),
        ("12:00:01", f"--- before\n+++ after\n@@ -1 +1 @@\n-token: {TOKEN}\n+token: x{TOKEN}\n+db_password = {PASSWORD}\n{key}\n\n"),
        ("12:00:01", f"changed: [web1] => (item=--password {PASSWORD})"),
    )  # fmt: skip
    [change] = changes_in(text)
    assert not any(secret in change.model_dump_json() for secret in (TOKEN, PASSWORD, "b3Blbn"))
    assert "+db_password = [redacted]" in change.diff.splitlines()


def test_local_times_are_read_in_their_zone_summer_and_winter() -> None:
    text = task("2026-07-01 12:00:00") + task("2026-12-01 12:00:00")
    assert clocks(changes_in(text)) == ["10:00", "11:00"]
    assert clocks(changes_in(text, ZoneInfo("America/New_York"))) == ["16:00", "17:00"]


def test_when_clocks_go_back_the_order_tells_which_hour_it_is() -> None:
    """On 2026-10-25 the hour from 02:00 happens twice in Berlin: 00:00 UTC and 01:00 UTC."""
    reading = read_log(task("01:50:00", "02:10:00", "02:50:00", "02:05:00", "02:40:00", "03:10:00"), BERLIN, LATER)
    assert clocks(changes_of(reading)) == ["23:50", "00:10", "00:50", "01:05", "01:40", "02:10"]
    assert reading.problems == []


def test_an_hour_that_happens_twice_without_a_turn_is_said() -> None:
    reading = read_log(task("01:50:00", "02:10:00", "03:10:00"), BERLIN, LATER)
    assert clocks(changes_of(reading)) == ["23:50", "00:10", "02:10"]
    told = "some local times happen twice in Europe/Berlin; the earlier was taken"
    assert reading.problems == [(datetime(2026, 10, 25, 0, 10, 0, 123_000, tzinfo=UTC), told)]


def test_times_that_the_zone_skips_speak_against_it() -> None:
    """On 2026-03-29 Berlin goes from 02:00 to 03:00; a container's UTC does not."""
    text = task("2026-03-29 02:30:00")
    assert "2026-03-29 has times that Europe/Berlin skips" in read_log(text, BERLIN, LATER).problems[0][1]
    assert read_log(text, ZoneInfo("UTC"), LATER).problems == []


def test_a_log_of_several_zones_is_said_and_read() -> None:
    text = task("2026-11-20 12:00:00") + task("2026-11-20 11:05:00") + task("2026-11-20 12:10:00")
    reading = read_log(text, BERLIN, LATER)
    assert len(reading.results) == 3
    [(_, problem)] = reading.problems
    assert problem.startswith("its times go back")


def test_times_after_the_last_writing_speak_against_the_zone() -> None:
    written = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    text = task("2026-11-20 12:00:00")
    assert read_log(text, BERLIN, written + timedelta(seconds=1)).problems == []
    [(_, problem)] = read_log(text, ZoneInfo("America/New_York"), written).problems
    assert "lie after its last writing" in problem


def test_results_before_the_first_task_have_no_name_and_are_left_out() -> None:
    assert [change.entity for change in changes_in(log(("11:59:00", "changed: [lost]")) + task("12:00:00"))] == [
        "host12:00"
    ]


def test_other_texts_are_no_log() -> None:
    assert not any(map(looks_like_a_log, ["", "2026-11-20 12:00:00 nginx: p=1\n", JSONL, "PLAY [x] ****\n"]))


PLAYBOOK = """
- name: web tier
  hosts: all
  gather_facts: false
  vars: {ansible_python_interpreter: "%(python)s"}
  tasks:
    - name: deploy app.conf
      ansible.builtin.copy: {content: "workers = 4\\ndb_password = %(password)s\\n", dest: "%(out)s/{{ inventory_hostname }}.conf"}
      notify: restart app
    - name: hidden
      ansible.builtin.copy: {content: "%(password)s", dest: "%(out)s/{{ inventory_hostname }}.secret"}
      no_log: true
  handlers:
    - name: restart app
      ansible.builtin.command: echo restarted
"""


def test_a_real_run_is_read(tmp_path: Path) -> None:
    """Runs twice: what is there already is no change. The log is in the zone that the process ran in."""
    (tmp_path / "inventory.ini").write_text("[web]\nweb1 ansible_connection=local\nweb2 ansible_connection=local\n")
    (tmp_path / "site.yml").write_text(PLAYBOOK % {"python": sys.executable, "out": tmp_path, "password": PASSWORD})
    path = tmp_path / "ansible.log"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "TZ": "Asia/Kolkata",
        "ANSIBLE_LOG_PATH": str(path), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
    }  # fmt: skip
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "inventory.ini", "--diff", "site.yml"]
    started = datetime.now(UTC) - timedelta(seconds=1)
    for _ in range(2):
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    text = path.read_text()
    assert PASSWORD in text
    reading = read_log(text, ZoneInfo("Asia/Kolkata"), datetime.now(UTC))
    assert reading.problems == []
    found = changes_of(reading)
    assert sorted((change.title, change.entity, change.kind) for change in found) == [
        ("deploy app.conf (changed)", "web1", "ansible_task"),
        ("deploy app.conf (changed)", "web2", "ansible_task"),
        ("hidden (changed)", "web1", "ansible_task"),
        ("hidden (changed)", "web2", "ansible_task"),
        ("restart app (changed)", "web1", "restart"),
        ("restart app (changed)", "web2", "restart"),
    ]
    assert all(started <= change.at <= datetime.now(UTC) for change in found)
    deployed = next(change for change in found if change.entity == "web2" and change.title.startswith("deploy"))
    assert deployed.files == (f"{tmp_path}/web2.conf",)
    assert deployed.diff.splitlines()[-2:] == ["+workers = 4", "+db_password = [redacted]"]
    assert all(PASSWORD not in change.model_dump_json() for change in found)
