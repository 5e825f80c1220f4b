"""One file's text to a document: front matter as people write it, YAML that is Ansible's and YAML that is not, vaults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.redact import redact
from tools.knowledge.chunks import split_document
from tools.knowledge.documents import Document, Unreadable, is_document, parse

REPOSITORY = Path(__file__).resolve().parents[2]
TASKS = """---
# Installs the resolver.
- name: Install Unbound
  ansible.builtin.apt:
    name: unbound

- name: Restart Unbound
  ansible.builtin.service:
    name: unbound
    state: restarted
"""
VAULT = "$ANSIBLE_VAULT;1.1;AES256\n" + "6162636465666768\n" * 6


def parsed(text: str, name: str = "a.md") -> Document:
    return parse(name, text, redact)


def body(document: Document) -> str:
    return "\n".join(document.lines)


@pytest.mark.parametrize(
    "name",
    [
        *("a.md", "A.MARKDOWN", "x.yml", "x.yaml", "unit.j2", "unit.jinja", "page.html.JINJA2"),
        *("inventory", "inventory/prod", "hosts.ini", "deep/inventories/lan/staging"),
        *("group_vars/all", "group_vars/all/vault", "deep/er/group_vars/dns", "host_vars/nas", "host_vars/nas/main"),
    ],
)
def test_may_hold_a_document(name: str) -> None:
    assert is_document(name)


@pytest.mark.parametrize(
    "name",
    [
        *("a.txt", "php.ini", "LICENSE", "a.md.bak", "inventory.txt", "a.json", "jinja", "production", "staging"),
        *(
            "group_vars",
            "group_vars/all~",
            "group_vars/all.txt",
            "group_vars.d/all",
            "host_vars/nas.bak",
            "inventory/hosts~",
        ),
    ],
)
def test_holds_none(name: str) -> None:
    assert not is_document(name)


def test_front_matter_gives_title_alerts_and_kind() -> None:
    document = parsed(
        "---\ntitle: DNS stack\nalerts: [DnsServerFailing, TargetMissing]\nkind: incident\nupdated: 2026-11-22\n---\n\n# X\n"
    )
    assert (document.title, document.names, document.kind) == (
        "DNS stack",
        ("DnsServerFailing", "TargetMissing"),
        "incident",
    )
    assert body(document).strip() == "# X"


def test_a_page_is_called_by_its_first_heading_else_by_its_file() -> None:
    assert parsed("Intro.\n\n# The `zfs` pool\n\n# Other\n").title == "The zfs pool"
    assert parsed("Only text.\n", "storage/disk-full.md").title == "disk-full"
    assert parsed("Only text.\n").kind == "runbook"


@pytest.mark.parametrize(
    "header", ["alert: HostDown, GuestDown", "alerts: HostDown GuestDown", "alerts:\n- HostDown\n- GuestDown"]
)
def test_alerts_may_be_written_in_any_usual_way(header: str) -> None:
    assert parsed(f"---\n{header}\n---\ntext").names == ("HostDown", "GuestDown")


@pytest.mark.parametrize(
    "header",
    ["title: [open", "title: !!python/object:os.system {}", "updated: 2026-13-45"],
    ids=["never closed", "a tag that would run", "no such day"],
)
def test_broken_front_matter_costs_a_warning_and_not_the_page(header: str) -> None:
    document = parsed(f"---\n{header}\n---\n\n# Steps\n\nRestart it.\n")
    assert "Restart it." in body(document)
    assert document.first_line == 1
    assert document.warning == "a.md: its front matter is not valid YAML and was left out"


@pytest.mark.parametrize(
    "text", ["---\nno mapping\n---\nbody", "---\nnever closed\n", "---\ntitle: {a: b}\nalerts: 3\n---\nbody", "---\n"]
)
def test_odd_front_matter_loses_no_text_and_is_no_mistake(text: str) -> None:
    document = parsed(text)
    assert document.warning is None
    assert document.names == ()
    assert text.strip().splitlines()[-1] in body(document)


def test_the_first_line_after_front_matter_is_known() -> None:
    text = "---\ntitle: T\n---\n\n\n# A\n\ntext\n"
    document = parsed(text)
    assert document.first_line + document.lines.index("# A") == text.split("\n").index("# A") + 1
    assert parsed("# A\n").first_line == 1


NESTED = """
from tools.knowledge.documents import Unreadable, parse
from tools.knowledge.files import MAX_BYTES

brackets = "[" * 100_000 + "]" * 100_000
page = parse("a.md", f"---\\ntitle: {brackets}\\n---\\n\\n# Steps\\n\\ntext\\n", str)
print(page.warning)
for name in ("site.yml", "roles/a/tasks/main.yml", "values.yaml"):
    for text in (f"a: {brackets}\\n", "".join(" " * depth + "a:\\n" for depth in range(3_000)), "{a: " * 50_000):
        try:
            parse(name, text, str)
        except Unreadable as reason:
            print(name, reason)
