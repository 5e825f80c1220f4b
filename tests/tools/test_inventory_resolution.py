"""What whole questions talk about, in a homelab whose machines bear everyday names."""

from __future__ import annotations

import pytest
from backfilled_homelab import discovered
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.inventory import Inventory
from tools.inventory.context import MAX_WORDS

IMMICH = ("immich-server", "immich-machine-learning", "immich-postgres", "immich-redis")
DNS = ("adguard", "adguard-secondary", "unbound@dns1", "unbound@dns2")


@pytest.fixture(scope="module")
def homelab(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    return discovered(tmp_path_factory.mktemp("homelab"))


@pytest.mark.parametrize(
    ("question", "subjects"),
    [
        # one machine, many names
        ("Why is CPU high on the Jellyfin VM?", ("media",)),
        ("Why is CPU high on the VM that runs jellyfin?", ("media",)),
        ("is jellyfin's host ok", ("media",)),
        ("what about 10.0.20.14", ("media",)),
        ("qemu/104", ("media",)),
        ("is VM 104 slow", ("media",)),
        ("media:9100", ("media",)),
        ("media.home.lan is slow", ("media",)),
        ("CT 101 down?", ("dns1",)),
        ("LXC 101", ("dns1",)),
        ("HostHighCpu on media:9100", ("media",)),
        ("the Proxmox node of media", ("pve1",)),
        ("media's node", ("pve1",)),
        ("the hypervisor of jellyfin", ("pve1",)),
        ("Is pve 1 overloaded?", ("pve1",)),
        ("Why is node pve2 saturated?", ("pve2",)),
        ("the host running immich", ("photos",)),
        # services
        ("jellyfin", ("jellyfin",)),
        ("https://jellyfin.home.lan is slow", ("jellyfin",)),
        ("https://jellyfin.home.lan/web/index.html", ("jellyfin",)),
        ("is jellyfin@docker failing", ("jellyfin",)),
        ("is the jellyfin container ok", ("jellyfin",)),
        ("home assistant is slow", ("homeassistant",)),
        ("Home-Assistant keeps restarting", ("homeassistant",)),
        ("Node-RED", ("nodered",)),
        ("is open webui slow", ("open-webui",)),
        ("what's wrong with immich server", ("immich-server",)),
        ("immich is broken", IMMICH),
        ("gitea is slow", ("gitea",)),
        ("postgres connections", ("postgres",)),
        ("is the redis container on db ok", ("redis", "db")),
        ("jellyfin and plex are slow", ("jellyfin", "plex")),
        # misspelt
        ("jelyfin is down", ("jellyfin",)),
        ("why is imich slow", IMMICH),
        ("grafna", ("grafana",)),
        ("home asistant", ("homeassistant",)),
        ("what's going on with vault warden", ("vaultwarden",)),
        ("postgress is slow", ("postgres",)),
        # roles
        ("is the NAS ok", ("nas",)),
        ("UPS on battery", ("ups",)),
        ("the reverse proxy is slow", ("traefik",)),
        ("are the dns servers up?", DNS),
        ("why is dns slow", DNS),
        # everyday words that are names here, meant as names
        ("Why is CPU high on media?", ("media",)),
        ("what changed on cloud", ("cloud",)),
        ("the media VM", ("media",)),
        ("media host", ("media",)),
        ("media", ("media",)),
        ("is the backup host ok", ("backup",)),
        ("is `backup` ok", ("backup",)),
        ("Why is memory high on backup?", ("backup",)),
        ("is home slow", ("home",)),
        ("is the db slow", ("db",)),
        ("is git down", ("git",)),
        ("git down", ("git",)),
        ("git status", ("git",)),
        ("db slow", ("db",)),
        ("media slow since 2 hours", ("media",)),
        ("media high cpu", ("media",)),
        ("db memory", ("db",)),
        ("cloud disk full", ("cloud",)),
        ("media up?", ("media",)),
        ("home not responding", ("home",)),
        ("slow db", ("db",)),
        ("high cpu media", ("media",)),
        ("what about db?", ("db",)),
        ("and the same for media", ("media",)),
        ("is media or cloud down", ("media", "cloud")),
        ("compare media and cloud", ("media", "cloud")),
        ("media, cloud and db VMs", ("media", "cloud", "db")),
        ("cpu of media", ("media",)),
        ("disk usage of db", ("db",)),
        ("what happened to docs last night", ("docs",)),
        ("Is anything wrong with home?", ("home",)),
        ("the cloud VM's disk", ("cloud",)),
        ("the actual container", ("actual",)),
        ("why is the actual service restarting", ("actual",)),
    ],
)
def test_what_a_question_is_about(homelab: Inventory, question: str, subjects: tuple[str, ...]) -> None:
    resolution = homelab.resolve(question)
    assert resolution.subjects == subjects
    assert resolution.unknown == ()


@pytest.mark.parametrize(
    "question",
    [
        "",
        "things seem slow",
        "is anything firing",
        "Summarize alerts from the past 24 hours",
        "which alerts are active right now?",
        "is any VM low on disk?",
        "is any host low on memory",
        "why is everything slow",
        "did the backup of last night succeed",
        "did the VM backup run last night?",
        "when was the last backup",
        "how do I document this in the docs",
        "git push fails",
        "backup slow",
        "photos loading slowly",
        "slow photos uploads",
        "go home",
        "show me photos of cats",
        "why are photos loading slowly",
        "what is the actual cause",
        "restore a VM from PBS",
        "how do I set up a new LXC",
        "how do I replace a disk",
        "how do I renew certificates",
        "disk sda is failing, eth0 has errors, HTTP 503 at 03:10 since 2026-11-18",
        "load is 24.5, memory 85%, 16 GB of 32GiB, p99 250ms, v2.42.0, 10.11.2",
        "Why is HostDiskFull firing?",
        "`node_load1` and node_memory_MemAvailable_bytes",
        "cat /mnt/media/x and /etc/hosts on 127.0.0.1",
        "is the internet down?",
        "what is the weather today",
        "how much power does it use",
        "what changed in the last hour on all hosts",
        "is the service restarting, or the container, or the host that it is on",
        "out-of-memory kills and read-only filesystems, follow-up of 24/7 on-call",
        "write a poem about the sea",
        "on Friday at 3pm",
        "see https://example.org/a/b and mail me@example.org",
    ],
)
def test_plain_words_are_neither_subjects_nor_unknown_hosts(homelab: Inventory, question: str) -> None:
    resolution = homelab.resolve(question)
    assert (resolution.subjects, resolution.unknown) == ((), ())


@pytest.mark.parametrize(
    ("question", "name", "suggestion"),
    [
        ("why is foobar slow?", "foobar", None),
        ("what is wrong with kodi?", "kodi", None),
        ("what about the foobar VM", "foobar", None),
        ("Why is CPU high on plexamp?", "plexamp", "plex"),
        ("is pve9 down", "pve9", "pve1"),
        ("is dns3 up", "dns3", "dns1"),
        ("why is `sonarr` slow", "sonarr", None),
        ("the container lidarr keeps restarting", "lidarr", "tdarr"),
        ("10.0.99.99 is down", "10.0.99.99", None),
        ("10.0.20.111", "10.0.20.111", "dns1"),
        ("is VM 1044 down", "VM 1044", "media"),
        ("qemu/1044", "qemu/1044", "media"),
        ("plexx.home.lan", "plexx.home.lan", "plex"),
        ("Why is HostDiskFull firing on nvr?", "nvr", None),
        ("web-01 is slow", "web-01", None),
        ("minio feels sluggish since the weekend", "minio", None),
        ("yo can you check why rabbitmq is down", "rabbitmq", None),
        ("how much memory does minio take", "minio", None),
    ],
)
def test_an_unknown_name_is_told_with_near_ones(
    homelab: Inventory, question: str, name: str, suggestion: str | None
) -> None:
    resolution = homelab.resolve(question)
    assert resolution.subjects == ()
    (unknown,) = resolution.unknown
    assert unknown.name == name
    assert (suggestion in unknown.suggestions) if suggestion else True
    assert len(unknown.suggestions) <= 3


@pytest.mark.parametrize(("name", "first"), [("plexserver", "plex"), ("jellyfin2", "jellyfin")])
def test_a_name_with_something_behind_it_is_suggested_first(homelab: Inventory, name: str, first: str) -> None:
    (unknown,) = homelab.resolve(f"is {name} down").unknown
    assert unknown.suggestions[0] == first


def test_known_and_unknown_names_in_one_question(homelab: Inventory) -> None:
    resolution = homelab.resolve("Is kodi slow because of jellyfin on the media VM or pve7?")
    assert resolution.subjects == ("jellyfin", "media")
    assert [unknown.name for unknown in resolution.unknown] == ["kodi", "pve7"]


def test_only_so_many_words_are_searched(homelab: Inventory) -> None:
    assert homelab.resolve("word " * (MAX_WORDS - 1) + "jellyfin").subjects == ("jellyfin",)
    assert homelab.resolve("word " * MAX_WORDS + "jellyfin").subjects == ()


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_can_be_read(homelab: Inventory, text: str) -> None:
    resolution = homelab.resolve(text)
    assert set(resolution.subjects) <= set(homelab.entities)
