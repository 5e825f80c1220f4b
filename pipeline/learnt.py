"""What is learnt of one Prometheus, as questions read it: from the store, kept in memory until something newer stands there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.errors import StoreError
from pipeline.baseline_store import BaselineStore, Kept, definition_of
from pipeline.baselines import Baseline
from pipeline.brief import Gaps
from pipeline.signals import Domain, Signal, load_domain
from pipeline.wording import listed

STALE = timedelta(hours=24)
"""What is older is learnt anew."""
GOOD_FOR = timedelta(days=28)
"""How long after it was learnt a baseline is gone by."""


class Baselines:
    """Safe to use for many questions at once.

    `problem` says why the last attempt to learn in this process failed, `left_out` which signals it could not learn, and why.
    """

    def __init__(self, store: BaselineStore, zone: ZoneInfo, domain: Domain | None = None) -> None:
        self._store = store
        self._zone = zone
        self._signals = [signal for signal in (domain or load_domain()).signals.values() if is_learnt(signal)]
        self._read: dict[str, tuple[datetime, Baseline]] = {}
        self.problem: str | None = None
        self.left_out: tuple[str, ...] = ()

    async def of(self, signals: Iterable[Signal], at: datetime, gaps: Gaps) -> dict[str, Baseline]:
        """By signal, what may be gone by at the moment `at`; what cannot be read is a gap, and left out.

        A moment before everything that was learnt has no baseline: the machines may have been others. One within it has: an incident
        stands apart from its like and was left out. A baseline is gone by for GOOD_FOR after its end.
        """
        return await asyncio.to_thread(self._usable, [s for s in signals if is_learnt(s)], at, gaps)

    def _usable(self, signals: list[Signal], at: datetime, gaps: Gaps) -> dict[str, Baseline]:
        found: dict[str, Baseline] = {}
        outdated = []
        try:
            kept = self._store.kept()
        except StoreError as error:
            gaps.add(f"baselines: {error}")
            return found
        for signal in signals:
            row = kept.get(signal.name)
            if row is None or not self._fits(signal, row) or at < row.window.start:
                continue
            if at > row.window.end + GOOD_FOR:
                outdated.append(signal.phrase)
                continue
            try:
                baseline = self._loaded(row)
            except StoreError as error:
                gaps.add(str(error))
                continue
            if baseline is not None:
                found[signal.name] = baseline
        if outdated:
            gaps.add(
                f"baselines: what was learnt of {listed(outdated, limit=3)} is older than {GOOD_FOR.days} days and not gone by "
                "(run: sre baselines learn)"
            )
        return found

    def status(self) -> list[tuple[Signal, Kept | None]]:
        """Every signal that is learnt, with what is kept of it and still fits. Raises StoreError."""
        kept = self._store.kept()
        rows = ((signal, kept.get(signal.name)) for signal in self._signals)
        return [(signal, row if row is not None and self._fits(signal, row) else None) for signal, row in rows]

    def due(self, now: datetime) -> list[Signal]:
        """What has to be learnt: what never was, is stale, of another definition, or damaged. Raises StoreError."""
        return [
            signal
            for signal, row in self.status()
            if row is None or now - row.learnt_at >= STALE or not self._is_sound(row)
        ]

    def knows(self, signal: Signal) -> bool:
        """Whether anything that still fits is kept of it. Raises StoreError."""
        return any(known == signal and row is not None and row.series > 0 for known, row in self.status())

    def keep(self, signal: Signal, baseline: Baseline, now: datetime) -> None:
        """Raises StoreError."""
        self._store.keep(baseline, definition_of(signal, self._zone), now)

    @property
    def signals(self) -> list[Signal]:
        """What is learnt at all."""
        return list(self._signals)

    @property
    def zone(self) -> ZoneInfo:
        return self._zone

    def _fits(self, signal: Signal, row: Kept) -> bool:
        return row.definition == definition_of(signal, self._zone)

    def _is_sound(self, row: Kept) -> bool:
        try:
            return self._loaded(row) is not None
        except StoreError:
            return False

    def _loaded(self, row: Kept) -> Baseline | None:
        read = self._read.get(row.signal)
        if read is not None and read[0] == row.learnt_at:
            return read[1]
        baseline = self._store.load(row.signal, self._zone)
        if baseline is not None:
            self._read[row.signal] = row.learnt_at, baseline
        return baseline


def is_learnt(signal: Signal) -> bool:
    """A state is bad whatever is usual."""
    return not signal.is_state
