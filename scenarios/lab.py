"""The lab: a simulated homelab under a real Prometheus and a real Alertmanager, with a past, and a fault about to begin."""

from __future__ import annotations

import fcntl
import http.client
import json
import shutil
import signal
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Self

from core.clock import isoformat, now
from core.errors import LabError
from scenarios import backfill, exporter_server, log_files
from scenarios.binaries import Binaries, provide_binaries
from scenarios.change_records import records_of, write_changes
from scenarios.processes import Child, Processes, choose_ports
from scenarios.prometheus_config import Ports, alertmanager_command, prometheus_command, write_configuration
from scenarios.schema import Scenario
from scenarios.timetable import HISTORY, Timetable, fault_offset
from scenarios.world_file import WorldFile, counted_from

ONSET_AFTER_READY = timedelta(seconds=3)
ANSIBLE_TREE = Path(__file__).resolve().parent.parent / "ansible"
"""The example tree, which describes this homelab."""
_STARTUP_ALLOWANCE_S = 7.5
_STARTUP_SHARE = 0.15
"""How long the parts may take to start: Prometheus looks at its discovered targets after 5 s at the earliest and scrapes all of them in
the 2 s that follow; the recent past takes this share of what the long past took."""
_BACKFILL_DEADLINE_S = 180
_READY_DEADLINE_S = 30
_WATCH_INTERVAL_S = 0.5
_ANSWER_DEADLINE_S = 5


@dataclass(frozen=True)
class LabReady:
    """What `sre lab up --json` prints. `alert_at` and `end` of an incident are null: they have not happened yet."""

    env: dict[str, str]
    incidents: list[dict[str, str | None]]
    speedup: float


