"""The composition root: the only place where sources, index and assistant are built and handed to each other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.errors import KnowledgeError
from core.redact import redact
from core.settings import Settings
from core.vocabulary import Passage
from pipeline.assistant import Assistant
from pipeline.sources import Knowledge, Sources
from tools import alertmanager, grafana, prometheus
from tools.alerts import AlertSource
from tools.ansible_inventory import AnsibleTrees
from tools.http import Source
from tools.logfiles import LogFiles

if TYPE_CHECKING:
    from tools.knowledge.index import KnowledgeIndex


def build_assistant(settings: Settings, sources: Sources | None = None) -> Assistant:
    """The assistant over everything that the settings name."""
    return Assistant(sources or build_sources(settings), zone=settings.zone, deadline_s=settings.question_deadline_s)


def build_sources(settings: Settings) -> Sources:
    """One object per configured source; nothing is contacted yet."""
    prometheus_source = build_prometheus(settings)
    grafana_source = build_grafana(settings)
    return Sources(
        prometheus=prometheus_source,
        grafana=grafana_source,
        alert_sources=build_alert_sources(settings, grafana_source),
        logs=LogFiles(settings.log_files, zone=settings.zone) if settings.log_files else None,
        knowledge=LazyKnowledge(index_directory(settings), settings.data_dir),
        ansible=AnsibleTrees(settings.ansible_inventories) if settings.ansible_inventories else None,
    )


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


def build_index(directory: Path, data_dir: Path) -> KnowledgeIndex:
    """The index of documents; imports Chroma and the embedding model."""
    from tools.knowledge.embedding import Embedder
    from tools.knowledge.index import KnowledgeIndex

    return KnowledgeIndex(directory, Embedder(data_dir / "models"), redact=redact)


def index_directory(settings: Settings) -> Path:
    return settings.data_dir / "index"


class LazyKnowledge:
    """The index, opened by the first search: a question that needs no page does not pay for Chroma's import."""

    def __init__(self, directory: Path, data_dir: Path) -> None:
        self._directory = directory
        self._data_dir = data_dir
        self._index: Knowledge | None = None
        self._opening = threading.Lock()

    def _opened(self) -> Knowledge:
        if not self._directory.exists():
            raise KnowledgeError("no documents are indexed yet (run: sre ingest)")
        with self._opening:
            if self._index is None:
                self._index = build_index(self._directory, self._data_dir)
            return self._index

    def search(self, query: str, k: int = 3) -> list[Passage]:
        return self._opened().search(query, k)

    def nearest(self, query: str, k: int = 3) -> list[Passage]:
        return self._opened().nearest(query, k)

    def sections(self, document: str) -> list[Passage]:
        return self._opened().sections(document)


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
