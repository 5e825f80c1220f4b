"""Who may ask: addresses, names, token, login, and other web pages, over real sockets."""

from __future__ import annotations

import http.client
import json
import re
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from api_served import api_served
from fastapi import FastAPI

import app.environment  # noqa: F401  first, before any library that it quiets
from app.access import ATTEMPTS, ATTEMPTS_OF_ALL, CALLER, PAUSE_S, Login, build_login, names_served, require_access
from app.api import build_api
from app.server import in_background
from core.errors import ConfigurationError
from core.settings import Settings
from scenarios.processes import choose_ports

TOKEN = "0123456789abcdef-token"
PASSWORD = "correct horse"
STRANGER = "http://evil.example"


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def error(self) -> str:
        return json.loads(self.text)["error"]


def call(url: str, path: str, body: object = None, *, method: str | None = None, **headers: str) -> Reply:
    """One request. Bytes are sent as they are, anything else as JSON; a header is named with underscores."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request(method or ("GET" if data is None else "POST"), path, data, sent)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read().decode())
    finally:
        connection.close()


def made(directory, **changed: object) -> Settings:
    port = choose_ports(None, ["API"])[0]
    return Settings(_env_file=None, data_dir=directory, port=port, log_level="WARNING", **changed)


@pytest.fixture(scope="module")
def open_api(tmp_path_factory) -> Iterator[str]:
    """On loopback, without a token, and with a name behind a proxy."""
    with in_background(made(tmp_path_factory.mktemp("open"), allowed_hosts=("sre.home.lan",))) as url:
        yield url


@pytest.fixture(scope="module")
def closed_api(tmp_path_factory) -> Iterator[str]:
    """On loopback, with a token."""
    with in_background(made(tmp_path_factory.mktemp("closed"), api_token=TOKEN)) as url:
        yield url


# --- addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_demands_nothing(host) -> None:
    require_access(Settings(_env_file=None, host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.20", "nas", "fd00::5", "0", "127.0.0.1.evil.example"])
@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "SRE_API_TOKEN and SRE_LOGIN_PASSWORD must"),
        ({"api_token": TOKEN}, "so SRE_LOGIN_PASSWORD must"),
        ({"login_password": PASSWORD}, "so SRE_API_TOKEN must"),
    ],
)
def test_any_other_address_demands_a_token_and_a_login(host, given, missing) -> None:
    settings = Settings(_env_file=None, host=host, **given)
    with (
        pytest.raises(ConfigurationError, match=rf"^SRE_HOST: .*{missing}.*openssl rand -hex 24"),
        in_background(settings),
    ):
        pass
    require_access(Settings(_env_file=None, host=host, api_token=TOKEN, login_password=PASSWORD))


# --- names


@pytest.mark.parametrize(
    ("host", "allowed", "served_too"),
    [
        ("127.0.0.1", (), set()),
        ("127.0.0.1", ("SRE.home.lan",), {"sre.home.lan"}),
        ("fd00::5", (), {"[fd00::5]"}),
        ("192.168.1.20", ("nas", "[fd00::5]"), {"192.168.1.20", "nas", "[fd00::5]"}),
        ("0.0.0.0", ("nas",), {"0.0.0.0", "nas"}),
    ],
)
def test_the_names_that_are_served(host, allowed, served_too) -> None:
    names = names_served(Settings(_env_file=None, host=host, allowed_hosts=allowed))
    assert names == {"127.0.0.1", "localhost", "[::1]"} | served_too


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("sre.home.lan", 200),
        ("SRE.home.lan:443", 200),
        ("nas", 400),
        ("sre.home.lan.evil.example", 400),
        ("sre.home.lan:8080@evil.example", 400),
        ("evil.example@sre.home.lan", 400),
        ("sre.home.lan:99999999", 400),
        ("", 400),
    ],
)
def test_another_name_is_refused_in_one_line(open_api, host, expected) -> None:
    reply = call(open_api, "/metrics", Host=host)
    assert reply.status == expected
    if expected == 400:
        assert reply.error.startswith("Host: ")
        assert "SRE_ALLOWED_HOSTS" in reply.error


def test_every_address_without_names_is_reached_by_any_name_that_has_the_token(tmp_path) -> None:
    settings = made(tmp_path, host="0.0.0.0", api_token=TOKEN, login_password=PASSWORD)
    with api_served(build_api(settings)) as url:
        assert call(url, "/alerts", Host="nas.home.lan:8080", Authorization=f"Bearer {TOKEN}").status == 200
        assert call(url, "/alerts", Host="nas.home.lan:8080").status == 401


# --- the token


def test_every_route_of_the_api_needs_the_token(closed_api, open_api) -> None:
    paths = json.loads(call(open_api, "/openapi.json").text)["paths"]
    assert {"/ask", "/ask/stream", "/rca", "/alerts", "/timeline", "/health", "/metrics"} <= set(paths)
    for path, methods in paths.items():
        for method in methods:
            reply = call(closed_api, path, {} if method == "post" else None, method=method.upper())
            assert reply.status == 401, path
            assert reply.headers["WWW-Authenticate"] == "Bearer"
            assert reply.error.startswith("Authorization: a token is missing; ")
            assert "SRE_API_TOKEN" in reply.error


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer ", 401),
        ("Bearer \u00fc", 401),
        (TOKEN, 401),
        (f"Basic {TOKEN}", 401),
        ("", 401),
    ],
)
def test_only_the_token_itself_opens(closed_api, header, expected) -> None:
    reply = call(closed_api, "/metrics", Authorization=header)
    assert reply.status == expected
    assert TOKEN not in reply.text


def test_the_documentation_is_served_only_without_a_token(closed_api, open_api) -> None:
    for path in ("/docs", "/openapi.json"):
        assert call(open_api, path).status == 200
        assert call(closed_api, path).status == 404
        assert call(closed_api, path, Authorization=f"Bearer {TOKEN}").status == 404


# --- other web pages


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("http://sre.home.lan", "sre.home.lan", 200),
        ("https://sre.home.lan", "sre.home.lan", 200),
        ("https://sre.home.lan", "sre.home.lan:443", 200),
        ("https://SRE.home.lan:8443", "sre.home.lan:8443", 200),
        ("http://[::1]:8080", "[::1]:8080", 200),
        (STRANGER, "sre.home.lan", 403),
        ("https://sre.home.lan:8443", "sre.home.lan", 403),
        ("http://sre.home.lan", "sre.home.lan:443", 403),
        ("http://sre.home.lan.evil.example", "sre.home.lan", 403),
        ("http://sre.home.lan@evil.example", "sre.home.lan", 403),
        ("http://localhost:3000", "localhost:8080", 403),
        ("file://sre.home.lan", "sre.home.lan", 403),
        ("null", "sre.home.lan", 403),
        ("", "sre.home.lan", 403),
    ],
)
def test_another_web_page_may_not_ask(open_api, origin, host, expected) -> None:
    reply = call(open_api, "/ask", {"question": "tell me a joke"}, Origin=origin, Host=host)
    assert reply.status == expected
    if expected == 403:
        assert reply.error.startswith(f"Origin: {origin!r} is not {host!r}")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_but_reading_is_open_to_another_web_page(open_api, method) -> None:
    assert call(open_api, "/alerts", b"{}", method=method, Origin=STRANGER).status == 403


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_other_origin_may_read(open_api, method) -> None:
    asked = {"Origin": STRANGER, "Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "x"}
    reply = call(open_api, "/metrics", method=method, **asked)
    assert reply.status == (200 if method == "GET" else 405)
    assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


# --- sizes


@pytest.mark.parametrize(
    ("path", "size", "refused"),
    [
        ("/ask", 65_537, True),
        ("/login", 65_537, True),
        ("/gradio_api/queue/join", 1_048_576, False),
        ("/gradio_api/queue/join", 1_048_577, True),
        ("/page/gradio_api/queue/join", 70_000, False),
    ],
)
def test_the_limit_of_a_body_is_that_of_its_path(open_api, path, size, refused) -> None:
    reply = call(open_api, path, b" " * size)
    assert (reply.status == 413) == refused
    if refused:
        assert re.match(r"body: at most \d+ bytes", reply.error)


@pytest.mark.parametrize("length", ["-1", "\u00b2", "0x10"])
def test_a_length_that_is_none_is_refused(open_api, length) -> None:
    connection = http.client.HTTPConnection(open_api.removeprefix("http://"), timeout=60)
    connection.putrequest("POST", "/ask")
    connection.putheader("Content-Length", length.encode("latin-1"))
    connection.endheaders()
    assert connection.getresponse().status in {400, 413}
    connection.close()


def test_a_body_without_a_length_is_refused(open_api) -> None:
    connection = http.client.HTTPConnection(open_api.removeprefix("http://"), timeout=60)
    connection.request("POST", "/ask", iter([b"{}"]), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


# --- the login


class Clock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


@pytest.mark.parametrize("path", ["/page/", "/metrics", "/docs"])
def test_a_page_may_load_nothing_from_elsewhere(open_api, path) -> None:
    with urllib.request.urlopen(f"{open_api}{path}", timeout=30) as reply:
        policy = reply.headers.get("content-security-policy", "")
    assert "default-src 'self'" in policy


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def login(clock) -> Login:
    return Login("admin", PASSWORD, clock)


def test_without_a_password_there_is_no_login() -> None:
    assert build_login(Settings(_env_file=None)) is None


def test_the_login_is_that_of_the_settings() -> None:
    login = build_login(Settings(_env_file=None, login_user="jürgen", login_password="pässword"))
    assert login is not None
    assert login("jürgen", "pässword")
    assert not login("jürgen", "password")
    assert not login("admin", "pässword")
    assert not login("", "")
    assert not login("\ud800", "\ud800")


def test_guessing_is_bounded_and_forgiven_after_a_while(login, clock, caplog) -> None:
    for _ in range(ATTEMPTS):
        assert not login("admin", "wrong")
    assert not login("admin", PASSWORD)
    assert caplog.text.count("too many wrong attempts") == 1
    clock.at += PAUSE_S + 1
    assert login("admin", PASSWORD)


def test_a_right_login_forgives_the_wrong_ones_before_it(login) -> None:
    for _ in range(4):
        for _ in range(ATTEMPTS - 1):
            assert not login("admin", "wrong")
        assert login("admin", PASSWORD)


def test_who_guesses_locks_out_himself_and_with_many_addresses_all(login, clock) -> None:
    for number in range(ATTEMPTS_OF_ALL // ATTEMPTS):
        CALLER.set("192.168.1.20")
        assert login("admin", PASSWORD)
        CALLER.set(f"fd00::{number}")
        for _ in range(ATTEMPTS + 1):
            assert not login("admin", "wrong")
    CALLER.set("192.168.1.20")
    assert not login("admin", PASSWORD)
    clock.at += PAUSE_S + 1
    assert login("admin", PASSWORD)


# --- the page

OPEN_ROUTES = {
    "/", "/favicon.ico", "/manifest.json", "/robots.txt", "/theme.css", "/gradio_api/theme.css", "/login", "/logout",
    "/assets/{path}", "/static/{path}", "/svelte/{path}", "/pwa_icon", "/pwa_icon/{size}",
    "/gradio_api/custom_component/{id}/{environment}/{type}/{file_name}", "/gradio_api/app_id", "/gradio_api/startup-events",
    "/gradio_api/token", "/gradio_api/user",  # of the cookie that is sent along
    "/gradio_api/heartbeat/{session_hash}", "/gradio_api/cancel", "/gradio_api/reset",  # of a session whose random name one knows
    "/gradio_api/stream/{event_id}", "/gradio_api/stream/{event_id}/close",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist-file",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/playlist.m3u8",
    "/gradio_api/stream/{session_hash}/{run}/{component_id}/{segment_id}.{ext}",
    "/gradio_api/runs",  # switched off
    "/monitoring/{key}", "/gradio_api/vibe-code", "/gradio_api/vibe-edit", "/gradio_api/undo-vibe-edit",
    "/gradio_api/vibe-starter-queries",
}  # fmt: skip
"""What Gradio gives without a login, looked through: nothing that somebody asked or was answered. A new one fails the test."""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[tuple[str, FastAPI]]:
    """A tiny page beside the API, both closed, on a server that may be called by any name."""
    import gradio

    settings = made(tmp_path_factory.mktemp("page"), host="0.0.0.0", api_token=TOKEN, login_password=PASSWORD)
    with gradio.Blocks() as blocks:
        question, answer = gradio.Textbox(value="what only users see"), gradio.Textbox()
        question.submit(str.upper, question, answer, api_name="shout", api_visibility="undocumented")
    application = build_api(settings)
    gradio.mount_gradio_app(application, blocks, path="/page", auth=build_login(settings), run_history=False)
    (mounted,) = (route.app for route in application.routes if getattr(route, "path", None) == "/page")
    with api_served(application) as url:
        yield url, mounted


def logged_in(url: str, password: str = PASSWORD, *, address: str = "192.168.1.20") -> Reply:
    form = urlencode({"username": "admin", "password": password}).encode()
    kind = "application/x-www-form-urlencoded"
    return call(url, "/page/login", form, Content_Type=kind, X_Forwarded_For=address)


def cookies(reply: Reply) -> str:
    return "; ".join(each.partition(";")[0] for each in reply.headers.get_all("Set-Cookie") or ())


def test_every_route_of_the_page_but_those_that_tell_nothing_needs_the_login(page) -> None:
    url, mounted = page
    seen = set()
    for path, methods in mounted.openapi()["paths"].items():
        if path.rstrip("/") in OPEN_ROUTES | {""}:
            continue
        for method in methods:
            filled = re.sub(r"\{[^}]*\}", "1", path)
            reply = call(url, f"/page{filled}?session_hash=x", {} if method == "post" else None, method=method.upper())
            assert reply.status == 401, (method, path)
            seen.add(path)
    assert {
        "/config", "/gradio_api/info", "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/upload",
        "/gradio_api/file={path_or_url}", "/gradio_api/call/{api_name}", "/gradio_api/run/{api_name}",
    } <= seen  # fmt: skip


def test_who_has_not_logged_in_sees_the_login_only(page) -> None:
    text = call(page[0], "/page/").text
    assert '"auth_required":true' in text
    assert "what only users see" not in text


def test_the_login_opens_the_page_and_not_the_api(page) -> None:
    url, _ = page
    reply = logged_in(url)
    assert reply.status == 200
    assert "what only users see" in call(url, "/page/config", Cookie=cookies(reply)).text
    assert call(url, "/alerts", Cookie=cookies(reply)).status == 401
    assert call(url, "/page/config", Authorization=f"Bearer {TOKEN}").status == 401
    begun = call(url, "/page/gradio_api/call/shout", {"data": ["why?"]}, Cookie=cookies(reply))
    event = json.loads(begun.text)["event_id"]
    assert "WHY?" in call(url, f"/page/gradio_api/call/shout/{event}", Cookie=cookies(reply)).text
    assert call(url, f"/page/gradio_api/call/shout/{event}").status == 401


def test_the_page_bounds_guessing_by_address(page) -> None:
    url, _ = page
    for _ in range(ATTEMPTS):
        assert logged_in(url, "wrong", address="192.168.1.66").status == 400
    assert logged_in(url, address="192.168.1.66").status == 400
    assert logged_in(url, address="192.168.1.20").status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "sre.home.lan"])
def test_no_other_origin_may_use_the_page_of_a_user(page, host) -> None:
    url, _ = page
    sent = {"Host": host, "Origin": STRANGER, "Cookie": cookies(logged_in(url))}
    for path in ("/page/", "/page/config", "/page/gradio_api/token"):
        for method in ("GET", "OPTIONS"):
            reply = call(url, path, method=method, Access_Control_Request_Method="GET", **sent)
            assert not [name for name in reply.headers if name.lower().startswith("access-control-")]
    assert call(url, "/page/gradio_api/call/shout", {"data": ["why?"]}, **sent).status == 403
    assert call(url, "/page/login", b"", **sent).status == 403
