"""The scripted model keeps to the documented protocols; asked with Anthropic's SDK and with plain HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx
import pytest

from bench.model_protocols import whole
from bench.scripted_model import Asked, Reply, ScriptedModel
from core.clock import now

KEY = "sk-ant-test-1234567890"
QUESTION: dict[str, Any] = {
    "model": "m",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "Be short."}],
    "messages": [{"role": "user", "content": "Why?"}],
}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Why?"}],
}
LONG = "The disk of nas is full, and that since three in the morning, so backups fail."
COUNTED = Reply(LONG, input_tokens=50, cache_read_tokens=900, cache_write_tokens=30, output_tokens=40)


def client(server: ScriptedModel, **options: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=KEY, base_url=server.url, max_retries=0, timeout=10, **options)


def ask(server: ScriptedModel, **more: Any) -> anthropic.types.Message:
    with client(server) as asking:
        return asking.messages.create(**{**QUESTION, **more})


def chat(server: ScriptedModel, **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.post(f"{server.url}/v1/chat/completions", json={**CHAT, **more}, headers=headers, timeout=10)


def until(done: Callable[[], bool]) -> None:
    """Wait for what the server's own thread is about to note; the test's timeout bounds it."""
    while not done():
        time.sleep(0.005)


def test_claude_answers_with_the_text_and_the_usage_of_the_script() -> None:
    with ScriptedModel([COUNTED]) as server:
        said = ask(server)
    assert [block.text for block in said.content if block.type == "text"] == [LONG]
    usage = said.usage
    assert (usage.input_tokens, usage.output_tokens) == (50, 40)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (900, 30)
    assert (said.stop_reason, said.model) == ("end_turn", "m")


def test_claude_streams_the_documented_events() -> None:
    with ScriptedModel([COUNTED]) as server, client(server) as asking, asking.messages.stream(**QUESTION) as stream:
        pieces = list(stream.text_stream)
        said = stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == LONG
    assert (said.stop_reason, said.usage.output_tokens, said.usage.cache_read_input_tokens) == ("end_turn", 40, 900)


def test_openai_answers_whole_and_counts_the_cached_tokens_within_the_prompt() -> None:
    with ScriptedModel([COUNTED]) as server:
        said = chat(server).json()
    assert said["choices"][0]["message"] == {"role": "assistant", "content": LONG}
    assert said["choices"][0]["finish_reason"] == "stop"
    assert said["usage"]["prompt_tokens"] == 980
    assert said["usage"]["prompt_tokens_details"] == {"cached_tokens": 900}
    assert said["usage"]["total_tokens"] == 1020


@pytest.mark.parametrize("wanted", [True, False])
def test_openai_streams_and_tells_the_usage_only_when_asked(wanted: bool) -> None:
    options = {"stream_options": {"include_usage": True}} if wanted else {}
    with ScriptedModel([COUNTED]) as server:
        answer = chat(server, stream=True, **options)
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert answer.headers["content-type"] == "text/event-stream"
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == LONG
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"]][-1] == "stop"
    assert [c["usage"]["completion_tokens"] for c in chunks if "usage" in c] == ([40] if wanted else [])


@pytest.mark.parametrize(
    ("stop", "finish"), [("refusal", "content_filter"), ("max_tokens", "length"), ("end_turn", "stop")]
)
def test_why_it_stopped_is_said_in_each_protocols_words(stop: str, finish: str) -> None:
    with ScriptedModel([Reply("", stop_reason=stop)]) as server:
        said, chatted = ask(server), chat(server).json()
    assert (said.content, said.stop_reason) == ([], stop)
    assert (chatted["choices"][0]["message"]["content"], chatted["choices"][0]["finish_reason"]) == ("", finish)


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (529, "overloaded_error", anthropic.InternalServerError),
    ],
)
def test_an_error_has_its_status_body_and_headers(status: int, kind: str, raised: type[anthropic.APIError]) -> None:
    with ScriptedModel([Reply("no", status=status, headers={"retry-after": "7"})]) as server:
        with pytest.raises(raised) as caught:
            ask(server, stream=True)
        chatted = chat(server)
    error = caught.value
    assert isinstance(error, anthropic.APIStatusError)
    assert error.status_code == status
    assert error.response.headers["retry-after"] == "7"
    assert error.body == {"type": "error", "error": {"type": kind, "message": "no"}}
    assert (chatted.status_code, chatted.json()) == (status, {"error": {"type": kind, "message": "no"}})


def test_bytes_of_the_script_are_the_body() -> None:
    with ScriptedModel([Reply(raw=b'{"id": "msg_1", "cont')]) as server:
        assert chat(server).content == b'{"id": "msg_1", "cont'


def test_bytes_of_the_script_are_what_the_wire_carries() -> None:
    with (
        ScriptedModel([Reply(wire=b"\x00\xff\x16\x03garbage\r\n\r\n")]) as server,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        chat(server)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_cut_in_the_middle(stream: bool) -> None:
    reply = Reply(LONG, cut=True)
    got = b""
    with ScriptedModel([reply]) as server, httpx.Client() as asking:
        request = asking.build_request("POST", f"{server.url}/v1/chat/completions", json={**CHAT, "stream": stream})
        answer = asking.send(request, stream=True)
        with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - what came before the cut is looked at below
            for piece in answer.iter_raw():
                got += piece
    assert answer.status_code == 200
    assert b"[DONE]" not in got
    if stream:
        assert got.startswith(b"data: {")
    else:
        assert got
        assert whole("openai", "m", reply).startswith(got)


@pytest.mark.parametrize(("stall", "arrives"), [("headers", []), ("middle", ["message_start", "content_block_delta"])])
def test_a_stalled_answer_is_as_far_as_the_script_says(stall: Any, arrives: list[str]) -> None:
    """A stream comes in pieces: these are here while the answer is still under way."""
    headers = {"anthropic-version": "2023-06-01"}
    with ScriptedModel([Reply(LONG, stall=stall)]) as server, httpx.Client(timeout=10) as asking:
        with asking.stream(
            "POST", f"{server.url}/v1/messages", json={**QUESTION, "stream": True}, headers=headers
        ) as answer:
            lines = answer.iter_lines()
            for kind in arrives:
                assert any(line == f"event: {kind}" for line in lines)
            assert (answer.status_code, server.in_flight, server.abandoned) == (200, 1, 0)
        until(lambda: server.abandoned == 1)


def test_a_stalled_request_gets_no_answer_at_all() -> None:
    with ScriptedModel([Reply(LONG, stall=True)]) as server:
        with socket.create_connection(server.url.removeprefix("http://").split(":"), timeout=0.3) as asking:  # type: ignore[arg-type]
            body = json.dumps(CHAT).encode()
            asking.sendall(b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            with pytest.raises(TimeoutError):
                asking.recv(1)
        until(lambda: server.abandoned == 1)
    assert len(server.asked) == 1


def test_calls_that_were_given_up_are_in_flight_no_more() -> None:
    """Else a program that times out and tries again would seem to keep many calls in flight."""
    with ScriptedModel([Reply("late", delay_s=60)]) as server, httpx.Client(timeout=0.2) as asking:
        for given_up in range(1, 4):
            with pytest.raises(httpx.ReadTimeout):
                asking.post(f"{server.url}/v1/chat/completions", json=CHAT)
            until(lambda: server.abandoned == given_up)  # noqa: B023 - called within the turn
    assert (server.max_in_flight, server.in_flight) == (1, 0)


def test_calls_in_flight_are_counted() -> None:
    """None is answered before eight are open, which holds only when they are served at once."""
    server: ScriptedModel

    async def together() -> None:
        async with httpx.AsyncClient(timeout=10) as asking:
            calls = [asyncio.create_task(asking.post(f"{server.url}/v1/chat/completions", json=CHAT)) for _ in range(8)]
            while server.in_flight < 8:
                await asyncio.sleep(0.01)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)

    with ScriptedModel([Reply(stall=True)]) as server:
        asyncio.run(together())
        until(lambda: server.in_flight == 0)
    assert (server.max_in_flight, server.abandoned, len(server.asked)) == (8, 8, 8)


def test_both_protocols_are_recorded_alike_and_without_the_key() -> None:
    before = now()
    with ScriptedModel([Reply("x")]) as server:
        ask(server)
        chat(server)
    assert [(asked.protocol, asked.system, asked.user) for asked in server.asked] == [
        ("anthropic", "Be short.", "Why?"),
        ("openai", "Be short.", "Why?"),
    ]
    assert before <= server.asked[0].at <= server.asked[1].at <= now()
    assert server.asked[0].body["max_tokens"] == 9
    assert server.asked[0].headers["anthropic-version"]
    assert not any(KEY in text for asked in server.asked for text in asked.headers.values())


def test_replies_come_in_order_and_the_last_stays() -> None:
    with ScriptedModel([Reply("one"), Reply(status=529), Reply("three")]) as server:
        statuses = [chat(server).status_code for _ in range(4)]
        assert chat(server).json()["choices"][0]["message"]["content"] == "three"
    assert statuses == [200, 529, 200, 200]


def test_a_script_answers_what_it_is_asked_on_one_connection() -> None:
    with ScriptedModel(lambda asked: Reply(asked.user.upper())) as server, client(server) as asking:
        said = [asking.messages.create(**{**QUESTION, "messages": [{"role": "user", "content": text}]}) for text in ("a", "b")]  # fmt: skip
    assert [message.content[0].text for message in said if message.content[0].type == "text"] == ["A", "B"]


def test_a_script_that_fails_is_no_failure_of_the_model() -> None:
    """A program would fall back and the test would pass for a wrong reason."""

    def script(asked: Asked) -> Reply:
        raise KeyError(asked.user)

    server = ScriptedModel(script)
    with pytest.raises(RuntimeError, match="script") as caught, server:
        assert chat(server).status_code == 500
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("path", ["/v1/v1/messages", "/messages", "/v1/chat/completions/", "/v1/models"])
def test_another_path_is_not_found(path: str) -> None:
    with ScriptedModel([Reply("x")]) as server:
        answer = httpx.post(server.url + path, json=QUESTION)
    assert answer.status_code == 404
    assert path in answer.json()["error"]["message"]
    assert server.asked == []


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "top-level"),
    ],
)
def test_what_the_api_would_turn_away_is_turned_away(change: dict[str, Any], missing: str) -> None:
    body = {**QUESTION, **change}
    with (
        ScriptedModel([Reply("x")]) as server,
        client(server) as asking,
        pytest.raises(anthropic.BadRequestError, match=missing),
    ):
        asking.post("/v1/messages", body=body, cast_to=anthropic.types.Message)


def test_a_body_that_is_no_json_is_turned_away() -> None:
    with ScriptedModel([Reply("x")]) as server:
        answers = [httpx.post(f"{server.url}/v1/messages", content=body) for body in (b"{", b"[]")]
    assert [answer.status_code for answer in answers] == [400, 400]


def test_many_clients_are_served_at_once() -> None:
    with ScriptedModel(lambda asked: Reply(asked.user)) as server, ThreadPoolExecutor(8) as pool:
        texts = [f"question {number} {'x' * 50_000}" for number in range(24)]
        said = pool.map(lambda text: chat(server, messages=[{"role": "user", "content": text}]).json(), texts)
        assert [answer["choices"][0]["message"]["content"] for answer in said] == texts