class Lab:
    """One simulated homelab; `start`, `wait`, `stop`, or a context manager that starts and stops.

    Nothing is kept of an earlier lab in the same directory. Everything listens on 127.0.0.1 only.
    """

    def __init__(
        self,
        scenario: Scenario | None,
        *,
        directory: Path,
        port_base: int | None = None,
        seed: int = 0,
        speedup: float = 30,
        progress: Callable[[str], None] = lambda _: None,
        binaries: Binaries | None = None,
        history: timedelta = HISTORY,
    ) -> None:
        self._scenario = scenario
        self._directory = directory.resolve()
        self._port_base = port_base
        self._seed = seed
        self._speedup = speedup
        self._progress = progress
        self._binaries = binaries
        self._history = history
        self._processes = Processes(self._directory / "output")
        self._lock: IO[str] | None = None
        self.ports = Ports(0, 0, 0)

    def start(self) -> LabReady:
        """Returns when everything runs, every target has been scraped, and the fault is about 3 s away.

        Raises LabError, with everything stopped again, when a program is missing, a port is taken, or a part does not come up.
        """
        if self._lock is not None:
            raise LabError("this lab has been started already")
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def wait(self, timeout_s: float | None = None) -> None:
        """Until the timeout, or for ever; raises LabError as soon as a part of the lab ends by itself."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while end is None or time.monotonic() < end:
            self._processes.check()
            time.sleep(_WATCH_INTERVAL_S)

    def wait_for_alert(self, name: str, *, deadline_s: float) -> dict[str, Any]:
        """The first alert of that name in Alertmanager (an item of GET /api/v2/alerts); LabError when none fires in time."""
        query = urllib.parse.urlencode({"filter": f'alertname="{name}"'})
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            self._processes.check()
            if alerts := get_json(self.ports.alertmanager, f"/api/v2/alerts?{query}"):
                return dict(alerts[0])
            time.sleep(_WATCH_INTERVAL_S)
        raise LabError(f"alert {name} has not fired within {deadline_s:.0f} s")

    def pids(self) -> dict[str, int]:
        """The running processes by name: exporter, alertmanager, prometheus."""
        return self._processes.pids()

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

    def _start(self) -> LabReady:
        self._lock = hold_directory(self._directory)
        binaries = self._binaries or provide_binaries(self._directory, progress=self._progress)
        self.ports = Ports(*choose_ports(self._port_base, ("Prometheus", "Alertmanager", "the exporters")))
        for leftover in ("prometheus", "alertmanager", "scratch", "logs", "config", "changes"):
            shutil.rmtree(self._directory / leftover, ignore_errors=True)
        (self._directory / "scratch").mkdir()
        timetable = Timetable.plan(now(), self._scenario, history=self._history)
        # Before the scenario, the homelab is the same with and without it; when that starts is not known yet.
        healthy = WorldFile(None, timetable.split, self._seed, self._speedup)
        targets = healthy.build().targets()
        write_configuration(
            self._directory / "config", self.ports, sorted({target.job for target in targets}), self._speedup
        )
        self._progress(f"every `for`, range window and prediction of the alert rules is divided by {self._speedup:g}")
        begun = time.monotonic()
        self._write_long_past(healthy, timetable)
        allowance = timedelta(seconds=_STARTUP_ALLOWANCE_S + _STARTUP_SHARE * (time.monotonic() - begun))
        start = (now() + allowance + ONSET_AFTER_READY - fault_offset(self._scenario)).replace(microsecond=0)
        self._write_changes(start)
        scenario = self._scenario and counted_from(self._scenario, start, timetable.split)
        self._start_parts(replace(healthy, scenario=scenario), timetable, binaries)
        self._wait_scraped(len(targets))
        return self._ready(start)

    def _write_long_past(self, world: WorldFile, timetable: Timetable) -> None:
        hours = self._history / timedelta(hours=1)
        self._progress(f"writing the past: {hours:g} hours{', and the same time a week ago' if hours >= 24 else ''}")
        file = world.write(self._directory / "scratch" / "long-past.json")
        workers = [
            self._backfill(f"backfill-{number}", file, stretches)
            for number, stretches in enumerate(timetable.long_past)
        ]
        logs = log_files.command(file, self._directory / "logs", timetable.begin, timetable.split)
        self._processes.wait_done([*workers, self._processes.start("past-logs", logs)], deadline_s=_BACKFILL_DEADLINE_S)

    def _write_changes(self, start: datetime) -> None:
        """As everything else, what follows the onset comes faster than written; until it has come, nobody sees it."""
        fault_at = fault_offset(self._scenario)

        def when(offset: timedelta) -> datetime:
            return start + min(offset, fault_at) + max(offset - fault_at, timedelta(0)) / self._speedup

        records = records_of(self._scenario, start, self._seed, when) if self._scenario else ()
        write_changes(self._directory / "changes" / "changes.jsonl", records)

    def _backfill(self, name: str, world: Path, stretches: tuple[backfill.Stretch, ...]) -> Child:
        return self._processes.start(name, backfill.command(world, stretches, tsdb=self._directory / "prometheus"))

    def _start_parts(self, world: WorldFile, timetable: Timetable, binaries: Binaries) -> None:
        """The recent past, and meanwhile what needs no past; Prometheus last."""
        self._progress("starting the exporters, Alertmanager and Prometheus")
        file = world.write(self._directory / "scratch" / "world.json")
        recent = self._backfill("backfill-recent", file, (timetable.recent(now()),))
        serve = exporter_server.command(file, self.ports.exporter, self._directory / "logs", timetable.split)
        exporter = self._processes.start("exporter", serve, port=self.ports.exporter)
        command = alertmanager_command(binaries.alertmanager, self._directory, self.ports)
        alertmanager = self._processes.start("alertmanager", command, port=self.ports.alertmanager)
        self._processes.wait_done([recent], deadline_s=_READY_DEADLINE_S)
        self._processes.wait_ready(exporter, "/-/ready", deadline_s=_READY_DEADLINE_S)
        command = prometheus_command(binaries.prometheus, self._directory, self.ports)
        prometheus = self._processes.start("prometheus", command, port=self.ports.prometheus)
        self._processes.wait_ready(alertmanager, "/-/ready", deadline_s=_READY_DEADLINE_S)
        self._processes.wait_ready(prometheus, "/-/ready", deadline_s=_READY_DEADLINE_S)
        shutil.rmtree(self._directory / "scratch", ignore_errors=True)

    def _wait_scraped(self, targets: int) -> None:
        """Until Prometheus has scraped every target once (its past has them too, hence the timestamps)."""
        begun = time.time()
        query = urllib.parse.urlencode({"query": f"count(timestamp(up) > {begun:.3f})"})
        end = time.monotonic() + _READY_DEADLINE_S
        scraped = 0
        while scraped < targets:
            self._processes.check()
            if time.monotonic() > end:
                raise LabError(f"Prometheus has scraped {scraped} of {targets} targets after {_READY_DEADLINE_S} s")
            answer = get_json(self.ports.prometheus, f"/api/v1/query?{query}")
            result = answer["data"]["result"] if isinstance(answer, dict) else []
            scraped = int(result[0]["value"][1]) if result else 0
            time.sleep(0.1)

    def _ready(self, start: datetime) -> LabReady:
        incidents: list[dict[str, str | None]] = []
        if self._scenario and self._scenario.fault:
            onset = start + self._scenario.fault.at
            early = (onset - ONSET_AFTER_READY - now()).total_seconds()
            if early > 0:
                time.sleep(early)
            times = {"start": isoformat(start), "onset": isoformat(onset), "alert_at": None, "end": None}
            incidents = [{"name": self._scenario.name, **times}]
        env = {
            "SRE_PROMETHEUS_URL": f"http://127.0.0.1:{self.ports.prometheus}",
            "SRE_ALERTMANAGER_URL": f"http://127.0.0.1:{self.ports.alertmanager}",
            "SRE_LOG_FILES": log_files.glob_of(self._directory / "logs"),
            "SRE_CHANGE_FILES": str(self._directory / "changes" / "*.jsonl"),
            "SRE_ANSIBLE": str(ANSIBLE_TREE),
        }
        return LabReady(env, incidents, self._speedup)


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Inside, SIGTERM and SIGINT both raise KeyboardInterrupt, so that one clean-up serves both. Main thread only.

    SIGINT is set too because a script's background job (`sre lab up … &`) starts with it ignored.
    """

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def hold_directory(directory: Path) -> IO[str]:
    """Hold the directory for this lab, a new or empty one or an earlier lab's; the lock ends with the process."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()) and not (directory / "lab.lock").exists():
            raise LabError(f"{directory}: holds other files, which a lab could overwrite; give an empty directory")
        lock = (directory / "lab.lock").open("w")
    except OSError as error:
        raise LabError(f"{directory}: the lab cannot write here ({error.strerror})") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise LabError(f"{directory}: another lab is running here; stop it, or give another directory") from None
    return lock


def get_json(port: int, path: str, *, deadline_s: float = _ANSWER_DEADLINE_S) -> Any:
    """The JSON that a part of the lab answers; LabError when it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=deadline_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            raise LabError(f"port {port} answers {path} with {response.status}")
        return json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LabError(f"port {port} does not answer {path}: {error}") from None
    finally:
        connection.close()
