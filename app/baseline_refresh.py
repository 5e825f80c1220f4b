"""Keeps the baselines of a running server fresh: what is due is learnt in the background, once a day. No question waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.wiring import build_prometheus
from core.clock import now
from core.errors import ConfigurationError, SreError
from core.settings import Settings
from pipeline.baseline_learning import Learner
from pipeline.learnt import Baselines

LOG = logging.getLogger(__name__)

FIRST_LOOK_S = 60.0
"""A server that has just started has other things to do, and one for a moment need not learn."""
LOOK_AGAIN_S = 3600.0
PATIENCE_S = 60.0
"""For one request, at least: the queries reach far back, and nobody waits for them."""


def build_learner(settings: Settings, baselines: Baselines) -> Learner:
    """It has a client of its own, so that no question waits for a slot, or finds the circuit breaker open, because of it.

    Raises ConfigurationError when no Prometheus is set.
    """
    patient = {"source_timeout_s": max(settings.source_timeout_s, PATIENCE_S), "source_concurrency": 1}
    source = build_prometheus(settings.model_copy(update=patient))
    if source is None:
        raise ConfigurationError("SRE_PROMETHEUS_URL: it is not set, and baselines are learnt from Prometheus")
    return Learner(source, baselines)


@asynccontextmanager
async def kept_fresh(
    baselines: Baselines | None,
    learner: Learner | None,
    *,
    first_look_s: float = FIRST_LOOK_S,
    look_again_s: float = LOOK_AGAIN_S,
) -> AsyncIterator[None]:
    """For as long as the block runs. What was learnt by its end stays; the rest is learnt by the next server."""
    if baselines is None or learner is None:
        yield
        return
    task = asyncio.create_task(_keep_fresh(baselines, learner, first_look_s, look_again_s), name="baselines")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_fresh(baselines: Baselines, learner: Learner, first_look_s: float, look_again_s: float) -> None:
    await asyncio.sleep(first_look_s)
    while True:
        try:
            await refresh(baselines, learner)
        except Exception:  # the server lives on without; it is told in /health
            baselines.problem = "internal error; see the log of the server"
            LOG.exception("baselines: learning failed")
        await asyncio.sleep(look_again_s)


async def refresh(baselines: Baselines, learner: Learner) -> None:
    """Learn what is due. Why that failed is logged, and told by `baselines.problem` until it works again."""
    try:
        due = await asyncio.to_thread(baselines.due, now())
        if not due:
            baselines.problem = None  # somebody else has learnt
            return
        done = await learner.learn(now(), due)
    except SreError as error:
        baselines.problem = str(error)
        LOG.warning("baselines: nothing new could be learnt", extra={"problem": str(error)})
        return
    baselines.problem, baselines.left_out = None, tuple(done.problems)
    told = {"signals": done.signals, "series": done.series, "requests": done.requests, "problems": done.problems}
    LOG.info("baselines: learnt", extra=told)
