"""Static Ansible inventories, read from files; and what the real `ansible-inventory` makes of the same ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.ansible_inventory import AnsibleInventory, AnsibleTrees
from tools.ansible_inventory.hostnames import expand
from tools.ansible_inventory.partial import MAX_HOSTS

INI = """\
# machines without a group
mail.example.com ansible_host=10.0.0.9   # the relay
[2001:db8::1]:22 ansible_user=x
bare:2222

[webservers]
web[01:03].home.lan:2200
www[a:b] ansible_host=10.1.1.1 ansible_connection="local"
even[0:10:5]

[docker-hosts:children]
webservers
databases

[databases]
db1 ansible_ssh_host='10.0.0.4' ansible_password="not # a comment"
db2

[databases:vars]
ansible_host=10.9.9.9
ansible_password=hunter2secret

[all:vars]
ansible_connection=ssh

[outer:children]
docker-hosts

[outer:vars]
ansible_connection="paramiko"
"""
YAML = """\
all:
  hosts:
    alone:
    "nuc[1:2]":
      ansible_host: 10.2.0.1
  children:
    guests:
      hosts: single
      vars: {ansible_connection: local}
      children:
        lxc:
          children:
            small:
              hosts:
                bottom.home.lan:
                  ansible_host: 10.0.0.3
                  ansible_password: !vault |
                    $ANSIBLE_VAULT;1.1;AES256
                    6162
other:
  hosts:
    more: {<<: {ansible_host: 5.6.7.8}}
empty:
"""


def written(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def read(root: Path) -> AnsibleInventory:
    return AnsibleTrees([root]).read_now()


def addresses(found: AnsibleInventory) -> dict[str, str | None]:
    return {name: host.address for name, host in found.hosts.items()}


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A directory of inventories in every format, with variables in files beside them."""
    return written(
        tmp_path / "inventory",
        {
            "10-hosts.yml": YAML,
            "20-more": "[small]\nlate\n\n[parent:children]\nsmall\n",
            "sub/30.json": '{"printers": {"hosts": {"laser": {"ansible_host": "10.3.0.1"}}}}',
            "group_vars/lxc/main.yml": "ansible_host: 10.7.7.7\n",
            "group_vars/all.yml": "ansible_connection: winrm\n",
            "host_vars/late.yml": "ansible_host: 10.8.8.8\n",
            "README.md": "not an inventory\n",
            "hosts.yml~": "broken: [\n",
        },
    )


def test_ini_with_ranges_ports_children_and_variables(tmp_path: Path) -> None:
    found = read(written(tmp_path, {"hosts": INI}))
    assert found.gaps == ()
    assert addresses(found) == {
        "mail.example.com": "10.0.0.9",
        "2001:db8::1": None,
        "bare": None,
        **dict.fromkeys(["web01.home.lan", "web02.home.lan", "web03.home.lan"]),
        **dict.fromkeys(["wwwa", "wwwb"], "10.1.1.1"),
        **dict.fromkeys(["even0", "even5", "even10"]),
        "db1": "10.9.9.9",  # the group's ansible_host counts for more than the old name of the same variable
        "db2": "10.9.9.9",
    }
    assert found.groups["docker-hosts"] == (*found.groups["webservers"], "db1", "db2")
    assert found.groups["outer"] == found.groups["docker-hosts"]
    assert {name: found.hosts[name].connection for name in ("bare", "db1", "wwwa")} == {
        "bare": "ssh",
        "db1": "paramiko",
        "wwwa": "local",
    }


def test_yaml_and_its_neighbours_in_a_directory(several: Path) -> None:
    found = read(several)
    assert (found.gaps, found.files) == ((), 3)
    assert addresses(found) == {
        "alone": None,
        "nuc1": "10.2.0.1",
        "nuc2": "10.2.0.1",
        "single": None,
        "bottom.home.lan": "10.0.0.3",
        "more": "5.6.7.8",
        "late": "10.8.8.8",
        "laser": "10.3.0.1",
    }
    assert found.groups == {
        "guests": ("single", "bottom.home.lan", "late"),
        "lxc": ("bottom.home.lan", "late"),
        "small": ("bottom.home.lan", "late"),
        "parent": ("bottom.home.lan", "late"),
        "other": ("more",),
        "printers": ("laser",),
    }
    assert found.hosts["single"].connection == "winrm"
    assert found.hosts["late"].source == "20-more"


