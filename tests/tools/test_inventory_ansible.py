"""Hosts and groups of an Ansible inventory among what a real Prometheus knows, and as the subjects of questions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from backfilled_homelab import AT, backfilled_prometheus

from core.vocabulary import Alert
from tools.ansible_inventory import AnsibleInventory, AnsibleTrees
from tools.http import Source
from tools.inventory import Inventory, discover, inventory_from_alerts, inventory_from_ansible
from tools.prometheus import ALLOWED, Prometheus

HOSTS = """\
all:
  hosts:
    laptop01: {ansible_host: 10.0.30.7}
    localhost: {ansible_connection: local}
  children:
    proxmox: {hosts: {pve1: , pve2: , pve3: }}
    docker_hosts:
      hosts:
        media.home.lan:                      # by the first label of its name
        pictures: {ansible_host: 10.0.20.16} # by its address: Prometheus calls it photos
        cloud: {ansible_host: 192.168.9.9}   # by its name, although it is reached over another network
        nuc-spare: {ansible_host: nuc.example.org}
    resolvers: {hosts: {dns1: , dns2: }}
    storage: {hosts: {nas: }}
    guests_on_pve3: {hosts: {home: , mon: }}
    spares: {hosts: {nuc-spare: , laptop01: }}
    containers: {hosts: {gitea: {ansible_connection: community.docker.docker}}}
    machines_named_like_services: {hosts: {plex: {ansible_host: 10.0.30.50}}}
    elsewhere:
      hosts:
        db.branch-office.net: {ansible_host: 172.30.0.5}
        nat1: {ansible_host: 10.0.20.19, ansible_port: 2201}
        nat2: {ansible_host: 10.0.20.19, ansible_port: 2202}
