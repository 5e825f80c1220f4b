"""A homelab's metrics, as its exporters would have written them, in a real Prometheus.

Three nodes, eleven guests, a NAS and a UPS. At `AT` the media VM has been down for half an hour and its NFS mount with it.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tools.http import Source
from tools.inventory import Inventory, discover
from tools.prometheus import ALLOWED, Prometheus

AT = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
MEDIA_DOWN_FOR = timedelta(minutes=30)

NODES = {"pve1": "10.0.10.11", "pve2": "10.0.10.12", "pve3": "10.0.10.13"}
GUESTS = {  # name: (id, node, address, containers)
    "dns1": ("lxc/101", "pve1", "10.0.20.11", ""),
    "dns2": ("lxc/102", "pve2", "10.0.20.12", ""),
    "proxy": ("lxc/103", "pve1", "10.0.20.13", "traefik authelia homepage"),
    "media": ("qemu/104", "pve1", "10.0.20.14", "jellyfin plex tdarr jellyseerr"),
    "photos": (
        "qemu/106",
        "pve1",
        "10.0.20.16",
        "immich-server immich-machine-learning immich-postgres immich-redis photoprism",
    ),
    "cloud": ("qemu/107", "pve2", "10.0.20.17", "nextcloud paperless vaultwarden stirling-pdf"),
    "home": ("qemu/108", "pve3", "10.0.20.18", "homeassistant zigbee2mqtt mosquitto nodered"),
    "git": ("lxc/109", "pve2", "10.0.20.19", "gitea gitea-runner registry"),
    "db": ("lxc/110", "pve2", "10.0.20.20", "postgres mariadb redis"),
    "mon": ("qemu/111", "pve3", "10.0.20.21", "prometheus grafana blackbox uptime-kuma"),
    "backup": ("qemu/113", "pve1", "10.0.20.23", ""),
    "docs": ("lxc/115", "pve2", "10.0.20.25", "actual bookstack open-webui"),
}
WEB = """
authelia homepage jellyfin plex tdarr jellyseerr immich-server photoprism nextcloud paperless vaultwarden stirling-pdf homeassistant
zigbee2mqtt nodered gitea registry prometheus grafana uptime-kuma actual bookstack open-webui
"""
NEEDS = {
    "immich-server": "immich-postgres immich-redis immich-machine-learning",
    "jellyseerr": "jellyfin",
    "nextcloud": "postgres redis",
    "homeassistant": "mosquitto",
    "authelia": "redis",
}
IMAGES = {
    "homeassistant": "ghcr.io/home-assistant/home-assistant:2026.11", "immich-postgres": "ghcr.io/immich-app/postgres:16",
    "postgres": "postgres:17", "nodered": "nodered/node-red:4.1", "vaultwarden": "vaultwarden/server:1.34",
}  # fmt: skip
PORTS = {"postgres": 5432, "mariadb": 3306, "redis": 6379, "mosquitto": 1883, "traefik": 443, "blackbox": 9115}
UNITS = {
    "backup": "proxmox-backup.service restic-rest.service",
    "dns1": "AdGuardHome.service unbound.service",
    "dns2": "AdGuardHome.service unbound.service",
}


def exposition() -> Iterator[tuple[str, dict[str, str], float, bool]]:
    """Metric, labels, value, and whether it vanished half an hour before AT."""
    for name in (*NODES, *GUESTS, "nas"):
        instance, gone = f"{name}:9100", name == "media"
        job = {"job": "node", "instance": instance}
        yield "up", job, 1, gone
        release = {"sysname": "Linux", "release": "6.8.12-5-pve", "machine": "x86_64", "domainname": "(none)"}
        yield "node_uname_info", {**job, "nodename": name, **release}, 1, gone
        address = NODES.get(name) or (GUESTS[name][2] if name in GUESTS else "10.0.10.20")
        for device, ip, scope in (
            ("eth0", address, "global"),
            ("lo", "127.0.0.1", "host"),
            ("docker0", "172.17.0.1", "global"),
        ):
            network = {"device": device, "address": ip, "netmask": "24", "scope": scope}
            yield "node_network_address_info", {**job, **network}, 1, gone
        for unit in ("ssh.service", "cron.service", "fwupd.service", *UNITS.get(name, "").split()):
            for state in ("active", "failed"):
                labels = {**job, "name": unit, "state": state, "type": "simple"}
                yield "node_systemd_unit_state", labels, float(state == "active"), gone
    for name, export in (("media", "media"), ("photos", "photos"), ("backup", "backup")):
        labels = {"fstype": "nfs4", "device": f"nas.home.lan:/tank/{export}", "mountpoint": f"/mnt/{export}"}
        yield "node_filesystem_size_bytes", {"job": "node", "instance": f"{name}:9100", **labels}, 8e12, name == "media"
    yield from _proxmox()
    for name, (_, _, _, containers) in GUESTS.items():
        for container in containers.split():
            yield from _container(name, container)
    yield from _appliances()


def _proxmox() -> Iterator[tuple[str, dict[str, str], float, bool]]:
    pve = {"job": "pve", "instance": "pve1"}
    yield "up", pve, 1, False
    for name in NODES:
        yield "pve_node_info", {**pve, "id": f"node/{name}", "name": name, "level": "", "nodeid": name[-1]}, 1, False
    for name, (identity, node, _, _) in GUESTS.items():
        labels = {"id": identity, "node": node, "name": name, "type": identity.partition("/")[0], "tags": ""}
        yield "pve_guest_info", {**pve, **labels, "template": "0"}, 1, False
    moved = {"id": "qemu/106", "node": "pve3", "name": "photos", "type": "qemu", "tags": "", "template": "0"}
    yield "pve_guest_info", {**pve, **moved}, 1, True  # photos ran on pve3 until half an hour ago


def _container(host: str, name: str) -> Iterator[tuple[str, dict[str, str], float, bool]]:
    gone = host == "media"
    needs = ",".join(f"{other}:service_started:false" for other in NEEDS.get(name, "").split())
    compose = "container_label_com_docker_compose_"
    labels = {
        "job": "cadvisor", "instance": f"{host}:8080", "name": name, "id": f"/docker/{name}", "image": IMAGES.get(name, f"{name}:1"),
        f"{compose}service": name, f"{compose}project": host, **({f"{compose}depends_on": needs} if needs else {}),
    }  # fmt: skip
    yield "container_last_seen", labels, 1.8e9, gone
    if name in WEB.split():
        yield "probe_success", {"job": "blackbox-http", "instance": f"https://{name}.home.lan"}, float(not gone), False
        route = {"service": f"{name}@docker", "code": "200", "method": "GET", "protocol": "http"}
        yield "traefik_service_requests_total", {"job": "traefik", "instance": "proxy:8082", **route}, 5, False
    elif name in PORTS:
        labels = {"job": "blackbox-tcp", "instance": f"{host}:{PORTS[name]}", "service": name}
        yield "probe_success", labels, float(not gone), False


def _appliances() -> Iterator[tuple[str, dict[str, str], float, bool]]:
    for host, service in (("dns1", "adguard"), ("dns2", "adguard-secondary")):
        yield "adguard_queries", {"job": "adguard", "instance": f"{host}:9618"}, 9, False
        yield "unbound_up", {"job": "unbound", "instance": f"{host}:9167"}, 1, False
        labels = {"job": "blackbox-dns", "instance": f"{GUESTS[host][2]}:53", "service": service}
        yield "probe_success", labels, 1, False
        yield "up", {"job": "adguard", "instance": f"{host}:9618"}, 1, False
    restic = {"job": "blackbox-tcp", "instance": "backup:8001", "service": "restic-rest"}
    yield "probe_success", restic, 1, False
    for host in (*NODES, "nas"):
        disk = {"device": "sda", "model_name": "TOSHIBA HDWG480"}
        yield "smartctl_device", {"job": "smartctl", "instance": f"{host}:9633", **disk}, 1, False
    yield "network_ups_tools_ups_load", {"job": "nut", "instance": "ups", "ups": "ups"}, 21, False
    yield "up", {"job": "nut", "instance": "ups"}, 1, False


def openmetrics() -> str:
    """The last hour before AT, a sample a minute, sorted into metric families."""
    lines: dict[str, list[str]] = {}
    for metric, labels, value, gone in exposition():
        written = ",".join(f'{name}="{text}"' for name, text in labels.items())
        family = lines.setdefault(metric, [f"# TYPE {metric} unknown"])
        for minute in range(60, -1, -1):
            missing = gone and timedelta(minutes=minute) < MEDIA_DOWN_FOR
            if missing and metric != "up":
                continue
            at = (AT - timedelta(minutes=minute)).timestamp()
            family.append(f"{metric}{{{written}}} {0 if missing else value} {at:.0f}")
    return "\n".join(line for family in lines.values() for line in family) + "\n# EOF\n"


def discovered(directory: Path, at: datetime = AT) -> Inventory:
    """What our discovery makes of it, by way of our own client and a Prometheus that lives as long as that takes."""

    async def discover_at(url: str) -> Inventory:
        source = Source("prometheus", url, allowed=ALLOWED)
        try:
            return await discover(Prometheus(source), at)
        finally:
            await source.aclose()

    with backfilled_prometheus(directory) as url:
        return asyncio.run(discover_at(url))


@contextmanager
def backfilled_prometheus(directory: Path) -> Iterator[str]:
    """A real Prometheus that scrapes nothing and knows that hour; yields its URL."""
    (directory / "homelab.om").write_text(openmetrics(), encoding="utf-8")
    backfill = [
        "promtool",
        "tsdb",
        "create-blocks-from",
        "--max-block-duration=192h",
        "openmetrics",
        "homelab.om",
        "data",
    ]
    subprocess.run(backfill, cwd=directory, check=True, capture_output=True)
    (directory / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"127.0.0.1:{free.getsockname()[1]}"
    flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={url}"]
    with (directory / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(["prometheus", *flags], cwd=directory, stdout=log, stderr=log)
    try:
        _wait_until_ready(f"http://{url}/-/ready", process, directory / "log")
        yield f"http://{url}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        if process.poll() is not None:
            raise RuntimeError(f"Prometheus ended: {log.read_text(encoding='utf-8')[-500:]}")
        time.sleep(0.1)
    raise RuntimeError("Prometheus was not ready within 30 s")
