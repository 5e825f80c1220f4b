"""Learns baselines from Prometheus: the past weeks of each signal, in pieces that no response and no request is large for.

What was learnt before is only ever replaced by something learnt; a Prometheus that does not answer leaves it as it is.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError, SourceUnavailable
from core.vocabulary import Window
from pipeline.baselines import HOURS, SHARES, Bands, Baseline, learn_bands, series_key
from pipeline.learnt import Baselines
from pipeline.signals import Signal
from tools.prometheus import Matrix, Prometheus

LOOKBACK = timedelta(days=28)
STEP_S = 600
RATE_WINDOW_S = 300
LONGEST_PIECE = timedelta(days=2)
SAMPLES_PER_PIECE = 25_000
"""Under 1 MB of JSON: reading it holds up a server's event loop for some 20 ms."""
MAX_SERIES = 1_000
"""Of one signal; with more of them it is not learnt."""
SERIES_AT_ONCE = 100
"""For which bands are computed together: bounds the memory (some 50 MB)."""

Progress = Callable[[int, int], None]
"""Called with how many signals are done, and of how many."""


@dataclass
class Learnt:
    """What one run came to. `problems` are one line each, of signals that were left as they were."""

    signals: int = 0
    series: int = 0
    requests: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class _Rows:
    """The samples of one signal, a row per series, on a grid of `times` (unix seconds)."""

    times: NDArray[np.float64]
    rows: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def add(self, matrix: Matrix) -> None:
        for series in matrix.series:
            key = series_key(series.labels)
            if key not in self.rows:
                self.rows[key] = np.full(len(self.times), np.nan, dtype=np.float32)
            places = np.rint((series.times - self.times[0]) / STEP_S).astype(np.int64)
            inside = (places >= 0) & (places < len(self.times)) & np.isfinite(series.values)
            self.rows[key][places[inside]] = series.values[inside]

    def window(self, asked: Window) -> Window:
        """From the first sample on; all that was asked for where there is none."""
        sampled = [np.flatnonzero(np.isfinite(row))[:1] for row in self.rows.values()]
        first = min((int(places[0]) for places in sampled if len(places)), default=0)
        return Window(start=max(asked.start, datetime.fromtimestamp(self.times[first], UTC)), end=asked.end)


class Learner:
    """`prometheus` is best a client of its own, patient and with one slot, so that no question waits behind what is learnt."""

    def __init__(self, prometheus: Prometheus, baselines: Baselines) -> None:
        self._prometheus = prometheus
        self._baselines = baselines

    async def learn(
        self, now: datetime, signals: Sequence[Signal] | None = None, progress: Progress | None = None
    ) -> Learnt:
        """Learn the signals (all if None) from the LOOKBACK before `now`, each kept as soon as it is learnt.

        A signal that Prometheus refuses to answer for is a problem in the result. Raises SourceUnavailable when it does not answer at all,
        SourceError when it holds nothing, and StoreError.
        """
        wanted = self._baselines.signals if signals is None else list(signals)
        done = Learnt()
        end = datetime.fromtimestamp(now.timestamp() // STEP_S * STEP_S, UTC)
        window = Window(start=end - LOOKBACK, end=end)
        if wanted and not (await self._present("up", window, done)).any():
            raise SourceError("prometheus", "it holds nothing of the last weeks; what was learnt before stays")
        for place, signal in enumerate(wanted):
            if progress is not None:
                progress(place, len(wanted))
            try:
                baseline = await self._learn(signal, window, done)
            except SourceUnavailable:
                raise
            except SourceError as error:
                done.problems.append(f"{signal.name}: {error}")
                continue
            if not baseline.keys and await asyncio.to_thread(self._baselines.knows, signal):
                done.problems.append(f"{signal.name}: nothing is recorded any more; what was learnt before stays")
                continue
            await asyncio.to_thread(self._baselines.keep, signal, baseline, now)
            done.signals += 1
            done.series += len(baseline.keys)
        if progress is not None:
            progress(len(wanted), len(wanted))
        return done

    async def _learn(self, signal: Signal, window: Window, done: Learnt) -> Baseline:
        times = np.arange(window.end.timestamp(), window.start.timestamp(), -STEP_S)[::-1]
        found = _Rows(times)
        for exporter in signal.queries:
            query = signal.promql(exporter, rate_window_s=RATE_WINDOW_S)
            counts = await self._present(query, window, done)
            if counts.max() > MAX_SERIES:
                raise SourceError(
                    "prometheus", f"{counts.max():.0f} series are more than the {MAX_SERIES} that are learnt"
                )
            for piece in pieces_of(window, counts):  # one after the other: nobody waits for it
                found.add(await self._piece(query, piece, done))
        keys = sorted(found.rows)
        if len(keys) > MAX_SERIES:
            done.problems.append(f"{signal.name}: {len(keys)} series came and went; the first {MAX_SERIES} are learnt")
            keys = keys[:MAX_SERIES]
        bands = await asyncio.to_thread(_bands, keys, found, signal, self._baselines.zone)
        return Baseline(signal.name, tuple(keys), bands, found.window(window), self._baselines.zone)

    async def _present(self, query: str, window: Window, done: Learnt) -> NDArray[np.float64]:
        """How many series the query has in each hour of the window."""
        done.requests += 1
        counted = await self._prometheus.matrix(f"count({query})", window, 3600)
        counts = np.zeros(math.ceil(window.length.total_seconds() / 3600) + 1)
        for series in counted.series:
            hours = np.rint((series.times - window.start.timestamp()) / 3600).astype(np.int64)
            counts[np.clip(hours, 0, len(counts) - 1)] = series.values
        return counts

    async def _piece(self, query: str, piece: Window, done: Learnt) -> Matrix:
        done.requests += 1
        matrix = await self._prometheus.matrix(query, piece, STEP_S)
        if matrix.available > len(matrix.series):
            raise SourceError("prometheus", f"{matrix.available} series in one answer are too many to be learnt")
        return matrix


def pieces_of(window: Window, counts: NDArray[np.float64]) -> list[Window]:
    """The parts of the window to ask for, none with more than SAMPLES_PER_PIECE, without those in which no hour has a series."""
    points = max(6, int(SAMPLES_PER_PIECE / max(counts.max(), 1.0)))
    length = min(LONGEST_PIECE, timedelta(seconds=points * STEP_S))
    pieces = []
    end = window.end
    while end > window.start:
        start = max(window.start, end - length)
        first, last = ((at - window.start).total_seconds() / 3600 for at in (start, end))
        if counts[math.floor(first) : math.ceil(last) + 1].any():
            pieces.append(Window(start=start + timedelta(seconds=STEP_S), end=end))
        end = start
    return pieces


def _bands(keys: Sequence[str], found: _Rows, signal: Signal, zone: ZoneInfo) -> Bands:
    parts = [
        learn_bands(found.times, np.array([found.rows[key] for key in keys[at : at + SERIES_AT_ONCE]]), signal, zone)
        for at in range(0, len(keys), SERIES_AT_ONCE)
    ]
    if not parts:
        empty = (0, HOURS)
        return Bands(np.empty((*empty, len(SHARES)), np.float32), np.empty(empty, np.uint8), np.empty(empty, np.bool_))
    return Bands(
        np.concatenate([part.quantiles for part in parts]),
        np.concatenate([part.seen for part in parts]),
        np.concatenate([part.weekly for part in parts]),
    )
