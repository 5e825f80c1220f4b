"""What went wrong on the wire, in the words of core/errors.py: one line that says what to do next."""

from __future__ import annotations

import errno
import json
import re
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus

import httpx

from core.errors import BadResponse, QueryRejected, SourceError, SourceRefused, SourceUnavailable

MACOS_NO_ROUTE = 65
"""EHOSTUNREACH on macOS: also what a program gets that lacks the local-network permission."""

_MESSAGE_CHARS = 300
_RETRY_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_NOT_LET_IN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_UNDERSTOOD_AND_REJECTED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}


def transport_error(source: str, where: str, error: httpx.HTTPError) -> SourceError:
    """The error for a request that got no complete answer. `where` is the source's URL without credentials."""
    if isinstance(error, httpx.DecodingError):
        return BadResponse(source, f"{where} answered with a body that does not decode ({one_line(str(error))})")
    if isinstance(error, httpx.TimeoutException):
        return SourceUnavailable(source, f"{where} did not accept a connection in time; is the host up?")
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return SourceUnavailable(source, f"{where}: {_tls_hint(cause)}")
        if isinstance(cause, socket.gaierror):
            return SourceUnavailable(source, f"{where}: the host name does not resolve; check the URL and your DNS")
    for cause in causes:
        if isinstance(cause, OSError) and cause.errno is not None:
            return SourceUnavailable(source, f"{where}: {connect_hint(cause.errno)}")
    return SourceUnavailable(
        source, f"{where} broke off the connection ({one_line(str(error)) or type(error).__name__})"
    )


def connect_hint(number: int) -> str:
    """What an errno of connect(2) means here, and what to do about it."""
    if number == errno.ECONNREFUSED:
        return "connection refused; is it running, and is the port right?"
    if number == MACOS_NO_ROUTE:
        return (
            "no route to host (Errno 65). On macOS this usually means that the terminal lacks the local-network permission: "
            "allow it in System Settings > Privacy & Security > Local Network, and run outside tmux, which loses it"
        )
    if number in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return "no route to host; is the host up, and are you on its network?"
    return f"the connection failed ({errno.errorcode.get(number, str(number))})"


def status_error(source: str, where: str, status: int, location: str | None, body: bytes) -> SourceError:
    """The error for an answer whose status is not 2xx. `where` is the URL with its path, without query and credentials."""
    said = api_message(body)
    quoted = f": {said}" if said else ""
    if status in _UNDERSTOOD_AND_REJECTED:
        return QueryRejected(source, said or f"{where} answered {status}")
    if status in _NOT_LET_IN:
        return SourceRefused(source, f"{where} answered {status}{quoted}; check its credentials")
    if status == HTTPStatus.NOT_FOUND:
        return SourceRefused(source, f"{where} answered 404{quoted}; check the URL, a path prefix may be missing")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _RETRY_LATER:
        return SourceUnavailable(source, f"{where} answered {status}{quoted}")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        target = httpx.URL(location or "").copy_with(query=None, userinfo=b"") if location else "elsewhere"
        return SourceRefused(
            source, f"{where} redirects to {target}; set the final URL, or let this client past the sign-in page"
        )
    return BadResponse(source, f"{where} answered {status}{quoted}")


def api_message(body: bytes) -> str:
    """The API's own words in an error body (Prometheus, Alertmanager, Grafana: JSON; Loki: plain text), on one line."""
    text = body.decode("utf-8", errors="replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else one_line(text)
    if isinstance(document, dict):
        document = next((document[key] for key in ("error", "message", "detail") if document.get(key)), "")
    return one_line(document if isinstance(document, str) else json.dumps(document))


def one_line(text: str) -> str:
    """`text` without line breaks and control characters, cut to what a person reads."""
    flat = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()
    return flat if len(flat) <= _MESSAGE_CHARS else flat[: _MESSAGE_CHARS - 1] + "…"


def _tls_hint(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}); "
            "install its CA on this machine, or set SRE_VERIFY_TLS=false"
        )
    if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return "it does not speak TLS on this port; does the URL have to begin with http:// ?"
    return f"the TLS handshake failed ({error.reason})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Everything that led to `error`: its causes and contexts, groups opened (each address tried is one)."""
    todo: list[BaseException] = [error]
    seen: set[int] = set()
    while todo:
        current = todo.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        todo += [linked for linked in (current.__context__, current.__cause__) if linked is not None]
        if isinstance(current, BaseExceptionGroup):
            todo += current.exceptions
