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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

MAX_BODY = 10_000_000
CHUNK = 24
"""Characters of one piece of a streamed answer."""


@dataclass(frozen=True)
class Asked:
    """One request as it came, of either protocol."""

    protocol: Literal["anthropic", "openai"]
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def system(self) -> str:
        if self.protocol == "anthropic":
            return _text(self.body.get("system", ""))
        return "\n".join(_text(m["content"]) for m in self.body["messages"] if m["role"] in {"system", "developer"})

    @property
    def user(self) -> str:
        """The last thing that was said to the model."""
        return _text(self.body["messages"][-1]["content"])


@dataclass(frozen=True)
class Reply:
    """What to answer. `stall`: accept the request and say nothing more; `cut`: end in the middle of the answer; `raw`: these bytes as the body."""

    text: str = ""
    delay_s: float = 0.0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    stall: bool = False
    cut: bool = False
    stop_reason: str = "end_turn"
    input_tokens: int = 100
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 20


Script = Sequence[Reply] | Callable[[Asked], Reply]


class ScriptedModel:
    """Serves from a thread of its own while it is entered. The last reply of a sequence is given again and again."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[Asked] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-model", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_BODY, backlog=256)

    async def _stop(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (asked := await _read(reader)) is not None:
                if not await self._answer(asked, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the client went away, or the test is over
        finally:
            writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may serve another request."""
        self.asked.append(asked)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            reply = (
                self._script(asked)
                if callable(self._script)
                else self._script[min(len(self.asked), len(self._script)) - 1]
            )
            if reply.stall:
                await asyncio.sleep(3_600)
            await asyncio.sleep(reply.delay_s)
            stream = bool(asked.body.get("stream")) and reply.status == 200 and reply.raw is None
            body = _stream(asked, reply) if stream else reply.raw if reply.raw is not None else _whole(asked, reply)
            kind = "text/event-stream" if stream else "application/json"
            head = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
            writer.write(
                f"HTTP/1.1 {reply.status} Scripted\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode()
            )
            writer.write(body[: len(body) // 2] if reply.cut else body)
            await writer.drain()
            return not reply.cut
        finally:
            self.in_flight -= 1


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
    return Asked("anthropic" if head[0].split()[1].endswith("/messages") else "openai", body, headers)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)


def _error(asked: Asked, reply: Reply) -> dict[str, Any]:
    kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error", 529: "overloaded_error"}
    error = {"type": kind.get(reply.status, "api_error"), "message": reply.text or f"scripted {reply.status}"}
    return {"type": "error", "error": error} if asked.protocol == "anthropic" else {"error": error}


def _whole(asked: Asked, reply: Reply) -> bytes:
    if reply.status != 200:
        return json.dumps(_error(asked, reply)).encode()
    model = asked.body.get("model")
    if asked.protocol == "anthropic":
        content = [{"type": "text", "text": reply.text}] if reply.text else []
        said = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content}
        return json.dumps(
            {**said, "stop_reason": reply.stop_reason, "stop_sequence": None, "usage": _usage(asked, reply)}
        ).encode()
    message = {"role": "assistant", "content": reply.text}
    choice = {"index": 0, "message": message, "finish_reason": _finish(reply)}
    completion = {"id": "chat_1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
    return json.dumps({**completion, "usage": _usage(asked, reply)}).encode()


def _stream(asked: Asked, reply: Reply) -> bytes:
    pieces = [reply.text[start : start + CHUNK] for start in range(0, len(reply.text), CHUNK)]
    model = asked.body.get("model")
    if asked.protocol == "openai":
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}]}
            for piece in pieces
        ]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": _finish(reply)}]})
        chunks.append({"choices": [], "usage": _usage(asked, reply)})
        frame = {"id": "chat_1", "object": "chat.completion.chunk", "created": 1, "model": model}
        return "".join(f"data: {json.dumps({**frame, **chunk})}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"
    usage = _usage(asked, reply)
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
    }
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {**message, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reply.stop_reason, "stop_sequence": None},
            "usage": {"output_tokens": reply.output_tokens},
        },
        {"type": "message_stop"},
    ]
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def _usage(asked: Asked, reply: Reply) -> dict[str, Any]:
    if asked.protocol == "anthropic":
        return {
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "cache_read_input_tokens": reply.cache_read_tokens,
            "cache_creation_input_tokens": reply.cache_write_tokens,
        }
    prompt = reply.input_tokens + reply.cache_read_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": reply.output_tokens,
        "total_tokens": prompt + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cache_read_tokens},
    }


def _finish(reply: Reply) -> str:
    return {"end_turn": "stop", "max_tokens": "length", "refusal": "content_filter"}.get(reply.stop_reason, "stop")
