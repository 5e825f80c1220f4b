"""Against small local servers that misbehave in every way a source does."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from core.errors import BadResponse, ConfigurationError, QueryRejected, SourceError, SourceRefused, SourceUnavailable
from core.telemetry import REGISTRY, metered
from tools.http import Source
from tools.http_errors import MACOS_NO_ROUTE, api_message, connect_hint

ANYTHING = [("GET", "/.*"), ("POST", "/.*")]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes | str, status: int = 200, *headers: str) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Recorder:
    """A server whose n-th request gets the n-th answer, the last one repeated; it keeps what it was asked."""

    def __init__(self, *answers: bytes | Handler) -> None:
        self.answers = answers
        self.requests: list[str] = []
        self.url = ""
        self.open = self.most_open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(
                (int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length")), 0
            )
            self.requests.append(head + (await reader.readexactly(length)).decode())
            self.most_open = max(self.most_open, self.open)
            chosen = self.answers[min(len(self.requests), len(self.answers)) - 1]
            if isinstance(chosen, bytes):
                writer.write(chosen)
                await writer.drain()
            else:
                await chosen(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away; that is its right
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def serving(*answers: bytes | Handler) -> AsyncIterator[Recorder]:
    recorder = Recorder(*answers)
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        server.close()


@asynccontextmanager
async def source_of(server: Recorder, name: str = "prometheus", **options) -> AsyncIterator[Source]:
    source = Source(name, options.pop("url", server.url), **{"allowed": ANYTHING, "timeout_s": 2.0, **options})
    yield source
    await source.aclose()


async def error_of(source: Source, path: str = "/api/v1/query") -> SourceError:
    with pytest.raises(SourceError) as caught:
        await source.get_json(path)
    return caught.value


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def requests_counted(source: str, outcome: str) -> float:
    return REGISTRY.get_sample_value("sre_source_requests_total", {"source": source, "outcome": outcome}) or 0.0


async def test_json_is_read_and_none_parameters_are_left_out() -> None:
    async with serving(answer('{"status": "success"}')) as server, source_of(server) as source:
        assert await source.get_json("/api/v1/series", {"match[]": ["up", "a b"], "start": None}) == {
            "status": "success"
        }
        assert server.requests[0].startswith("GET /api/v1/series?match%5B%5D=up&match%5B%5D=a+b HTTP/1.1")


async def test_repeated_parameters_may_come_as_pairs() -> None:
    async with serving(answer("[]")) as server, source_of(server) as source:
        assert await source.get_json("/api/v2/alerts", [("filter", 'a="b"'), ("filter", "c")]) == []
        assert "GET /api/v2/alerts?filter=a%3D%22b%22&filter=c HTTP/1.1" in server.requests[0]


async def test_a_form_is_posted_in_the_body() -> None:
    async with serving(answer("{}")) as server, source_of(server) as source:
        await source.post_form_json("/api/v1/query", {"query": "up == 1"})
        assert server.requests[0].startswith("POST /api/v1/query HTTP/1.1")
        assert server.requests[0].endswith("query=up+%3D%3D+1")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/admin/tsdb/snapshot"),
        ("GET", "/api/v1/query/../admin"),
        ("GET", "/api/v1/query?x=1"),
        ("POST", "/api/v1/query"),
        ("GET", "api/v1/query"),
    ],
)
async def test_what_is_not_allowed_is_never_sent(method: str, path: str) -> None:
    async with serving(answer("{}")) as server, source_of(server, allowed=[("GET", "/api/v1/query")]) as source:
        with pytest.raises(SourceRefused, match="allow-list"):
            await (source.get_json(path) if method == "GET" else source.post_form_json(path, {}))
        assert server.requests == []


async def test_a_lax_pattern_still_cannot_be_climbed_out_of() -> None:
    async with serving(answer("{}")) as server, source_of(server, allowed=[("GET", "/api/.*")]) as source:
        for path in ("/api/../-/quit", "/api/%2e%2e/-/quit"):
            assert isinstance(await error_of(source, path), SourceRefused)
        assert server.requests == []


async def test_credentials_in_the_url_become_a_header_and_stay_out_of_messages() -> None:
    async with serving(answer("no", 500)) as server:
        url = server.url.replace("http://", "http://viewer:s3cr%3Aet@") + "/prometheus/"
        async with source_of(server, url=url) as source:
            error = await error_of(source)
        assert "GET /prometheus/api/v1/query HTTP/1.1" in server.requests[0]
        assert "authorization: Basic dmlld2VyOnMzY3I6ZXQ=" in server.requests[0].replace(
            "Authorization", "authorization"
        )
        assert f"{server.url}/prometheus/api/v1/query answered 500: no" in str(error)
        assert "s3cr" not in str(error)


@pytest.mark.parametrize(
    "url", ["ftp://nas", "nas:9090", "http://", "http://nas:99999", "http://me:pa/ss@nas", "http://me:1/ss@nas"]
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="prometheus: its URL needs the form") as caught:
        Source("prometheus", url, allowed=ANYTHING)
    assert "ss@" not in str(caught.value)


@pytest.mark.parametrize(
    ("response", "kind", "says"),
    [
        (answer('{"status":"error","errorType":"bad_data","error":"parse error:\\n unexpected <by>"}', 400), QueryRejected, "parse error: unexpected <by>"),
        (answer("parse error at line 1, col 9: syntax error", 400), QueryRejected, "line 1, col 9"),
        (answer('{"message": "bad matcher"}', 422), QueryRejected, "bad matcher"),
        (answer("", 422), QueryRejected, "answered 422"),
        (answer("<html>Sign in</html>", 401), SourceRefused, "401; check its credentials"),
        (answer('{"message": "Permission denied"}', 403), SourceRefused, "403: Permission denied"),
        (answer("404 page not found", 404), SourceRefused, "path prefix"),
        (answer("", 302, "Location: https://auth.home.lan/?rd=token"), SourceRefused, "redirects to https://auth.home.lan/;"),
        (answer("slow down", 429), SourceUnavailable, "429: slow down"),
        (answer("{not json"), BadResponse, "9 bytes that are not JSON"),
        (answer(b"\xff\xfe\x00"), BadResponse, "not JSON"),
        (answer(""), BadResponse, "0 bytes that are not JSON"),
        (answer("[" * 200_000), BadResponse, "not JSON"),
        (answer("tea", 418), BadResponse, "418: tea"),
        (answer(b"plain", 200, "Content-Encoding: gzip"), BadResponse, "does not decode"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", SourceUnavailable, "broke off the connection"),
    ],
)  # fmt: skip
async def test_each_answer_becomes_the_right_error(response: bytes, kind: type[SourceError], says: str) -> None:
    async with serving(response) as server, source_of(server) as source:
        error = await error_of(source)
    assert type(error) is kind
    assert says in str(error)
    assert "\n" not in str(error)
    assert len(server.requests) == (3 if kind is SourceUnavailable else 1), "only what may pass is tried again"


async def test_a_source_that_recovers_within_the_budget_is_asked_again() -> None:
    before = requests_counted("flaky", "unavailable"), requests_counted("flaky", "ok")
    async with serving(answer("", 503), answer("", 502), answer("[1]")) as server, source_of(server, "flaky") as source:
        assert await source.get_json("/x") == [1]
    assert len(server.requests) == 3
    assert (requests_counted("flaky", "unavailable"), requests_counted("flaky", "ok")) == (before[0] + 2, before[1] + 1)


async def test_nobody_listening_says_what_to_check() -> None:
    source = Source("prometheus", f"http://127.0.0.1:{closed_port()}", allowed=ANYTHING, timeout_s=1)
    error = await error_of(source)
    assert isinstance(error, SourceUnavailable)
    assert "connection refused; is it running" in str(error)


async def test_plain_http_behind_an_https_url_is_explained() -> None:
    async def not_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(not_tls, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    error = await error_of(Source("prometheus", url, allowed=ANYTHING, timeout_s=2))
    server.close()
    assert isinstance(error, SourceUnavailable)
    assert "does the URL have to begin with http:// ?" in str(error)


def test_errno_65_explains_the_local_network_permission() -> None:
    assert "Local Network" in connect_hint(MACOS_NO_ROUTE)
    assert "tmux" in connect_hint(MACOS_NO_ROUTE)
    assert "is the host up" in connect_hint(errno.EHOSTUNREACH if errno.EHOSTUNREACH != 65 else errno.ENETUNREACH)


async def forever(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()  # ends when the client hangs up


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("behaviour", [forever, drip])
async def test_silence_and_a_slow_drip_both_end_at_the_budget(behaviour: Handler) -> None:
    async with serving(behaviour) as server, source_of(server, timeout_s=0.3) as source:
        error = await error_of(source)
    assert isinstance(error, SourceUnavailable)
    assert "no complete answer within 0.3 s" in str(error)


async def test_a_body_without_end_is_cut_off_at_the_cap() -> None:
    sent = 0

    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()
            sent += 10_000

    async with serving(endless) as server, source_of(server, max_bytes=100_000, timeout_s=20) as source:
        error = await error_of(source)
    assert isinstance(error, BadResponse)
    assert "more than 0.1 MB; narrow the query" in str(error)
    assert sent < 50_000_000


async def test_a_compressed_bomb_is_measured_unpacked() -> None:
    bomb = gzip.compress(json.dumps("a" * 5_000_000).encode())
    response = answer(bomb, 200, "Content-Encoding: gzip")
    async with serving(response) as server, source_of(server, max_bytes=1_000_000) as source:
        assert isinstance(await error_of(source), BadResponse)


async def test_the_breaker_opens_after_five_failures_and_closes_again() -> None:
    async with serving(answer("", 503)) as server, source_of(server, timeout_s=1, breaker_reset_s=0.3) as source:
        for _ in range(5):
            assert "answered 503" in str(await error_of(source))
        asked = len(server.requests)
        assert "5 times in a row; not asked again for" in str(await error_of(source))
        assert len(server.requests) == asked, "an open breaker sends nothing"
        server.answers = (answer("[1]"),)
        await asyncio.sleep(0.35)
        assert await source.get_json("/x") == [1]


async def test_rejected_queries_do_not_open_the_breaker() -> None:
    async with serving(answer("bad", 400)) as server, source_of(server) as source:
        for _ in range(8):
            assert isinstance(await error_of(source), QueryRejected)
    assert len(server.requests) == 8


async def test_a_cancelled_request_is_cancelled_and_counts_for_nothing() -> None:
    async with serving(forever) as server, source_of(server, timeout_s=30) as source:
        for _ in range(7):
            task = asyncio.create_task(source.get_json("/x"))
            while not server.open:
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while server.open:
                await asyncio.sleep(0.005)
        server.answers = (answer("[1]"),)
        assert await source.get_json("/x") == [1], "seven cancelled requests left the breaker closed"


async def test_a_deadline_from_outside_passes_through() -> None:
    async with serving(forever) as server, source_of(server, timeout_s=30) as source:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await source.get_json("/x")


async def test_no_more_requests_are_open_than_there_are_slots() -> None:
    async def a_moment(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(answer("[1]"))

    async with serving(a_moment) as server, source_of(server, concurrency=3) as source:
        await asyncio.gather(*(source.get_json("/x", {"n": number}) for number in range(12)))
    assert len(server.requests) == 12
    assert server.most_open == 3


async def test_who_asks_for_the_same_meanwhile_gets_the_same_answer() -> None:
    async def a_moment(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(answer("[1]"))

    async with serving(a_moment) as server, source_of(server) as source:
        impatient = asyncio.create_task(source.get_json("/x"))
        others = asyncio.gather(*(source.get_json("/x") for _ in range(5)))
        await asyncio.sleep(0.01)
        impatient.cancel()
        assert await others == [[1]] * 5
        assert len(server.requests) == 1
        await source.get_json("/x")
        assert len(server.requests) == 2, "nothing is kept"


async def test_requests_are_charged_to_the_question_that_makes_them() -> None:
    async with serving(answer("[]")) as server, source_of(server) as source:
        with metered() as meter:
            await asyncio.gather(source.get_json("/a"), source.get_json("/b"))
        await source.get_json("/c")
    assert meter.tool_calls == 2
    assert meter.latency().tools > 0


def test_one_source_serves_one_event_loop_after_another() -> None:
    async def one_loop(source: Source | None) -> Source:
        async with serving(answer("[1]")) as server:
            source = source or Source("prometheus", server.url, allowed=ANYTHING)
            source.url = server.url
            assert await asyncio.gather(*(source.get_json("/x") for _ in range(20))) == [[1]] * 20
        return source

    source = asyncio.run(one_loop(None))
    for _ in range(3):
        asyncio.run(one_loop(source))
    assert len(source._lanes) == 1, "loops that ended are forgotten"


def test_an_error_body_is_read_as_the_api_wrote_it() -> None:
    assert api_message(b'"bad matcher"') == "bad matcher"
    assert api_message(b'{"code": 7}') == ""
    assert api_message(b"<html>") == ""
    assert len(api_message(b"x" * 10_000)) == 300