"""


def test_deep_nesting_ends_neither_the_process_nor_the_ingest() -> None:
    """In a process of its own: what parses YAML in C would take this one down with it."""
    done = subprocess.run([sys.executable, "-c", NESTED], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0] == "a.md: its front matter is not valid YAML and was left out"
    assert lines[1:] == [
        f"{name} not valid YAML (nested too deeply)"
        for name in ("site.yml", "roles/a/tasks/main.yml", "values.yaml")
        for _ in range(3)
    ]


def test_a_role_is_one_group_with_its_tasks_for_contents() -> None:
    document = parsed(TASKS, "roles/unbound/tasks/main.yml")
    assert (document.kind, document.group, document.title) == ("playbook", "roles/unbound", "role unbound: tasks")
    assert document.contents == ("Install Unbound", "Restart Unbound")
    assert len(document.sections) == 2


@pytest.mark.parametrize(
    ("name", "title", "part"),
    [
        ("group_vars/all", "variables of group all", "group_vars"),
        ("host_vars/nas", "variables of host nas", "host_vars"),
    ],
)
def test_variables_without_a_suffix_are_read_as_what_they_are(name: str, title: str, part: str) -> None:
    document = parsed("# The router.\nlan_gateway: 10.0.0.1\n\nlan_domain: home.lan\n", name)
    assert (document.title, document.part) == (title, part)
    assert "lan_domain" in document.contents
    with pytest.raises(Unreadable, match="not valid YAML"):
        parsed("lan: [1\n", name)
    with pytest.raises(Unreadable, match="encrypted with ansible-vault"):
        parsed(VAULT, name)


@pytest.mark.parametrize("name", ["production", "staging", "hosts", "inventory", "inventories/lan/homelab"])
def test_an_inventory_without_a_suffix_is_read_as_one(name: str) -> None:
    document = parsed("[dns]\npi4 ansible_host=10.0.0.4\n\n[dns:vars]\nport=53\n", name)
    assert document.part == "inventory"
    assert {"dns", "pi4"} <= set(document.contents)
    assert parsed("Only some text.\n", name).part is None


@pytest.mark.parametrize("suffix", ["j2", "jinja", "jinja2"])
def test_a_template_is_named_after_what_it_makes(suffix: str) -> None:
    document = parsed("[Unit]\nDescription={{ name }}\n", f"roles/web/templates/web.service.{suffix}")
    assert (document.part, document.group) == ("template", "roles/web")
    assert "web.service" in document.contents


def test_other_yaml_is_known_by_its_path_and_cut_at_blank_lines() -> None:
    document = parsed("services:\n  web: {}\n\nvolumes: {}\n", "stacks/compose.yml")
    assert (document.kind, document.title, document.group) == ("playbook", "stacks/compose.yml", "stacks/compose.yml")
    (section,) = document.sections
    assert section.blocks == ((0, 2), (3, 4))


@pytest.mark.parametrize("name", ["roles/a/tasks/main.yml", "compose.yml", "group_vars/all.yaml"])
def test_broken_yaml_is_named_with_its_line(name: str) -> None:
    with pytest.raises(Unreadable, match=r"not valid YAML \(line 3: .+\)"):
        parsed("---\nfine: 1\nbroken: [1, 2\nnext: 2\n".replace("[1, 2\nnext", "a: b"), name)


def test_a_file_that_is_all_vault_is_refused_and_a_value_is_masked() -> None:
    with pytest.raises(Unreadable, match=r"^encrypted with ansible-vault$"):
        parsed(VAULT, "group_vars/all/vault.yml")
    value = "db_password: !vault |\n" + "".join(f"  {line}\n" for line in VAULT.splitlines()) + "db_user: grafana\n"
    document = parsed(value, "group_vars/all/main.yml")
    assert "6162636465666768" not in body(document)
    assert "ANSIBLE_VAULT" not in body(document)
    assert "db_user: grafana" in body(document)


def test_the_lines_of_a_file_hold_after_a_vault_value() -> None:
    text = "db_password: !vault |\n" + "".join(f"  {line}\n" for line in VAULT.splitlines()) + "db_user: grafana\n"
    document = parsed(text, "group_vars/all/main.yml")
    assert document.lines.index("db_user: grafana") == text.split("\n").index("db_user: grafana")


def test_secrets_are_out_of_everything_a_document_says() -> None:
    secret = "hunter2-correct-horse"
    page = parsed(
        f"---\ntitle: token={secret}\n---\n# Use password={secret}\n\n```\nexport DB_PASSWORD={secret}\n```\n"
    )
    play = parsed(
        f"- name: Log in with --password {secret}\n  ansible.builtin.uri:\n    url: https://me:{secret}@nas.lan/\n",
        "roles/nas/tasks/main.yml",
    )
    for document in (page, play):
        assert secret not in repr(document)
        assert secret not in repr(split_document(document))
    assert "nas.lan" in body(play)


def test_a_private_key_does_not_move_what_stands_below_it() -> None:
    """Redaction puts one line in the place of many; the sections found before no longer fit."""
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "".join(f"    {'QUJD' * 12}\n" for _ in range(6))
    text = f"tls_key: |\n    {key}    -----END RSA PRIVATE KEY-----\n\nweb_port: 8080\n"
    document = parsed(text, "group_vars/web.yml")
    assert "QUJDQUJD" not in repr(document)
    texts = [chunk.text for chunk in split_document(document)]
    assert any("web_port: 8080" in text for text in texts)
