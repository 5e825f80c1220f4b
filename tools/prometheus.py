"""Prometheus, read-only: instant and range queries, what it knows of itself, and what fired when. HTTP API v1.

PromQL is parsed before it is sent; a range comes back summarised (tools/range_summary.py), never as a raw matrix, except from
`matrix`, which is for code that ranks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

import promql_parser

from core.clock import now, to_utc
from core.errors import InvalidQuery, SourceError, SourceRefused
from core.vocabulary import Alert, Window
from tools import alert_history, promql
from tools.alerts import AlertRule
from tools.http import Source, split_credentials
from tools.prometheus_batch import Batches
from tools.prometheus_response import (
    Body,
    MetricMetadata,
    TargetState,
    open_body,
    read_label_sets,
    read_metadata,
    read_names,
    read_rules,
    read_targets,
    read_version,
)
from tools.prometheus_samples import Matrix, RangeResult, Sample, Vector, read_matrix, read_vector

__all__ = ["ALLOWED", "Matrix", "MetricMetadata", "Prometheus", "RangeResult", "Sample", "TargetState", "Vector"]

T = TypeVar("T")

ALLOWED: tuple[tuple[str, str], ...] = (
    ("GET", r"/api/v1/(query|query_range|series|rules|targets|metadata|status/buildinfo)"),
    ("GET", r"/api/v1/label/[a-zA-Z_]\w*/values"),
    ("POST", r"/api/v1/(query|query_range)"),  # a query too long for a URL; it reads just the same
)
"""Every request that this source may make."""

MAX_POINTS = 240
_POINTS_SERVED = 11_000  # Prometheus refuses a range query with more points per series
_LONGEST_URL_QUERY = 2_000
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_NAMES_KEPT_S = 60.0
_EXACT_HISTORY = timedelta(hours=3)
_FINEST_HISTORY_STEP_S = 15
_FIRING_NOW_LOOKBACK = timedelta(hours=1)
_FIRING = 'ALERTS{alertstate="firing"}'


class Prometheus:
    """One Prometheus server. `source` must allow ALLOWED; `external_url` is where a person's browser finds it.

    Every method that reads raises a SourceError when the server cannot be read, and InvalidQuery, with near metric names, for
    PromQL that is none.
    """

    def __init__(self, source: Source, *, external_url: str | None = None) -> None:
        self._source = source
        self._external_url, _ = split_credentials(external_url or source.url, setting="SRE_PROMETHEUS_EXTERNAL_URL")
        self._names: tuple[float, list[str]] = (-math.inf, [])
        self._batches = Batches(self._instant)

    @property
    def name(self) -> str:
        return self._source.name

    async def instant(self, query: str, at: datetime | None = None) -> Vector:
        """The samples of `query` at `at` (now if None): a list, with `warnings`."""
        await self._parsed(promql.parse_instant, query)
        return await self._batches.instant(query, at)

    async def _instant(self, query: str, at: datetime | None) -> Vector:
        return await self._query("/api/v1/query", {"query": query, "time": _unix(at or now())}, read_vector)

    async def range(
        self, query: str, window: Window, *, step_s: float | None = None, max_series: int = 50
    ) -> RangeResult:
        """`query` over `window`, summarised: at most `max_series` series, first those that shifted most, then the largest.

        The step is chosen for at most 240 points unless given.
        """
        matrix = await self.matrix(query, window, step_s)
        from tools.range_summary import most_telling, summarise  # numpy: 0.2 s that listing alerts must not wait for

        kept = most_telling(matrix.series, max_series)
        summaries = [summarise(series, step_s=matrix.step_s, window=window) for series in kept]
        told = tuple(summary for summary in summaries if summary is not None)
        empty = len(summaries) - len(told)
        warnings = (*matrix.warnings, *([f"{empty} series without a finite value left out"] if empty else []))
        return RangeResult(query, window, matrix.step_s, told, len(told), matrix.available, warnings)

    async def matrix(self, query: str, window: Window, step_s: float | None = None) -> Matrix:
        """The raw samples, for code that ranks; the last point lies at the window's end. Cut, with a warning, at 500 000 samples.

        A step that would give more than the 11 000 points that Prometheus serves is widened.
        """
        await self._parsed(promql.parse_instant, query)
        step_s = _step(window, step_s)
        start = window.end - timedelta(seconds=math.floor(window.length.total_seconds() / step_s) * step_s)
        parameters = {"query": query, "start": _unix(start), "end": _unix(window.end), "step": f"{step_s:.3f}"}
        return await self._query(
            "/api/v1/query_range", parameters, lambda source, path, body: read_matrix(source, path, body, step_s=step_s)
        )

    async def metric_names(self) -> list[str]:
        """Every metric name it has stored, at most a minute old."""
        read_at, names = self._names
        if time.monotonic() - read_at > _NAMES_KEPT_S:
            names = await self._get("/api/v1/label/__name__/values", None, read_names)
            self._names = (time.monotonic(), names)
        return names

    async def suggest(self, query: str) -> str | None:
        """Why the answer to `query` may be empty: the metrics that do not exist, with near names; None when all exist."""
        tree = promql.parse(query)
        return promql.did_you_mean(promql.metrics_in(tree), await self.metric_names())

    async def metadata(self, metric: str | None = None) -> dict[str, MetricMetadata]:
        """Type and help of `metric`, or of all metrics that targets expose now. Backfilled metrics have none."""
        return await self._get("/api/v1/metadata", {"metric": metric}, read_metadata)

    async def series(self, selector: str, window: Window) -> list[dict[str, str]]:
        """The label sets that match `selector` and have samples within `window`."""
        await self._parsed(promql.parse_selector, selector)
        parameters = {"match[]": selector, "start": _unix(window.start), "end": _unix(window.end)}
        return await self._get("/api/v1/series", parameters, read_label_sets)

    async def rules(self) -> list[AlertRule]:
        """The alerting rules with what they see now; recording rules are not listed."""
        return await self._get("/api/v1/rules", {"type": "alert"}, read_rules)

    async def targets(self) -> list[TargetState]:
        """The active scrape targets."""
        return await self._get("/api/v1/targets", {"state": "active"}, read_targets)

    async def ready(self) -> str:
        """The server's version. Raises SourceUnavailable while it still replays its log."""
        return await self._get("/api/v1/status/buildinfo", None, read_version)

    async def alerts(self) -> list[Alert]:
        """What fires now, as the rules say, annotations filled in. `starts_at` is when `for` had passed."""
        return alert_history.firing_now(await self.rules(), source=self.name, link=self.link)

    async def alerts_at(self, at: datetime) -> list[Alert]:
        """What was firing at a past moment."""
        history = await self.alert_history(Window(start=to_utc(at) - _FIRING_NOW_LOOKBACK, end=at))
        return [alert for alert in history if alert.state == "firing"]

    async def alert_history(self, window: Window) -> list[Alert]:
        """What fired within `window`, in the order in which it began; "firing" if it still did at the window's end.

        Read from `ALERTS`: exact for windows up to 3 h; for longer ones to a 10 000th of the window, 15 s at best. Annotations
        come from today's rules, without those that need the value.
        """
        matrix = await self._firing(window)
        recorded = [(series.labels, series.times.tolist()) for series in matrix.series]
        found = alert_history.episodes(recorded, window)
        rules = await self._rules_if_served() if found else []
        active = await self._active_since(window.start) if any(episode.began_before for episode in found) else {}
        alerts = []
        for episode in found:
            rule = alert_history.rule_of(episode.labels, rules)
            link = self.link(rule.query if rule else _FIRING, window)
            since = active.get(frozenset(episode.labels.items()))
            alerts.append(alert_history.as_alert(episode, rule, active_at=since, source=self.name, link=link))
        return alerts

    def link(self, query: str, window: Window | None = None) -> str:
        """The query in Prometheus's own page: a graph over `window`, or a table of now."""
        parameters = {"g0.expr": query, "g0.tab": "1"}
        if window is not None:
            span = max(window.length, timedelta(seconds=1))
            parameters |= {
                "g0.tab": "0",
                "g0.range_input": promql_parser.display_duration(timedelta(seconds=math.ceil(span.total_seconds()))),
                "g0.end_input": window.end.strftime("%Y-%m-%d %H:%M:%S"),
            }
        return f"{self._external_url}/graph?{urlencode(parameters)}"

    async def _firing(self, window: Window) -> Matrix:
        """The samples of firing alerts: as recorded for a short window, else one per step that had any."""
        seconds = math.ceil(window.length.total_seconds())
        if window.length <= _EXACT_HISTORY:
            # A range selector returns stored samples, which end when the alert ended; a range query would look back for 5 minutes.
            parameters = {"query": f"{_FIRING}[{max(seconds, 1)}s]", "time": _unix(window.end)}
            return await self._query(
                "/api/v1/query", parameters, lambda source, path, body: read_matrix(source, path, body, step_s=0.0)
            )
        step_s = max(_FINEST_HISTORY_STEP_S, math.ceil(seconds / 10_000))
        # Both ends of a range count: without the millisecond less, a sample on a step would be seen at the next one, too.
        return await self.matrix(f"last_over_time({_FIRING}[{step_s * 1000 - 1}ms])", window, step_s)

    async def _active_since(self, at: datetime) -> dict[frozenset[tuple[str, str]], float]:
        """When each alert that was pending or firing around `at` became active, in unix seconds."""
        samples = await self.instant("last_over_time(ALERTS_FOR_STATE[10m])", at + timedelta(minutes=3))
        return {
            frozenset((name, value) for name, value in sample.labels.items() if name != "__name__"): sample.value
            for sample in samples
        }

    async def _rules_if_served(self) -> list[AlertRule]:
        try:
            return await self.rules()
        except SourceRefused:  # a store that only answers queries (Thanos, VictoriaMetrics) keeps ALERTS, but no rules
            return []

    async def _parsed(self, parse: Callable[[str], object], query: str) -> None:
        """Refuse a query that does not parse, before anything is sent."""
        try:
            parse(query)
        except InvalidQuery as error:
            raise InvalidQuery(f"{error}{await self._near(query)}") from None

    async def _near(self, query: str) -> str:
        wanted = promql.likely_metrics_in(query[: promql.MAX_CHARS])[:3]
        try:
            hint = promql.did_you_mean(wanted, await self.metric_names()) if wanted else None
        except SourceError:  # the parser's message stands without near names
            hint = None
        return f"; {hint}" if hint else ""

    async def _query(self, path: str, parameters: dict[str, str], read: Callable[[str, str, Body], T]) -> T:
        if len(parameters["query"]) > _LONGEST_URL_QUERY:
            answer = await self._source.post_form_json(path, parameters)
            return read(self.name, path, open_body(self.name, path, answer))
        return await self._get(path, parameters, read)

    async def _get(self, path: str, parameters: dict[str, Any] | None, read: Callable[[str, str, Body], T]) -> T:
        answer = await self._source.get_json(path, parameters)
        return read(self.name, path, open_body(self.name, path, answer))


def _step(window: Window, wanted_s: float | None) -> float:
    """Seconds between two points: as wanted, widened to what is served; else the first round number for <= 240 points."""
    seconds = window.length.total_seconds()
    if wanted_s is not None:
        return math.ceil(max(wanted_s, seconds / (_POINTS_SERVED - 1)) * 1000) / 1000  # the API counts in milliseconds
    least = seconds / (MAX_POINTS - 1)
    return next((step for step in _STEPS_S if step >= least), _STEPS_S[-1] * math.ceil(least / _STEPS_S[-1]))


def _unix(moment: datetime) -> str:
    """A moment as the API takes it: unix seconds with milliseconds."""
    return f"{to_utc(moment).timestamp():.3f}"