def real_inventory(path: Path, home: Path) -> tuple[dict[str, tuple[str | None, str]], dict[str, set[str]]]:
    """Hosts with address and connection, and the hosts of each group, as `ansible-inventory --list` tells them."""
    environment = {"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C.UTF-8"}
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "--list", "-i", str(path)]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=True, timeout=60)
    listed = json.loads(done.stdout)

    def members(group: str) -> set[str]:
        children = [members(child) for child in listed.get(group, {}).get("children", [])]
        return set(listed.get(group, {}).get("hosts", [])).union(*children)

    variables = {name: listed["_meta"]["hostvars"].get(name, {}) for name in members("all")}
    groups = {name: members(name) for name in listed if name not in ("_meta", "all", "ungrouped")}
    return {
        name: (own.get("ansible_host") or own.get("ansible_ssh_host"), own.get("ansible_connection", ""))
        for name, own in variables.items()
    }, {name: hosts for name, hosts in groups.items() if hosts}


@pytest.mark.skipif(
    not Path(sys.executable).with_name("ansible-inventory").exists(),
    reason="ansible-core is not installed in this environment; the expectations above hold without it",
)
@pytest.mark.parametrize("which", ["ini", "several", "example"])
def test_the_real_ansible_inventory_finds_the_same(which: str, several: Path, tmp_path: Path) -> None:
    example = Path(__file__).resolve().parents[2] / "ansible"
    trees = {"ini": (written(tmp_path / "ini", {"hosts": INI}),) * 2, "several": (several, several)}
    ours, theirs = trees.get(which, (example / "inventory", example / "inventory"))
    found = read(ours)
    hosts, groups = real_inventory(theirs, tmp_path)
    assert {name: (host.address, host.connection) for name, host in found.hosts.items()} == hosts
    assert {name: set(members) for name, members in found.groups.items()} == groups
    assert len(hosts) >= 8


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("media", ["media"]),
        ("media.home.lan:22", ["media.home.lan"]),
        ("10.0.0.4:22", ["10.0.0.4"]),
        ("[fd00::4]:22", ["fd00::4"]),
        ("fd00::4", ["fd00::4"]),
        ("web[08:11]", ["web08", "web09", "web10", "web11"]),
        ("web[:2]", ["web0", "web1", "web2"]),
        ("n[1:2]-[a:b]:22", ["n1-a", "n1-b", "n2-a", "n2-b"]),
        ("x[1:9:4].lan", ["x1.lan", "x5.lan", "x9.lan"]),
    ],
)
def test_host_patterns(pattern: str, names: list[str]) -> None:
    assert expand(pattern, 100) == names


@pytest.mark.parametrize(
    "pattern", ["", "a[1:2", "a]1", "a[]", "a[1]", "a[3:1]", "a[1:z]", "a[01:100]", "a[1:9:0]", "---", "a:", "x" * 300]
)
def test_what_is_no_host_pattern(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"host|range"):
        expand(pattern, 100)


def test_a_range_beyond_all_reason_is_refused_before_it_is_counted_out() -> None:
    with pytest.raises(ValueError, match="more than 100 hosts"):
        expand("a[0:999999999]", 100)
    with pytest.raises(ValueError, match="more than 100 hosts"):
        expand("a[1:20]b[1:20]c[1:20]d[1:20]", 100)


