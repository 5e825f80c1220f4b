"""The Ansible tree is sound, keeps its secrets, and describes the same homelab as the lab does."""

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scenarios.targets import homelab_targets
from scenarios.topology import load_homelab

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "ansible"
PLAYBOOKS = sorted((TREE / "playbooks").glob("*.yml"))
ROLES = sorted(path.name for path in (TREE / "roles").iterdir())
FILES = sorted(path for path in TREE.rglob("*") if path.is_file() and not {".ansible", ".cache"} & set(path.parts))
HOMELAB = load_homelab()
GUESTS = HOMELAB.guests
VAULT_HEADER = "$ANSIBLE_VAULT;1.1;AES256"
OFFSITE = TREE / "vars" / "offsite.vault.yml"
SECRETS = TREE / "inventory" / "group_vars" / "all" / "secrets.yml"
DEADLINE_S = 110

Run = subprocess.CompletedProcess[str]


class Loader(yaml.SafeLoader):
    """Reads `!vault` values as their ciphertext."""


Loader.add_constructor("!vault", lambda loader, node: loader.construct_scalar(node))


def read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader)


def binary(name: str) -> str:
    """The program of this environment, and of no other."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        pytest.fail(f"{path} is missing: run `make dev`, which installs ansible-core and ansible-lint", pytrace=False)
    return str(path)


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory):
    """Runs a program of Ansible on the tree: its own configuration, an empty home, and no password of the vault."""
    home = str(tmp_path_factory.mktemp("home"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "XDG_"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
        "HOME": home,
        "ANSIBLE_HOME": f"{home}/.ansible",
        "ANSIBLE_CONFIG": str(TREE / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }

    def run(program: str, *arguments: str | Path, **changed: str) -> Run:
        command = [binary(program), *map(str, arguments)]
        return subprocess.run(
            command, cwd=TREE, env=environment | changed, capture_output=True, text=True, timeout=DEADLINE_S
        )

    return run


@pytest.fixture(scope="module")
def inventory(ansible) -> dict[str, Any]:
    listed = ansible("ansible-inventory", "--list")
    assert listed.returncode == 0, listed.stderr
    return json.loads(listed.stdout)


def members(inventory: dict[str, Any], group: str) -> set[str]:
    entry = inventory[group]
    return set(entry.get("hosts", ())).union(*(members(inventory, child) for child in entry.get("children", ())))


def test_every_playbook_passes_the_syntax_check(ansible) -> None:
    checked = ansible("ansible-playbook", "--syntax-check", *PLAYBOOKS)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count("playbook: ") == len(PLAYBOOKS) >= 8
    assert "WARNING" not in checked.stderr


@pytest.mark.parametrize("half", [0, 1])
def test_ansible_lint_finds_nothing(ansible, tmp_path: Path, half: int) -> None:
    """Half of the plays, one after the other in one playbook: ansible-lint would start Ansible for each file."""
    texts = [path.read_text(encoding="utf-8").removeprefix("---\n") for path in PLAYBOOKS]
    plays = tmp_path / "plays.yml"
    plays.write_text("---\n" + "\n".join([text for text in texts if "import_playbook" not in text][half::2]), "utf-8")
    rest = ["inventory"] if half else []
    linted = ansible("ansible-lint", "--offline", "--nocolor", "-c", TREE / ".ansible-lint", plays, *rest)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "Profile 'production' was required, and it passed" in linted.stderr
    processed = re.search(r"in (\d+) files processed", linted.stderr)
    assert processed
    assert int(processed[1]) > 50


def test_the_inventory_holds_the_machines_of_the_lab(inventory: dict[str, Any]) -> None:
    machines = {**HOMELAB.nodes, **HOMELAB.devices, **GUESTS}
    found = {name: host["ansible_host"] for name, host in inventory["_meta"]["hostvars"].items()}
    assert found == {name: machine.address for name, machine in machines.items()}


def test_groups_follow_from_what_the_machines_are(inventory: dict[str, Any]) -> None:
    resolvers = {HOMELAB.services[name].host for name in HOMELAB.resolvers}
    expected = {
        "proxmox": set(HOMELAB.nodes),
        "storage": {name for name, device in HOMELAB.devices.items() if device.kind == "nas"},
        "appliances": {name for name, device in HOMELAB.devices.items() if device.kind == "ups"},
        "lxc": {guest.name for guest in GUESTS.values() if guest.type == "lxc"},
        "vms": {guest.name for guest in GUESTS.values() if guest.type == "qemu"},
        "docker_hosts": {guest.name for guest in GUESTS.values() if guest.docker},
        "nfs_clients": {guest.name for guest in GUESTS.values() if guest.nfs},
        "dns": resolvers,
        "guests": set(GUESTS),
    }
    for node in HOMELAB.nodes:
        expected[f"guests_on_{node}"] = {guest.name for guest in GUESTS.values() if guest.node == node}
    assert {group: members(inventory, group) for group in expected} == expected


def test_host_variables_describe_the_guests_of_the_lab(inventory: dict[str, Any]) -> None:
    for name, guest in GUESTS.items():
        host = inventory["_meta"]["hostvars"][name]
        said = [host[f"guest_{key}"] for key in ("id", "type", "node", "cores", "memory_mib", "disk_gib")]
        assert said == [guest.id, guest.type, guest.node, guest.cores, guest.memory * 1024, guest.disk], name
        assert tuple(mount["share"] for mount in host.get("nfs_mounts", ())) == guest.nfs, name


def test_disks_are_those_of_the_lab(inventory: dict[str, Any]) -> None:
    machines = {name: m for name, m in {**HOMELAB.nodes, **HOMELAB.devices}.items() if m.disks}
    for name, machine in machines.items():
        listed = inventory["_meta"]["hostvars"][name]["smart_disks"]
        said = [(disk["device"], disk["model"]) for disk in listed]
        assert said == [(f"/dev/{disk.device}", disk.model) for disk in machine.disks], name


def test_stacks_run_the_containers_of_the_lab(inventory: dict[str, Any]) -> None:
    """Same host, image, port, page and memory limit; images of other registries are pulled through ours."""
    found = {
        container["name"]: (
            host,
            container["image"].removeprefix("{{ container_registry }}/"),
            container["port"],
            container.get("web", False),
            container.get("memory_limit_mib"),
        )
        for host, values in inventory["_meta"]["hostvars"].items()
        for stack in values.get("compose_stacks", ())
        for container in stack["containers"]
    }
    foreign = re.compile(r"^[\w-]+(\.[\w-]+)+/")
    assert found == {
        service.name: (service.host, foreign.sub("", service.image), service.port, service.web, service.limit)
        for service in HOMELAB.services.values()
        if service.image
    }


def test_stacks_need_what_the_services_need(inventory: dict[str, Any]) -> None:
    """What another stack provides is waited for by address and port; what the stack brings itself is not."""
    for host, values in inventory["_meta"]["hostvars"].items():
        for stack in values.get("compose_stacks", ()):
            own = {container["name"] for container in stack["containers"]}
            needed = {need for name in own for need in HOMELAB.services[name].needs} - own
            services = [HOMELAB.services[need] for need in needed]
            expected = {f"{GUESTS[service.host].address}:{service.port}" for service in services}
            assert set(stack.get("needs", ())) == expected, f"{host}/{stack['name']}"


def test_prometheus_scrapes_the_targets_of_the_lab(ansible, tmp_path: Path) -> None:
    """The role's template, rendered by Ansible with the role's defaults and the inventory, and checked by promtool."""
    role = tmp_path / "roles" / "prometheus"
    role.mkdir(parents=True)
    (role / "defaults").symlink_to(TREE / "roles" / "prometheus" / "defaults")
    shutil.copytree(ROOT / "scenarios" / "rules", tmp_path / "rules", ignore=shutil.ignore_patterns("tests"))
    rendered = tmp_path / "prometheus.yml"
    template = {"src": str(TREE / "roles/prometheus/templates/prometheus.yml.j2"), "dest": str(rendered)}
    play = {
        "hosts": "monitoring",
        "connection": "local",
        "gather_facts": False,
        "roles": ["prometheus"],
        "vars": {"ansible_become": False, "ansible_python_interpreter": sys.executable},
        "tasks": [{"ansible.builtin.template": template}],
    }
    (tmp_path / "render.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = ansible("ansible-playbook", tmp_path / "render.yml", ANSIBLE_ROLES_PATH=str(role.parent))
    assert done.returncode == 0, done.stdout + done.stderr

    promtool = shutil.which("promtool")
    assert promtool, "promtool is not on PATH"
    checked = subprocess.run([promtool, "check", "config", rendered], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr

    found = {
        (job["job_name"], target, *sorted(group.get("labels", {}).items()))
        for job in yaml.safe_load(rendered.read_text(encoding="utf-8"))["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    }
    expected = set()
    for target in homelab_targets(HOMELAB):
        labels = sorted((key, value) for key, value in target.labels.items() if key != "instance")
        expected.add((target.job, target.instance, *labels))
    assert found == expected


def role_names(document: Any) -> set[str]:
    """Every role that a playbook or a task file names, however deep."""
    if isinstance(document, list):
        return set().union(*map(role_names, document))
    if not isinstance(document, dict):
        return set()
    named = {entry if isinstance(entry, str) else entry["role"] for entry in document.get("roles", ())}
    for action in ("ansible.builtin.include_role", "ansible.builtin.import_role"):
        if action in document:
            named.add(document[action]["name"])
    return named.union(*map(role_names, document.values()))


def test_roles_and_playbooks_fit_together() -> None:
    """Whoever is named exists, and no role lies about unused."""
    tasks = (TREE / "roles").glob("*/tasks/*.yml")
    assert set().union(*(role_names(read(path)) for path in [*PLAYBOOKS, *tasks])) == set(ROLES)
    assert len(ROLES) >= 14


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_what_it_is(role: str) -> None:
    directory = TREE / "roles" / role
    about = read(directory / "meta" / "main.yml")["galaxy_info"]
    assert about["role_name"] == role
    assert about["author"] == "homelab"
    assert re.fullmatch(r"[^.].*[^.]\.", about["description"])
    defaults = (directory / "defaults" / "main.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(defaults)
    templates = [path for path in directory.glob("templates/*") if path.name not in {"daemon.json.j2", "htpasswd.j2"}]
    assert not [path.name for path in templates if "{{ ansible_managed }}" not in path.read_text(encoding="utf-8")]


def secrets() -> dict[str, str]:
    """The values of the secrets file, nested ones with their path."""
    found = {}
    for name, value in read(SECRETS).items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            found[name] = value
    return found


def test_no_secret_can_be_read(ansible, inventory: dict[str, Any]) -> None:
    """Neither in the files nor in what Ansible shows without the password."""
    assert len(secrets()) > 20
    assert {name for name, value in secrets().items() if not value.startswith(VAULT_HEADER)} == set()
    assert OFFSITE.read_text(encoding="utf-8").startswith(VAULT_HEADER)
    shown = inventory["_meta"]["hostvars"]["mon"]
    assert set(shown["vault_grafana_admin_password"]) == {"__ansible_vault"}
    unlocked = ansible("ansible-vault", "view", OFFSITE)
    assert unlocked.returncode != 0
    assert "repository" not in unlocked.stdout


def test_nothing_that_sounds_like_a_secret_has_a_plain_value(inventory: dict[str, Any]) -> None:
    """What is not encrypted itself points to something that is, or is empty."""
    sounds = re.compile(r"(password|passwd|secret|token|auth_?key|_pass)($|_hash$|_value$)", re.IGNORECASE)
    plain: set[str] = set()

    def look(value: Any) -> None:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(inner, dict | list):
                look(inner)
            elif isinstance(inner, str) and sounds.search(str(key)) and inner and "{{ " not in inner:
                plain.add(f"{key}: {inner}")

    look(inventory["_meta"]["hostvars"])
    for path in (TREE / "roles").glob("*/defaults/main.yml"):
        look(read(path))
    assert plain == set()


def test_every_secret_is_used_and_every_used_one_is_there() -> None:
    text = "\n".join(
        path.read_text(encoding="utf-8") for path in FILES if path.suffix in {".yml", ".j2"} and path != SECRETS
    )
    top_level = {name.partition(".")[0] for name in secrets()}
    assert set(re.findall(r"\{\{[^}]*?\b(vault_\w+)", text)) == top_level
    assert set(re.findall(r"\b(vault_\w+\.\w+)", text)) <= set(secrets())
    listed = read(TREE / "inventory" / "group_vars" / "databases.yml")["postgres_databases"]
    assert {f"vault_postgres_passwords.{name}" for name in listed} == {
        n for n in secrets() if "postgres_passwords." in n
    }


def test_the_tree_holds_no_password_of_its_vault() -> None:
    assert "vault_password" not in (TREE / "ansible.cfg").read_text(encoding="utf-8")
    assert not [path for path in FILES if path.name.endswith(("vault_pass", ".pw", ".key", ".pem"))]


def test_every_address_is_at_home() -> None:
    """Private addresses and names under home.lan only; a name without a dot is a container beside the reader."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES if path not in {SECRETS, OFFSITE})
    found = set(re.findall(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])", text))
    assert found
    assert {address for address in found if not ipaddress.ip_address(address).is_private} == set()
    hosts = set(re.findall(r"https?://([\w.-]*\w)", text)) - found
    assert {host for host in hosts if "." in host and not host.endswith(".home.lan")} == set()


def test_runbooks_that_are_named_exist() -> None:
    named = {
        name
        for path in FILES
        if path.suffix in {".yml", ".md"}
        for line in path.read_text(encoding="utf-8").splitlines()
        if "runbook" in line.lower()
        for name in re.findall(r"[\w-]+\.md", line)
    }
    assert named
    assert {name for name in named if not (ROOT / "runbooks" / name).exists()} == set()
