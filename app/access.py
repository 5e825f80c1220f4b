"""Who may ask: from which address, under which name, with which token or login, and from which web page.

On loopback, nothing is demanded and everything that is set is enforced. Any other address demands a token for the API and a password
for the page. Whatever is demanded, a web page of somebody else's can neither ask nor read an answer.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from secrets import compare_digest
from typing import Annotated

from cachetools import TTLCache
from fastapi import HTTPException, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import ConfigurationError
from core.settings import Settings

LOG = logging.getLogger(__name__)

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""What a Host header may always say. A web page whose name is made to point at 127.0.0.1 (DNS rebinding) says its own."""
EVERY_ADDRESS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, never bound

MAX_BODY_BYTES = 65_536
MAX_PAGE_BODY_BYTES = 1_048_576
"""A question that is too long is told so on the page, and not refused as a request."""
PAGE_CALLS = "/gradio_api/"

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
DEFAULT_PORTS = {"http": "80", "https": "443"}
HOST = re.compile(r"(?P<name>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")

# Gradio builds its components with inline styles and scripts made of strings; they still may fetch from nowhere else.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
HARDENING = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)

ATTEMPTS = 5
ATTEMPTS_OF_ALL = 100
"""From all addresses together: somebody with many of them guesses no faster."""
PAUSE_S = 300.0
ADDRESSES_KEPT = 10_000
LOGIN_MESSAGE = f"After {ATTEMPTS} wrong attempts, none is looked at for {PAUSE_S / 60:.0f} minutes."
ALL = "all"
CALLER: ContextVar[str] = ContextVar("caller", default="")
"""The address that a request came from: Gradio hands the login a user and a password, and nothing else."""

BEARER = HTTPBearer(auto_error=False, description="SRE_API_TOKEN, where the server has one")


def require_access(settings: Settings) -> None:
    """Raises ConfigurationError where others could reach the server and it has no token or no password to ask them for."""
    if _is_loopback(settings.host):
        return
    asked = {"SRE_API_TOKEN": settings.api_token, "SRE_LOGIN_PASSWORD": settings.login_password}
    missing = " and ".join(name for name, value in asked.items() if value is None)
    if missing:
        raise ConfigurationError(
            f"SRE_HOST: {settings.host or 'every address'} can be reached by others, so {missing} must be set, too "
            "(`openssl rand -hex 24` makes one); or use 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    """A name that is not known to be loopback may be anything."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def names_served(settings: Settings) -> frozenset[str] | None:
    """What a Host header may say; None for anything.

    Anything, where the server listens on every address and nobody named a name: which names and addresses this machine has in the
    network is not ours to know, and a user who is refused by the one he uses has no way in. Rebinding gains nothing there, since token
    and login are demanded, and a browser sends neither to a name that it did not get them from.
    """
    if settings.host in EVERY_ADDRESS and not settings.allowed_hosts:
        return None
    own = f"[{settings.host}]" if ":" in settings.host else settings.host
    return frozenset({*LOOPBACK_NAMES, own.lower(), *settings.allowed_hosts})


def bearer_required(settings: Settings) -> Callable[..., Awaitable[None]]:
    """A dependency of every route of the API: the token, where one is set. What is mounted beside them has its own login."""
    expected = settings.api_token.get_secret_value().encode() if settings.api_token else None

    async def check(given: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]) -> None:
        if expected is None or (given is not None and compare_digest(given.credentials.encode(), expected)):
            return
        wrong = "the token is not the server's" if given else "a token is missing"
        raise HTTPException(
            401, f"{wrong}; send `Bearer` and the value of SRE_API_TOKEN", headers={"WWW-Authenticate": "Bearer"}
        )

    return check


class Login:
    """Tells whether user and password are right, as `gradio.mount_gradio_app(auth=…)` asks it.

    After ATTEMPTS wrong ones from an address, or ATTEMPTS_OF_ALL from anywhere, no further one is looked at until there have been none
    for PAUSE_S; those that are not looked at do not count.
    """

    def __init__(self, user: str, password: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._user, self._password = user.encode(), password.encode()
        self._failures: TTLCache[str, int] = TTLCache(ADDRESSES_KEPT, PAUSE_S, clock)

    def __call__(self, user: str, password: str) -> bool:
        counted = {CALLER.get(): ATTEMPTS, ALL: ATTEMPTS_OF_ALL}
        if any(self._failures.get(who, 0) >= most for who, most in counted.items()):
            return False
        # Both are compared in any case, so that the time does not tell which one is wrong.
        right_user = compare_digest(user.encode(errors="replace"), self._user)
        right_password = compare_digest(password.encode(errors="replace"), self._password)
        if right_user and right_password:
            self._failures.pop(CALLER.get(), None)
            return True
        for who, most in counted.items():
            self._failures[who] = self._failures.get(who, 0) + 1
            if self._failures[who] == most:
                LOG.warning("login: too many wrong attempts", extra={"address": who, "paused_s": PAUSE_S})
        return False


def build_login(settings: Settings) -> Login | None:
    """None where no password is set: then the page is open, and listens on loopback only."""
    if settings.login_password is None:
        return None
    return Login(settings.login_user, settings.login_password.get_secret_value())


class Doorkeeper:
    """Refuses requests that were sent to a name which is not served, that another web page sent, or that are too large.

    Plain ASGI, since answers are streamed and a client's leaving must reach them. It holds for the API and for what is mounted beside it.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str] | None) -> None:
        self._app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nobody serves one, and none of the rules below would hold for it
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            refused = self._refused(scope)
            if refused is not None:
                status, problem = refused
                await JSONResponse({"error": problem}, status)(scope, receive, send)
                return
            CALLER.set((scope.get("client") or ("",))[0])
            send = _with_own_headers(send)
        await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        called = HOST.fullmatch(host.lower())
        if called is None or (self._names is not None and called["name"] not in self._names):
            return 400, f"Host: {host!r} is not a name of this server; SRE_ALLOWED_HOSTS lists those that are"
        origin = headers.get("origin")
        if scope["method"] not in SAFE_METHODS and origin is not None and not _same_place(origin, called):
            return (
                403,
                f"Origin: {origin!r} is not {host!r}; other web pages may not ask, and a proxy must pass the Host header on",
            )
        if scope["method"] == "POST":
            length, most = headers.get("content-length", ""), body_limit(scope["path"])
            if not length.isdecimal() or int(length) > most:
                return 413, f"body: at most {most} bytes, with a Content-Length"
        return None


def body_limit(path: str) -> int:
    """How large a body may be, in bytes."""
    return MAX_PAGE_BODY_BYTES if PAGE_CALLS in path else MAX_BODY_BYTES


def _same_place(origin: str, called: re.Match[str]) -> bool:
    """Whether an Origin is the server that was called. The scheme is not compared: a proxy may have spoken TLS for us."""
    scheme, _, place = origin.lower().partition("://")
    default = DEFAULT_PORTS.get(scheme)
    sender = HOST.fullmatch(place)
    if sender is None or default is None:
        return False
    return sender["name"] == called["name"] and (sender["port"] or default) == (called["port"] or default)


def _with_own_headers(send: Send) -> Send:
    """No other origin may read anything, and the page may load nothing from one.

    Gradio allows every origin, cookies included, where it is reached by any but a loopback name.
    """

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            kept = [each for each in headers if not each[0].lower().startswith(b"access-control-")]
            message["headers"] = [*kept, *((name, value) for name, value in HARDENING if name not in dict(kept))]
        await send(message)

    return sent
