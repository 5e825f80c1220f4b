"""smartctl_exporter 0.14 on the machines with real disks. A failing disk is the machine's last."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from scenarios.exporters.exposition import Family, Row, Sheet, Values, constant, picked
from scenarios.shapes import Floats
from scenarios.state import Gauge, Model, State, each
from scenarios.targets import Target
from scenarios.topology import Disk

SECTOR_ATTRIBUTES = {"5": "Reallocated_Sector_Ct", "197": "Current_Pending_Sector", "198": "Offline_Uncorrectable"}


def families(model: Model, targets: Sequence[Target]) -> list[Family]:
    sheet = Sheet(model, targets)
    homelab = model.homelab
    disks: list[tuple[int, str, Disk, bool]] = []
    for number, host in enumerate(sheet.entities):
        machine = homelab.nodes.get(host) or homelab.devices[host]
        disks += [(number, host, disk, disk is machine.disks[-1]) for disk in machine.disks]
    rows = [Row(number, {"device": disk.device}) for number, _, disk, _ in disks]
    hosts = [host for _, host, _, _ in disks]
    worst = np.array([is_last for *_, is_last in disks])[:, None]
    passed, errors, warmth = (
        Gauge(model, signal, each(hosts)) for signal in ("disk_passed", "disk_errors", "disk_temperature")
    )
    draws = np.array([model.draw(host, disk.device, "smart") for _, host, disk, _ in disks])
    powered_on = model.start - (900 + 700 * draws) * 86400

    def status(state: State) -> Floats:
        return np.where(worst & (passed(state) < 0.5), 0.0, 1.0)

    def sectors(state: State) -> Floats:
        return np.where(worst, np.floor(errors(state)), 0.0)

    info = [Row(number, _info(disk, host)) for number, host, disk, _ in disks]
    sheet.info("smartctl_device", "Device info", info)
    sheet.add("smartctl_device_smart_status", "gauge", "General smart status", rows, status)
    sheet.fixed(
        "smartctl_device_smartctl_exit_status", "gauge", "Exit status of smartctl on device", rows, [0.0] * len(rows)
    )
    labels = [Row(row.target, {**row.labels, "temperature_type": "current"}) for row in rows]
    sheet.add(
        "smartctl_device_temperature",
        "gauge",
        "Device temperature celsius",
        labels,
        lambda s: np.round(warmth(s) + 3 * draws[:, None]),
    )
    sheet.add(
        "smartctl_device_power_on_seconds",
        "counter",
        "Device power on seconds",
        rows,
        lambda s: np.floor((s.times - powered_on[:, None]) / 3600) * 3600,
    )
    sheet.fixed(
        "smartctl_device_power_cycle_count", "counter", "Device power cycle count", rows, np.round(18 + 40 * draws)
    )
    sheet.fixed(
        "smartctl_device_capacity_bytes",
        "gauge",
        "Device capacity in bytes",
        rows,
        [_capacity(disk) for _, _, disk, _ in disks],
    )
    sheet.add("smartctl_device_error_log_count", "counter", "Device SMART error log count", rows, sectors)
    _attributes(sheet, disks, sectors)
    version = {
        "build_info": "(local build)",
        "json_format_version": "1.0",
        "smartctl_version": "7.4",
        "svn_revision": "5530",
    }
    sheet.info("smartctl_version", "smartctl version", [Row(number, version) for number in range(len(targets))])
    sheet.each(
        "smartctl_devices",
        "gauge",
        "Number of devices configured or dynamically discovered",
        constant([float(hosts.count(host)) for host in sheet.entities]),
    )
    sheet.process(sheet.entities, memory=18e6)
    return sheet.families


def _attributes(sheet: Sheet, disks: Sequence[tuple[int, str, Disk, bool]], sectors: Values) -> None:
    """ATA attributes of SATA disks, the health log of NVMe ones."""
    nvme = [place for place, (_, _, disk, _) in enumerate(disks) if disk.device.startswith("nvme")]
    sata = [place for place in range(len(disks)) if place not in nvme]
    flags = {"attribute_flags_long": "prefailure,updated_online", "attribute_flags_short": "PO--CK"}
    kinds = [{**flags, "attribute_id": number, "attribute_name": name} for number, name in SECTOR_ATTRIBUTES.items()]
    rows = [
        Row(disks[place][0], {"device": disks[place][2].device, **kind, "attribute_value_type": "raw"})
        for place in sata
        for kind in kinds
    ]
    spread = picked(sectors, [place for place in sata for _ in kinds])
    sheet.add("smartctl_device_attribute", "gauge", "Device attributes", rows, spread)
    rows = [Row(disks[place][0], {"device": disks[place][2].device}) for place in nvme]
    wear = [round(2 + 14 * sheet.model.draw(disks[place][1], "wear")) for place in nvme]
    sheet.fixed("smartctl_device_percentage_used", "counter", "Device write percentage used", rows, wear)
    sheet.fixed(
        "smartctl_device_available_spare",
        "counter",
        "Normalized percentage (0 to 100%) of the remaining spare capacity available",
        rows,
        [100.0] * len(rows),
    )
    sheet.fixed("smartctl_device_critical_warning", "counter", "device critical warning", rows, [0.0] * len(rows))
    sheet.add("smartctl_device_media_errors", "counter", "Device media errors", rows, picked(sectors, nvme))


def _info(disk: Disk, host: str) -> dict[str, str]:
    nvme = disk.device.startswith("nvme")
    serial = f"S{zlib.crc32((host + disk.device).encode()):010d}"
    return {
        "device": disk.device, "firmware_version": "5B2QGXA7" if nvme else "82.00A82", "interface": "nvme" if nvme else "sat",
        "model_family": "" if nvme else disk.model.split("-")[0], "model_name": disk.model, "protocol": "NVMe" if nvme else "ATA",
        "serial_number": serial,
    }  # fmt: skip


def _capacity(disk: Disk) -> float:
    """From what stands in the model's name."""
    for mark, size in (("500G", 500e9), ("40EFRX", 4e12), ("4000", 4e12), ("HDWG480", 8e12), ("80EF", 8e12)):
        if mark in disk.model:
            return size
    return 1e12
