"""Ansible files to sections: what each file is, where each task and variable stands, and that no vault value gets out."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tools.knowledge.ansible import MAX_NAMES, AnsibleFile, read_ansible, without_vault

EXAMPLE_TREE = Path(__file__).parents[2] / "ansible"
TASKS = """---
# Copyright (C) 2024 Somebody
# SPDX-License-Identifier: MIT

# What this role does.

- name: Install Prometheus
  ansible.builtin.apt:
    name: prometheus
  # notify: nobody

# The rules come last.
- name: Write the rules
  ansible.builtin.template:
    src: rules.yml.j2
    dest: /etc/prometheus/rules.yml
  notify: Reload Prometheus

- ansible.builtin.include_tasks: retention.yml

- ansible.builtin.meta: flush_handlers
"""
BLOCKS = """- name: Upgrade the database
  when: upgrade
  block:
    - name: Dump
      ansible.builtin.command: pg_dumpall

    # Only then.
    - name: Upgrade
      ansible.builtin.apt: name=postgresql
  rescue:
    - name: Restore
      ansible.builtin.command: psql -f dump.sql
  always:
    - name: Report
      ansible.builtin.debug: msg=done
  become: true
- block:
    - name: Inside a block without a name
      ansible.builtin.ping:
"""
PLAYBOOK = """---
# Runs every Sunday.
- name: Update all hosts
  hosts: all
  roles:
    - common
    - role: docker
  pre_tasks:
    - name: Take a snapshot
      ansible.builtin.command: snapshot

  tasks:
    - name: Upgrade packages
      ansible.builtin.apt: upgrade=dist
  environment:
    LANG: C
  handlers:
    - name: Reboot
      ansible.builtin.reboot:
- hosts: [dns, proxy]
  tasks:
    - ansible.builtin.ping:
- import_playbook: a.yml
- ansible.builtin.import_playbook: b.yml
"""
DEFAULTS = """---
# How long samples are kept.
prometheus_retention: 30d
prometheus_targets:
  - {job: node, port: 9100}
  # the containers
  - {job: cadvisor, port: 8080}

# From the vault.
prometheus_password: (vault value)
"""


def read(path: str, body: str) -> AnsibleFile:
    found = read_ansible(path, body)
    assert found is not None
    return found


def texts(body: str, found: AnsibleFile) -> list[tuple[str, str]]:
    """Each section's last heading with its text."""
    lines = body.split("\n")
    return [
        (section.path[-1], "\n".join("\n".join(lines[start:end]) for start, end in section.blocks))
        for section in found.sections
    ]


def covered(found: AnsibleFile) -> list[int]:
    return [line for section in found.sections for start, end in section.blocks for line in range(start, end)]


def test_each_task_is_a_section_with_the_comments_above_it() -> None:
    found = read("ansible/roles/prometheus/tasks/main.yml", TASKS)
    assert (found.part, found.role, found.group) == ("tasks", "prometheus", "ansible/roles/prometheus")
    assert found.title == "role prometheus: tasks"
    assert [section.path for section in found.sections] == [
        ("role prometheus", "tasks/main.yml", "Install Prometheus"),
        ("role prometheus", "tasks/main.yml", "Write the rules"),
        ("role prometheus", "tasks/main.yml", "ansible.builtin.include_tasks retention.yml"),
        ("role prometheus", "tasks/main.yml", "ansible.builtin.meta"),
    ]
    install, rules, *_ = (text for _, text in texts(TASKS, found))
    assert install.startswith("# What this role does.\n\n- name: Install")
    assert install.endswith("  # notify: nobody")
    assert rules.startswith("# The rules come last.\n- name: Write")
    assert found.names == ("Install Prometheus", "Write the rules", "ansible.builtin.include_tasks retention.yml")


def test_tasks_in_blocks_stand_below_the_name_of_the_block() -> None:
    found = read("roles/db/tasks/upgrade.yml", BLOCKS)
    assert found.title == "role db: tasks/upgrade.yml"
    assert [section.path[2:] for section in found.sections] == [
        ("Upgrade the database",),
        ("Upgrade the database", "Dump"),
        ("Upgrade the database", "Upgrade"),
        ("Upgrade the database", "Restore"),
        ("Upgrade the database", "Report"),
        ("Inside a block without a name",),
    ]
    by_name = dict(texts(BLOCKS, found))
    assert by_name["Upgrade the database"] == "- name: Upgrade the database\n  when: upgrade\n  block:"
    assert by_name["Upgrade"].startswith("    # Only then.")
    assert by_name["Restore"].startswith("  rescue:\n")
    assert by_name["Report"].endswith("  become: true")
    assert by_name["Inside a block without a name"].startswith("- block:\n")


