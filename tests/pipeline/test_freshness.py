"""Names on a page that the inventory does not know, and the words for how fresh a page is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Entity
from pipeline.freshness import MAX_NAMES, freshness_note, unknown_names
from tools.http import Source
from tools.inventory import Inventory, discover
from tools.prometheus import ALLOWED, Prometheus

RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"
NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")


def entities() -> Iterable[Entity]:
    """pve1 and pve2; media (VM 104) and rpi (nothing measured in it) and dns1 (CT 101, systemd units); a NAS."""
    for number in (1, 2):
        yield Entity(name=f"pve{number}", kind="node", address=f"10.0.0.{10 + number}", aliases=(f"pve{number}:9100",))
    yield Entity(name="nas", kind="device", address="10.0.0.20", aliases=("nas.home.lan",))
    guests = {"media": ("qemu/104", "10.0.0.14"), "rpi": ("qemu/105", "10.0.0.15"), "dns1": ("lxc/101", "10.0.0.16")}
    for name, (guest, address) in guests.items():
        yield Entity(name=name, kind="guest", host="pve1", address=address, aliases=(guest, f"{name}:9100", address))
    for name in ("jellyfin", "immich-server", "immich-postgres", "redis@media"):
        short = name.partition("@")[0]
        matchers = {"cadvisor": f'name="{short}",instance="media:8080"'}
        aliases = (f"{short}.home.lan", f"https://{short}.home.lan")
        yield Entity(name=name, kind="service", host="media", matchers=matchers, aliases=aliases)
    for name, unit in {"adguard": "AdGuardHome", "unbound": "unbound"}.items():
        matchers = {"systemd": f'name="{unit}.service",instance="dns1:9100"'}
        yield Entity(name=name, kind="service", host="dns1", matchers=matchers)
    yield Entity(name="github", kind="service", aliases=("https://www.github.com", "www.github.com", "api.github.com"))


KNOWN = Inventory({entity.name: entity for entity in entities()})


def unknown(*commands: str, inventory: Inventory = KNOWN) -> tuple[str, ...]:
    return unknown_names("\n".join(["# A page", "", "```bash", *commands, "```"]), inventory)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("ssh -p 22 -i ~/.ssh/id root@oldbox uptime", "oldbox"),
        ("ssh root@10.0.0.99", "10.0.0.99"),
        ("scp -P 22 a.txt root@oldbox:/srv", "oldbox"),
        ("rsync -av --exclude 'x:y' -e 'ssh -p 22' /srv/ oldbox:/mnt/", "oldbox"),
        ("ping -c 3 -W 1 dns3", "dns3"),
        ("nc -zvw 2 oldbox 5432", "oldbox"),
        ("dig +short @dns3 jellyfin.home.lan", "dns3"),
        ("curl -fsS https://heimdall.home.lan:8443/login", "heimdall.home.lan"),
        ("getent hosts heimdall.home.lan", "heimdall.home.lan"),
        ("ansible-playbook -i hosts site.yml --limit 'media,web3'", "web3"),
        ("docker restart -t 30 emby", "emby"),
        ("docker logs --since 30m --tail 60 -f emby 2>&1 | tail", "emby"),
        ("docker exec -it -u www-data -e A=b emby sh -c 'ls jellyfin'", "emby"),
        ("cd /srv && docker compose up -d emby", "emby"),
        ("docker-compose -p x restart emby", "emby"),
        ("sudo -u root env A=b systemctl restart pihole-FTL", "pihole-FTL"),
        ("systemctl status --no-pager -n 20 minio.service", "minio.service"),
        ("journalctl -u minio --since today", "minio"),
        ("pct exec 101 -- systemctl restart pihole-FTL", "pihole-FTL"),
        ("ssh root@dns1 'cd / && sudo systemctl restart pihole-FTL'", "pihole-FTL"),
        ("bash -c 'docker restart emby'", "emby"),
        ("if true; then docker restart emby; fi", "emby"),
        ("echo $(docker restart emby)", "emby"),
        ("timeout 5 docker restart \\\n  emby", "emby"),
        ("pct reboot 199", "guest 199"),
        ("qm start 199", "guest 199"),
    ],
)
def test_a_name_nobody_knows_is_told_once_as_it_is_written(command: str, name: str) -> None:
    assert unknown(command, command) == (name,)


@pytest.mark.parametrize(
    "command",
    [
        # known, in whatever way it is written
        "ssh root@media; ssh 10.0.0.14; ping nas.home.lan; ping pve1.home.lan; ssh pve",
        "curl https://jellyfin.home.lan/web http://media:8096",
        "docker restart jellyfin immich_server media-jellyfin-1 immich-redis redis",
        "systemctl restart AdGuardHome unbound.service adguard",
        "pct exec 101 -- systemctl restart unbound && qm status 104",
        # blanks for the reader
        "ssh root@<host>; docker restart <name of it>; ssh $HOST; ssh ${HOST}; ssh {{ host }}; ssh HOSTNAME",
        "ping host1; docker logs your-container; docker logs container_name; ssh user@server.example.com",
        "curl https://<name>.home.lan https://*.home.lan; docker logs $(docker ps -q)",
        # the world outside, and the machine itself
        "ping 1.1.1.1; ping google.com; curl https://get.docker.com; git clone git@github.com:a/b; ping web.github.com",
        "ssh localhost; curl http://127.0.0.1:9090 http://db:5432; ping 10.0.0.99; ssh 192.168.77.5; ssh 10.0.0.1",
        "ssh admin@switch1; ping router; nc -l 9000",
        # of the system, or of no judged sort
        "systemctl restart ssh docker systemd-resolved NetworkManager chrony smartd prometheus-node-exporter wg-quick@wg0",
        "systemctl status backup.timer; systemctl --user restart thing; journalctl -t kernel -b; systemctl list-timers oldthing",
        "kubectl logs emby; docker image inspect emby; docker ps emby; docker run emby; docker logs abcdef012345",
        "ansible-playbook site.yml --limit webservers",
        # names of a compose project's parts are its own
        "cd /opt/stacks/jellyfin && docker compose restart transcoder",
        "docker compose restart db",
        # where nothing of the kind is measured, not knowing means nothing
        "ssh rpi docker restart pihole; ssh media systemctl restart thing; ssh oldbox.example.com docker restart emby",
        # no commands, or not ones that can be read
        "echo 'ssh oldbox'; # ssh oldbox",
        "it's a quote that never ends",
    ],
)
def test_what_is_known_or_cannot_be_judged_is_not_told(command: str) -> None:
    assert unknown(command) == ()


def test_only_code_and_addresses_are_read() -> None:
    text = "Restart emby with ssh oldbox.\n\n    docker restart emby\n\nor `ping dns3`, see [it](https://wiki.home.lan/a).\n"
    assert unknown_names(text, KNOWN) == ("emby", "dns3", "wiki.home.lan")


def test_output_in_a_session_is_not_read() -> None:
    text = "```console\n$ docker restart jellyfin\ndocker restart emby\nroot@pve1:~# ping dns3\n```\n"
    assert unknown_names(text, KNOWN) == ("dns3",)


@pytest.mark.parametrize(
    "page",
    [
        "qm clone 9000 150 --name testbox\nqm start 150\nssh root@testbox",
        "docker run -d --name whoami traefik/whoami\ndocker logs whoami",
        "cat > /etc/systemd/system/mything.service <<'EOF'\nExecStart=/bin/sh\nEOF\nsystemctl restart mything",
        "cat > hosts <<EOF\nssh oldbox\nEOF\nping oldbox",
        "apt-get -y install minio\nsystemctl status minio",
        "docker stop emby\ndocker rm emby",
        "pct create 150 x --hostname notes --net0 name=eth0,ip=10.0.0.27/24\nping 10.0.0.27; ssh 10.0.0.27\nping notes.home.lan",
    ],
)
def test_what_the_page_itself_makes_or_removes_need_not_exist(page: str) -> None:
    assert unknown(*page.split("\n")) == ()


def test_what_a_block_of_configuration_sets_up_need_not_exist() -> None:
    compose = "```yaml\nservices:\n  emby:\n    container_name: emby\n```\n"
    steps = "`docker restart emby`\n"
    assert unknown_names(steps, KNOWN) == ("emby",)
    assert unknown_names(compose + steps, KNOWN) == ()


def test_a_page_about_machines_where_nothing_is_measured_is_not_judged() -> None:
    assert unknown_names("On rpi: `docker restart pihole`", KNOWN) == ()
    assert unknown_names("On rpi or media: `docker restart pihole`", KNOWN) == ("pihole",)


@pytest.mark.parametrize(
    ("gone", "command"), [("cadvisor", "docker restart emby"), ("systemd", "systemctl start minio")]
)
def test_a_kind_of_which_nothing_is_known_is_not_judged(gone: str, command: str) -> None:
    left = Inventory({e.name: e for e in entities() if gone not in e.matchers})
    assert unknown(command) != ()
    assert unknown(command, inventory=left) == ()


def test_an_inventory_without_guests_machines_or_a_domain_judges_none() -> None:
    services = Inventory({e.name: e.model_copy(update={"host": None}) for e in entities() if e.kind == "service"})
    assert unknown("pct reboot 199", "ssh oldbox", "ping x9.home.lan", inventory=services) == ()


def test_an_inventory_with_gaps_is_no_measure() -> None:
    assert unknown("ssh oldbox", inventory=Inventory(KNOWN.entities, gaps=("inventory: containers are unknown",))) == ()
    assert unknown("ssh oldbox", inventory=Inventory({})) == ()


@pytest.mark.parametrize(
    "text", ["", "`", "```\n'\n" * 50, "`ssh`", "`ssh -`", "`docker compose`", "`journalctl -u`", "`pct exec --`"]
)
def test_odd_pages_name_nothing(text: str) -> None:
    assert unknown_names(text, KNOWN) == ()


def test_commands_nested_without_end_are_read_to_a_depth() -> None:
    assert unknown("ssh media " * 40 + "ssh oldbox") == ()
    assert unknown("ssh media ssh media ssh oldbox") == ("oldbox",)


def test_no_more_names_are_looked_up_than_the_bound() -> None:
    assert len(unknown(*(f"ping old{number}box" for number in range(MAX_NAMES + 5)))) == MAX_NAMES


def test_no_runbook_of_ours_is_called_stale_and_each_would_be(lab) -> None:
    """Against the inventory of the running lab; and with one service fewer, the pages that need it."""

    async def discovered() -> Inventory:
        source = Source("prometheus", lab.env["SRE_PROMETHEUS_URL"], allowed=ALLOWED)
        try:
            return await discover(Prometheus(source))
        finally:
            await source.aclose()

    inventory = asyncio.run(discovered())
    assert inventory.gaps == ()
    pages = {path.name: path.read_text("utf-8") for path in RUNBOOKS.glob("*.md")}
    assert {name: names for name, page in pages.items() if (names := unknown_names(page, inventory))} == {}
    without = {
        gone: Inventory(
            {name: e for name, e in inventory.entities.items() if name != gone and not name.startswith(f"{gone}-")}
        )
        for gone in ("tdarr", "unbound", "media")
    }
    assert unknown_names(pages["host-cpu.md"], without["tdarr"]) == ("tdarr",)
    assert unknown_names(pages["dns-stack.md"], without["unbound"]) == ("unbound",)
    assert unknown_names(pages["media-vm.md"], without["media"]) == ("media", "guest 104")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (datetime(2026, 11, 20, 1, tzinfo=UTC), "last changed 2026-11-20 (today)"),
        (datetime(2026, 11, 19, 23, tzinfo=UTC), "last changed 2026-11-19 (yesterday)"),
        (datetime(2026, 10, 1, tzinfo=UTC), "last changed 2026-10-01 (50 days ago)"),
        (datetime(2026, 3, 2, tzinfo=UTC), "last changed 2026-03-02 (8 months ago)"),
        (datetime(2026, 3, 21, tzinfo=UTC), "last changed 2026-03-21 (7 months ago)"),
        (datetime(2023, 12, 1, tzinfo=UTC), "last changed 2023-12-01 (2 years ago)"),
        (datetime(2026, 11, 22, tzinfo=UTC), "last changed 2026-11-22 (after 2026-11-20)"),
        (None, ""),
    ],
)
def test_the_age_in_words(changed: datetime | None, words: str) -> None:
    assert freshness_note(changed, (), NOW, UTC_ZONE) == words


def test_days_are_those_of_the_reader() -> None:
    changed = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)
    assert freshness_note(changed, (), NOW, ZoneInfo("Europe/Zurich")) == "last changed 2026-11-20 (today)"


def test_a_page_with_unknown_names_may_be_stale() -> None:
    changed = datetime(2026, 3, 2, tzinfo=UTC)
    assert freshness_note(changed, ("oldbox",), NOW, UTC_ZONE) == (
        "last changed 2026-03-02 (8 months ago); "
        "may be stale: it names oldbox, which is not among the known hosts and services"
    )
    assert freshness_note(None, ("a", "[b]", "_c_"), NOW, UTC_ZONE) == (
        "may be stale: it names a, \\[b\\] and \\_c\\_, which are not among the known hosts and services"
    )
