"""node_exporter's ZFS pools: one series per state, 1 for the pool's own."""

from __future__ import annotations

import numpy as np

from scenarios.exporters.exposition import Row, Sheet
from scenarios.shapes import Floats
from scenarios.state import Gauge, State, each

POOL = "tank"
STATES = ("online", "degraded", "faulted", "offline", "removed", "suspended", "unavail")


def pools(sheet: Sheet) -> None:
    """The NAS's pool, a raidz1: without one disk it is degraded, and goes on."""
    own = [(number, host) for number, host in enumerate(sheet.entities) if sheet.model.has("pool_missing", host)]
    missing = Gauge(sheet.model, "pool_missing", each([host for _, host in own]))
    rows = [Row(number, {"state": state, "zpool": POOL}) for number, _ in own for state in STATES]

    def states(state: State) -> Floats:
        degraded = missing(state) > 0.5
        by_name = {"online": ~degraded, "degraded": degraded}
        none = np.zeros_like(degraded)
        found = np.stack([by_name.get(name, none) for name in STATES], axis=1).astype(float)
        return found.reshape(len(rows), -1)

    sheet.add("node_zfs_zpool_state", "gauge", "kstat.zfs.misc.state", rows, states)
