"""Runs the API, once who may ask is settled (`app/access.py`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

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


def run(settings: Settings) -> None:
    """Serve until interrupted."""
    import uvicorn

    configure_logging(settings.log_level)
    config = _config(settings)
    assert isinstance(config, uvicorn.Config)  # noqa: S101  typed as object so that uvicorn stays lazy
    uvicorn.Server(config).run()


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
