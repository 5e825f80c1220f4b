"""node_exporter's systemd units, system information and clock."""

from __future__ import annotations

import numpy as np

from scenarios.exporters.exposition import Row, Sheet
from scenarios.shapes import Floats
from scenarios.state import Gauge, State, each

GUEST_KERNEL, PVE_KERNEL = "6.12.48+deb13-amd64", "6.14.11-4-pve"
UNIT_STATES = ("activating", "active", "deactivating", "failed", "inactive")


def units(sheet: Sheet) -> None:
    """The systemd units of services that are not containers, and the few that every machine has."""
    model, homelab = sheet.model, sheet.model.homelab
    units: list[tuple[int, str, str]] = []
    for number, host in enumerate(sheet.entities):
        units += [(number, service.unit, service.name) for service in homelab.services_on(host) if service.unit]
        common = ["ssh.service", "chrony.service"]
        guest = homelab.guests.get(host)
        common += ["docker.service"] if guest and guest.docker else []
        common += ["pveproxy.service", "pvestatd.service"] if host in homelab.nodes else []
        common += ["nfs-server.service", "zfs-zed.service"] if host == homelab.nas else []
        units += [(number, unit, host) for unit in common]
    rows = [
        Row(number, {"name": unit, "state": state, "type": "simple"})
        for number, unit, _ in units
        for state in UNIT_STATES
    ]
    up = Gauge(model, "up", each([entity for _, _, entity in units]))
    active, failed = UNIT_STATES.index("active"), UNIT_STATES.index("failed")

    def states(state: State) -> Floats:
        runs = up(state) > 0.5
        found = np.zeros((len(units), len(UNIT_STATES), len(state.times)))
        found[:, active], found[:, failed] = runs, ~runs
        return found.reshape(len(rows), -1)

    sheet.add("node_systemd_unit_state", "gauge", "Systemd unit", rows, states)


def identity(sheet: Sheet) -> None:
    """Who the machine is, and how well its clock keeps time."""
    homelab, hosts = sheet.model.homelab, sheet.entities
    labels = [
        {
            "domainname": "(none)",
            "machine": "x86_64",
            "nodename": host,
            "release": PVE_KERNEL if host in homelab.nodes or _is_container(sheet, host) else GUEST_KERNEL,
            "sysname": "Linux",
            "version": "#1 SMP PREEMPT_DYNAMIC",
        }
        for host in hosts
    ]
    text = "Labeled system information as provided by the uname system call."
    sheet.info("node_uname_info", text, [Row(number, found) for number, found in enumerate(labels)])
    build = {
        "branch": "HEAD",
        "goversion": "go1.24.9",
        "revision": "654f19dee6a0c41de78a8d6d870e8c742cdb43b9",
        "version": "1.9.1",
    }
    text = "A metric with a constant '1' value labeled by version, revision, branch, and goversion from which node_exporter was built."
    sheet.info("node_exporter_build_info", text, [Row(number, build) for number in range(len(hosts))])
    system = {
        "id": "debian",
        "name": "Debian GNU/Linux",
        "pretty_name": "Debian GNU/Linux 13 (trixie)",
        "version_id": "13",
    }
    sheet.info(
        "node_os_info",
        "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, name, pretty_name, version_id.",
        [Row(number, system) for number in range(len(hosts))],
    )
    offset = Gauge(sheet.model, "clock_offset", each(hosts))
    sheet.each("node_timex_offset_seconds", "gauge", "Time offset in between local system and reference clock.", offset)
    sheet.each(
        "node_timex_sync_status", "gauge", "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
        lambda state: (np.abs(offset(state)) < 0.5).astype(float),
    )  # fmt: skip
    sheet.each(
        "node_timex_maxerror_seconds", "gauge", "Maximum error in seconds.", lambda state: np.abs(offset(state)) + 0.004
    )


def _is_container(sheet: Sheet, host: str) -> bool:
    """A container runs on its node's kernel."""
    guest = sheet.model.homelab.guests.get(host)
    return guest is not None and guest.type == "lxc"
