"""What is configured, what answers, and what each part unlocks: for `sre doctor` and `GET /health`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from app.wiring import build_alert_sources, build_grafana, build_prometheus, index_directory
from core.errors import SreError
from core.settings import Settings
from tools.alertmanager import Alertmanager

State = Literal["ok", "failed", "not configured"]


@dataclass(frozen=True)
class Component:
    """One part of the assistant. `unlocks` is what it is good for, `next_step` what to do when it is not ok."""

    name: str
    state: State
    detail: str
    unlocks: str
    next_step: str = ""


async def check_health(settings: Settings) -> list[Component]:
    """Every component, checked concurrently; never raises for a source that is down."""
    return list(
        await asyncio.gather(
            _prometheus(settings), _alertmanager(settings), _grafana(settings), _logs(settings), _runbooks(settings)
        )
    )


def overall(components: list[Component]) -> Literal["ok", "degraded", "failed"]:
    """ok: whatever is configured answers; failed: nothing that could measure or alert does."""
    if not any(c.state == "ok" for c in components if c.name in {"prometheus", "alertmanager", "grafana"}):
        return "failed"
    return "degraded" if any(c.state == "failed" for c in components) else "ok"


async def _checked(
    name: str, url: str | None, ask: Callable[[], Awaitable[str]], *, unlocks: str, setting: str
) -> Component:
    if url is None:
        return Component(name, "not configured", "", unlocks, f"set {setting}")
    try:
        return Component(name, "ok", await ask(), unlocks)
    except SreError as error:
        return Component(name, "failed", str(error), unlocks, f"check {setting} and that it is reachable from here")


async def _prometheus(settings: Settings) -> Component:
    source = build_prometheus(settings)

    async def ask() -> str:
        assert source is not None  # noqa: S101  _checked asks only when a URL is set
        version, targets = await asyncio.gather(source.ready(), source.targets())
        down = [t for t in targets if t.health != "up"]
        return f"version {version}, {len(targets)} targets, {len(down)} down"

    unlocks = "measurements, history and their normal; the inventory of hosts and services; past alerts"
    return await _checked("prometheus", settings.prometheus_url, ask, unlocks=unlocks, setting="SRE_PROMETHEUS_URL")


async def _alertmanager(settings: Settings) -> Component:
    async def ask() -> str:
        source = build_alert_sources(settings, None)[0]
        assert isinstance(source, Alertmanager)  # noqa: S101  the only one that these settings build
        return f"version {await source.status()}, {len(await source.alerts())} alerts"

    unlocks = "what fires now, silences and inhibitions"
    return await _checked(
        "alertmanager", settings.alertmanager_url, ask, unlocks=unlocks, setting="SRE_ALERTMANAGER_URL"
    )


async def _grafana(settings: Settings) -> Component:
    source = build_grafana(settings)

    async def ask() -> str:
        assert source is not None  # noqa: S101  _checked asks only when a URL is set
        health = await source.health()
        return f"version {health.version}, {len(await source.alerts())} alerts"

    unlocks = "Grafana-managed alerts, their history, annotations"
    setting = "SRE_GRAFANA_URL and SRE_GRAFANA_SERVICE_ACCOUNT_TOKEN (role Viewer)"
    return await _checked("grafana", settings.grafana_url, ask, unlocks=unlocks, setting=setting)


async def _logs(settings: Settings) -> Component:
    from tools.logfiles import LogFiles

    unlocks = "error lines of the service at fault"
    if not settings.log_files:
        return Component("log files", "not configured", "", unlocks, "set SRE_LOG_FILES to globs like /var/log/*.log")
    entities = await LogFiles(settings.log_files, zone=settings.zone).entities()
    if not entities:
        return Component(
            "log files", "failed", f"no file matches {', '.join(settings.log_files)}", unlocks, "check SRE_LOG_FILES"
        )
    return Component("log files", "ok", f"{len(entities)} services and hosts write logs", unlocks)


async def _runbooks(settings: Settings) -> Component:
    unlocks = "what to do, from your own runbooks"
    if not index_directory(settings).exists():
        return Component("runbooks", "not configured", "", unlocks, "run: sre ingest")
    return Component("runbooks", "ok", f"indexed in {index_directory(settings)}", unlocks)
