"""What is configured, what answers, and what each part unlocks: for `sre doctor` and `GET /health`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from app.knowledge import build_index, index_directory
from app.wiring import build_assistant, build_baselines, build_sources, over_budget
from core.clock import now
from core.errors import KnowledgeError, SreError, StoreError
from core.settings import Settings
from core.vocabulary import Window
from pipeline.sources import Sources
from pipeline.wording import ago, plural
from tools.alertmanager import Alertmanager
from tools.ansible_inventory import AnsibleTrees
from tools.changes.source import ChangeSource
from tools.grafana import Grafana
from tools.loki import Loki
from tools.prometheus import Prometheus

if TYPE_CHECKING:
    from pipeline.assistant import Assistant
    from pipeline.learnt import Baselines
    from tools.knowledge.generation import Manifest

ANSIBLE_PROBLEMS = 10
LOGS_UNLOCK = "error lines of the service at fault"
State = Literal["ok", "failed", "not configured"]


@dataclass(frozen=True)
class Component:
    """One part of the assistant. `unlocks` is what it is good for, `next_step` what to do when it is not ok."""

    name: str
    state: State
    detail: str
    unlocks: str
    next_step: str = ""


async def check_health(
    settings: Settings, sources: Sources | None = None, assistant: Assistant | None = None, *, only: str | None = None
) -> list[Component]:
    """Every component (or `only` the one of that name), checked concurrently; never raises for a source that is down.

    A server hands in the `sources` and the `assistant` it has, so that no connections are left over from each check, and what its model's
    circuit breaker knows is told.
    """
    sources = sources or build_sources(settings)
    alertmanager = next((source for source in sources.alert_sources if isinstance(source, Alertmanager)), None)
    checks: dict[str, Callable[[], Awaitable[Component]]] = {
        "prometheus": lambda: _prometheus(settings, sources.prometheus),
        "alertmanager": lambda: _alertmanager(settings, alertmanager),
        "grafana": lambda: _grafana(settings, sources.grafana),
        "log files": lambda: _logs(settings),
        "loki": lambda: _loki(settings, sources.loki),
        "changes": lambda: _changes(sources.changes),
        "ansible": lambda: _ansible(sources.ansible),
        "baselines": lambda: asyncio.to_thread(_baselines, settings, sources.baselines),
        "runbooks": lambda: _runbooks(settings),
        "language model": lambda: asyncio.to_thread(_language_model, settings, assistant),
    }
    return list(await asyncio.gather(*(check() for name, check in checks.items() if only in {None, name})))


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


async def _prometheus(settings: Settings, source: Prometheus | None) -> Component:
    async def ask() -> str:
        assert source is not None  # noqa: S101  _checked asks only when a URL is set
        version, targets = await asyncio.gather(source.ready(), source.targets())
        down = [t for t in targets if t.health != "up"]
        return f"version {version}, {len(targets)} targets, {len(down)} down"

    unlocks = "measurements, history and their normal; the inventory of hosts and services; past alerts"
    return await _checked("prometheus", settings.prometheus_url, ask, unlocks=unlocks, setting="SRE_PROMETHEUS_URL")


async def _alertmanager(settings: Settings, source: Alertmanager | None) -> Component:
    async def ask() -> str:
        assert source is not None  # noqa: S101  _checked asks only when a URL is set
        return f"version {await source.status()}, {len(await source.alerts())} alerts"

    unlocks = "what fires now, silences and inhibitions"
    return await _checked(
        "alertmanager", settings.alertmanager_url, ask, unlocks=unlocks, setting="SRE_ALERTMANAGER_URL"
    )


async def _grafana(settings: Settings, source: Grafana | None) -> Component:
    async def ask() -> str:
        assert source is not None  # noqa: S101  _checked asks only when a URL is set
        health = await source.health()
        return f"version {health.version}, {len(await source.alerts())} alerts"

    unlocks = "Grafana-managed alerts, their history, annotations"
    setting = "SRE_GRAFANA_URL and SRE_GRAFANA_SERVICE_ACCOUNT_TOKEN (role Viewer)"
    return await _checked("grafana", settings.grafana_url, ask, unlocks=unlocks, setting=setting)


async def _logs(settings: Settings) -> Component:
    from tools.logfiles import LogFiles

    unlocks = LOGS_UNLOCK
    if not settings.log_files:
        return Component("log files", "not configured", "", unlocks, "set SRE_LOG_FILES to globs like /var/log/*.log")
    entities = await LogFiles(settings.log_files, zone=settings.zone).entities()
    if not entities:
        return Component(
            "log files", "failed", f"no file matches {', '.join(settings.log_files)}", unlocks, "check SRE_LOG_FILES"
        )
    return Component("log files", "ok", f"{len(entities)} services and hosts write logs", unlocks)


async def _loki(settings: Settings, source: Loki | None) -> Component:
    async def ask() -> str:
        assert source is not None  # noqa: S101  _checked asks only when a URL is set
        version, entities = await asyncio.gather(source.ready(), source.entities())
        return f"version {version}, {len(entities)} services and hosts write logs"

    return await _checked("loki", settings.loki_url, ask, unlocks=LOGS_UNLOCK, setting="SRE_LOKI_URL")


async def _changes(sources: Sequence[ChangeSource]) -> Component:
    """How many changes each source knows of the last day."""
    unlocks = "“what changed before this alert?”, and the change that probably brought it about"
    own = "SRE_ARA_URL, SRE_ANSIBLE_LOGS, SRE_INFRA_REPOS or SRE_CHANGE_FILES"
    if not sources:
        return Component("changes", "not configured", "", unlocks, f"set {own}")
    window = Window(start=now() - timedelta(days=1), end=now())
    found = await asyncio.gather(*(source.changes(window) for source in sources))
    told = [f"{source.name} {plural(each.available, 'change')}" for source, each in zip(sources, found, strict=True)]
    gaps = [gap for each in found for gap in each.gaps]
    detail = "; ".join([f"in the last day: {', '.join(told)}", *gaps])
    if gaps:
        return Component("changes", "failed", detail, unlocks, f"check {own}")
    return Component("changes", "ok", detail, unlocks)


async def _ansible(trees: AnsibleTrees | None) -> Component:
    unlocks = "hosts that Prometheus does not know, and groups: “how are the docker hosts doing?”"
    if trees is None:
        next_step = "set SRE_ANSIBLE to the directories of your Ansible trees"
        return Component("ansible", "not configured", "", unlocks, next_step)
    found = await trees.read()
    counted = f"{plural(len(found.hosts), 'host')} in {plural(len(found.groups), 'group')}"
    told = [counted, *found.gaps[:ANSIBLE_PROBLEMS]]
    if (rest := len(found.gaps) - ANSIBLE_PROBLEMS) > 0:
        told.append(f"{rest} more problems")
    if not found.hosts:
        return Component(
            "ansible", "failed", "; ".join(told), unlocks, "check SRE_ANSIBLE, and inventory in ansible.cfg"
        )
    return Component("ansible", "ok", "; ".join(told), unlocks)


def _baselines(settings: Settings, baselines: Baselines | None) -> Component:
    """How much was learnt, and when; failed when a server cannot learn, or what was learnt is too old to go by."""
    unlocks = "what is usual at this hour of the week: “is 85 % memory normal for nas?”"
    learn = "run: sre baselines learn (a running sre serve learns daily by itself)"
    if settings.prometheus_url is None:
        return Component("baselines", "not configured", "", unlocks, "set SRE_PROMETHEUS_URL")
    from core.store import FILE_NAME, Store  # SQLAlchemy takes a moment to import
    from pipeline.learnt import GOOD_FOR

    if baselines is None and not (settings.data_dir / FILE_NAME).exists():
        return Component("baselines", "not configured", "nothing is learnt yet", unlocks, learn)
    try:
        baselines = baselines or build_baselines(settings, Store(settings.data_dir / FILE_NAME))
        kept = [row for _, row in baselines.status() if row is not None] if baselines else []
    except StoreError as error:
        return Component("baselines", "failed", str(error), unlocks, "check SRE_DATA_DIR")
    told = [f"{sum(row.series for row in kept):,} series of {plural(len(kept), 'signal')}"] if kept else []
    newest = max((row.learnt_at for row in kept), default=now())
    told += [f"learnt {ago(newest, now())}"] if kept else ["nothing is learnt yet"]
    told += [f"not learnt: {each}" for each in baselines.left_out] if baselines else []
    if baselines and baselines.problem:
        return Component("baselines", "failed", "; ".join([*told, baselines.problem]), unlocks, learn)
    if now() - newest > GOOD_FOR:
        return Component("baselines", "failed", f"{', '.join(told)}: too long to go by", unlocks, learn)
    return Component("baselines", "ok" if kept else "not configured", ", ".join(told), unlocks, "" if kept else learn)


async def _runbooks(settings: Settings) -> Component:
    unlocks = "what to do, from your own runbooks"
    directory = index_directory(settings)
    if not directory.exists():
        return Component("runbooks", "not configured", "", unlocks, "run: sre ingest")
    try:
        held = await asyncio.to_thread(_index_status, settings)
    except KnowledgeError as error:
        return Component("runbooks", "failed", str(error), unlocks, "run: sre ingest")
    return Component("runbooks", "ok", f"{held.documents} documents indexed in {directory}", unlocks)


def _language_model(settings: Settings, assistant: Assistant | None) -> Component:
    """What is set, and whether its budget is left. The model itself is not asked: that would cost something."""
    unlocks = "answers in a model's words, every claim checked, and further look-ups; all else works without"
    if settings.lm is None:
        return Component("language model", "not configured", "", unlocks, "set SRE_LM (see the README)")
    assistant = assistant or build_assistant(settings)  # imports DSPy, only where a model is set
    told = "; ".join((assistant.model or settings.lm, *assistant.problems))
    if assistant.model is None:
        return Component(
            "language model", "failed", told, unlocks, "correct it; until then answers are written by code"
        )
    if refusal := assistant.model_refusal():
        return Component(
            "language model", "failed", f"{told}; {refusal}", unlocks, "answers are written by code meanwhile"
        )
    spent = over_budget(settings)
    return Component("language model", "ok", f"{told} (not asked now){f'; {spent}' if spent else ''}", unlocks)


def _index_status(settings: Settings) -> Manifest:
    # Reads one small file, and opens neither index nor model.
    return build_index(index_directory(settings), settings.data_dir).status()
