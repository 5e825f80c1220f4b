"""A replay: incidents as the past of a real Prometheus, with their alerts, logs and changes, so that any of them can be asked about."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import yaml

from core.clock import isoformat
from core.errors import LabError
from scenarios import log_files
from scenarios.backfill import Stretch
from scenarios.binaries import Binaries, provide_binaries
from scenarios.change_records import change_id, records_of, write_changes
from scenarios.lab import ANSIBLE_TREE, hold_directory
from scenarios.processes import Processes, choose_ports
from scenarios.prometheus_config import RULES_DIR, Ports, prometheus_command
from scenarios.replay_alerts import Episode, Grid, record
from scenarios.replay_history import History, logs_command, samples_command
from scenarios.replay_plan import AFTERMATH, LEAD_IN, STEP_S, Incident, ReplayPlan

BACKFILL_PROCESSES = 2
_BACKFILL_DEADLINE_S = 1800
_READY_DEADLINE_S = 30
_WATCH_INTERVAL_S = 0.5


@dataclass(frozen=True)
class ReplayReady:
    """What `sre lab replay --json` prints."""

    env: dict[str, str]
    incidents: list[dict[str, Any]]


class Replay:
    """One replay; `start`, `wait`, `stop`, or a context manager that starts and stops.

    Nothing is kept of an earlier one in the same directory. Prometheus listens on 127.0.0.1 only, and scrapes nothing.
    """

    def __init__(
        self,
        plan: ReplayPlan,
        *,
        directory: Path,
        port: int | None = None,
        progress: Callable[[str], None] = lambda _: None,
        binaries: Binaries | None = None,
    ) -> None:
        self._plan = plan
        self._directory = directory.resolve()
        self._port = port
        self._progress = progress
        self._binaries = binaries
        self._processes = Processes(self._directory / "output")
        self._lock: IO[str] | None = None

    def start(self) -> ReplayReady:
        """Returns when everything is written and Prometheus answers.

        Raises LabError, with everything stopped again, when a program is missing, the port is taken, or a part fails.
        """
        if self._lock is not None:
            raise LabError("this replay has been started already")
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def wait(self, timeout_s: float | None = None) -> None:
        """Until the timeout, or for ever; raises LabError as soon as Prometheus ends by itself."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while end is None or time.monotonic() < end:
            self._processes.check()
            time.sleep(_WATCH_INTERVAL_S)

    def stop(self) -> None:
        """End every process. May be called more than once."""
        self._processes.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> ReplayReady:
        self._lock = hold_directory(self._directory)
        binaries = self._binaries or provide_binaries(self._directory, progress=self._progress)
        (port,) = choose_ports(self._port, ("Prometheus",))
        for leftover in ("prometheus", "scratch", "logs", "config", "changes"):
            shutil.rmtree(self._directory / leftover, ignore_errors=True)
        for fresh in ("scratch", "config", "changes", "logs"):
            (self._directory / fresh).mkdir()
        plan = self._plan.write(self._directory / "scratch" / "plan.json")
        self._announce()
        self._write_samples(plan)
        logs = self._processes.start("logs", logs_command(plan, self._directory / "logs"))
        changes = write_changes(
            self._directory / "changes" / "changes.jsonl",
            [
                change
                for incident in self._plan.incidents
                for change in records_of(incident.scenario, incident.start, incident.seed)
            ],
        )
        self._start_prometheus(binaries, port)
        grid = Grid(int(self._plan.begin.timestamp()), int(self._plan.end.timestamp()) - STEP_S, STEP_S)
        self._progress("evaluating the alert rules over the past")
        episodes = record(port, grid)
        self._processes.wait_done([logs], deadline_s=_BACKFILL_DEADLINE_S)
        shutil.rmtree(self._directory / "scratch", ignore_errors=True)
        self._progress(f"{sum(each.fired_at is not None for each in episodes)} alerts fired")
        return ReplayReady(
            {
                "SRE_PROMETHEUS_URL": f"http://127.0.0.1:{port}",
                "SRE_LOG_FILES": log_files.glob_of(self._directory / "logs"),
                "SRE_CHANGE_FILES": str(changes),
                "SRE_ANSIBLE": str(ANSIBLE_TREE),
            },
            [self._told(incident, episodes) for incident in self._plan.incidents],
        )

    def _announce(self) -> None:
        moment = self._plan.stretches()[0].times()[:1]
        series = sum(1 for _ in History(self._plan).series(moment))
        days = (self._plan.end - self._plan.begin).total_seconds() / 86400
        between = "" if self._plan.step_s == STEP_S else f", {self._plan.step_s} s between incidents"
        calm = min((each.lead_in + each.aftermath for each in self._plan.incidents), default=LEAD_IN + AFTERMATH)
        if calm < LEAD_IN + AFTERMATH:
            minutes = calm / timedelta(minutes=1)
            self._progress(f"only {minutes:.0f} minutes of calm between incidents; more --days would leave 240")
        self._progress(
            f"writing {len(self._plan.incidents)} incidents into {days:g} days of {series:,} series at {STEP_S} s{between}"
        )

    def _write_samples(self, plan: Path) -> None:
        begun = time.monotonic()
        tsdb = self._directory / "prometheus"
        tsdb.mkdir()
        workers = [
            self._processes.start(f"samples-{number}", samples_command(plan, tsdb, stretches))
            for number, stretches in enumerate(shared_out(self._plan.stretches(), BACKFILL_PROCESSES))
        ]
        self._processes.wait_done(workers, deadline_s=_BACKFILL_DEADLINE_S)
        self._progress(f"the past is written ({time.monotonic() - begun:.0f} s)")

    def _start_prometheus(self, binaries: Binaries, port: int) -> None:
        configuration = {
            "global": {"evaluation_interval": f"{STEP_S}s"},
            "rule_files": [str(RULES_DIR / "*.yaml")],
            # What is recorded about the past comes after the past itself.
            "storage": {"tsdb": {"out_of_order_time_window": f"{(self._plan.end - self._plan.begin).days + 1}d"}},
        }
        path = self._directory / "config" / "prometheus.yml"
        path.write_text(yaml.safe_dump(configuration, sort_keys=False), encoding="utf-8")
        command = prometheus_command(binaries.prometheus, self._directory, Ports(port, 0, 0))
        prometheus = self._processes.start("prometheus", [*command, "--web.enable-remote-write-receiver"], port=port)
        self._processes.wait_ready(prometheus, "/-/ready", deadline_s=_READY_DEADLINE_S)

    def _told(self, incident: Incident, episodes: Sequence[Episode]) -> dict[str, Any]:
        alert_at = first_fired(incident, episodes)
        if alert_at is None and incident.scenario.expect.alert:
            self._progress(
                f"{incident.scenario.name} (seed {incident.seed}): {incident.scenario.expect.alert} did not fire"
            )
        return {
            "name": incident.scenario.name,
            "seed": incident.seed,
            "start": isoformat(incident.start),
            "onset": isoformat(incident.onset),
            "alert_at": isoformat(alert_at) if alert_at else None,
            "end": isoformat(incident.end),
            "changes": {
                own.id: change_id(incident.scenario, incident.start, incident.seed, own.id)
                for own in incident.scenario.changes
            },
        }


def first_fired(incident: Incident, episodes: Sequence[Episode]) -> datetime | None:
    """When the expected alert of the incident first fired in its window, if it did."""
    onset, closes = incident.onset.timestamp(), incident.window[1].timestamp()
    found = [
        episode.fired_at
        for episode in episodes
        if episode.name == incident.scenario.expect.alert
        and episode.fired_at is not None
        and onset <= episode.fired_at < closes
    ]
    return datetime.fromtimestamp(min(found), UTC) if found else None


def shared_out(stretches: Sequence[Stretch], count: int) -> list[list[Stretch]]:
    """The stretches cut into consecutive shares with about as many samples each."""
    total = sum(stretch.count for stretch in stretches)
    shares: list[list[Stretch]] = [[] for _ in range(count)]
    before = 0
    for stretch in stretches:
        at = stretch.start
        while at < stretch.end:
            share = min(count - 1, before * count // total)
            room = -(-total * (share + 1) // count) - before
            part = Stretch(at, min(stretch.end, at + room * stretch.step), stretch.step)
            shares[share].append(part)
            before += part.count
            at = part.end
    return [share for share in shares if share]
