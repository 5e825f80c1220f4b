"""What a server loads before anybody asks: the index, the embedding model and the examples of the router take seconds the first time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.clock import now
from core.errors import SreError
from pipeline.brief import Gaps
from pipeline.router import RouterWeights
from pipeline.sources import Sources

LOG = logging.getLogger(__name__)


@asynccontextmanager
async def warmed_up(sources: Sources) -> AsyncIterator[None]:
    """Begins with it, and lets questions come meanwhile."""
    tasks = (
        asyncio.create_task(asyncio.to_thread(_load, sources)),
        asyncio.create_task(sources.inventory(None, Gaps())),
    )
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _load(sources: Sources) -> None:
    started = now()
    try:
        if sources.router is not None:
            weights = sources.parameters.router if sources.parameters else RouterWeights()
            examples = sources.parameters.router_examples if sources.parameters else None
            sources.router.intent("is anything wrong?", weights, examples)
        if sources.knowledge is not None:
            sources.knowledge.search("restart a service", k=1)
    except SreError as error:
        LOG.warning("not everything could be loaded before the first question: %s", error)
        return
    LOG.info("ready for the first question", extra={"seconds": (now() - started).total_seconds()})
