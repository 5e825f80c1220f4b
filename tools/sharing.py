"""One piece of work for all who ask for the same while it is under way: many questions at once read much the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class _Work:
    task: asyncio.Task[Any]
    waiting: int = 0


class Sharing:
    """Belongs to one event loop. Nothing is kept: who asks after the work has ended starts it anew."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _Work] = {}

    async def once(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What the work gives or raises. It is cancelled only when nobody waits for it any more."""
        one = self._under_way.get(key)
        if one is None:
            one = self._under_way[key] = _Work(asyncio.create_task(work()))
        one.waiting += 1
        try:
            return await asyncio.shield(one.task)
        finally:
            one.waiting -= 1
            if not one.waiting or one.task.done():
                one.task.cancel()  # does nothing when it is done
                if self._under_way.get(key) is one:
                    del self._under_way[key]
