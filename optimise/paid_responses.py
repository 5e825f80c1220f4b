"""What a model answered is kept, so that a run that was broken off and started again pays for nothing twice. JSON in SQLite, no pickle."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import asdict, replace
from pathlib import Path
from threading import Lock
from typing import Any

from dspy import lm15

from core.errors import StoreError
from optimise.spending import StoppedError
from pipeline.model_engine import Upstream

_TABLE = (
    "CREATE TABLE IF NOT EXISTS responses (request TEXT, place INTEGER, response TEXT, PRIMARY KEY (request, place))"
)


class PaidResponses:
    """The responses of one run, as many as its cap pays for. Asked the same again, the model is not asked again.

    Only a request with a temperature of its own, an optimiser's for one more idea, gets another response each time, in the same order
    in each run. `reused` counts the responses that an earlier process had paid for. A response tells its usage, which is what it cost,
    the first time that it is given; given again, it is free.
    """

    def __init__(self, path: Path) -> None:
        """Raises StoreError when the file cannot be used, or another run is using it."""
        self.path = path
        self.reused = 0
        self._given: Counter[str] = Counter()
        self._told: set[tuple[str, int]] = set()
        self._lock = Lock()
        try:
            self._database = sqlite3.connect(path, timeout=1, check_same_thread=False, isolation_level=None)
            for statement in ("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", _TABLE, "COMMIT"):
                self._database.execute(statement)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: responses of the model cannot be kept there: {error}") from None

    def around(self, upstream: Upstream) -> Upstream:
        """The provider, asked only for what is not kept."""
        return _Keeping(upstream, self)

    def take(self, request: lm15.Request) -> lm15.Response | None:
        """What was answered to this request; None when that is not known yet."""
        key = _key(request)
        with self._lock:
            row = self._database.execute(
                "SELECT response FROM responses WHERE request = ? AND place = ?", (key, self._given[key])
            ).fetchone()
            if row is None:
                return None
            response = _read(json.loads(row[0]))
            if (key, self._given[key]) in self._told:
                return replace(response, usage=lm15.Usage())
            self._told.add((key, self._given[key]))
            self.reused += 1
            self._given[key] += _wants_another(request)
        return response

    def keep(self, request: lm15.Request, response: lm15.Response) -> None:
        """At once, so that nothing is lost whatever comes next. Raises StoppedError: what cannot be kept would be paid for again."""
        key, text = _key(request), json.dumps(_written(response), ensure_ascii=False)
        with self._lock:
            try:
                self._database.execute(
                    "INSERT OR REPLACE INTO responses VALUES (?, ?, ?)", (key, self._given[key], text)
                )
            except sqlite3.Error as error:
                raise StoppedError(f"{self.path}: a response of the model could not be kept: {error}") from None
            self._told.add((key, self._given[key]))
            self._given[key] += _wants_another(request)

    def close(self) -> None:
        self._database.close()


class _Keeping:
    def __init__(self, upstream: Upstream, paid: PaidResponses) -> None:
        self._upstream = upstream
        self._paid = paid

    async def complete(self, request: lm15.Request) -> lm15.Response:
        if (kept := self._paid.take(request)) is not None:
            return kept
        response = await self._upstream.complete(request)
        self._paid.keep(request, response)
        return response

    def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        """Not kept: no optimiser asks for a stream."""
        return self._upstream.stream(request)

    async def aclose(self) -> None:
        await self._upstream.aclose()


def _key(request: lm15.Request) -> str:
    return hashlib.sha256(repr(request).encode()).hexdigest()


def _wants_another(request: lm15.Request) -> bool:
    return request.config.temperature is not None


def _written(response: lm15.Response) -> dict[str, Any]:
    usage = {name: count for name, count in asdict(response.usage).items() if count is not None}
    return {"model": response.model, "text": response.text, "finish_reason": response.finish_reason, "usage": usage}


def _read(kept: dict[str, Any]) -> lm15.Response:
    message = lm15.Message(role="assistant", parts=(lm15.TextPart(kept["text"] or ""),))
    return lm15.Response(None, kept["model"], message, kept["finish_reason"], lm15.Usage(**kept["usage"]))
