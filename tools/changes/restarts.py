"""Restarts, reboots and new versions, read from the metrics: what changed although no tool says that it changed it.

Start times say when something started; `*_build_info` and its like, and the image of a container, say at which version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.errors import SourceError
from core.redact import redact
from core.vocabulary import Change, ChangeKind, Window
from tools.changes.metric_queries import (
    COMPOSE,
    Relabelled,
    Start,
    Subject,
    Timeline,
    labels_query,
    relabelled,
    starts,
    starts_query,
    step_for,
    timelines,
)
from tools.changes.source import ChangeList
from tools.inventory.instances import SELF, host_part

if TYPE_CHECKING:
    from tools.prometheus import Prometheus

PROCESS, CONTAINER, BOOT = "process_start_time_seconds", "container_start_time_seconds", "node_boot_time_seconds"
LAST_SEEN = "container_last_seen"
_CONTAINERS = '{name!=""}'  # cAdvisor also counts every other control group
_COMPOSE = (f"{COMPOSE}project", f"{COMPOSE}service")
_VERSIONS = '{__name__=~".+_build_info|node_os_info|node_uname_info|pve_version_info",__name__!="go_build_info"}'
_TELLING: Mapping[str, tuple[str, ...]] = {
    "node_uname_info": ("release",),
    "node_os_info": ("pretty_name", "version_id"),
    "pve_version_info": ("version",),
}
_TELLING_BUILD = ("version", "app_version", "server_version", "revision", "commit")
_SOFTWARE = {"node_uname_info": "kernel", "node_os_info": "operating system", "pve_version_info": "Proxmox VE"}
_WHERE = {
    "instance": "instance",
    "job": "job",
    f"{COMPOSE}project": "compose project",
    f"{COMPOSE}service": "compose service",
}
_CLOCKS_S = 60.0
_BOOT_S = 300.0
_MAX_NAMES = 200

Starts = dict[Subject, list[Start]]


class MetricChanges:
    """Reads one Prometheus: five range queries at once."""

    name = "metrics"

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus

    async def changes(self, window: Window, *, limit: int = 500) -> ChangeList:
        """See `ChangeSource.changes`. `at` is what the start time says; for a version without a start, the first sample that has it."""
        gaps: list[str] = []
        containers = f"{CONTAINER}{_CONTAINERS}"
        processes, started, boots, versions, seen = await asyncio.gather(
            self._read(starts_query(PROCESS, window), window, gaps),
            self._read(starts_query(containers, window, keep=("image", *_COMPOSE)), window, gaps),
            self._read(starts_query(BOOT, window), window, gaps),
            self._read(labels_query(_VERSIONS, window), window, gaps),
            self._read(labels_query(f"{LAST_SEEN}{_CONTAINERS}", window), window, gaps),
        )
        process_starts = {subject: starts(timeline, window) for (_, subject), timeline in processes.items()}
        reboots = {subject: starts(timeline, window) for (_, subject), timeline in boots.items()}
        found = [
            *_reboots(reboots),
            *_new_versions(versions, process_starts, window),
            *_process_restarts(process_starts, reboots),
            *_container_changes(started, seen, window),
        ]
        once = sorted({change.id: change for change in found}.values(), key=lambda change: (change.at, change.id))
        kept = tuple(once[-limit:]) if limit > 0 else ()
        return ChangeList(changes=kept, available=len(once), gaps=tuple(dict.fromkeys(gaps)))

    async def _read(self, query: str, window: Window, gaps: list[str]) -> dict[tuple[str, Subject], Timeline]:
        try:
            matrix = await self._prometheus.matrix(query, window, step_for(window))
        except SourceError as error:
            gaps.append(f"{self.name}: {error}")
            return {}
        gaps.extend(f"{self.name}: {warning}" for warning in matrix.warnings)
        return timelines(matrix.series)


def _reboots(found: Starts) -> Iterator[Change]:
    for subject, each in found.items():
        for start in each:
            yield _started(BOOT, "reboot", dict(subject), start, verb="rebooted" if start.again else "booted")


def _process_restarts(found: Starts, reboots: Starts) -> Iterator[Change]:
    """Without those that came with their machine."""
    booted = [(_host(dict(subject)), start.at) for subject, each in reboots.items() for start in each]
    for subject, each in found.items():
        host = _host(dict(subject))
        for start in each:
            if start.count == 1 and any(
                host == other and -_CLOCKS_S <= start.at - at <= _BOOT_S for other, at in booted
            ):
                continue
            yield _started(PROCESS, "restart", dict(subject), start, verb="restarted" if start.again else "started")


def _new_versions(found: dict[tuple[str, Subject], Timeline], processes: Starts, window: Window) -> Iterator[Change]:
    """A new version comes with a start of its process: that says when exactly, and is not told twice."""
    for (metric, subject), timeline in found.items():
        for new in relabelled(timeline, _TELLING.get(metric, _TELLING_BUILD)):
            carried = [start for start in processes.get(subject, []) if new.last_seen - _CLOCKS_S <= start.at <= new.at]
            if carried and metric not in _TELLING and carried[0].count == 1:
                processes[subject].remove(carried[0])
            software, host = _SOFTWARE.get(metric, metric.removesuffix("_build_info")), _host(dict(subject))
            place = f" on {host}" if host and host != software else ""
            yield _change(
                metric,
                "version",
                dict(subject),
                at=carried[0].at if carried else max(new.at, window.start.timestamp()),
                title=f"{software} {new.before} → {new.after}{place}",
                detail="" if carried else f"between {_clock(new.last_seen)} and {_clock(new.at)}",
            )


def _container_changes(
    started: dict[tuple[str, Subject], Timeline], seen: dict[tuple[str, Subject], Timeline], window: Window
) -> Iterator[Change]:
    """Restarts, and new images, which start their container; where start times are not kept, the images alone."""
    for (_, subject), timeline in started.items():
        images = relabelled(timeline, ("image",))
        begun = [new.value if new.last_seen - _CLOCKS_S <= new.value <= new.at else new.at for new in images]
        for new, at in zip(images, begun, strict=True):
            yield _new_image(CONTAINER, subject, new, at=max(at, window.start.timestamp()))
        for start in starts(timeline, window):
            if start.count > 1 or start.at not in begun:
                verb = "restarted" if start.again else "started"
                yield _started(CONTAINER, "restart", {**start.labels, **dict(subject)}, start, verb=verb)
    known = {subject for _, subject in started}
    for (_, subject), timeline in seen.items():
        if subject not in known:
            for new in relabelled(timeline, ("image",)):
                yield _new_image(LAST_SEEN, subject, new, at=new.at)


def _new_image(metric: str, subject: Subject, new: Relabelled, *, at: float) -> Change:
    labels = {**new.labels, **dict(subject)}
    (name, tag), (other, other_tag) = _split_image(new.before), _split_image(new.after)
    moved = f"{name} {tag} → {other_tag}" if name == other else f"{new.before} → {new.after}"
    return _change(metric, "image_update", labels, at=at, title=f"{_thing(labels)}: {moved}")


def _started(metric: str, kind: ChangeKind, labels: Mapping[str, str], start: Start, *, verb: str) -> Change:
    own, host = _thing(labels), _host(labels)
    named = _entity(labels) if metric == BOOT else own
    place = f" on {host}" if metric == PROCESS and host and host != own else ""
    often = f"{start.count} restarts seen until {_clock(start.last)}" if start.count > 1 else ""
    return _change(metric, kind, labels, at=start.at, title=f"{named}{place} {verb}", detail=often)


def _change(
    metric: str, kind: ChangeKind, labels: Mapping[str, str], *, at: float, title: str, detail: str = ""
) -> Change:
    key = "@".join(dict.fromkeys(filter(None, (_thing(labels), _host(labels)))))
    told = [detail, *(f"{word} {labels[label]}" for label, word in _WHERE.items() if labels.get(label))]
    return Change(
        id=f"{MetricChanges.name}:{metric}:{redact(key)[:_MAX_NAMES]}:{at:.0f}",
        at=datetime.fromtimestamp(at, UTC),
        kind=kind,
        entity=redact(_entity(labels))[:_MAX_NAMES] or None,
        title=redact(title)[:_MAX_NAMES],
        detail=redact("; ".join(filter(None, told))),
        source=MetricChanges.name,
    )


def _entity(labels: Mapping[str, str]) -> str:
    """The container, else the machine, else the job."""
    return labels.get("container") or labels.get("name") or _host(labels) or labels.get("job", "")


def _thing(labels: Mapping[str, str]) -> str:
    """What ran there: the container, else the job."""
    return labels.get("container") or labels.get("name") or labels.get("job", "") or _host(labels)


def _host(labels: Mapping[str, str]) -> str:
    host = host_part(labels.get("instance", ""))
    return "" if host in SELF else host


def _split_image(image: str) -> tuple[str, str]:
    """Name and tag (or digest): a colon before a slash belongs to a registry's port."""
    name, at, digest = image.partition("@")
    place, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return f"{place}{slash}{last}", tag or (digest[:19] if at else "latest")


def _clock(unix: float) -> str:
    return f"{datetime.fromtimestamp(unix, UTC):%Y-%m-%d %H:%M:%S} UTC"