def test_the_nearer_group_and_the_later_file_win(tmp_path: Path) -> None:
    found = read(
        written(
            tmp_path,
            {
                "inventory/a.yml": "near: {hosts: {one: , two: {ansible_host: inline}}, vars: {ansible_host: near}}\n"
                "far: {children: {near: }, vars: {ansible_host: far}}\n",
                "inventory/b.yml": "far: {hosts: {three: }}\n",
                "group_vars/far.yml": "ansible_connection: ssh\n",
                "inventory/host_vars/two/main.yml": "ansible_connection: local\n",
            },
        )
    )
    assert addresses(found) == {"one": "near", "two": "inline", "three": "far"}
    assert {name: host.connection for name, host in found.hosts.items()} == {
        "one": "ssh",
        "two": "local",
        "three": "ssh",
    }


def test_a_template_of_the_name_is_filled_in_and_any_other_is_no_address(tmp_path: Path) -> None:
    text = '[a]\nmedia.lan\nnas ansible_host=\'{{ lookup("env", "X") }}\'\n[all:vars]\nansible_host={{ inventory_hostname_short }}.home.lan\n'
    assert addresses(read(written(tmp_path, {"hosts": text}))) == {"media.lan": "media.home.lan", "nas": None}


@pytest.mark.parametrize(
    "files",
    [
        {"ansible.cfg": "[defaults]\ninventory = ./lab/all, extra.ini\n", "lab/all": "one\n", "extra.ini": "two\n"},
        {"inventory/hosts": "one\n", "inventories/production/hosts.yml": "all: {hosts: two}\n", "roles/x/tasks/main.yml": ""},
        {"hosts.yml": "all: {hosts: {one: }}\n", "production": "[x]\ntwo\n", "site.yml": "- hosts: all\n"},
        {"static.ini": "one\ntwo\n"},
    ],
)  # fmt: skip
def test_where_trees_keep_their_inventory(files: dict[str, str], tmp_path: Path) -> None:
    found = read(written(tmp_path, files))
    assert (sorted(found.hosts), found.gaps) == (["one", "two"], ())


def test_a_tree_of_roles_has_no_inventory_and_nothing_wrong(tmp_path: Path) -> None:
    found = read(written(tmp_path, {"roles/dns/tasks/main.yml": "- ping:\n", "site.yml": "- hosts: all\n"}))
    assert found == AnsibleInventory()


def test_broken_files_are_named_and_the_rest_counts(tmp_path: Path) -> None:
    tree = written(
        tmp_path / "inventory",
        {
            "broken.yml": "all:\n  hosts: {one: \n",
            "deep.yml": "[" * 50_000,
            "flat.yml": "- hosts: all\n",
            "listed.yml": "all:\n  hosts:\n    - one\n",
            "circle.yml": "c: &c\n  children:\n    d: *c\n",
            "plugin.yml": "plugin: community.general.proxmox\n",
            "script.py": "#!/usr/bin/env python\n",
            "vaulted.yml": "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
            "NOTES": "This tells about things.\nAnd more of them, see there.\n",
            "bad.ini": "[web]\ngood ansible_host=10.0.0.1\nhunter2 is this\nx password='hunter2\n[web:odd]\nlost\n[no such]\n[db]\nfine\nwell\nalso\n",
            "orphan.ini": "[parent:children]\nnobody\n",
        },
    )
    (tree / "binary").write_bytes(b"\xff\xfe\x00")
    (tree / "huge").write_text("x\n" * 1_500_000)
    (tree / "outside").symlink_to("/etc/hostname")
    (tree / "loop").symlink_to("loop")
    os.mkfifo(tree / "pipe")
    found = read(tmp_path)
    assert sorted(found.hosts) == ["also", "fine", "good", "well"]
    assert found.groups == {"web": ("good",), "db": ("fine", "well", "also")}
    told = "\n".join(found.gaps)
    for expected in (
        "inventory/broken.yml, line ",
        "inventory/deep.yml: broken YAML",
        "inventory/flat.yml: this is no inventory",
        "inventory/listed.yml, line 2: hosts is a mapping",
        "inventory/circle.yml, line 3: groups are nested too deeply",
        "inventory/plugin.yml: asks the inventory plugin community.general.proxmox, which is not run",
        "inventory/script.py: a script, which is not run",
        "inventory/vaulted.yml: encrypted",
        "inventory/NOTES: this is no inventory in INI format",
        "inventory/bad.ini, line 3: ",
        "inventory/bad.ini, line 4: ",
        "inventory/bad.ini, line 5: ",
        "inventory/bad.ini: 1 more",
        "inventory/binary: not UTF-8 text",
        "inventory/huge: larger than 2 MB",
        "inventory/outside: a symbolic link out of its tree",
        "inventory/loop: ",
        "group nobody is a child of parent but defined nowhere",
    ):
        assert f"ansible: {expected}" in told
    assert "hunter2" not in told


