"""Homelabs of other shapes: no Proxmox, instances by address, one Docker host, clones, names that several things share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.errors import SourceUnavailable
from tools.inventory import Inventory, discover
from tools.inventory.discovery import QUERIES

AT = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Answered:
    labels: Mapping[str, str]
    value: float = 1.0


@dataclass
class Canned:
    """Answers each inventory query, by its name, with samples labelled as Prometheus would; fails those in `failing`."""

    answers: Mapping[str, Sequence[Mapping[str, str]]]
    failing: frozenset[str] = frozenset()
    asked: list[datetime | None] = field(default_factory=list)

    async def instant(self, query: str, at: datetime | None = None) -> Sequence[Answered]:
        self.asked.append(at)
        name = next(name for name, known in QUERIES.items() if known == query)
        if name in self.failing:
            raise SourceUnavailable("prometheus", "timed out after 5 s")
        return [Answered(labels) for labels in self.answers.get(name, ())]


def found(answers: Mapping[str, Sequence[Mapping[str, str]]], *failing: str) -> Inventory:
    return asyncio.run(discover(Canned(answers, frozenset(failing))))


def test_a_query_that_fails_is_a_gap_and_the_rest_counts() -> None:
    homelab = found({"hosts": [{"instance": "media:9100", "nodename": "media"}], "guests": []}, "guests", "containers")
    assert list(homelab.entities) == ["media"]
    assert homelab.gaps == (
        "inventory: Proxmox guests are unknown (prometheus: timed out after 5 s)",
        "inventory: containers are unknown (prometheus: timed out after 5 s)",
    )


def test_an_empty_prometheus_says_what_is_missing() -> None:
    homelab = found({})
    assert homelab.entities == {}
    assert homelab.gaps == ("inventory: Prometheus has no scrape targets; add scrape_configs to prometheus.yml",)


def test_the_moment_is_handed_to_every_query() -> None:
    canned = Canned({})
    asyncio.run(discover(canned, AT))
    assert canned.asked == [AT] * len(QUERIES)


def test_instances_by_address_get_the_name_of_the_machine() -> None:
    homelab = found(
        {
            "hosts": [{"instance": "192.168.1.10:9100", "nodename": "atlas.fritz.box"}],
            "containers": [{"instance": "192.168.1.10:8080", "name": "jellyfin"}],
        }
    )
    atlas = homelab.entities["atlas"]
    assert (atlas.kind, atlas.address) == ("host", "192.168.1.10")
    assert homelab.entities["jellyfin"].host == "atlas"
    assert (
        homelab.resolve("is 192.168.1.10 ok").subjects
        == homelab.resolve("is atlas.fritz.box ok").subjects
        == ("atlas",)
    )
    assert homelab.entity_of({"instance": "192.168.1.10:9999"}) == "atlas"


def test_one_docker_host_that_prometheus_runs_on_itself() -> None:
    homelab = found(
        {
            "targets": [
                {"job": "prometheus", "instance": "localhost:9090"},
                {"job": "cadvisor", "instance": "cadvisor:8080"},
            ],
            "hosts": [{"instance": "node-exporter:9100", "nodename": "nuc"}],
            "containers": [
                {"instance": "cadvisor:8080", "name": n} for n in ("cadvisor", "node-exporter", "prometheus", "plex")
            ],
        }
    )
    assert {name for name, entity in homelab.entities.items() if entity.kind == "host"} == {"nuc"}
    assert {entity.host for entity in homelab.entities.values() if entity.kind == "service"} == {"nuc"}
    assert homelab.entity_of({"instance": "node-exporter:9100"}) == "nuc"


def test_cloned_machines_that_share_a_nodename_stay_apart() -> None:
    homelab = found({"hosts": [{"instance": f"10.0.0.{n}:9100", "nodename": "debian"} for n in (5, 6)]})
    assert {name: entity.matchers["node"] for name, entity in homelab.entities.items()} == {
        "10.0.0.5": 'instance="10.0.0.5:9100"',
        "10.0.0.6": 'instance="10.0.0.6:9100"',
    }


def test_compose_and_swarm_names_become_the_services_name() -> None:
    compose = "container_label_com_docker_compose_"
    homelab = found(
        {
            "containers": [
                {"instance": "a:8080", "name": "web-ghost-1", f"{compose}service": "ghost", f"{compose}project": "web"},
                {"instance": "a:8080", "name": "stack_api.1.abcdefghijklmnopqrstuvwxy"},
                {"instance": "k:8080", "container": "coredns", "name": ""},
            ]
        }
    )
    services = {
        name: entity.matchers["cadvisor"] for name, entity in homelab.entities.items() if entity.kind == "service"
    }
    assert services == {
        "ghost": 'name="web-ghost-1",instance="a:8080"',
        "stack_api": 'name="stack_api.1.abcdefghijklmnopqrstuvwxy",instance="a:8080"',
        "coredns": 'container="coredns",instance="k:8080"',
    }
    assert homelab.entity_of({"name": "web-ghost-1", "instance": "a:8080"}) == "ghost"


def test_the_same_container_on_two_hosts_is_two_services() -> None:
    homelab = found({"containers": [{"instance": f"{host}:8080", "name": "watchtower"} for host in ("atlas", "zeus")]})
    assert {"watchtower@atlas", "watchtower@zeus"} <= set(homelab.entities)
    assert homelab.resolve("watchtower is failing").subjects == ("watchtower@atlas", "watchtower@zeus")
    assert homelab.resolve("is watchtower on zeus ok").subjects == ("watchtower@zeus", "zeus")
    assert homelab.entity_of({"name": "watchtower", "instance": "zeus:8080"}) == "watchtower@zeus"


def test_a_guest_named_like_the_service_in_it_keeps_the_name() -> None:
    homelab = found(
        {
            "guests": [{"id": "lxc/200", "name": "jellyfin", "node": "pve"}],
            "containers": [{"instance": "jellyfin:8080", "name": "jellyfin"}],
        }
    )
    assert homelab.entities["jellyfin"].kind == "guest"
    assert homelab.entities["jellyfin@jellyfin"].host == "jellyfin"
    assert homelab.resolve("the jellyfin LXC").subjects == ("jellyfin",)
    assert homelab.resolve("the jellyfin container").subjects == ("jellyfin@jellyfin",)


def test_a_website_that_nothing_here_serves_is_a_service_without_a_host() -> None:
    homelab = found(
        {
            "probes": [
                {"instance": "https://www.example.org/health", "job": "http"},
                {"instance": "1.1.1.1", "job": "icmp"},
            ]
        }
    )
    assert homelab.entities["example.org"].host is None
    assert homelab.entities["1.1.1.1"].matchers["probe"] == 'instance="1.1.1.1"'


def test_several_probes_of_one_service_are_one_matcher() -> None:
    probes = [
        {"instance": url, "service": "nextcloud"} for url in ("https://cloud.example.org", "http://10.0.0.5:8080")
    ]
    homelab = found({"probes": probes})
    matcher = homelab.entities["nextcloud"].matchers["probe"]
    assert matcher == r'instance=~"http://10\\.0\\.0\\.5:8080|https://cloud\\.example\\.org"'
    assert homelab.entity_of({"instance": "http://10.0.0.5:8080"}) == "nextcloud"
    assert homelab.entity_of({"instance": "http://10x0.0.5:8080"}) is None


def test_what_a_label_holds_cannot_break_out_of_a_matcher() -> None:
    nasty = 'a"} or vector(1) or up{x="\\'
    homelab = found({"containers": [{"instance": "atlas:8080", "name": nasty}]})
    service = next(entity for entity in homelab.entities.values() if entity.kind == "service")
    assert service.matchers["cadvisor"] == r'name="a\"} or vector(1) or up{x=\"\\",instance="atlas:8080"'
    assert homelab.entity_of({"name": nasty, "instance": "atlas:8080"}) == service.name


def test_two_upses_behind_one_exporter() -> None:
    rows = [{"family": "network_ups_tools", "instance": "nut:9199", "ups": ups} for ups in ("rack", "desk")]
    homelab = found({"exporters": rows})
    assert homelab.entities["rack"].matchers["nut"] == 'ups="rack",instance="nut:9199"'
    assert homelab.entity_of({"instance": "nut:9199", "ups": "desk"}) == "desk"


def test_an_exporter_that_is_down_is_known_by_its_job() -> None:
    homelab = found(
        {
            "targets": [{"job": "pihole-exporter", "instance": "dns:9617"}],
            "hosts": [{"instance": "dns:9100", "nodename": "dns"}],
        }
    )
    assert homelab.entities["pihole"].host == "dns"
    assert homelab.entities["pihole"].matchers == {"pihole": 'instance="dns:9617"'}
