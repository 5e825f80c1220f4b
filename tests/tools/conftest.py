"""A local Grafana, and our reader of it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "servers"))

from grafana_server import TOKEN, GrafanaServer

from tools.grafana import ALLOWED, Grafana
from tools.http import Source


@pytest.fixture
def server() -> Iterator[GrafanaServer]:
    with GrafanaServer() as server:
        yield server


@pytest.fixture
async def source(server: GrafanaServer) -> AsyncIterator[Source]:
    source = Source("grafana", server.url, allowed=ALLOWED, headers={"Authorization": f"Bearer {TOKEN}"}, timeout_s=20)
    yield source
    await source.aclose()


@pytest.fixture
def grafana(source: Source) -> Grafana:
    return Grafana(source, "https://grafana.home.lan/")
