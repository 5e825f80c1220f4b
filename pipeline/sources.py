"""The sources that a question may read, handed in by the wiring. Any of them may be absent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from core.errors import SreError
from core.vocabulary import Passage
from pipeline.brief import Gaps
from tools.alerts import AlertSource
from tools.grafana import Grafana
from tools.inventory import Inventory, discover
from tools.logs import LogSource
from tools.prometheus import Prometheus

T = TypeVar("T")

INVENTORY_LIFETIME_S = 60.0


class Knowledge(Protocol):
    """Search over the documents; `search` blocks and is run in a thread."""

    def search(self, query: str, k: int = 3) -> list[Passage]: ...

    def sections(self, document: str) -> list[Passage]: ...


@dataclass
class Sources:
    """What can be asked. `alert_sources` are equals: Alertmanager, Grafana alerting, or both."""

    prometheus: Prometheus | None = None
    grafana: Grafana | None = None
    alert_sources: Sequence[AlertSource] = ()
    logs: LogSource | None = None
    knowledge: Knowledge | None = None
    _inventory: tuple[float, Inventory] | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def inventory(self, at: datetime | None, gaps: Gaps) -> Inventory:
        """Hosts, guests and services as they were at `at`; the present one, when complete, is kept for a minute."""
        if self.prometheus is None:
            gaps.add("inventory: no Prometheus is configured (SRE_PROMETHEUS_URL), so no host or service is known")
            return Inventory(entities={})
        if at is not None:
            return await self._discovered(at, gaps)
        async with self._lock:
            if self._inventory and time.monotonic() - self._inventory[0] < INVENTORY_LIFETIME_S:
                return self._inventory[1]
            found = await self._discovered(None, gaps)
            if found.entities and not found.gaps:
                self._inventory = (time.monotonic(), found)
            return found

    async def _discovered(self, at: datetime | None, gaps: Gaps) -> Inventory:
        assert self.prometheus is not None  # noqa: S101  the caller has looked
        found = await guarded(gaps, "inventory", discover(self.prometheus, at))
        for line in found.gaps if found else ():
            gaps.add(line)
        return found or Inventory(entities={})


async def guarded(gaps: Gaps, what: str, work: Awaitable[T]) -> T | None:
    """The result, or None with a stated gap when the source fails; only our own errors are expected here."""
    try:
        return await work
    except SreError as error:
        text = str(error)
        gaps.add(text if text.startswith(what) else f"{what}: {text}")
        return None