def test_a_play_is_a_section_and_its_tasks_stand_below_it() -> None:
    found = read("playbooks/update.yml", PLAYBOOK)
    assert (found.part, found.role, found.group) == ("playbook", None, "playbooks/update.yml")
    assert found.title == "playbook update.yml: Update all hosts"
    assert [section.path for section in found.sections] == [
        ("playbook update.yml", "Update all hosts"),
        ("playbook update.yml", "Update all hosts", "Take a snapshot"),
        ("playbook update.yml", "Update all hosts", "Upgrade packages"),
        ("playbook update.yml", "Update all hosts"),
        ("playbook update.yml", "Update all hosts", "Reboot"),
        ("playbook update.yml", "hosts dns, proxy"),
        ("playbook update.yml", "hosts dns, proxy", "ansible.builtin.ping"),
        ("playbook update.yml", "imported playbooks"),
    ]
    play, _, upgrade, between, *_ = (text for _, text in texts(PLAYBOOK, found))
    assert play.startswith("# Runs every Sunday.\n- name: Update")
    assert play.endswith("  pre_tasks:")
    assert upgrade.startswith("  tasks:\n")
    assert between == "  environment:\n    LANG: C\n  handlers:"
    assert found.names[:4] == ("Update all hosts", "hosts dns, proxy", "role common", "role docker")
    assert "Reboot" in found.names


def test_variables_are_one_section_of_blocks_with_their_comments() -> None:
    found = read("roles/prometheus/defaults/main.yml", DEFAULTS)
    assert [section.path for section in found.sections] == [("role prometheus", "defaults/main.yml")]
    lines = DEFAULTS.split("\n")
    assert ["\n".join(lines[start:end]) for start, end in found.sections[0].blocks] == [
        "# How long samples are kept.\nprometheus_retention: 30d",
        "prometheus_targets:\n  - {job: node, port: 9100}\n  # the containers\n  - {job: cadvisor, port: 8080}",
        "# From the vault.\nprometheus_password: (vault value)",
    ]
    assert found.names == ("prometheus_retention", "prometheus_targets", "prometheus_password")


def test_a_huge_variable_is_several_blocks_cut_between_its_items() -> None:
    body = "jobs:\n" + "".join(
        f"  # number {number}\n  - name: job{number}\n    port: {number}\n" for number in range(99)
    )
    blocks = read("group_vars/all.yml", body).sections[0].blocks
    assert len(blocks) > 50
    lines = body.split("\n")
    assert all(lines[start].lstrip().startswith(("# number", "jobs:")) for start, _ in blocks)
    assert [line for start, end in blocks for line in range(start, end)] == list(range(len(lines) - 1))


@pytest.mark.parametrize(
    ("path", "title", "heading"),
    [
        (
            "group_vars/docker_hosts.yml",
            "variables of group docker_hosts",
            ("group docker_hosts", "group_vars/docker_hosts.yml"),
        ),
        (
            "inventory/group_vars/all/network.yml",
            "variables of group all: network.yml",
            ("group all", "group_vars/all/network.yml"),
        ),
        ("inventory/group_vars/seed/lvm", "variables of group seed: lvm", ("group seed", "group_vars/seed/lvm")),
        ("host_vars/nas/main.yml", "variables of host nas", ("host nas", "host_vars/nas/main.yml")),
        (
            "host_vars/nas.home.lan.yml",
            "variables of host nas.home.lan",
            ("host nas.home.lan", "host_vars/nas.home.lan.yml"),
        ),
    ],
)
def test_group_and_host_variables_are_known_by_whose_they_are(path: str, title: str, heading: tuple[str, ...]) -> None:
    found = read(path, "zfs_pool: tank\n")
    assert (found.title, found.sections[0].path, found.group) == (title, heading, path)
    assert found.part == heading[1].split("/")[0]


