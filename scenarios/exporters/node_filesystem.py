"""node_exporter's file systems: the root of every machine, the NAS's pool, and the shares mounted from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenarios.baseline import GIB
from scenarios.exporters.exposition import Row, Sheet, Values
from scenarios.shapes import Floats
from scenarios.state import Gauge, State, machines

ROOT_DEVICES = {"node": "/dev/mapper/pve-root", "nas": "/dev/nvme0n1p2"}
SHARE_SIZES = {"media": 0.58, "downloads": 0.06, "photos": 0.14, "cloud": 0.08, "backup": 0.14}
"""How a pool is divided; a dataset sees the pool's free space as its own, so only its use differs."""
NAS_ROOT_USED, RESERVED = 0.22, 0.0
BYTES_PER_FILE = 180e3


@dataclass(frozen=True)
class _Mount:
    target: int
    labels: dict[str, str]
    size: float
    source: str
    share: float
    """Of the source's use; 0 for the NAS's own root, which nothing fills."""


def filesystems(sheet: Sheet) -> None:
    """node_filesystem_*: size, free, avail, files, readonly."""
    mounts = [mount for number, host in enumerate(sheet.entities) for mount in _mounts(sheet, number, host)]
    rows = [Row(mount.target, mount.labels) for mount in mounts]
    sources = sorted({mount.source for mount in mounts})
    # A node's own file system holds no guest: those live on volumes beside it.
    nodes = sheet.model.homelab.nodes
    groups = [[source] if source in nodes else machines(sheet.model.homelab, [source])[0] for source in sources]
    taken = Gauge(sheet.model, "disk_used", groups)
    index = np.array([sources.index(mount.source) for mount in mounts])
    share = np.array([mount.share for mount in mounts])[:, None]
    size = np.array([mount.size for mount in mounts])[:, None]

    def used(state: State) -> Floats:
        return np.where(share > 0, taken(state)[index] * share, size * NAS_ROOT_USED)

    def free(state: State) -> Floats:
        """A share has the pool's free space, whatever its own use."""
        whole = np.array([_pool(sheet, mount) for mount in mounts])[:, None]
        return (
            np.floor(np.clip(np.where(whole > 0, whole - taken(state)[index], size - used(state)), 0, None) / 4096)
            * 4096
        )

    def whole_size(state: State) -> Floats:
        pooled = np.array([_pool(sheet, mount) > 0 for mount in mounts])[:, None]
        return np.where(pooled, free(state) + np.floor(used(state) / 4096) * 4096, size + np.zeros_like(state.times))

    def put(name: str, text: str, values: Values) -> None:
        sheet.add(f"node_filesystem_{name}", "gauge", text, rows, values)

    put("size_bytes", "Filesystem size in bytes.", whole_size)
    put("free_bytes", "Filesystem free space in bytes.", free)
    put("avail_bytes", "Filesystem space available to non-root users in bytes.", free)
    put("files", "Filesystem total file nodes.", lambda state: np.round((size + np.zeros_like(state.times)) / 16384))
    put("files_free", "Filesystem total free file nodes.", lambda s: np.round(size / 16384 - used(s) / BYTES_PER_FILE))
    put("readonly", "Filesystem read-only status.", lambda state: np.zeros((len(rows), len(state.times))))


def _pool(sheet: Sheet, mount: _Mount) -> float:
    """Bytes of the pool that a mount is a part of, 0 for an ordinary disk."""
    device = sheet.model.homelab.devices.get(mount.source)
    return device.pool_gib * GIB if device and mount.share > 0 else 0.0


def _mounts(sheet: Sheet, number: int, host: str) -> list[_Mount]:
    homelab = sheet.model.homelab
    if host in homelab.nodes:
        labels = {"device": ROOT_DEVICES["node"], "fstype": "ext4", "mountpoint": "/"}
        return [_Mount(number, labels, homelab.nodes[host].disk * GIB, host, 1.0)]
    if host in homelab.devices:
        nas = homelab.devices[host]
        root = {"device": ROOT_DEVICES["nas"], "fstype": "ext4", "mountpoint": "/"}
        pool = {"device": "tank", "fstype": "zfs", "mountpoint": "/tank"}
        return [_Mount(number, root, nas.disk * GIB, host, 0.0), _Mount(number, pool, nas.pool_gib * GIB, host, 1.0)]
    guest = homelab.guests[host]
    device = "/dev/sda1" if guest.type == "qemu" else f"/dev/mapper/pve-vm--{guest.id}--disk--0"
    found = [_Mount(number, {"device": device, "fstype": "ext4", "mountpoint": "/"}, guest.disk * GIB, host, 1.0)]
    for share in guest.nfs if homelab.nas else ():
        labels = {
            "device": f"{homelab.nas}.{homelab.domain}:/tank/{share}",
            "fstype": "nfs4",
            "mountpoint": f"/mnt/{share}",
        }
        pool_bytes = homelab.devices[str(homelab.nas)].pool_gib * GIB
        found.append(_Mount(number, labels, pool_bytes, str(homelab.nas), SHARE_SIZES.get(share, 0.05)))
    return found