"""


def read(directory: Path, text: str = HOSTS) -> AnsibleInventory:
    (directory / "hosts.yml").write_text(text, encoding="utf-8")
    found = AnsibleTrees([directory]).read_now()
    assert found.gaps == ()
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Inventory]:
    """The homelab as metrics alone tell it, and with Ansible."""
    ansible = read(tmp_path_factory.mktemp("ansible"))

    async def discovered(url: str) -> dict[str, Inventory]:
        source = Source("prometheus", url, allowed=ALLOWED)
        try:
            prometheus = Prometheus(source)
            return {
                "metrics": await discover(prometheus, AT),
                "joined": await discover(prometheus, AT, ansible=ansible),
            }
        finally:
            await source.aclose()

    with backfilled_prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        return asyncio.run(discovered(url))


@pytest.fixture(scope="module")
def homelab(both: Mapping[str, Inventory]) -> Inventory:
    return both["joined"]


def test_what_metrics_tell_stays_as_it_was(both: Mapping[str, Inventory]) -> None:
    """Names, kinds, hosts, matchers and dependencies of all that Prometheus knows; only names and addresses are added."""
    before, after = both["metrics"].entities, both["joined"].entities
    assert before.keys() < after.keys()
    for name, entity in before.items():
        joined = after[name]
        assert set(entity.aliases) <= set(joined.aliases)
        assert entity == joined.model_copy(update={"aliases": entity.aliases})
    assert both["joined"].gaps == ()


def test_hosts_known_to_both_are_one(homelab: Inventory) -> None:
    assert homelab.groups["docker_hosts"] == ("media", "photos", "cloud", "nuc-spare")
    assert "pictures" in homelab.entities["photos"].aliases
    assert "media.home.lan" in homelab.entities["media"].aliases
    assert {"pictures", "media.home.lan", "localhost"}.isdisjoint(homelab.entities)


def test_hosts_of_ansible_alone_say_where_they_come_from(homelab: Inventory) -> None:
    assert set(homelab.unseen) == {
        "laptop01", "nuc-spare", "plex (ansible)", "db.branch-office.net", "nat1", "nat2",
    }  # fmt: skip
    assert set(homelab.unseen.values()) == {"hosts.yml"}
    laptop = homelab.entities["laptop01"]
    assert (laptop.kind, laptop.address, laptop.matchers, laptop.depends_on) == ("host", "10.0.30.7", {}, ())


def test_a_host_of_another_domain_and_two_behind_one_address_are_no_known_machine(homelab: Inventory) -> None:
    assert homelab.groups["elsewhere"] == ("db.branch-office.net", "nat1", "nat2")
    assert "db.branch-office.net" not in homelab.entities["db"].aliases
    assert not {"nat1", "nat2"} & set(homelab.entities["git"].aliases)


def test_a_container_that_ansible_manages_is_the_service(homelab: Inventory) -> None:
    assert homelab.groups["containers"] == ("gitea",)
    assert homelab.entities["gitea"].kind == "service"


@pytest.mark.parametrize(
    ("question", "subjects"),
    [
        ("is laptop01 ok?", ("laptop01",)),
        ("what about 10.0.30.7", ("laptop01",)),
        ("is nuc.example.org down?", ("nuc-spare",)),
        ("is pictures slow?", ("photos",)),
        ("why is media.home.lan slow?", ("media",)),
        ("is plex slow?", ("plex",)),
        ("is the host of plex slow?", ("media",)),
        ("ping 10.0.30.50", ("plex (ansible)",)),
    ],
)
def test_hosts_in_questions(homelab: Inventory, question: str, subjects: tuple[str, ...]) -> None:
    resolution = homelab.resolve(question)
    assert (resolution.subjects, resolution.unknown) == (subjects, ())


DOCKER = ("media", "photos", "cloud", "nuc-spare")
NODES = ("pve1", "pve2", "pve3")


@pytest.mark.parametrize(
    ("question", "subjects"),
    [
        ("how are the docker hosts doing?", DOCKER),
        ("docker_hosts", DOCKER),
        ("disk usage on docker-hosts", DOCKER),
        ("Docker Hosts slow?", DOCKER),
        ("cpu on the docker machines", DOCKER),
        ("is any docker host low on memory?", DOCKER),
        ("what changed in the docker_hosts group?", DOCKER),
        ("alerts of group resolvers", ("dns1", "dns2")),
        ("proxmox nodes", NODES),
        ("are all proxmox hosts ok?", NODES),
        ("how are the spares doing?", ("nuc-spare", "laptop01")),
        ("is the storage server slow?", ("nas",)),
        ("compare the storage machines and the proxmox nodes", ("nas", *NODES)),
        ("which docker hosts on pve1 are slow?", ("media", "photos", "pve1")),
        ("jellyfin and the proxmox nodes", ("jellyfin", *NODES)),
    ],
)
def test_groups_in_questions(homelab: Inventory, question: str, subjects: tuple[str, ...]) -> None:
    resolution = homelab.resolve(question)
    assert (resolution.subjects, resolution.unknown) == (subjects, ())


@pytest.mark.parametrize(
    "question",
    [
        "is storage low?",
        "how full is my storage?",
        "is docker slow?",
        "which containers restart?",
        "how many spares do we have?",
        "the spares budget",
        "is the docker host slow?",
        "proxmox guests",
        "are all vms ok?",
        "what is wrong with the homelab?",
    ],
)
def test_everyday_words_are_no_groups(both: Mapping[str, Inventory], question: str) -> None:
    assert both["joined"].resolve(question) == both["metrics"].resolve(question)


def test_a_name_of_its_own_counts_for_more_than_the_group_it_stands_in(homelab: Inventory) -> None:
    assert homelab.resolve("guests on pve3?").subjects == ("pve3",)
    assert homelab.resolve("guests_on_pve3").subjects == ("home", "mon")
    assert homelab.resolve("are the dns servers ok?").subjects[0] == "adguard"


def test_a_name_that_nobody_knows_is_still_unknown(homelab: Inventory) -> None:
    (unknown,) = homelab.resolve("is laptop02 ok?").unknown
    assert (unknown.name, unknown.suggestions) == ("laptop02", ("laptop01",))


def test_ansible_alone_knows_hosts_and_calls_no_service_unknown(tmp_path: Path) -> None:
    alone = inventory_from_ansible(read(tmp_path))
    assert alone.resolve("why is jellyseerr slow on the docker hosts?").subjects == (
        "media", "pictures", "cloud", "nuc-spare",
    )  # fmt: skip
    assert alone.resolve("is `jellyseerr` ok?").unknown == ()
    assert alone.unseen == {}  # nobody has looked
    assert not alone.complete


def test_alerts_name_services_of_the_hosts_that_ansible_knows(tmp_path: Path) -> None:
    labels = {"instance": "10.0.20.16:8080", "name": "immich"}
    firing = Alert(name="Some", state="firing", labels=labels, starts_at=datetime(2026, 11, 20, 3, tzinfo=UTC))
    found = inventory_from_alerts([firing], read(tmp_path))
    assert found.entities["immich"].host == "pictures"
    assert found.entity_of({"instance": "10.0.20.16:9100"}) == "pictures"
    assert "laptop01" in found.entities
    assert len(found.gaps) == 1
    assert "the Ansible inventory" in found.gaps[0]


class Nameless:
    """A Prometheus that meets a machine by its address only."""

    async def instant(self, query: str, at: datetime | None = None) -> list[Sample]:
        del at
        return [Sample()] if query == "up" else []


class Sample:
    labels: Mapping[str, str] = {"job": "node", "instance": "10.0.30.7:9100"}
    value = 1.0


def test_a_machine_that_prometheus_knows_by_address_gets_the_name_its_owner_gave_it(tmp_path: Path) -> None:
    found = asyncio.run(
        discover(Nameless(), ansible=read(tmp_path, "all: {hosts: {laptop01: {ansible_host: 10.0.30.7}}}"))
    )
    assert list(found.entities) == ["laptop01"]
    assert found.resolve("cpu on 10.0.30.7").subjects == ("laptop01",)
    assert found.entity_of({"instance": "10.0.30.7:9100"}) == "laptop01"
