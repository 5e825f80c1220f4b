"""What alerts alone tell of hosts and services."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.vocabulary import Alert
from tools.inventory import Inventory, inventory_from_alerts


def alert(**labels: str) -> Alert:
    return Alert(name="Some", state="firing", labels=labels, starts_at=datetime(2026, 11, 20, 3, tzinfo=UTC))


ALERTS = [
    alert(instance="media:9100", job="node"),
    alert(instance="media:8080", name="tdarr"),
    alert(instance="https://jellyfin.home.lan", job="blackbox-http"),
    alert(instance="db:5432", service="postgres"),
    alert(instance="10.0.20.11:53", service="adguard"),
    alert(id="qemu/116", name="games", node="pve1", instance="pve1"),
    alert(host="nas", disk="sda"),
    alert(instance="localhost:9090", severity="none"),
    alert(severity="critical"),
]


@pytest.fixture(scope="module")
def homelab() -> Inventory:
    return inventory_from_alerts(ALERTS)


def test_hosts_guests_and_services_are_told_apart(homelab: Inventory) -> None:
    kinds = {name: (entity.kind, entity.host) for name, entity in homelab.entities.items()}
    assert kinds == {
        "media": ("host", None),
        "tdarr": ("service", "media"),
        "jellyfin": ("service", None),
        "db": ("host", None),
        "postgres": ("service", "db"),
        "10.0.20.11": ("host", None),
        "adguard": ("service", "10.0.20.11"),
        "games": ("guest", None),
        "nas": ("host", None),
    }
    assert homelab.gaps


@pytest.mark.parametrize(
    ("place", "entity"),
    list(enumerate(["media", "tdarr", "jellyfin", "postgres", "adguard", "games", "nas", None, None])),
)
def test_every_alert_is_about_what_it_names(homelab: Inventory, place: int, entity: str | None) -> None:
    assert homelab.entity_of(ALERTS[place].labels) == entity


@pytest.mark.parametrize(
    ("question", "subject"),
    [("why is memory high on media?", "media"), ("is jellyfin down?", "jellyfin"), ("qemu/116", "games")],
)
def test_they_can_be_asked_about(homelab: Inventory, question: str, subject: str) -> None:
    assert homelab.resolve(question).subjects == (subject,)


def test_no_alert_makes_an_empty_inventory_without_a_gap() -> None:
    empty = inventory_from_alerts([])
    assert (dict(empty.entities), empty.gaps) == ({}, ())
