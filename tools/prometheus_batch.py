"""Instant queries that are asked together go out together, as one query: `label_replace(a, …) or label_replace(b, …)`.

A question asks a hundred of them at a few moments, and each request costs both ends more than its evaluation. Grouping is by moment and
turn of the event loop, so those who ask need not know of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

from core.errors import QueryRejected
from tools.prometheus_samples import Sample, Vector

PART = "sre_part"
"""The label that tells which query a sample answers; no exporter uses it."""
MOST_TOGETHER = 12
"""Prometheus evaluates them one after the other: several smaller ones still run side by side."""

Ask = Callable[[str, datetime | None], Awaitable[Vector]]
_Waiting = list[tuple[str, asyncio.Future[Vector]]]


class Batches:
    """`ask` sends one query. Serves any number of event loops."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._waiting: dict[tuple[asyncio.AbstractEventLoop, datetime | None], _Waiting] = {}
        self._sent: set[asyncio.Task[None]] = set()

    async def instant(self, query: str, at: datetime | None) -> Vector:
        """As `ask`. A query that Prometheus rejects spoils none of the others."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get((loop, at))
        if waiting is None:
            waiting = self._waiting[loop, at] = []
            loop.call_soon(self._send, loop, at)  # behind all that ask in this turn
        answer: asyncio.Future[Vector] = loop.create_future()
        waiting.append((query, answer))
        return await answer

    def _send(self, loop: asyncio.AbstractEventLoop, at: datetime | None) -> None:
        waiting = self._waiting.pop((loop, at))
        for start in range(0, len(waiting), MOST_TOGETHER):
            own = waiting[start : start + MOST_TOGETHER]
            task = loop.create_task(self._answer(own, at))
            self._sent.add(task)
            task.add_done_callback(self._sent.discard)
            for _, answer in own:
                answer.add_done_callback(partial(_cancel_unless_wanted, task, own))

    async def _answer(self, waiting: _Waiting, at: datetime | None) -> None:
        try:
            answers = await self._asked([query for query, _ in waiting], at)
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised where the answer is waited for
            answers = [error] * len(waiting)
        for (_, future), answer in zip(waiting, answers, strict=True):
            if future.done():  # cancelled meanwhile
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def _asked(self, queries: Sequence[str], at: datetime | None) -> Sequence[Vector | BaseException]:
        if len(queries) > 1:
            try:
                return _apart(await self._ask(together(queries), at), len(queries))
            except QueryRejected:  # which of them it was shows when each is asked by itself
                pass
        return await asyncio.gather(*(self._ask(query, at) for query in queries), return_exceptions=True)


def together(queries: Sequence[str]) -> str:
    """One query for all; each sample tells the number of the query that it answers."""
    return " or ".join(
        f'label_replace({query}, "{PART}", "{number}", "{PART}", "")' for number, query in enumerate(queries)
    )


def _apart(answer: Vector, count: int) -> list[Vector]:
    parts = [Vector(warnings=answer.warnings) for _ in range(count)]
    for sample in answer:
        labels = dict(sample.labels)
        parts[int(labels.pop(PART))].append(Sample(labels, sample.value))
    return parts


def _cancel_unless_wanted(task: asyncio.Task[None], waiting: _Waiting, _: asyncio.Future[Vector]) -> None:
    if all(answer.cancelled() for _, answer in waiting):
        task.cancel()
