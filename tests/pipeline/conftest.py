"""A small homelab as the inventory would know it, and findings on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from core.vocabulary import Alert, Entity
from pipeline.brief import Finding
from pipeline.signals import load_domain
from tools.inventory import Inventory

NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def homelab() -> Inventory:
    """pve1 carries media and games, nas holds the media, dns1 resolves; jellyfin and tdarr run on media."""
    guests = {"media": "qemu/104", "games": "qemu/116", "dns1": "lxc/101"}
    entities = [Entity(name="pve1", kind="node", matchers={"pve": 'id="node/pve1"', "node": 'instance="pve1:9100"'})]
    entities.append(Entity(name="nas", kind="host", matchers={"node": 'instance="nas:9100"'}))
    for name, guest_id in guests.items():
        needs = ("pve1",) if name == "dns1" else ("pve1", "dns1", "nas")
        entities.append(
            Entity(
                name=name,
                kind="guest",
                host="pve1",
                aliases=(guest_id,),
                depends_on=needs,
                matchers={"node": f'instance="{name}:9100"', "pve": f'id="{guest_id}"'},
            )
        )
    for name, host in {"jellyfin": "media", "tdarr": "media", "minecraft": "games", "adguard": "dns1"}.items():
        needs = (host,) if name == "adguard" else (host, "adguard")
        matchers = {"cadvisor": f'name="{name}",instance="{host}:8080"', "probe": f'instance="https://{name}.home.lan"'}
        if name == "adguard":
            matchers = {"dns": 'instance="10.0.20.11:53",service="adguard"'}
        entities.append(Entity(name=name, kind="service", host=host, depends_on=needs, matchers=matchers))
    return Inventory({entity.name: entity for entity in entities})


@pytest.fixture(scope="session")
def finding() -> Callable[..., Finding]:
    """Build a finding: `finding("cpu_used", "media", 0.97, normal=0.2)`."""

    def build(signal: str, entity: str, value: float, normal: float | None = None, **labels: str) -> Finding:
        known = load_domain().signals[signal]
        exporter = next(iter(known.queries))
        return Finding(known, entity, labels, exporter, value, yesterday=normal, last_week=normal)

    return build


@pytest.fixture
def memory_alert() -> Alert:
    return Alert(
        name="HostHighMemory",
        state="firing",
        severity="warning",
        labels={"alertname": "HostHighMemory", "instance": "media:9100", "job": "node"},
        annotations={"summary": "Memory of media:9100 is 96 % used"},
        starts_at=datetime(2026, 11, 20, 3, 0, tzinfo=UTC),
    )
