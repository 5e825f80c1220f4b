"""Every exporter of the simulated homelab behind one port, and the writer of its logs. Runs as a process of its own:

    python -m scenarios.exporter_server --world FILE --port N --logs DIR --logs-from ISO

Prometheus finds its targets at `GET /sd/<job>` (http_sd) and scrapes them through this server as its proxy (`proxy_url`), so that
it asks for `http://media:9100/metrics` as in real life. A target that is down answers 503. `GET /-/ready` answers 200.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.clock import isoformat, now
from core.errors import LabError
from scenarios.log_files import LogFiles
from scenarios.targets import Target
from scenarios.world import World
from scenarios.world_file import read_world

LOG_INTERVAL_S = 1.0
_EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"

Event = MutableMapping[str, Any]


def service_discovery(targets: list[Target]) -> dict[str, bytes]:
    """The http_sd document of each job. Path and parameters travel as the labels that Prometheus reserves for them."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for target in targets:
        reserved = {
            "__metrics_path__": target.path,
            **{f"__param_{name}": value for name, value in target.params.items()},
        }
        groups[target.job].append({"targets": [target.address], "labels": {**target.labels, **reserved}})
    return {job: json.dumps(documents).encode() for job, documents in groups.items()}


class ExporterServer:
    """A bare ASGI application."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._discovery = service_discovery(world.targets())

    async def __call__(
        self, scope: Event, _receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
    ) -> None:
        if scope["type"] != "http":
            return
        status, content_type, body = self._answer(scope)
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Event) -> tuple[int, bytes, bytes]:
        # uvicorn's two parsers disagree on whether the path of an absolute-form request still holds scheme and host.
        path = urlsplit(scope["path"]).path
        host = next((value.decode() for name, value in scope["headers"] if name == b"host"), "")
        params = dict(parse_qsl(scope["query_string"].decode()))
        if target := self._world.target_for(host, path, params):
            # Whole seconds: targets that are scraped in the same second share the world's work.
            exposition = self._world.scrape(target, float(int(time.time())))
            if exposition is None:
                return 503, b"text/plain", f"{host} does not answer\n".encode()
            return 200, _EXPOSITION, exposition.encode()
        if path == "/-/ready":
            return 200, b"text/plain", b"ready\n"
        if document := self._discovery.get(path.removeprefix("/sd/")):
            return 200, b"application/json", document
        return 404, b"text/plain", f"no target {host}{path}\n".encode()


def keep_logging(files: LogFiles, since: datetime, stopped: threading.Event) -> None:
    """Write what has been logged since then, and then go on second by second; a failure ends the process."""
    try:
        while True:
            until = now()
            files.write(since, until)
            since = until
            if stopped.wait(LOG_INTERVAL_S):
                return
    except OSError as error:
        print(f"logs cannot be written: {error}", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)


def command(world: Path, port: int, logs: Path, logs_from: datetime) -> list[str | Path]:
    """The command line that runs this module as a process."""
    options: list[str | Path] = [
        "--world",
        world,
        "--port",
        str(port),
        "--logs",
        logs,
        "--logs-from",
        isoformat(logs_from),
    ]
    return [sys.executable, "-m", "scenarios.exporter_server", *options]


def main() -> None:
    import uvicorn  # here, so that who only needs the command line above does not wait for it

    parser = argparse.ArgumentParser(prog="python -m scenarios.exporter_server")
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--logs-from", type=datetime.fromisoformat, required=True)
    given = parser.parse_args()
    world = read_world(given.world)
    stopped = threading.Event()
    files = LogFiles(world, given.logs)
    threading.Thread(target=keep_logging, args=(files, given.logs_from, stopped), daemon=True).start()
    config = uvicorn.Config(
        ExporterServer(world),
        host="127.0.0.1",
        port=given.port,
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(config).run()
    stopped.set()


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
