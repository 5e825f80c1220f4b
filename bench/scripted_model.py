"""A language model's API with scripted answers, over real HTTP on loopback: Anthropic Messages and OpenAI chat completions.

    with ScriptedModel([Reply("first answer"), Reply(status=529)]) as server:
        ... SRE_LM_BASE_URL = server.url            # anthropic/…
        ... SRE_LM_BASE_URL = server.url + "/v1"    # openai/…, ollama/…

It proves protocol and control flow. What it answers says nothing about how good a model's answers are.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self

from bench.model_protocols import PROTOCOLS, Asked, Protocol, Reply, events, whole
from core.clock import now

__all__ = ["Asked", "Reply", "Script", "ScriptedModel"]

MAX_BODY = 10_000_000
_SECRET = {"authorization", "x-api-key"}

Script = Sequence[Reply] | Callable[[Asked], Reply]


class ScriptedModel:
    """Serves from a thread of its own while it is entered. The last reply of a sequence is given again and again.

    `asked` holds the requests in the order in which they came; `in_flight` counts those whose client still waits, `abandoned` those
    whose client hung up before the answer was out. When the script itself raised, the client got a 500 and leaving raises.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[Asked] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.abandoned = 0
        self.url = ""
        self._failure: Exception | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-model", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        if self._failure is not None and kind is None:
            raise RuntimeError(f"the script of the scripted model failed: {self._failure!r}") from self._failure

    async def _start(self) -> asyncio.Server:
        return await self._loop.create_server(self._connection, "127.0.0.1", 0, backlog=256)

    async def _stop(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _connection(self) -> asyncio.StreamReaderProtocol:
        reader = _Client(limit=MAX_BODY)

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(reader, writer)

        return asyncio.StreamReaderProtocol(reader, serve)

    async def _serve(self, client: _Client, writer: asyncio.StreamWriter) -> None:
        """One request after the other, until one side ends it."""
        try:
            while await self._serve_one(client, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            writer.close()

    async def _serve_one(self, client: _Client, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may serve another request."""
        request = await _read(client)
        if isinstance(request, _Refusal):
            return await _send(writer, request.protocol, {}, request.reply)
        self.asked.append(request)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        answering = asyncio.ensure_future(_send(writer, request.protocol, request.body, self._reply(request)))
        leaving = asyncio.ensure_future(client.gone.wait())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            # Who leaves while a piece is written is noticed by the writing first.
            self.abandoned += not answering.done() or isinstance(answering.exception(), ConnectionError)
            return answering.done() and answering.result()
        finally:
            self.in_flight -= 1
            answering.cancel()
            leaving.cancel()

    def _reply(self, asked: Asked) -> Reply:
        if asked.problem is not None:
            return Reply(asked.problem, status=400)
        if not callable(self._script):
            return self._script[min(len(self.asked), len(self._script)) - 1]
        try:
            return self._script(asked)
        except Exception as error:  # noqa: BLE001 - raised again on leaving, in the thread of the test
            self._failure = self._failure or error
            return Reply("the script failed", status=500)


class _Client(asyncio.StreamReader):
    """What a client sends, and whether it is still there: a stream alone tells that only to who reads."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)
        self.gone = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.gone.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.gone.set()


class _Refusal:
    """A request that reaches no model: another method or path, or no JSON."""

    def __init__(self, protocol: Protocol, status: int, message: str) -> None:
        self.protocol = protocol
        self.reply = Reply(message, status=status)


async def _read(client: _Client) -> Asked | _Refusal:
    head = (await client.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split()
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    sent = await client.readexactly(int(headers.get("content-length", 0)))
    path = target.partition("?")[0]
    protocol = PROTOCOLS.get(path)
    if protocol is None or method != "POST":
        return _Refusal(protocol or "openai", 404, f"no {method} {path} here")
    with suppress(ValueError):
        body = json.loads(sent)
        if isinstance(body, dict):
            shown = {name: "***" if name in _SECRET else value for name, value in headers.items()}
            return Asked(protocol, body, shown, now())
    return _Refusal(protocol, 400, "the body is not a JSON object")


async def _send(writer: asyncio.StreamWriter, protocol: Protocol, body: Any, reply: Reply) -> bool:
    """Whether the connection may serve another request."""
    await asyncio.sleep(reply.delay_s)
    if reply.stall is True:
        await _for_ever()
    if reply.wire is not None:
        writer.write(reply.wire)
        return False
    streamed = bool(body.get("stream")) and reply.status == 200 and reply.raw is None
    parts = events(protocol, body, reply) if streamed else [whole(protocol, str(body.get("model")), reply)]
    writer.write(_head(reply, None if streamed else len(parts[0])))
    if reply.stall == "headers":
        await _for_ever()
    if streamed:
        parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]
    if reply.stall or reply.cut:
        parts = _half(parts)
    for part in parts:
        writer.write(part)
        await writer.drain()
    if reply.stall:
        await _for_ever()
    if streamed and not reply.cut:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return not reply.cut


def _head(reply: Reply, length: int | None) -> bytes:
    """The status and the headers; those of the reply come last. No length: a stream in chunks."""
    kind = "text/event-stream" if length is None else "application/json"
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    more = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    return f"HTTP/1.1 {reply.status} Scripted\r\nContent-Type: {kind}\r\n{framing}\r\n{more}\r\n".encode()


def _half(parts: list[bytes]) -> list[bytes]:
    """The first half, its last part broken off within."""
    middle = len(parts) // 2
    return [*parts[:middle], parts[middle][: len(parts[middle]) // 2]]


async def _for_ever() -> None:
    await asyncio.Event().wait()