@pytest.mark.parametrize(
    ("path", "role", "group"),
    [
        ("roles/web/nginx/tasks/main.yml", "web/nginx", "roles/web/nginx"),
        (
            "collections/ansible_collections/a/b/roles/nginx/tasks/x/y.yml",
            "nginx",
            "collections/ansible_collections/a/b/roles/nginx",
        ),
        ("ansible-role-docker/tasks/main.yml", "docker", "ansible-role-docker"),
        ("tasks/main.yml", "this role", "."),
        ("playbooks/tasks/main.yml", None, "playbooks/tasks/main.yml"),
        ("tasks/shared.yml", None, "tasks/shared.yml"),
        ("shared/reboot.yml", None, "shared/reboot.yml"),
    ],
)
def test_the_role_follows_from_the_path(path: str, role: str | None, group: str) -> None:
    found = read(path, TASKS)
    assert (found.part, found.role, found.group) == ("tasks", role, group)


def test_handlers_are_read_like_tasks() -> None:
    found = read("roles/dns/handlers/main.yml", "- name: Restart unbound\n  service: name=unbound state=restarted\n")
    assert (found.part, found.title, found.names) == ("handlers", "role dns: handlers", ("Restart unbound",))
    assert found.sections[0].path == ("role dns", "handlers/main.yml", "Restart unbound")


def test_meta_says_what_the_role_is_for_and_what_it_needs() -> None:
    body = "galaxy_info:\n  role_name: ntp\n  description: Keeps time.\n  galaxy_tags: [chrony]\ndependencies:\n  - role: base\n"
    found = read("meta/main.yml", body)
    assert (found.part, found.role, found.group, found.title) == ("meta", "ntp", ".", "role ntp: meta")
    assert found.names == ("Keeps time.", "chrony", "depends on base")
    assert read("roles/chrony/meta/main.yml", body).role == "chrony"


def test_templates_are_never_parsed_and_cut_at_blank_lines() -> None:
    body = "{# Copyright (C) 2024 Somebody #}\n# {{ ansible_managed }}\nglobal: {{ broken: yaml\n\n{% for x in y %}\n- {{ x }}\n{% endfor %}\n"
    found = read("roles/prometheus/templates/etc/prometheus/prometheus.yml.j2", body)
    assert found.title == "template prometheus.yml.j2 of role prometheus"
    assert found.names == ("etc/prometheus/prometheus.yml", "prometheus.yml")
    assert [section.blocks for section in found.sections] == [((1, 3), (4, 7))]
    assert read("snippets/motd.j2", body).title == "template motd.j2"


def test_a_yaml_inventory_has_a_section_for_each_group() -> None:
    body = textwrap.dedent("""\
        all:
          children:
            # One can touch these.
            proxmox:
              hosts:
                pve1: {ansible_host: 10.0.10.11}
            guests:
              children:
                lxc:
                  hosts:
                    dns1:
        """)
    found = read("inventory/hosts.yml", body)
    assert (found.part, found.title) == ("inventory", "inventory hosts.yml")
    assert found.names == ("all", "proxmox", "guests", "lxc", "pve1", "dns1")
    assert [section.path[-1] for section in found.sections] == [
        "group all",
        "group proxmox",
        "group guests",
        "group lxc",
    ]
    assert [block for section in found.sections for block in section.blocks] == [(0, 2), (2, 6), (6, 8), (8, 11)]


