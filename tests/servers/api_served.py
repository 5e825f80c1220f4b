"""An application on loopback, from a thread of the test's own, whatever address its settings name."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from scenarios.processes import choose_ports


@contextmanager
def api_served(application: FastAPI) -> Iterator[str]:
    """Its URL; a request that goes on for ever keeps it from ending, and fails the test."""
    port = choose_ports(None, ["API"])[0]
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        assert not thread.is_alive(), "something holds the server"
