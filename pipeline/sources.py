"""The sources that a question may read, handed in by the wiring. Any of them may be absent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from core.errors import SreError
from core.vocabulary import Passage
from pipeline.brief import Gaps
from tools.alerts import AlertSource
from tools.ansible_inventory import AnsibleInventory, AnsibleTrees
from tools.changes.source import ChangeSource
from tools.grafana import Grafana
from tools.inventory import Inventory, discover, inventory_from_ansible
from tools.logs import LogSource
from tools.loki import Loki
from tools.prometheus import Prometheus

if TYPE_CHECKING:  # SQLAlchemy: what has no database must not wait for it
    from pipeline.learnt import Baselines
    from pipeline.parameters import Parameters
    from pipeline.router import Router

T = TypeVar("T")

INVENTORY_LIFETIME_S = 60.0
ANSIBLE_GAPS = 5
"""Told with each answer; the others are counted."""
NO_ANSIBLE = AnsibleInventory()


class Knowledge(Protocol):
    """Search over the documents; its methods block and are run in a thread.

    `search` gives nothing when no page answers; `nearest` gives the pages that come closest all the same.
    """

    def search(self, query: str, k: int = 3) -> list[Passage]: ...

    def nearest(self, query: str, k: int = 3) -> list[Passage]: ...

    def sections(self, document: str) -> list[Passage]: ...


@dataclass
class Sources:
    """What can be asked. `alert_sources` are equals: Alertmanager, Grafana alerting, or both. `loki` is part of `logs`.

    `baselines` are what was learnt of `prometheus`; `parameters` the numbers of the program, None for the usual ones; `router` knows
    what questions are after that no rule knows.
    """

    prometheus: Prometheus | None = None
    grafana: Grafana | None = None
    alert_sources: Sequence[AlertSource] = ()
    logs: LogSource | None = None
    loki: Loki | None = None
    changes: Sequence[ChangeSource] = ()
    knowledge: Knowledge | None = None
    ansible: AnsibleTrees | None = None
    baselines: Baselines | None = None
    parameters: Parameters | None = None
    router: Router | None = None
    present: timedelta = timedelta(minutes=2)
    """A question about a moment this recent asks the live alert sources; an older one asks the recorded history."""
    _inventory: tuple[float, AnsibleInventory, Inventory] | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """What is configured, in the order in which a question reads it."""
        named = {
            "prometheus": self.prometheus,
            **{source.name: source for source in self.alert_sources},
            "grafana": self.grafana,
            **{f"changes: {source.name}": source for source in self.changes},
            "logs": self.logs,
            "runbooks": self.knowledge,
            "ansible": self.ansible,
        }
        return tuple(name for name, source in named.items() if source is not None)

    async def inventory(self, at: datetime | None, gaps: Gaps) -> Inventory:
        """Hosts, guests and services as they were at `at`; the present one, when complete, is kept for a minute.

        The Ansible inventory joins as it is now, whatever `at`: there is no other.
        """
        ansible = await self.read_ansible(gaps)
        if self.prometheus is None:
            known = "only what Ansible names is known" if ansible.hosts else "no host or service is known"
            gaps.add(f"inventory: no Prometheus is configured (SRE_PROMETHEUS_URL), so {known}")
            return inventory_from_ansible(ansible)
        if at is not None:
            return await self._discovered(self.prometheus, at, ansible, gaps)
        async with self._lock:
            if self._inventory and self._inventory[1] is ansible:
                read_at, _, kept = self._inventory
                if time.monotonic() - read_at < INVENTORY_LIFETIME_S:
                    return kept
            found = await self._discovered(self.prometheus, None, ansible, gaps)
            if found.entities and not found.gaps:
                self._inventory = (time.monotonic(), ansible, found)
            return found

    async def read_ansible(self, gaps: Gaps) -> AnsibleInventory:
        """The same object for as long as no file changes; empty when no tree is configured."""
        if self.ansible is None:
            return NO_ANSIBLE
        found = await self.ansible.read()
        for line in found.gaps[:ANSIBLE_GAPS]:
            gaps.add(line)
        if len(found.gaps) > ANSIBLE_GAPS:
            gaps.add(f"ansible: {len(found.gaps) - ANSIBLE_GAPS} more problems (see: sre doctor)")
        return found

    async def _discovered(
        self, prometheus: Prometheus, at: datetime | None, ansible: AnsibleInventory, gaps: Gaps
    ) -> Inventory:
        found = await guarded(gaps, "inventory", discover(prometheus, at, ansible=ansible))
        for line in found.gaps if found else ():
            gaps.add(line)
        return found or inventory_from_ansible(ansible)


async def guarded(gaps: Gaps, what: str, work: Awaitable[T]) -> T | None:
    """The result, or None with a stated gap when the source fails; only our own errors are expected here."""
    try:
        return await work
    except SreError as error:
        text = str(error)
        gaps.add(text if text.startswith(what) else f"{what}: {text}")
        return None
