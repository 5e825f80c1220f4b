"""The composition root: the only place where sources, index and assistant are built and handed to each other."""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.knowledge import build_knowledge, build_router, index_directory
from app.program import choose_program, take_over
from core.clock import now, refuse_future
from core.errors import ConfigurationError
from core.settings import Settings
from core.telemetry import charge
from core.vocabulary import Timeline
from pipeline.sources import Sources
from tools import alertmanager, grafana, loki, prometheus
from tools.alerts import AlertSource
from tools.ansible_inventory import AnsibleTrees
from tools.changes import ara
from tools.changes.alert_transitions import AlertTransitions
from tools.changes.ansible_files import AnsibleFiles
from tools.changes.ara import Ara
from tools.changes.git import GitCommits
from tools.changes.records import ChangeRecords
from tools.changes.restarts import MetricChanges
from tools.changes.source import ChangeSource
from tools.http import Source
from tools.log_sources import LogSources
from tools.logfiles import LogFiles
from tools.logs import LogSource

if TYPE_CHECKING:
    from core.store import Store
    from pipeline.assistant import Assistant
    from pipeline.language_model import Models
    from pipeline.learnt import Baselines
    from tools.knowledge.ranking import SearchWeights

LOG = logging.getLogger(__name__)


def build_assistant(settings: Settings, sources: Sources | None = None, models: Models | None = None) -> Assistant:
    """The assistant over everything that the settings name, with `models` where they are built already.

    A model that cannot be built, or a saved program that does not fit, is logged and told with each answer; the rest works.
    """
    # DSPy and SQLAlchemy take seconds to import, which `sre alerts` and `sre doctor` must not wait for.
    from core.store import FILE_NAME, Store
    from pipeline.assistant import Assistant
    from pipeline.last_good import LastGood
    from pipeline.sessions import Sessions

    store = Store(settings.data_dir / FILE_NAME)
    chosen = choose_program(settings)
    if chosen.saved is None:
        sources = sources or build_sources(settings)
    else:
        numbers = chosen.saved.numbers()
        sources = sources or build_sources(settings, numbers.search)
        sources.parameters = numbers
    sources.baselines = build_baselines(settings, store)
    problems = chosen.problems
    try:
        models = models or build_models_with_ledger(settings, store)
        problems += price_problems(settings) if models else []
    except ConfigurationError as error:
        problems.append(f"{error}; answers are written by code")
    assistant = Assistant(
        sources,
        zone=settings.zone,
        deadline_s=settings.question_deadline_s,
        models=models,
        sessions=Sessions(store),
        last_good=LastGood(store) if models else None,
    )
    take_over(assistant, chosen)
    for problem in problems:
        LOG.warning(problem)
    assistant.problems = tuple(problems)
    return assistant


def build_models_with_ledger(settings: Settings, store: Store) -> Models | None:
    """The language models, whose every call is priced, recorded and counted, and which stop at the daily budget.

    None when none is set. Raises ConfigurationError.
    """
    if settings.lm is None:
        return None
    from core.costs import load_prices
    from core.ledger import Ledger
    from pipeline.language_model import build_models

    ledger = Ledger(store, load_prices(settings.lm_prices), settings.daily_budget_usd)
    return build_models(
        settings, on_call=lambda call: charge(ledger.record(call)), refuse=lambda: ledger.over_budget(now())
    )


def build_sources(settings: Settings, search: SearchWeights | None = None) -> Sources:
    """One object per configured source; nothing is contacted yet. `search` are other weights for finding pages."""
    prometheus_source = build_prometheus(settings)
    grafana_source = build_grafana(settings)
    loki_source = build_loki(settings)
    return Sources(
        prometheus=prometheus_source,
        grafana=grafana_source,
        alert_sources=build_alert_sources(settings, grafana_source),
        logs=build_logs(settings, loki_source),
        loki=loki_source,
        changes=build_change_sources(settings, prometheus_source, grafana_source),
        knowledge=build_knowledge(index_directory(settings), settings.data_dir, search),
        ansible=AnsibleTrees(settings.ansible_inventories) if settings.ansible_inventories else None,
        router=build_router(settings.data_dir),
    )


async def build_timeline(
    settings: Settings, sources: Sources | None = None, *, at: datetime | None, around: timedelta
) -> Timeline:
    """What happened around `at` (now if None). Raises InvalidInput for a time in the future."""
    from pipeline.timeline import timeline

    moment = now()
    if sources is None:
        sources = build_sources(settings)
        sources.baselines = build_kept_baselines(settings)
    return await timeline(
        sources,
        settings.zone,
        refuse_future(at, field="at") if at else moment,
        around,
        now=moment,
        deadline_s=settings.question_deadline_s,
    )


def build_kept_baselines(settings: Settings) -> Baselines | None:
    """What was learnt before, for a process that has no store open; None when nothing was."""
    from core.store import FILE_NAME, Store

    file = settings.data_dir / FILE_NAME
    return build_baselines(settings, Store(file)) if file.exists() else None


