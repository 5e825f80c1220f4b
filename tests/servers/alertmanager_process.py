"""A real Alertmanager of a test's own, which is told what fires."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from scenarios.processes import choose_ports

BINARY = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


@contextmanager
def alertmanager_process(directory: Path, config: str) -> Iterator[str]:
    """Its URL."""
    (directory / "alertmanager.yml").write_text(config)
    base = f"http://127.0.0.1:{choose_ports(None, ['alertmanager'])[0]}"
    arguments = [
        f"--web.listen-address={base.removeprefix('http://')}",
        "--cluster.listen-address=",
        f"--storage.path={directory}",
        f"--config.file={directory / 'alertmanager.yml'}",
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([str(BINARY), *arguments], stdout=log, stderr=log)
    try:
        _await_ready(base, process, directory)
        yield base
    finally:
        process.terminate()
        process.wait(10)


def post(base: str, path: str, body: object) -> None:
    httpx.post(base + path, json=body).raise_for_status()


def firing(alert: dict[str, object]) -> dict[str, object]:
    return {"startsAt": in_minutes(-5), "endsAt": in_minutes(30), **alert}


def resolved(alert: dict[str, object]) -> dict[str, object]:
    return {"startsAt": in_minutes(-5), "endsAt": in_minutes(-1), **alert}


def in_minutes(minutes: int) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def _await_ready(base: str, process: subprocess.Popen[bytes], directory: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{base}/-/ready").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"Alertmanager did not start: {(directory / 'log').read_text()[-500:]}")
