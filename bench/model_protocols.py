"""What a language model's API is asked and what it answers, in Anthropic's Messages and in OpenAI's chat completions.

POST /v1/messages and POST /v1/chat/completions, each whole or as server-sent events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Protocol = Literal["anthropic", "openai"]
PROTOCOLS: Mapping[str, Protocol] = {"/v1/messages": "anthropic", "/v1/chat/completions": "openai"}
CHUNK = 24
"""Characters of one piece of a streamed answer."""
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_FINISH = {"max_tokens": "length", "refusal": "content_filter"}


@dataclass(frozen=True)
class Asked:
    """One request as it came, of either protocol. `at` is when it was read, in UTC; a key in `headers` is blanked."""

    protocol: Protocol
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    at: datetime

    @property
    def system(self) -> str:
        if self.protocol == "anthropic":
            return _text(self.body.get("system", ""))
        return "\n".join(_text(m["content"]) for m in self.body["messages"] if m["role"] in {"system", "developer"})

    @property
    def user(self) -> str:
        """The last thing that was said to the model."""
        return _text(self.body["messages"][-1]["content"])

    @property
    def problem(self) -> str | None:
        """Why the documented API would turn it away with 400."""
        if not isinstance(self.body.get("model"), str):
            return "model: Field required"
        messages = self.body.get("messages")
        if not isinstance(messages, list) or not messages:
            return "messages: at least one message is required"
        if self.protocol == "openai":
            return None
        if "anthropic-version" not in self.headers:
            return "anthropic-version: header is required"
        if not isinstance(self.body.get("max_tokens"), int) or self.body["max_tokens"] < 1:
            return "max_tokens: Field required"
        if any(message.get("role") not in {"user", "assistant"} for message in messages):
            return "messages: Unexpected role; the system prompt is a top-level parameter"
        return None


@dataclass(frozen=True)
class Reply:
    """What to answer.

    `stall`: True accepts the request and says nothing more, "headers" ends after the headers, "middle" in the middle of the
    answer, all with the connection kept open; `cut`: the connection closes in the middle of the answer; `raw`: these bytes as the
    body; `wire`: these bytes in place of HTTP. `delay_s` is waited before the first byte.
    """

    text: str = ""
    delay_s: float = 0.0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    wire: bytes | None = None
    stall: bool | Literal["headers", "middle"] = False
    cut: bool = False
    stop_reason: str = "end_turn"
    input_tokens: int = 100
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 20


def whole(protocol: Protocol, model: str, reply: Reply) -> bytes:
    """The body of an answer that is not streamed, or of an error."""
    if reply.raw is not None:
        return reply.raw
    if reply.status != 200:
        error = {"type": _ERRORS.get(reply.status, "api_error"), "message": reply.text or f"scripted {reply.status}"}
        return json.dumps({"type": "error", "error": error} if protocol == "anthropic" else {"error": error}).encode()
    if protocol == "anthropic":
        content = [{"type": "text", "text": reply.text}] if reply.text else []
        message = {**_message(model), "content": content, "stop_reason": reply.stop_reason}
        return json.dumps({**message, "usage": _usage(protocol, reply)}).encode()
    said = {"role": "assistant", "content": reply.text}
    choice = {"index": 0, "message": said, "finish_reason": _FINISH.get(reply.stop_reason, "stop")}
    completion = {"id": "chat_1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
    return json.dumps({**completion, "usage": _usage(protocol, reply)}).encode()


def events(protocol: Protocol, body: Mapping[str, Any], reply: Reply) -> list[bytes]:
    """The server-sent events of a streamed answer, in the documented order."""
    pieces = [reply.text[start : start + CHUNK] for start in range(0, len(reply.text), CHUNK)]
    if protocol == "anthropic":
        return _anthropic_events(str(body["model"]), pieces, reply)
    asked_for_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    return _openai_events(str(body["model"]), pieces, reply, with_usage=asked_for_usage)


def _anthropic_events(model: str, pieces: list[str], reply: Reply) -> list[bytes]:
    started = {**_message(model), "content": [], "usage": {**_usage("anthropic", reply), "output_tokens": 1}}
    block = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in pieces
        ),
        {"type": "content_block_stop", "index": 0},
    ]
    ended = {"stop_reason": reply.stop_reason, "stop_sequence": None}
    told: list[dict[str, Any]] = [
        {"type": "message_start", "message": started},
        *(block if pieces else ()),
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": reply.output_tokens}},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in told]


def _openai_events(model: str, pieces: list[str], reply: Reply, *, with_usage: bool) -> list[bytes]:
    deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
    choices: list[dict[str, Any]] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": _FINISH.get(reply.stop_reason, "stop")})
    chunks: list[dict[str, Any]] = [{"choices": [choice]} for choice in choices]
    if with_usage:
        chunks.append({"choices": [], "usage": _usage("openai", reply)})
    frame = {"id": "chat_1", "object": "chat.completion.chunk", "created": 1, "model": model}
    return [*(f"data: {json.dumps({**frame, **chunk})}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n"]


def _message(model: str) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": model}
    return {**head, "stop_reason": None, "stop_sequence": None}


def _usage(protocol: Protocol, reply: Reply) -> dict[str, Any]:
    """OpenAI counts cached tokens among those of the prompt, Anthropic beside them."""
    if protocol == "anthropic":
        return {
            "input_tokens": reply.input_tokens,
            "output_tokens": reply.output_tokens,
            "cache_read_input_tokens": reply.cache_read_tokens,
            "cache_creation_input_tokens": reply.cache_write_tokens,
        }
    prompt = reply.input_tokens + reply.cache_read_tokens + reply.cache_write_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": reply.output_tokens,
        "total_tokens": prompt + reply.output_tokens,
        "prompt_tokens_details": {"cached_tokens": reply.cache_read_tokens},
    }


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content)
