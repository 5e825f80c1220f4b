"""The simulated homelab at any time: what its exporters answer, and what it logs.

Everything is a pure function of time: the same arguments, scenario and seed give the same values in any order and any process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge

import numpy as np

from core.clock import to_utc
from scenarios.background_logs import background
from scenarios.exporters import adguard, blackbox, cadvisor, node, nut, pve, smartctl, traefik, unbound
from scenarios.exporters.exposition import Family, number_text, sample_prefix
from scenarios.schema import Scenario
from scenarios.shapes import Floats
from scenarios.state import Gauge, Model, State, each
from scenarios.targets import Target, homelab_targets
from scenarios.topology import Homelab

EXPORTERS: dict[str, Callable[[Model, Sequence[Target]], list[Family]]] = {
    "node": node.families,
    "cadvisor": cadvisor.families,
    "blackbox-http": blackbox.http_families,
    "blackbox-tcp": blackbox.tcp_families,
    "blackbox-dns": blackbox.dns_families,
    "pve": pve.families,
    "smartctl": smartctl.families,
    "nut": nut.families,
    "adguard": adguard.families,
    "unbound": unbound.families,
    "traefik": traefik.families,
}
DEFAULT_AFTERMATH = timedelta(hours=2)


@dataclass(frozen=True)
class LogLine:
    at: datetime
    entity: str
    host: str
    level: str
    line: str


@dataclass(frozen=True)
class _Answer:
    """One target's part of a family: the rows of it, and how each line begins."""

    family: Family
    rows: tuple[int, ...]
    prefixes: tuple[str, ...]


