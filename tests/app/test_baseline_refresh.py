"""A server learns by itself what is due, and tells when it cannot."""

from __future__ import annotations

import asyncio
from contextlib import closing

import pytest
from backfilled_series import prometheus_of
from weekly_rhythm import NOW, rhythm

from app.baseline_refresh import build_learner, kept_fresh, refresh
from app.health import check_health, overall
from app.wiring import build_baselines, build_sources
from core.settings import Settings
from core.store import FILE_NAME, Store
from pipeline.learnt import Baselines

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory):
    with prometheus_of(tmp_path_factory.mktemp("rhythm"), rhythm()) as url:
        yield url


@pytest.fixture
def store(tmp_path):
    with closing(Store(tmp_path / FILE_NAME)) as opened:
        yield opened


def settings_of(url: str, tmp_path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path, prometheus_url=url)


def baselines_of(settings: Settings, store: Store) -> Baselines:
    found = build_baselines(settings, store)
    assert found is not None
    return found


async def health(settings: Settings, baselines: Baselines):
    sources = build_sources(settings)
    sources.baselines = baselines
    return next(iter(await check_health(settings, sources, only="baselines")))


async def test_a_server_learns_in_the_background(prometheus_url, store, tmp_path) -> None:
    settings = settings_of(prometheus_url, tmp_path)
    baselines = baselines_of(settings, store)
    assert (await health(settings, baselines)).state == "not configured"
    async with kept_fresh(baselines, build_learner(settings, baselines), first_look_s=0):
        while len(baselines.due(NOW)) > 1:
            await asyncio.sleep(0.05)
    assert [signal.name for signal in baselines.due(NOW)] == ["tcp_connections"]


async def test_what_cannot_be_learnt_shows_in_health_until_it_can(prometheus_url, store, tmp_path) -> None:
    settings = settings_of(prometheus_url, tmp_path)
    baselines = baselines_of(settings, store)
    await refresh(baselines, build_learner(settings_of(NOBODY, tmp_path), baselines))
    component = await health(settings, baselines)
    assert component.state == "failed"
    assert "prometheus: " in component.detail
    assert overall([component]) == "failed"  # nothing measures; beside a source that is ok it is degraded
    await refresh(baselines, build_learner(settings, baselines))
    component = await health(settings, baselines)
    assert component.state == "ok"
    assert "not learnt: tcp_connections: prometheus: 1001 series" in component.detail


async def test_a_server_that_ends_while_it_learns_ends_at_once(prometheus_url, store, tmp_path) -> None:
    settings = settings_of(prometheus_url, tmp_path)
    baselines = baselines_of(settings, store)
    async with kept_fresh(baselines, build_learner(settings, baselines), first_look_s=0):
        await asyncio.sleep(0.1)
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "baselines"] == []
    assert baselines.problem is None


async def test_a_database_that_cannot_be_read_is_told_and_the_server_lives_on(tmp_path) -> None:
    (tmp_path / FILE_NAME).write_text("no database")
    settings = settings_of(NOBODY, tmp_path)
    with closing(Store(tmp_path / FILE_NAME)) as broken:
        baselines = baselines_of(settings, broken)
        await refresh(baselines, build_learner(settings, baselines))
        assert (await health(settings, baselines)).state == "failed"
    assert baselines.problem is not None
    assert "store: " in baselines.problem