def test_an_ini_inventory_has_a_section_for_each_group() -> None:
    body = "# The house.\nrouter ansible_host=10.0.0.1\n\n; name servers\n[dns]\ndns[1:2].home.lan\n\n[lxc:children]\ndns\n\n[lxc:vars]\na = b\n"
    for path in ("hosts", "inventory/home", "lab.ini"):
        found = read(path, body)
        assert found.part == "inventory"
        assert found.names == ("dns", "lxc", "router", "dns[1:2].home.lan")
        assert [block for section in found.sections for block in section.blocks] == [(0, 2), (3, 6), (7, 9), (10, 12)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("docker-compose.yml", "services:\n  web: {image: nginx}\n"),
        ("k8s/vars/deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"),
        ("k8s/all.yaml", "apiVersion: v1\nkind: A\n---\napiVersion: v1\nkind: B\n"),
        ("prometheus/rules.yml", "groups:\n  - name: host\n    rules: [{alert: A, expr: up == 0}]\n"),
        ("targets.yml", "- targets: [a:9100]\n  labels: {job: node}\n"),
        (".github/workflows/ci.yml", "on: push\njobs: {}\n"),
        ("mkdocs.yml", "site_name: a\nextra: !!python/name:material.x\n"),
        ("automations.yaml", "- alias: Lights\n  trigger: []\n  action: [{service: light.on}]\n  when: dark\n"),
        ("requirements.yml", "- name: geerlingguy.docker\n  version: 7.0.0\n"),
        ("roles/x/molecule/default/converge.yml", "- hosts: all\n  roles: [x]\n"),
        ("roles/x/files/rules.yml", "groups: []\n"),
        ("chart/templates/service.yaml", "a: 1\n"),
        ("chart/values.yaml", "image: {tag: 1}\n"),
        ("php.ini", "[PHP]\nengine = On\n"),
        ("hosts", "127.0.0.1 localhost\n10.0.0.1 router\n"),
        ("inventory/aws", "#!/usr/bin/env python3\nprint('{}')\n"),
        ("notes.md", "# Notes\n"),
        ("empty.yml", "---\n"),
    ],
)
def test_other_files_are_left_to_others(path: str, body: str) -> None:
    assert read_ansible(path, body) is None


def test_a_file_of_a_role_may_hold_nothing_but_comments() -> None:
    assert read("roles/x/vars/main.yml", "---\n").sections == ()
    found = read("roles/x/tasks/main.yml", "---\n# Nothing to do on Debian.\n")
    assert [(section.path, section.blocks) for section in found.sections] == [(("role x", "tasks/main.yml"), ((1, 2),))]


def test_a_file_known_by_many_names_keeps_the_first() -> None:
    body = "".join(f"variable_{number}: 1\n" for number in range(500))
    assert len(read("group_vars/all.yml", body).names) == MAX_NAMES


@pytest.mark.parametrize("body", ["- name: [\n", "a: *nowhere\n", "a:\n\t- b\n", "[" * 100_000, "- " * 50_000 + "a"])
def test_broken_yaml_is_reported_and_never_ends_the_process(body: str) -> None:
    with pytest.raises(yaml.YAMLError):
        read_ansible("roles/x/tasks/main.yml", body)


