"""Measure signals: the value at a moment beside its normal, and the course of one signal as numbered evidence."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from core.vocabulary import Evidence, SeriesSummary, Window
from pipeline.baselines import Baseline, hours_of_week
from pipeline.brief import Finding, Gaps
from pipeline.signals import Signal
from pipeline.sources import guarded
from pipeline.wording import listed, subject, summary_of
from tools.inventory import Inventory
from tools.prometheus import Prometheus, Sample

if TYPE_CHECKING:  # SQLAlchemy: what has no database must not wait for it
    from pipeline.learnt import Baselines

NORMAL_RATE_WINDOW_S = 300
"""History may be kept at a coarser resolution than the present, so its rates use a wide window."""

LEARNT = "learnt for this hour of the week"
_Key = tuple[tuple[str, str], ...]
_Values = dict[_Key, tuple[dict[str, str], float]]


@dataclass(frozen=True)
class Courses:
    """`values` has a row per name and a column per time (unix seconds, evenly spaced); NaN where nothing was recorded.

    `low` and `high`, of the same shape, are the ends of what is usual then; NaN where that was not learnt.
    """

    names: tuple[str, ...]
    times: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Measurer:
    """Asks Prometheus about signals at one moment; every failure becomes a gap. `baselines` know what is usual, where they were learnt."""

    def __init__(
        self,
        prometheus: Prometheus,
        inventory: Inventory,
        gaps: Gaps,
        at: datetime,
        *,
        zone: ZoneInfo,
        baselines: Baselines | None = None,
    ) -> None:
        self._prometheus = prometheus
        self._inventory = inventory
        self._gaps = gaps
        self._at = at
        self._zone = zone
        self._baselines = baselines
        self._rate_window_s: int | None = None
        self._usual: Mapping[str, Baseline] = {}

    async def rate_window_s(self) -> int:
        """Four scrape intervals, as measured in the minute before: the shortest window in which a rate is reliable."""
        if self._rate_window_s is None:
            counts = await guarded(
                self._gaps, "prometheus", self._prometheus.instant("count_over_time(up[1m])", self._at)
            )
            typical = median(sample.value for sample in counts) if counts else 1.0
            self._rate_window_s = round(min(NORMAL_RATE_WINDOW_S, max(10.0, 4 * 60.0 / max(typical, 0.8))))
        return self._rate_window_s

    async def measure(self, signals: Iterable[Signal]) -> list[Finding]:
        """Every entity's value of each signal, with what is usual, and its values yesterday and last week (an hour ago where these do not do)."""
        signals = list(signals)
        window, self._usual = await asyncio.gather(self.rate_window_s(), self._learnt(signals))
        found = await asyncio.gather(
            *(self._signal(signal, window, self._usual.get(signal.name)) for signal in signals)
        )
        return [finding for findings in found for finding in findings]

    async def _learnt(self, signals: Sequence[Signal]) -> Mapping[str, Baseline]:
        return {} if self._baselines is None else await self._baselines.of(signals, self._at, self._gaps)

    async def _signal(self, signal: Signal, rate_window_s: int, baseline: Baseline | None) -> list[Finding]:
        findings: dict[tuple[str, _Key], Finding] = {}
        for exporter in signal.queries:
            present = signal.promql(exporter, rate_window_s=rate_window_s)
            past = signal.promql(exporter, rate_window_s=NORMAL_RATE_WINDOW_S)
            now, yesterday, last_week = await asyncio.gather(
                self._values(present, self._at),
                self._values(past, self._at - timedelta(days=1)),
                self._values(past, self._at - timedelta(days=7)),
            )
            an_hour_ago = {}
            if now and ((not yesterday and not last_week) or _disputed(signal, now, yesterday, last_week)):
                an_hour_ago = await self._values(past, self._at - timedelta(hours=1))
            seen = {entity for entity, _ in findings}
            for key, (labels, value) in now.items():
                entity = self._inventory.entity_of(labels)
                if entity is None or entity in seen:
                    continue
                findings[entity, key] = Finding(
                    signal, entity, labels, exporter, value,
                    yesterday=_value(yesterday, key), last_week=_value(last_week, key), an_hour_ago=_value(an_hour_ago, key),
                    usual=baseline.usual(labels, self._at) if baseline else None,
                )  # fmt: skip
        return list(findings.values())

    async def _values(self, query: str, at: datetime) -> _Values:
        samples: Sequence[Sample] = (await guarded(self._gaps, "prometheus", self._prometheus.instant(query, at))) or []
        return {
            tuple(sorted(sample.labels.items())): (dict(sample.labels), sample.value)
            for sample in samples
            if math.isfinite(sample.value)
        }

    async def course(self, finding: Finding, window: Window) -> SeriesSummary | None:
        """How the finding's own series went over the window."""
        query = await self.query_of(finding)
        result = await guarded(self._gaps, "prometheus", self._prometheus.range(query, window))
        if result is None:
            return None
        wanted = {name: value for name, value in finding.labels.items() if name != "__name__"}
        return next((s for s in result.series if wanted.items() <= s.labels.items()), None)

    async def courses(self, signals: Sequence[Signal], window: Window, *, step_s: float) -> Courses:
        """How each signal went over the window for every entity, one row per entity and signal, named "entity:signal".

        Of several series of one entity (file systems, disks) it is the one that went farthest in the bad direction.
        """
        times = np.arange(window.end.timestamp(), window.start.timestamp(), -step_s)[::-1]
        asked = [(signal, exporter) for signal in signals for exporter in signal.queries]
        found = await asyncio.gather(*(self._matrix(*each, window, step_s) for each in asked))
        learnt = await self._learnt(signals)
        hours = hours_of_week(times, self._zone) if learnt else np.empty(0, dtype=np.int64)
        unknown = np.full(len(times), np.nan)
        rows: dict[str, np.ndarray] = {}
        usual: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for (signal, _), series in zip(asked, found, strict=True):
            told = set(rows)  # by an exporter that comes first
            for labels, at, values in series:
                entity = self._inventory.entity_of(labels)
                name = f"{entity}:{signal.name}"
                if entity is None or name in told:
                    continue
                row = np.full(len(times), np.nan)
                places = np.rint((at - times[0]) / step_s).astype(int)
                inside = (places >= 0) & (places < len(times))
                row[places[inside]] = values[inside]
                if name in rows and _way(row, signal) <= _way(rows[name], signal):
                    continue
                rows[name] = row
                edges = learnt[signal.name].edges(labels, hours) if signal.name in learnt else None
                usual[name] = edges or (unknown, unknown)
        shape = (len(rows), len(times))
        values, low, high = (
            np.array(each, dtype=np.float64).reshape(shape)
            for each in (list(rows.values()), [low for low, _ in usual.values()], [high for _, high in usual.values()])
        )
        return Courses(tuple(rows), times, values, low, high)

    async def _matrix(
        self, signal: Signal, exporter: str, window: Window, step_s: float
    ) -> list[tuple[Mapping[str, str], np.ndarray, np.ndarray]]:
        query = signal.promql(exporter, rate_window_s=max(round(4 * step_s), await self.rate_window_s()))
        matrix = await guarded(self._gaps, "prometheus", self._prometheus.matrix(query, window, step_s))
        if matrix is None:
            return []
        for warning in matrix.warnings:
            self._gaps.add(f"prometheus: {signal.phrase}: {warning}")
        return [(series.labels, series.times, series.values) for series in matrix.series]

    async def query_of(self, finding: Finding) -> str:
        """The finding's query, narrowed to its entity."""
        matcher = self._inventory.entities[finding.entity].matchers.get(finding.exporter, "")
        return finding.signal.promql(
            finding.exporter, matcher=matcher, rate_window_s=max(60, await self.rate_window_s())
        )

    def link(self, query: str, window: Window) -> str:
        """Opens the query in Prometheus."""
        return self._prometheus.link(query, window)

    async def evidence(self, finding: Finding, window: Window) -> Evidence:
        """The finding as an evidence item (not yet numbered), with its course over the window."""
        query = await self.query_of(finding)
        series = await self.course(finding, window)
        if series is not None:
            series = self._with_usual(series, finding)
        return Evidence(
            id="",
            source="prometheus",
            title=f"{subject(finding)}: {finding.signal.phrase}",
            query=query,
            window=window,
            summary=summary_of(replace(finding, series=series), self._at, self._zone),
            series=(series,) if series else None,
            link=self.link(query, window),
            returned=1 if series else 0,
            available=1,
        )

    def _with_usual(self, series: SeriesSummary, finding: Finding) -> SeriesSummary:
        """The series with its unit, and the band that is normal for it: what was learnt of each hour, else what was measured before."""
        times = [at for at, _ in series.points]
        baseline = self._usual.get(finding.signal.name)
        edges = baseline.edges(finding.labels, hours_of_week(times, self._zone)) if baseline and times else None
        if edges is not None:
            learnt = zip(times, *(edge.tolist() for edge in edges), strict=True)
            band = tuple((at, low, high) for at, low, high in learnt if math.isfinite(low) and math.isfinite(high))
            return series.model_copy(update={"unit": finding.signal.unit, "usual": band, "usual_from": LEARNT})
        before = {"yesterday": finding.yesterday, "last week": finding.last_week, "an hour before": finding.an_hour_ago}
        known = {when: value for when, value in before.items() if value is not None}
        band = tuple((at, min(known.values()), max(known.values())) for at in (times[:1] + times[-1:])) if known else ()
        told = {"unit": finding.signal.unit, "usual": band, "usual_from": listed(list(known)) if known else ""}
        return series.model_copy(update=told)


def _value(values: _Values, key: _Key) -> float | None:
    return values[key][1] if key in values else None


def _disputed(signal: Signal, now: _Values, yesterday: _Values, last_week: _Values) -> bool:
    """Whether yesterday and last week disagree anywhere, or yesterday alone says that what is bad now is nothing new."""
    for key, (_, value) in now.items():
        first, second = _value(yesterday, key), _value(last_week, key)
        if first is not None and second is not None:
            if abs(first - second) >= signal.notable:
                return True
        elif signal.beyond(value) and any(each is not None and signal.beyond(each) for each in (first, second)):
            return True
    return False


def _way(row: np.ndarray, signal: Signal) -> float:
    """How far a course went in the signal's bad direction, from its first third to its last twentieth."""
    head, tail = row[: max(1, len(row) // 3)], row[-max(3, len(row) // 20) :]
    if not (np.isfinite(head).any() and np.isfinite(tail).any()):
        return -math.inf
    way = float(np.nanmedian(tail) - np.nanmedian(head))
    return abs(way) if signal.bad == "both" else -way if signal.bad == "down" else way
