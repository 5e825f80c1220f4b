"""A homelab found by real queries on a real Prometheus, while its media VM is down."""

from __future__ import annotations

import pytest
from backfilled_homelab import AT, GUESTS, NODES, discovered

from tools.inventory import Inventory


@pytest.fixture(scope="module")
def homelab(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    return discovered(tmp_path_factory.mktemp("homelab"), AT)


def test_every_machine_is_found_with_its_kind_address_and_node(homelab: Inventory) -> None:
    for name, (identity, node, address, _) in GUESTS.items():
        guest = homelab.entities[name]
        assert (guest.kind, guest.host, guest.address) == ("guest", node, address)
        assert {identity, f"{name}:9100", address} <= set(guest.aliases)
        assert guest.matchers["pve"] == f'id="{identity}"'
    machines = {name: entity.kind for name, entity in homelab.entities.items() if entity.kind != "service"}
    assert machines == {
        **dict.fromkeys(NODES, "node"),
        **dict.fromkeys(GUESTS, "guest"),
        "nas": "device",
        "ups": "device",
    }
    assert homelab.gaps == ()


def test_every_container_is_a_service_of_its_host(homelab: Inventory) -> None:
    for host, (_, _, _, containers) in GUESTS.items():
        for name in containers.split():
            assert (homelab.entities[name].kind, homelab.entities[name].host) == ("service", host)
            assert homelab.entities[name].matchers["cadvisor"] == f'name="{name}",instance="{host}:8080"'


def test_a_host_that_is_down_is_still_known_with_all_that_runs_on_it(homelab: Inventory) -> None:
    media = homelab.entities["media"]
    assert media.matchers["node"] == 'instance="media:9100"'
    assert media.matchers["containers"] == 'instance="media:8080"'
    assert "nas" in media.depends_on
    assert homelab.neighbours("jellyfin") == ["jellyseerr", "plex", "tdarr"]


def test_a_guest_that_migrated_stands_on_its_present_node(homelab: Inventory) -> None:
    assert homelab.entities["photos"].host == "pve1"
    assert homelab.topology["photos"] == ["pve1", "nas", "adguard", "adguard-secondary"]


def test_the_matchers_of_every_exporter(homelab: Inventory) -> None:
    entities = homelab.entities
    assert entities["jellyfin"].matchers == {
        "cadvisor": 'name="jellyfin",instance="media:8080"',
        "probe": 'instance="https://jellyfin.home.lan"',
        "traefik": 'service="jellyfin@docker"',
    }
    assert entities["adguard"].matchers == {
        "adguard": 'instance="dns1:9618"',
        "dns": 'instance="10.0.20.11:53"',
        "systemd": 'name="AdGuardHome.service",instance="dns1:9100"',
    }
    assert entities["adguard-secondary"].host == "dns2"
    assert entities["unbound@dns2"].matchers["unbound"] == 'instance="dns2:9167"'
    assert entities["postgres"].matchers["probe"] == 'instance="db:5432"'
    assert entities["traefik"].matchers["traefik"] == 'instance="proxy:8082"'
    assert entities["nas"].matchers == {"node": 'instance="nas:9100"', "smartctl": 'instance="nas:9633"'}
    assert entities["ups"].matchers == {"nut": 'instance="ups"'}
    assert entities["pve1"].matchers["pve"] == 'id="node/pve1"'


def test_units_of_one_host_are_services_and_those_of_every_host_are_not(homelab: Inventory) -> None:
    assert homelab.entities["proxmox-backup"].matchers == {
        "systemd": 'name="proxmox-backup.service",instance="backup:9100"'
    }
    assert homelab.entities["restic-rest"].matchers == {
        "probe": 'instance="backup:8001"',
        "systemd": 'name="restic-rest.service",instance="backup:9100"',
    }
    assert not [name for name in homelab.entities if name.startswith(("ssh", "cron", "fwupd"))]


def test_what_jellyfin_needs_nearest_first(homelab: Inventory) -> None:
    assert homelab.upstream("jellyfin", 1) == ["media", "traefik"]
    assert set(homelab.upstream("jellyfin")) == {
        "media", "traefik", "pve1", "nas", "adguard", "adguard-secondary", "proxy", "dns1", "dns2", "unbound@dns1", "unbound@dns2",
        "pve2",
    }  # fmt: skip
    assert homelab.upstream("nobody") == []


def test_what_stands_and_falls_with_a_machine(homelab: Inventory) -> None:
    assert homelab.downstream("postgres") == ["nextcloud"]
    assert set(homelab.downstream("nas", 1)) == {"media", "photos", "backup"}
    assert {"media", "jellyfin", "cloud", "nextcloud"} <= set(homelab.downstream("dns1"))
    assert not {"dns1", "dns2", "pve1", "nas"} & set(homelab.downstream("dns1"))
    assert "pve1" not in homelab.downstream("pve1")


def test_dependencies_out_of_compose_labels(homelab: Inventory) -> None:
    assert {"immich-postgres", "immich-redis", "immich-machine-learning"} <= set(homelab.topology["immich-server"])
    assert {"postgres", "redis"} <= set(homelab.topology["nextcloud"]), "on another host than nextcloud"
    assert homelab.topology["jellyseerr"] == ["media", "traefik", "jellyfin"]


def test_neighbours_share_a_machine(homelab: Inventory) -> None:
    assert homelab.neighbours("media") == ["backup", "dns1", "photos", "proxy"]
    assert homelab.neighbours("pve1") == []
    assert homelab.neighbours("nobody") == []


@pytest.mark.parametrize(
    ("labels", "entity"),
    [
        ({"instance": "media:9100", "job": "node", "alertname": "HostHighCpu"}, "media"),
        ({"instance": "media:8080", "name": "jellyfin", "image": "jellyfin:1", "id": "/docker/1"}, "jellyfin"),
        ({"instance": "media:8080", "id": "/"}, "media"),
        ({"id": "qemu/104", "instance": "pve1", "job": "pve"}, "media"),
        ({"id": "node/pve2", "instance": "pve1", "job": "pve"}, "pve2"),
        ({"id": "storage/pve2/local-lvm", "instance": "pve2"}, "pve2"),
        ({"instance": "https://jellyfin.home.lan", "job": "blackbox-http"}, "jellyfin"),
        ({"instance": "db:5432", "service": "postgres", "job": "blackbox-tcp"}, "postgres"),
        ({"instance": "db:9100", "service": "postgres"}, "postgres"),
        ({"instance": "10.0.20.12:53", "service": "adguard-secondary"}, "adguard-secondary"),
        ({"instance": "proxy:8082", "service": "jellyfin@docker", "code": "502"}, "jellyfin"),
        ({"instance": "proxy:8082", "entrypoint": "https"}, "traefik"),
        ({"instance": "dns1:9618"}, "adguard"),
        ({"instance": "dns2:9167"}, "unbound@dns2"),
        ({"instance": "ups", "job": "nut", "ups": "ups"}, "ups"),
        ({"instance": "nas:9633", "device": "sda"}, "nas"),
        ({"instance": "backup:9100", "name": "proxmox-backup.service", "state": "failed"}, "proxmox-backup"),
        ({"instance": "media:9100", "device": "nas.home.lan:/tank/media", "fstype": "nfs4"}, "media"),
        ({"instance": "media:12345"}, "media"),
        ({"instance": "10.0.20.14:9999"}, "media"),
        ({"instance": "photos.home.lan:9100"}, "photos"),
        ({"name": "jellyfin"}, "jellyfin"),
        ({"container": "jellyfin", "namespace": "media"}, "jellyfin"),
        ({"nodename": "media"}, "media"),
        ({"host": "pve3"}, "pve3"),
        ({"service": "unbound", "instance": "dns1:53"}, "unbound@dns1"),
        ({"instance": "elsewhere:9100"}, None),
        ({"alertname": "Watchdog"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_which_entity_a_series_is_about(homelab: Inventory, labels: dict[str, str], entity: str | None) -> None:
    assert homelab.entity_of(labels) == entity
