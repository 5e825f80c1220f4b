"""The only user of httpx: one read-only HTTP source, with everything that keeps it from hurting us or itself.

Read-only by construction: a request whose method and path are not on the source's allow-list is refused before any I/O. Every
request has one budget of time for all its attempts, a cap on its size, a slot among few, retries for what may pass, and a circuit
breaker that fails fast while a source is down.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import certifi
import httpx
import orjson
import stamina
import stamina.instrumentation
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from core.errors import (
    BadResponse,
    ConfigurationError,
    QueryRejected,
    SourceError,
    SourceRefused,
    SourceUnavailable,
)
from core.telemetry import SOURCE_REQUESTS, SOURCE_SECONDS, busy
from tools.http_errors import status_error, transport_error
from tools.sharing import Sharing

# Retries show in SOURCE_REQUESTS. The default hooks would also print them, through structlog, into the output of `--json`.
stamina.instrumentation.set_on_retry_hooks(())

Params = Mapping[str, Any] | Sequence[tuple[str, str]]

_ATTEMPTS = 3
_BREAKER_THRESHOLD = 5
_OUTCOMES = {
    SourceUnavailable: "unavailable",
    SourceRefused: "refused",
    QueryRejected: "rejected",
    BadResponse: "bad_response",
}


@dataclass(frozen=True, slots=True)
class _Lane:
    """What belongs to one event loop: connections and slots cannot move to another."""

    client: httpx.AsyncClient
    slots: asyncio.Semaphore
    sharing: Sharing


class Source:
    """One HTTP API that is read. Serves any number of event loops, one after the other or in several threads.

    `allowed` lists (method, pattern) pairs; a pattern must match the whole path, without the base URL's own prefix. `timeout_s`
    is the budget of a request with all its retries, counted from when it gets one of the `concurrency` slots. Credentials in
    `base_url` travel in the Authorization header and appear nowhere else. Proxy variables and .netrc are not read: a homelab's
    sources are near. Raises ConfigurationError for a URL that cannot be one.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        allowed: Sequence[tuple[str, str]],
        timeout_s: float = 5.0,
        verify_tls: bool = True,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 20_000_000,
        concurrency: int = 8,
        breaker_reset_s: float = 15.0,
    ) -> None:
        self.name = name
        self.url, authorization = split_credentials(base_url, setting=name)
        self._headers = {"Accept": "application/json", "User-Agent": "homelab-sre-assistant"}
        self._headers |= {"Authorization": authorization} if authorization else {}
        self._headers |= headers or {}
        self._allowed = [(method.upper(), re.compile(pattern)) for method, pattern in allowed]
        self._timeout_s = timeout_s
        self._verify_tls = verify_tls
        self._max_bytes = max_bytes
        self._concurrency = concurrency
        self._breakers = AsyncCircuitBreakerFactory(default_threshold=_BREAKER_THRESHOLD, default_ttl=breaker_reset_s)
        self._lanes: dict[asyncio.AbstractEventLoop, _Lane] = {}

    async def get_json(self, path: str, params: Params | None = None) -> Any:
        """The parsed body of `GET <base><path>`. Parameters whose value is None are left out. Raises a SourceError."""
        return await self._ask("GET", path, params, None)

    async def post_form_json(self, path: str, form: Mapping[str, str | list[str]]) -> Any:
        """The same with a form in the body, for reads whose query is too long for a URL. Raises a SourceError."""
        return await self._ask("POST", path, None, form)

    async def aclose(self) -> None:
        """Close this event loop's connections. A later request opens new ones."""
        lane = self._lanes.pop(asyncio.get_running_loop(), None)
        if lane is not None:
            await lane.client.aclose()

    async def _ask(
        self, method: str, path: str, params: Params | None, form: Mapping[str, str | list[str]] | None
    ) -> Any:
        self._refuse_unless_allowed(method, path)
        if isinstance(params, Mapping):
            query = httpx.QueryParams({key: value for key, value in params.items() if value is not None})
        else:
            query = httpx.QueryParams(tuple(params or ()))
        lane = self._lane()
        request = lane.client.build_request(method, self.url + path, params=query, data=form)
        with busy("tools"):
            key = (request.method, str(request.url), request.content)
            return await lane.sharing.once(key, lambda: self._answered(lane, request))

    async def _answered(self, lane: _Lane, request: httpx.Request) -> Any:
        async with lane.slots, self._breaker():
            return await self._with_retries(lane.client, request)

    def _refuse_unless_allowed(self, method: str, path: str) -> None:
        known = any(method == verb and pattern.fullmatch(path) for verb, pattern in self._allowed)
        steps_out = ".." in unquote(path).split("/") or any(mark in path for mark in "?#\\")
        if not known or steps_out or not path.startswith("/"):
            raise SourceRefused(
                self.name, f"{method} {path[:200]!r} is not on the read-only allow-list; nothing was sent"
            )

    async def _with_retries(self, client: httpx.AsyncClient, request: httpx.Request) -> Any:
        """The first good answer within the budget. Only what may pass by itself is tried again."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_s
        longest_wait = self._timeout_s / 10

        def worth_another(error: Exception) -> bool:
            return isinstance(error, SourceUnavailable) and loop.time() + 2 * longest_wait < deadline

        async for attempt in stamina.retry_context(
            on=worth_another,
            attempts=_ATTEMPTS,
            timeout=None,
            wait_initial=longest_wait / 5,
            wait_max=longest_wait,
            wait_jitter=longest_wait / 5,
        ):
            with attempt, self._counted():
                return await self._exchange(client, request, deadline)
        raise AssertionError("stamina always runs at least one attempt")

    async def _exchange(self, client: httpx.AsyncClient, request: httpx.Request, deadline: float) -> Any:
        where = f"{self.url}{request.url.path.removeprefix(httpx.URL(self.url).path.rstrip('/'))}"
        try:
            async with asyncio.timeout_at(deadline):
                response = await client.send(request, stream=True)
                try:
                    body = await self._read_capped(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise SourceUnavailable(
                self.name, f"{where} gave no complete answer within {self._timeout_s:g} s"
            ) from None
        except httpx.HTTPError as error:
            raise transport_error(self.name, self.url, error) from error
        if not response.is_success:
            raise status_error(self.name, where, response.status_code, response.headers.get("location"), body)
        try:
            return _decoded(body)
        except (ValueError, RecursionError):
            kind = response.headers.get("content-type", "no content type")
            raise BadResponse(
                self.name, f"{where} answered {len(body)} bytes that are not JSON ({kind}); is this the right URL?"
            ) from None

    async def _read_capped(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._max_bytes:
                raise BadResponse(
                    self.name,
                    f"{response.url.path} answered more than {self._max_bytes / 1e6:g} MB; "
                    "narrow the query or the time window",
                )
        return bytes(body)

    @asynccontextmanager
    async def _breaker(self) -> AsyncIterator[None]:
        """Fail fast while the source is down. Only SourceUnavailable counts against it; a cancelled request counts nothing."""
        breaker = await self._breakers.get_breaker(self.name)
        try:
            await breaker.__aenter__()
        except OpenedState as state:
            again = max(0.0, state.opened_at + breaker.context.ttl - time.time())
            state.__traceback__ = None  # one instance is raised each time and would collect them all
            raise SourceUnavailable(
                self.name, f"{self.url} failed {_BREAKER_THRESHOLD} times in a row; not asked again for {again:.0f} s"
            ) from None
        try:
            yield
        except SourceUnavailable as error:
            await breaker.__aexit__(type(error), error, None)
            raise
        except SourceError:
            await breaker.__aexit__(None, None, None)
            raise
        else:
            await breaker.__aexit__(None, None, None)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count one attempt and its time. A cancelled one has no outcome."""
        started = time.perf_counter()
        outcome = ""
        try:
            yield
            outcome = "ok"
        except SourceError as error:
            outcome = _OUTCOMES[type(error)]
            raise
        finally:
            if outcome:
                SOURCE_REQUESTS.labels(self.name, outcome).inc()
                SOURCE_SECONDS.labels(self.name).observe(time.perf_counter() - started)

    def _lane(self) -> _Lane:
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(loop)
        if lane is None:
            # Connections of a loop that has ended cannot be closed any more, only forgotten.
            self._lanes = {known: kept for known, kept in self._lanes.items() if not known.is_closed()}
            lane = self._lanes[loop] = _Lane(self._client(), asyncio.Semaphore(self._concurrency), Sharing())
        return lane

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            headers=self._headers,
            verify=self._tls_context(),
            trust_env=False,
            # The budget above bounds the whole; a connection must come sooner, so that another try fits in.
            timeout=httpx.Timeout(None, connect=self._timeout_s / 2),
            limits=httpx.Limits(max_connections=self._concurrency),
        )

    def _tls_context(self) -> ssl.SSLContext:
        """What the system trusts (a homelab's own CA is installed there) and the public CAs besides."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not self._verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.url.startswith(
            "https://"
        ):  # reading hundreds of certificates costs time that plain HTTP need not pay
            context.load_default_certs()
            context.load_verify_locations(certifi.where())
        return context


def split_credentials(url: str, *, setting: str) -> tuple[str, str | None]:
    """`url` without user and password and without a trailing slash, and the Authorization header they make.

    Raises ConfigurationError, naming `setting`, when `url` is none; the message does not repeat the URL, it may hold a password.
    """
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    sound = parsed.scheme in {"http", "https"} and parsed.host and 0 < (parsed.port or 80) < 65536
    if not sound or "@" in parsed.path:
        raise ConfigurationError(
            f"{setting}: its URL needs the form http://host:port (special characters of a password percent-encoded)"
        )
    bare = str(parsed.copy_with(userinfo=b"", query=None, fragment=None)).rstrip("/")
    if not parsed.userinfo:
        return bare, None
    user_and_password = f"{parsed.username}:{parsed.password}".encode()
    return bare, "Basic " + base64.b64encode(user_and_password).decode()


def _decoded(body: bytes) -> Any:
    """Raises ValueError or RecursionError. orjson is faster, and refuses NaN and halves of surrogates."""
    try:
        return orjson.loads(body)
    except ValueError:
        return json.loads(body)
