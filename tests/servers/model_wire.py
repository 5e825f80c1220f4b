"""A small server on loopback that says, byte for byte, what Anthropic's Messages API or OpenAI's chat API would.

It knows nothing of questions: each request gets the next answer of a list, and the last one for ever.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

ANSWER = "[[ ## answer ## ]]\nThe disk is full [E1].\n\n[[ ## completed ## ]]"
USAGE = {"input_tokens": 12, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 3, "output_tokens": 7}


@dataclass(frozen=True)
class Reply:
    """A whole answer. `body` is sent as JSON, unless it is bytes; `promised` overstates its length."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    promised: int = 0


@dataclass(frozen=True)
class Events:
    """A stream of server-sent events. The connection ends with the last."""

    events: Sequence[bytes]


class Stall:
    """Nothing, until the client hangs up."""


@dataclass
class ModelWire:
    """Use as an async context manager. Nobody is answered before `together` requests are open at once."""

    answers: Sequence[Reply | Events | Stall]
    together: int = 1
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    hung_up: int = 0
    url: str = ""
    _open: int = 0
    _enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._serve_one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays open."""
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((first.split()[1], headers, json.loads(body)))
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        self._open += 1
        if self._open >= self.together:
            self._enough.set()
        await self._enough.wait()
        self._open -= 1
        if isinstance(answer, Stall):
            self.hung_up += await reader.read(1) == b""
            return False
        if isinstance(answer, Events):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for event in answer.events:
                writer.write(event)
                await writer.drain()
            return False
        payload = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        length = answer.promised or len(payload)
        told = {"content-type": "application/json", "content-length": str(length), **answer.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"HTTP/1.1 {answer.status} X\r\n{head}\r\n".encode() + payload)
        await writer.drain()
        return not answer.promised


def error(status: int, kind: str, message: str, **headers: str) -> Reply:
    """An error in the shape that both APIs use; `retry_after` becomes the header."""
    body = {"type": "error", "error": {"type": kind, "code": kind, "message": message}}
    return Reply(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


def claude(text: str = ANSWER, *, stop: str = "end_turn") -> Reply:
    return Reply(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": [{"type": "text", "text": text}],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": USAGE,
        }
    )


def chat(text: str = ANSWER, *, stop: str = "stop") -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": stop}
    usage = {"prompt_tokens": 120, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 100}}
    return Reply({"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})


def claude_events(*pieces: str, stop: str = "end_turn", fails: bool = False, ends: bool = True) -> Events:
    """The documented order of events; `fails` puts an error where the rest would come."""
    message = {**claude("").body, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    block = {"type": "text", "text": ""}
    events = [_event("message_start", message=message), _event("content_block_start", index=0, content_block=block)]
    events.append(_event("ping"))
    deltas = ({"type": "text_delta", "text": piece} for piece in pieces)
    events += [_event("content_block_delta", index=0, delta=delta) for delta in deltas]
    if fails:
        events.append(_event("error", error={"type": "overloaded_error", "message": "Overloaded"}))
    elif ends:
        events.append(_event("content_block_stop", index=0))
        events.append(_event("message_delta", delta={"stop_reason": stop}, usage={"output_tokens": 7}))
        events.append(_event("message_stop"))
    return Events(events)


def chat_events(*pieces: str, stop: str = "stop", fails: bool = False, ends: bool = True) -> Events:
    events = [_chunk(choices=[{"index": 0, "delta": {"content": piece}}]) for piece in pieces]
    if fails:
        events.append(_chunk(error={"message": "Overloaded", "type": "server_error"}))
    elif ends:
        events.append(_chunk(choices=[{"index": 0, "delta": {}, "finish_reason": stop}]))
        events.append(_chunk(choices=[], usage=chat().body["usage"]))
        events.append(b"data: [DONE]\n\n")
    return Events(events)


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def _chunk(**fields: Any) -> bytes:
    return f"data: {json.dumps({'id': 'c1', 'object': 'chat.completion.chunk', 'model': 'm', **fields})}\n\n".encode()