def test_a_directory_that_is_not_there_and_an_inventory_outside_are_named(tmp_path: Path) -> None:
    written(tmp_path, {"tree/ansible.cfg": "[defaults]\ninventory = ../secret, gone\n", "secret": "one\n"})
    found = AnsibleTrees([tmp_path / "tree", tmp_path / "nowhere"]).read_now()
    assert not found.hosts
    assert [gap.partition(";")[0] for gap in found.gaps] == [
        "ansible: ansible.cfg: the inventory ../secret lies outside the tree",
        "ansible: ansible.cfg: the inventory gone is not there",
        f"ansible: {tmp_path}/nowhere is not there",
    ]


def test_the_number_of_hosts_is_bounded(tmp_path: Path) -> None:
    found = read(written(tmp_path, {"hosts": f"a[1:{MAX_HOSTS - 10}]\nb[1:20]\nc\nd\n"}))
    assert len(found.hosts) == MAX_HOSTS
    assert found.gaps[0] == f"ansible: hosts, line 2: more than {MAX_HOSTS} hosts; the first ones are used"


def test_aliases_that_multiply_are_cut_short(tmp_path: Path) -> None:
    lines = ["x0: &x0 {hosts: {one: }}"]
    lines += [f"x{n}: &x{n} {{children: {{a{n}: *x{n - 1}, b{n}: *x{n - 1}}}}}" for n in range(1, 40)]
    lines += ["m0: &m0 {hosts: {two: }}"] + [f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}]}}" for n in range(1, 40)]
    found = read(written(tmp_path, {"hosts.yml": "\n".join(lines)}))
    assert "one" in found.hosts
    assert any("nested too deeply or too often" in gap for gap in found.gaps)


async def test_files_are_read_again_only_when_one_has_changed(tmp_path: Path) -> None:
    written(tmp_path, {"hosts": "one\n", "host_vars/one.yml": "ansible_host: 10.0.0.1\n"})
    trees = AnsibleTrees([tmp_path])
    first = await trees.read()
    assert await trees.read() is first
    written(tmp_path, {"host_vars/one.yml": "ansible_host: 10.0.0.22\n"})
    second = await trees.read()
    assert addresses(second) == {"one": "10.0.0.22"}
    (tmp_path / "hosts").unlink()
    written(tmp_path, {"hosts.ini": "two\n"})
    assert list((await trees.read()).hosts) == ["two"]


def test_two_trees_are_one_inventory(tmp_path: Path) -> None:
    written(tmp_path, {"a/hosts": "[web]\none\n", "b/hosts": "[web]\ntwo\n[db]\none ansible_host=10.0.0.1\n"})
    found = AnsibleTrees([tmp_path / "a", tmp_path / "b"]).read_now()
    assert found.groups == {"web": ("one", "two"), "db": ("one",)}
    assert addresses(found) == {"one": "10.0.0.1", "two": None}


def test_encrypted_and_untouched_variable_files_are_not_parsed(tmp_path: Path) -> None:
    found = read(
        written(
            tmp_path,
            {
                "hosts": "one\ntwo\n",
                "host_vars/one/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n6162 ansible_host\n",
                "host_vars/one/main.yml": "broken: [\n",
                "host_vars/two.yml": "ansible_host: [\n",
            },
        )
    )
    assert addresses(found) == {"one": None, "two": None}
    assert found.gaps == ("ansible: host_vars/two.yml: broken YAML, so the addresses in it are unknown",)