def test_aliases_are_not_followed() -> None:
    body = "- &again\n  name: Round and round\n  block:\n    - *again\n    - name: Once\n      ping:\n- *again\n"
    found = read("roles/x/tasks/main.yml", body)
    assert [section.path[2:] for section in found.sections] == [("Round and round",), ("Round and round", "Once")]
    bomb = "a: &a [x]\n" + "".join(
        f"{new}: &{new} [*{old}, *{old}, *{old}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    )
    assert len(read("roles/x/vars/main.yml", bomb).sections[0].blocks) == 10


def test_tags_and_odd_line_breaks_do_no_harm() -> None:
    body = "a: !unsafe '{{ x }}'\r\nb: !!python/object/apply:os.system [exit]\r\nc: 'one\u2028two\x85three'\r\nd: 4\r\n"
    found = read("roles/x/vars/main.yml", body)
    assert found.names == ("a", "b", "c", "d")
    assert found.sections[0].blocks == ((0, 1), (1, 2), (2, 3), (3, 4))


@given(
    st.lists(
        st.sampled_from(
            [
                *("# comment\n", "  # deeper\n", "\n", "- name: A\n  ping:\n", "- ping:\n", "- {name: B, ping: }\n"),
                *(
                    "- block:\n    - ping:\n",
                    "- name: C\n  block:\n  - name: D\n    ping:\n\n  rescue:\n  # why\n  - ping:\n",
                ),
                *(
                    "- shell: |\n    one\n\n    # two\n",
                    "-\n  name: E\n  ping:\n",
                    "- name: F\n  shell: |\n" + "    x\n\n" * 400,
                ),
            ]
        ),
        max_size=8,
    )
)
@example(["- ping:\n", "# comment\n"])
def test_every_line_of_text_is_in_exactly_one_block(pieces: list[str]) -> None:
    body = "".join(pieces)
    lines = body.split("\n")
    found = covered(read("roles/x/tasks/main.yml", body))
    assert found == sorted(set(found))
    assert {line for line, text in enumerate(lines) if text.strip() not in {"", "#"}} <= set(found)


VAULT = "$ANSIBLE_VAULT;1.1;AES256"
CIPHER = "62313365396662343061393464336163383764373764613633653634306231386433626436623361"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"a: !vault |\n  {VAULT}\n  {CIPHER}\n  3861\nb: 1\n", "a: (vault value)\n\n\n\nb: 1\n"),
        (f"- k: !vault |-  # why\n    {VAULT}\n    {CIPHER}\n  l: 1\n", "- k: (vault value)\n\n\n  l: 1\n"),
        (f"x:\n  - !vault |\n    {VAULT}\n    {CIPHER}\n  - 2\n", "x:\n  - (vault value)\n\n\n  - 2\n"),
        (f"a:\n  !vault |\n  {VAULT}\n  {CIPHER}\nb: 1\n", "a:\n  (vault value)\n\n\nb: 1\n"),
        (f"a: !vault |\n          {VAULT}\n\n          {CIPHER}\n\n# c\nb: 1", "a: (vault value)\n\n\n\n\n# c\nb: 1"),
        (f"a: |\n  {VAULT}\n  {CIPHER}\nb: 1\n", "a: |\n  (vault value)\n\nb: 1\n"),
        (f'a: !vault "{VAULT}\\n{CIPHER}\\n"\nb: 1\n', 'a: "(vault value)"\nb: 1\n'),
        (f"a: '{VAULT}\n\n  {CIPHER}\n\n  3861'\nb: 1\n", "a: '(vault value)\n\n\n\n  '\nb: 1\n"),
        (f"# a: !vault |\n#   {VAULT}\n#   {CIPHER}\nb: 1\n", "# a: (vault value)\n\n\nb: 1\n"),
        (f"a: !vault |\r\n  {VAULT}\r\n  {CIPHER}\r\nb: 1\r\n", "a: (vault value)\n\n\nb: 1\r\n"),
        ("nothing: here\n", "nothing: here\n"),
    ],
)
def test_vault_values_never_leave_and_lines_keep_their_numbers(body: str, expected: str) -> None:
    assert without_vault(body) == expected
    yaml.compose(expected)


@pytest.mark.parametrize("body", [f"{VAULT}\n{CIPHER}\n", f"\ufeff{VAULT}\n{CIPHER}\n", f"\n{VAULT};home\n{CIPHER}"])
def test_a_file_that_is_all_vault_has_no_text(body: str) -> None:
    assert without_vault(body) is None


@pytest.mark.skipif(not (EXAMPLE_TREE / "roles").is_dir(), reason="the example tree has no roles yet")
def test_the_example_tree_is_read_as_a_whole() -> None:
    roles: set[str] = set()
    for path in sorted(EXAMPLE_TREE.rglob("*")):
        name = path.relative_to(EXAMPLE_TREE).as_posix()
        if path.suffix not in {".yml", ".j2"} or any(part.startswith(".") for part in Path(name).parts):
            continue
        body = without_vault(path.read_text(encoding="utf-8"))
        found = None if body is None else read_ansible(name, body)
        if body is None or (found is None and path.stem in {"requirements", "galaxy"}):
            continue
        assert found, f"{name} is not recognised"
        if found.part == "tasks" and found.role and found.sections:
            roles.add(found.role)
        if found.part in {"tasks", "handlers"}:
            _assert_sections_begin_at_their_tasks(name, body, found)
    with_tasks = {entry.name for entry in os.scandir(EXAMPLE_TREE / "roles") if Path(entry.path, "tasks").is_dir()}
    assert roles == with_tasks


def _assert_sections_begin_at_their_tasks(name: str, body: str, found: AnsibleFile) -> None:
    """Each task at the margin, found here by its text alone, has a section whose first line of YAML is that one."""
    lines = body.split("\n")
    starts = {
        (section.path[-1], next(line for line in range(*section.blocks[0]) if not lines[line].startswith("#")))
        for section in found.sections
    }
    for number, line in enumerate(lines):
        if task := re.fullmatch(r"- name: ([\"']?)(?P<name>.+)\1", line.rstrip()):
            assert (task["name"], number) in starts, f"{name}:{number + 1}"
