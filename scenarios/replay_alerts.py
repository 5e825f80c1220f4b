"""What the alert rules made of a past that no Prometheus was there to watch.

Every rule of a running Prometheus is evaluated over its past by range queries, one evaluation a step, and goes through the states of
https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/: pending until `for` has passed, then firing. What Prometheus
would have recorded (`ALERTS`, `ALERTS_FOR_STATE`, and the results of recording rules) is written into it.
"""

from __future__ import annotations

import math
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from scenarios.lab import get_json
from scenarios.remote_write import STALE, TimeSeries, remote_write

QUERY_S = 24 * 3600
"""How much one range query covers."""
_DEADLINE_S = 60


@dataclass(frozen=True)
class Grid:
    """When rules are evaluated: at `start`, `start + step`, … up to `end`; unix seconds."""

    start: int
    end: int
    step: int


@dataclass(frozen=True)
class Episode:
    """One alert from its first true evaluation on (`active_at`) until the first false one (`ended_at`, None: it goes on).

    `fired_at` is None when it ended before its `for` had passed. Unix seconds.
    """

    labels: dict[str, str]
    active_at: float
    fired_at: float | None
    ended_at: float | None

    @property
    def name(self) -> str:
        return self.labels["alertname"]


def record(port: int, grid: Grid) -> list[Episode]:
    """Evaluate every rule of the Prometheus on `port`, write what it would have recorded; returns the episodes in order of time.

    Raises LabError when Prometheus does not answer, or does not take samples of the past.
    """
    rules = [
        rule
        for group in get_json(port, "/api/v1/rules", deadline_s=_DEADLINE_S)["data"]["groups"]
        for rule in group["rules"]
    ]
    # What is newest comes first: Prometheus takes samples as old as its window for late ones, counted from the newest.
    remote_write(port, [TimeSeries({"__name__": "lab_replay"}, [(grid.end, STALE)])])
    for rule in (each for each in rules if each["type"] == "recording"):
        remote_write(port, _recorded(port, rule, grid))
    episodes: list[Episode] = []
    for rule in (each for each in rules if each["type"] == "alerting"):
        found = list(_episodes(port, rule, grid))
        episodes += found
        remote_write(port, (series for episode in found for series in alert_series(episode, grid)))
    return sorted(episodes, key=lambda episode: (episode.active_at, sorted(episode.labels.items())))


def alert_series(episode: Episode, grid: Grid) -> Iterator[TimeSeries]:
    """`ALERTS` (pending, firing) and `ALERTS_FOR_STATE` of one episode, each ended by a staleness marker."""
    fired_at = episode.fired_at if episode.fired_at is not None else episode.ended_at
    pending = _samples(episode.active_at, fired_at, 1.0, grid)
    firing = _samples(episode.fired_at, episode.ended_at, 1.0, grid) if episode.fired_at is not None else []
    alerts = {"__name__": "ALERTS", **episode.labels}
    if len(pending) > 1:
        yield TimeSeries({**alerts, "alertstate": "pending"}, pending)
    if firing:
        yield TimeSeries({**alerts, "alertstate": "firing"}, firing)
    since = _samples(episode.active_at, episode.ended_at, episode.active_at, grid)
    yield TimeSeries({"__name__": "ALERTS_FOR_STATE", **episode.labels}, since)


def _samples(start: float, end: float | None, value: float, grid: Grid) -> list[tuple[float, float]]:
    """One sample a step from `start` on, and the staleness marker at `end`."""
    count = math.ceil(((grid.end + grid.step if end is None else end) - start) / grid.step)
    found = [(start + number * grid.step, value) for number in range(count)]
    return found if end is None else [*found, (end, STALE)]


def _episodes(port: int, rule: dict[str, Any], grid: Grid) -> Iterator[Episode]:
    """`duration` of the rule is its `for`, in seconds."""
    for metric, samples in _evaluate(port, rule["query"], grid):
        own = {name: value for name, value in metric.items() if name != "__name__"}
        labels = {**own, **rule["labels"], "alertname": rule["name"]}
        for run in _runs(samples, grid.step):
            active_at, ended_at = run[0][0], run[-1][0] + grid.step
            fired_at = next((at for at, _ in run if at - active_at >= rule["duration"]), None)
            yield Episode(labels, active_at, fired_at, ended_at if ended_at <= grid.end else None)


def _evaluate(port: int, query: str, grid: Grid) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    """(labels, samples) of every series that the query gives at any evaluation; a day at a time, for a query has 11,000 steps at most."""
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for begin in range(grid.start, grid.end + 1, QUERY_S):
        end = min(grid.end, begin + QUERY_S - grid.step)
        parameters = urllib.parse.urlencode({"query": query, "start": begin, "end": end, "step": grid.step})
        answer = get_json(port, f"/api/v1/query_range?{parameters}", deadline_s=_DEADLINE_S)
        for series in answer["data"]["result"]:
            samples = [(float(at), float(value)) for at, value in series["values"]]
            found.setdefault(tuple(sorted(series["metric"].items())), []).extend(samples)
    return [(dict(labels), samples) for labels, samples in found.items()]


def _recorded(port: int, rule: dict[str, Any], grid: Grid) -> Iterator[TimeSeries]:
    """The series of a recording rule."""
    for metric, samples in _evaluate(port, rule["query"], grid):
        labels = {**metric, **rule.get("labels", {}), "__name__": rule["name"]}
        for run in _runs(samples, grid.step):
            ended_at = run[-1][0] + grid.step
            yield TimeSeries(labels, [*run, (ended_at, STALE)] if ended_at <= grid.end else run)


def _runs(samples: Iterable[tuple[float, float]], step: int) -> list[list[tuple[float, float]]]:
    """Cut where an evaluation has no result."""
    runs: list[list[tuple[float, float]]] = []
    for sample in samples:
        if runs and sample[0] - runs[-1][-1][0] <= step:
            runs[-1].append(sample)
        else:
            runs.append([sample])
    return runs