def build_baselines(settings: Settings, store: Store) -> Baselines | None:
    """What was learnt of the Prometheus that is set; None when none is."""
    from pipeline.baseline_store import BaselineStore
    from pipeline.learnt import Baselines

    url = settings.prometheus_url
    return Baselines(BaselineStore(store, _public(url)), settings.zone) if url else None


def over_budget(settings: Settings) -> str | None:
    """Why no model is asked today. Raises ConfigurationError."""
    from core.costs import load_prices
    from core.ledger import Ledger
    from core.store import FILE_NAME, Store

    prices = load_prices(settings.lm_prices)
    return Ledger(Store(settings.data_dir / FILE_NAME), prices, settings.daily_budget_usd).over_budget(now())


def price_problems(settings: Settings) -> list[str]:
    """Which of the models that are set have no price, so that no budget holds them back. Raises ConfigurationError."""
    from core.costs import load_prices

    prices = load_prices(settings.lm_prices)
    set_models = dict.fromkeys(name for name in (settings.lm, settings.lm_small) if name)
    return [problem for problem in map(prices.problem, set_models) if problem]


def build_prometheus(settings: Settings) -> prometheus.Prometheus | None:
    if settings.prometheus_url is None:
        return None
    source = _source("prometheus", settings.prometheus_url, prometheus.ALLOWED, settings)
    return prometheus.Prometheus(
        source, external_url=settings.prometheus_external_url or _public(settings.prometheus_url)
    )


def build_grafana(settings: Settings) -> grafana.Grafana | None:
    if settings.grafana_url is None:
        return None
    token = settings.grafana_service_account_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    source = _source("grafana", settings.grafana_url, grafana.ALLOWED, settings, headers)
    return grafana.Grafana(source, external_url=_public(settings.grafana_url))


def build_alert_sources(settings: Settings, grafana_source: grafana.Grafana | None) -> Sequence[AlertSource]:
    """Alertmanager first: its silences are the ones that count when both know an alert."""
    found: list[AlertSource] = []
    if settings.alertmanager_url is not None:
        source = _source("alertmanager", settings.alertmanager_url, alertmanager.ALLOWED, settings)
        found.append(alertmanager.Alertmanager(source))
    if grafana_source is not None:
        found.append(grafana_source)
    return found


def build_logs(settings: Settings, loki_source: loki.Loki | None) -> LogSource | None:
    """The log files and Loki, as one source where both are configured; a line that both have is shown as the file has it."""
    files = LogFiles(settings.log_files, zone=settings.zone) if settings.log_files else None
    found = [source for source in (files, loki_source) if source is not None]
    return LogSources(found) if len(found) > 1 else next(iter(found), None)


def build_loki(settings: Settings) -> loki.Loki | None:
    if settings.loki_url is None:
        return None
    headers = {"X-Scope-OrgID": settings.loki_tenant} if settings.loki_tenant else {}
    if settings.loki_token:
        headers["Authorization"] = f"Bearer {settings.loki_token.get_secret_value()}"
    return loki.Loki(_source("loki", settings.loki_url, loki.ALLOWED, settings, headers), zone=settings.zone)


def build_change_sources(
    settings: Settings, prometheus_source: prometheus.Prometheus | None, grafana_source: grafana.Grafana | None
) -> Sequence[ChangeSource]:
    """Everything that tells what changed."""
    found: list[ChangeSource] = []
    if settings.ara_url is not None:
        found.append(Ara(_source("ara", settings.ara_url, ara.ALLOWED, settings, _ara_login(settings))))
    if settings.ansible_logs:
        found.append(AnsibleFiles(settings.ansible_logs, settings.zone))
    if settings.infra_repos:
        found.append(GitCommits(settings.infra_repos))
    if settings.change_files:
        found.append(ChangeRecords(settings.change_files))
    if prometheus_source is not None:
        found.append(MetricChanges(prometheus_source))
        if grafana_source is not None:  # for its annotations; alerts are read as alerts elsewhere
            found.append(AlertTransitions(prometheus_source, grafana_source))
    return found


def _ara_login(settings: Settings) -> dict[str, str]:
    """HTTP basic authentication, as ARA's own server does it."""
    if not settings.ara_username or settings.ara_password is None:
        return {}
    login = f"{settings.ara_username}:{settings.ara_password.get_secret_value()}"
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


def _source(
    name: str, url: str, allowed: Sequence[tuple[str, str]], settings: Settings, headers: dict[str, str] | None = None
) -> Source:
    return Source(
        name,
        url,
        allowed=allowed,
        timeout_s=settings.source_timeout_s,
        verify_tls=settings.verify_tls,
        headers=headers or {},
        concurrency=settings.source_concurrency,
    )


def _public(url: str) -> str:
    """The URL without credentials, for links that people open."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