class World:
    """A homelab from `start` (the scenario's) on, and before it: history looks like any other day.

    What follows the onset (climbs, delays, crash periods) runs `speedup` times faster than written; nothing before it does.
    Valid from a month before `start`: every counter is older than that.
    """

    def __init__(
        self,
        homelab: Homelab,
        scenario: Scenario | None = None,
        *,
        start: datetime,
        seed: int = 0,
        speedup: float = 1.0,
    ) -> None:
        if speedup <= 0:
            raise ValueError("speedup must be positive")
        self.homelab = homelab
        self.scenario = scenario
        self.start = to_utc(start)
        self.seed = seed
        self.speedup = speedup
        fault = scenario.fault if scenario else None
        self.onset = self.start + fault.at if fault else None
        onset = self.onset.timestamp() if self.onset else 0.0
        self.model = Model(homelab, fault, start=self.start, seed=seed, onset=onset, speedup=speedup)
        self._targets: dict[str, list[Target]] = defaultdict(list)
        for target in homelab_targets(homelab):
            self._targets[target.job].append(target)
        self._families = {job: EXPORTERS[job](self.model, targets) for job, targets in self._targets.items()}
        self._alive = {
            job: Gauge(self.model, "up", each([t.runs_on for t in found])) for job, found in self._targets.items()
        }
        self._place = {
            (t.job, t.instance): number for found in self._targets.values() for number, t in enumerate(found)
        }
        self._answers = {job: _by_target(families, len(self._targets[job])) for job, families in self._families.items()}
        self._asked = {(t.address, t.path, tuple(sorted(t.params.items()))): t for t in self.targets()}
        self._last: State | None = None

    @property
    def end(self) -> datetime:
        """Where a replay of the scenario ends: its `duration`, else two hours after the onset."""
        if self.scenario and self.scenario.duration is not None:
            return self.moment(self.scenario.duration)
        return self.moment((self.onset or self.start) - self.start + DEFAULT_AFTERMATH)

    def moment(self, offset: timedelta) -> datetime:
        """The instant of an offset as the scenario writes it; what follows the onset comes sooner by the speed-up."""
        at = self.start + offset
        if self.onset is None or at <= self.onset:
            return at
        return self.onset + (at - self.onset) / self.speedup

    def targets(self) -> list[Target]:
        return [target for found in self._targets.values() for target in found]

    def target_for(self, address: str, path: str, params: dict[str, str]) -> Target | None:
        """The target that a proxied request means: its host:port, path and query; None if there is none."""
        return self._asked.get((address, path, tuple(sorted(params.items()))))

    def scrape(self, target: Target, t: float) -> str | None:
        """What the target's exporter answers at unix time `t` in text format 0.0.4; None if it cannot be reached then.

        Scrapes at one and the same `t` share their work, so a caller may round `t` to whole seconds.
        """
        state = self._state(t)
        number = self._place[target.job, target.instance]
        if self._alive[target.job](state)[number, 0] <= 0.5:
            return None
        lines: list[str] = []
        for answer in self._answers[target.job][number]:
            values = state.remembered(answer.family, answer.family.values)
            found = [
                prefix + number_text(value)
                for prefix, value in zip(answer.prefixes, values[list(answer.rows), 0].tolist(), strict=True)
                if value == value  # noqa: PLR0124  (NaN stands for absent)
            ]
            if found:
                lines.append(answer.family.comment + "\n".join(found))
        return "\n".join(lines) + "\n"

    def series(self, times: Floats) -> Iterator[tuple[str, dict[str, str], Floats]]:
        """(metric, labels, values) of every series as Prometheus would have stored it from scrapes at unix `times`; NaN: absent.

        Labels are final: the target's and `job` win over the exporter's, which then become `exported_…`.
        """
        state = self.model.at(np.asarray(times, dtype=float))
        for job, targets in self._targets.items():
            alive = self._alive[job](state) > 0.5
            for number, target in enumerate(targets):
                yield "up", {**target.labels, "job": job}, alive[number].astype(float)
            for family in self._families[job]:
                values = family.values(state)
                for row, series in enumerate(family.rows):
                    labels = _stored_labels(series.labels, targets[series.target])
                    seen = np.where(alive[series.target], values[row], np.nan)
                    yield family.name + series.suffix, labels, seen

    def sample(self, t: float) -> list[tuple[str, dict[str, str], float]]:
        """Every series that exists at unix time `t`."""
        found = ((name, labels, float(values[0])) for name, labels, values in self.series(np.array([t])))
        return [entry for entry in found if not np.isnan(entry[2])]

    def logs(self, start: datetime, end: datetime) -> Iterator[LogLine]:
        """Lines in order of time, `start` included and `end` not: an ordinary day's, and the scenario's."""
        return merge(self._ordinary_logs(start, end), self._scenario_logs(start, end), key=lambda line: line.at)

    def _ordinary_logs(self, start: datetime, end: datetime) -> Iterator[LogLine]:
        """What is down or answers nothing writes no ordinary lines."""
        tables = (self.model.tables["up"], self.model.tables["healthy"])
        for at, service, level, text in background(
            self.homelab, seed=self.seed, start=start.timestamp(), end=end.timestamp()
        ):
            scales = (table.modulation(service.name).at(np.array([at]))[0][0] for table in tables)
            if min(scales) > 0.5:
                yield LogLine(datetime.fromtimestamp(at, UTC), service.name, service.host, level, text)

    def _scenario_logs(self, start: datetime, end: datetime) -> list[LogLine]:
        lines = [
            LogLine(self.moment(log.at), log.entity, self.homelab.host_of(log.entity), log.level, log.line)
            for log in (self.scenario.logs if self.scenario else ())
        ]
        return sorted((line for line in lines if start <= line.at < end), key=lambda line: line.at)

    def _state(self, t: float) -> State:
        last = self._last
        if last is None or last.times[0] != t:
            last = self._last = self.model.at(np.array([t], dtype=float))
        return last


def _by_target(families: Sequence[Family], count: int) -> list[list[_Answer]]:
    answers: list[list[_Answer]] = [[] for _ in range(count)]
    for family in families:
        rows: dict[int, list[int]] = defaultdict(list)
        for number, row in enumerate(family.rows):
            rows[row.target].append(number)
        for target, numbers in rows.items():
            prefixes = (sample_prefix(family.name + family.rows[n].suffix, family.rows[n].labels) for n in numbers)
            answers[target].append(_Answer(family, tuple(numbers), tuple(prefixes)))
    return answers


def _stored_labels(own: dict[str, str], target: Target) -> dict[str, str]:
    """As Prometheus does with `honor_labels: false`."""
    attached = {**target.labels, "job": target.job}
    return {**{f"exported_{key}" if key in attached else key: value for key, value in own.items() if value}, **attached}
