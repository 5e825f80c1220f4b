"""Runs the API, once who may ask is settled (`app/access.py`)."""

from __future__ import annotations

import os
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.errors import ConfigurationError
from core.logging import configure_logging
from core.settings import Settings

START_DEADLINE_S = 20.0


def _config(settings: Settings) -> object:
    import uvicorn

    from app.access import require_access
    from app.api import build_api

    require_access(settings)
    return uvicorn.Config(
        build_api(settings, page=True), host=settings.host, port=settings.port, log_config=None, access_log=False
    )


def run(settings: Settings, *, open_page: bool = False) -> None:
    """Serve until interrupted; with `open_page` the browser shows the page as soon as there is one."""
    import uvicorn

    configure_logging(settings.log_level)
    config = _config(settings)
    assert isinstance(config, uvicorn.Config)  # noqa: S101  typed as object so that uvicorn stays lazy
    server = uvicorn.Server(config)
    if open_page:
        threading.Thread(target=_open_page, args=(server, page_url(settings)), daemon=True).start()
    server.run()


def page_url(settings: Settings) -> str:
    """Where the page is found from this machine."""
    everywhere = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  not bound, only compared
    host = everywhere.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _open_page(server: Any, url: str) -> None:
    """Only where there is a screen: a browser in the terminal would take it from the server."""
    deadline = time.monotonic() + START_DEADLINE_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.1)
    if server.started and (sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))):
        webbrowser.open(url)


@contextmanager
def in_background(settings: Settings) -> Iterator[str]:
    """Serve from a thread while the work inside runs; yields the base URL."""
    import uvicorn

    config = _config(settings)
    assert isinstance(config, uvicorn.Config)  # noqa: S101  as above
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="api", daemon=True)
    thread.start()
    deadline = time.monotonic() + START_DEADLINE_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ConfigurationError(f"SRE_PORT: cannot serve on {settings.host}:{settings.port}; is it in use?")
        time.sleep(0.05)
    try:
        yield f"http://{settings.host}:{settings.port}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)
