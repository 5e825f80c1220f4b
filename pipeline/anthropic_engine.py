"""Claude through Anthropic's SDK, as an engine of DSPy: one request, one answer, no retries of its own.

POST /v1/messages. The system prompt is the same for every question of a step, so it carries the mark of the prompt cache
(`cache_control`); Anthropic ignores the mark on prompts below its minimum. The API takes no temperature any more; one that an
optimiser asks for is left out.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import anthropic
import httpx2
from anthropic.types import Usage as Billed
from dspy import lm15

from core.clock import now
from pipeline.model_endpoint import Endpoint

_CUT = "the stream ended before the answer did"
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_call",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
_STATUS_IN_STREAM = {"overloaded_error": 529, "rate_limit_error": 429, "api_error": 500, "authentication_error": 401}
"""An error within a stream comes after the status 200; its type says what it would have been."""
_TOO_LONG = ("prompt is too long", "context window", "context limit")


class AnthropicEngine:
    """Belongs to one event loop. Raises lm15 errors; the caller bounds the time."""

    supports_function_calling = False

    def __init__(self, endpoint: Endpoint) -> None:
        self._model = endpoint.model
        # Given as arguments, neither the key nor the address is taken from the environment.
        self._client = anthropic.AsyncAnthropic(
            api_key=endpoint.key, base_url=endpoint.base_url, max_retries=0, open_telemetry=False
        )

    async def complete(self, request: lm15.Request) -> lm15.Response:
        try:
            answer = await self._client.messages.create(**self._parameters(request))
        except json.JSONDecodeError as error:
            raise lm15.ProviderError(f"not JSON: {error}") from None
        except anthropic.APIError as error:
            raise _canonical(error) from error
        # The SDK checks nothing: what is missing surfaces here as AttributeError or TypeError.
        text = "".join(block.text for block in answer.content if block.type == "text")
        return lm15.Response(
            id=answer.id,
            model=answer.model,
            message=lm15.Message.assistant(text),
            finish_reason=_finish(answer.stop_reason),
            usage=_usage(answer.usage),
        )

    async def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        """lm15's start event, one delta for each piece of text, and the end event with the exact usage."""
        usage, reason, ended = lm15.Usage(), None, False
        try:
            async with await self._client.messages.create(stream=True, **self._parameters(request)) as events:
                async for event in events:
                    if event.type == "message_start":
                        usage = _usage(event.message.usage)
                        yield lm15.StreamStartEvent(id=event.message.id, model=event.message.model)
                    elif event.type == "content_block_delta" and event.delta.type == "text_delta":
                        yield lm15.StreamDeltaEvent(lm15.TextDelta(event.delta.text))
                    elif event.type == "message_delta":
                        usage = replace(usage, output_tokens=event.usage.output_tokens, total_tokens=None)
                        reason = event.delta.stop_reason
                    elif event.type == "message_stop":
                        ended = True
        except anthropic.APIError as error:
            raise _canonical(error) from error
        except json.JSONDecodeError as error:
            raise lm15.ProviderError(f"not JSON: {error}") from None
        except httpx2.HTTPError as error:  # the SDK translates only what happens before the first byte
            raise lm15.TransportError(f"{_CUT} ({error})") from error
        if not ended:
            raise lm15.TransportError(_CUT)
        yield lm15.StreamEndEvent(finish_reason=_finish(reason), usage=usage)

    async def aclose(self) -> None:
        await self._client.close()

    def _parameters(self, request: lm15.Request) -> dict[str, Any]:
        """The last message is the question; what stands before it, a program's examples, is the same each time and cached too."""
        *before, question = [{"role": _role(message), "content": _text(message.parts)} for message in request.messages]
        if before:
            before[-1]["content"] = _cached(before[-1]["content"])
        parameters: dict[str, Any] = {
            "model": self._model,
            "max_tokens": request.config.max_tokens,
            "messages": [*before, question],
        }
        if request.system:
            text = request.system if isinstance(request.system, str) else _text(request.system)
            parameters["system"] = _cached(text)
        if request.config.stop:
            parameters["stop_sequences"] = list(request.config.stop)
        return parameters


def _cached(text: str) -> Any:
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


def _role(message: lm15.Message) -> str:
    return "assistant" if message.role == "assistant" else "user"


def _text(parts: tuple[Any, ...]) -> str:
    if not all(isinstance(part, lm15.TextPart) for part in parts):
        raise lm15.UnsupportedFeatureError("only text is sent to the model")
    return "\n\n".join(part.text for part in parts)


def _finish(reason: str | None) -> Any:
    return _FINISH.get(reason or "", "error")


def _usage(billed: Billed) -> lm15.Usage:
    return lm15.Usage(
        input_tokens=billed.input_tokens,
        output_tokens=billed.output_tokens,
        cache_read_tokens=billed.cache_read_input_tokens or 0,
        cache_write_tokens=billed.cache_creation_input_tokens or 0,
    )


def _canonical(error: anthropic.APIError) -> lm15.LM15Error:
    """The SDK's error in lm15's words, with the API's own message and when it may be asked again."""
    if isinstance(error, anthropic.APITimeoutError):
        return lm15.TransportError("the connection timed out")
    if isinstance(error, anthropic.APIConnectionError):
        return lm15.TransportError(str(error.__cause__ or error))
    if not isinstance(error, anthropic.APIStatusError):
        return lm15.ProviderError(error.message)
    status = _STATUS_IN_STREAM.get(error.type or "", error.status_code)
    told = {"status": status, "retry_after": _retry_after(error)}
    message = str(error.api_message or f"HTTP {status}")
    if status in {401, 403}:
        return lm15.AuthError(message, **told)
    if status == 429:
        return lm15.RateLimitError(message, **told)
    if status >= 500 or status == 408:
        return lm15.ServerError(message, **told)
    too_long = status == 413 or any(words in message for words in _TOO_LONG)
    return (lm15.ContextLengthError if too_long else lm15.InvalidRequestError)(message, **told)


def _retry_after(error: anthropic.APIStatusError) -> float | None:
    """Seconds, from a header that holds seconds or an HTTP date; None when it holds neither."""
    text = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - now()).total_seconds())
    except (ValueError, TypeError):
        return None
