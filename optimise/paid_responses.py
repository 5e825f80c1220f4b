"""What a model answered is kept, so that a run that was broken off and started again pays for nothing twice. JSON in SQLite, no pickle."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from dspy import lm15

from core.errors import StoreError
from pipeline.model_engine import Engine

_TABLE = (
    "CREATE TABLE IF NOT EXISTS responses (request TEXT, place INTEGER, response TEXT, PRIMARY KEY (request, place))"
)


class PaidResponses:
    """The responses of one run. The same request asked again gets the next of its responses: they may differ on purpose.

    `reused` counts those that were not asked for anew.
    """

    def __init__(self, path: Path) -> None:
        """Raises StoreError when the file cannot be used."""
        self.path = path
        self.reused = 0
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute(_TABLE)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: responses of the model cannot be kept there: {error}") from None

    def around(self, engine: Engine) -> Engine:
        """The engine, asked only for what is not kept."""
        return _Keeping(engine, self)

    def next_of(self, request: lm15.Request) -> tuple[str, int]:
        """Under which request, and as the how manieth of its responses, the next one is kept."""
        key = hashlib.sha256(repr(request).encode()).hexdigest()
        with self._lock:
            place = self._asked[key]
            self._asked[key] += 1
        return key, place

    def kept(self, key: str, place: int) -> lm15.Response | None:
        with self._lock:
            row = self._database.execute(
                "SELECT response FROM responses WHERE request = ? AND place = ?", (key, place)
            ).fetchone()
            self.reused += row is not None
        return _read(json.loads(row[0])) if row else None

    def keep(self, key: str, place: int, response: lm15.Response) -> None:
        """At once, so that nothing is lost whatever comes next."""
        text = json.dumps(_written(response), ensure_ascii=False)
        with self._lock:
            self._database.execute("INSERT OR REPLACE INTO responses VALUES (?, ?, ?)", (key, place, text))

    def close(self) -> None:
        self._database.close()


class _Keeping:
    supports_function_calling = False

    def __init__(self, engine: Engine, paid: PaidResponses) -> None:
        self._engine = engine
        self._paid = paid

    async def complete(self, request: lm15.Request) -> lm15.Response:
        key, place = self._paid.next_of(request)
        if (kept := self._paid.kept(key, place)) is not None:
            return kept
        response = await self._engine.complete(request)
        self._paid.keep(key, place, response)
        return response

    def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        return self._engine.stream(request)

    async def aclose(self) -> None:
        await self._engine.aclose()


def _written(response: lm15.Response) -> dict[str, Any]:
    usage = response.usage
    return {
        "model": response.model,
        "text": response.text,
        "finish_reason": response.finish_reason,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }


def _read(kept: dict[str, Any]) -> lm15.Response:
    usage = lm15.Usage(input_tokens=kept["input_tokens"], output_tokens=kept["output_tokens"])
    message = lm15.Message(role="assistant", parts=(lm15.TextPart(kept["text"] or ""),))
    return lm15.Response(None, kept["model"], message, kept["finish_reason"], usage)
