"""A real, bounded disturbance of this machine, run as a process of its own that undoes itself however it ends:

    python -m scenarios.disturbance cpu|memory|disk|service --amount N --seconds S [--directory DIR] [--port P]

The processes of `cpu` run at the lowest priority; the file of `disk` has no name, so the space is free again as soon as the process
is gone; `service` answers for a while and then no longer does.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_S = 900
LOWEST_PRIORITY = 19
WATCH_S = 0.5
PIECE = 16 * 1024 * 1024
DISK_BYTES_PER_S = 200 * 1024 * 1024
SERVES_S = 15.0


def cpu(amount: int, _: argparse.Namespace) -> None:
    """Keep `amount` cores busy, besides this process."""
    os.nice(LOWEST_PRIORITY)
    for _number in range(amount - 1):
        if os.fork() == 0:
            _end_with(os.getppid())
            _burn()
    _burn()


def _burn() -> None:
    while True:
        sum(number * number for number in range(100_000))


def memory(amount: int, _: argparse.Namespace) -> None:
    """Hold `amount` bytes, really used: every page is written."""
    held = []
    for _piece in range(amount // PIECE):
        held.append(bytearray(os.urandom(4096) * (PIECE // 4096)))
        time.sleep(0.02)
    _wait()


def disk(amount: int, given: argparse.Namespace) -> None:
    """Write `amount` bytes into a file without a name."""
    with tempfile.TemporaryFile(dir=given.directory) as file:
        piece = os.urandom(PIECE)
        for _piece in range(amount // PIECE):
            file.write(piece)
            file.flush()
            time.sleep(PIECE / DISK_BYTES_PER_S)
        os.fsync(file.fileno())
        _wait()


def service(_: int, given: argparse.Namespace) -> None:
    """A small service with metrics of its own that stops answering after a while, and keeps its port."""
    from prometheus_client import start_http_server

    server, thread = start_http_server(given.port, addr="127.0.0.1")
    time.sleep(SERVES_S)
    server.shutdown()
    server.server_close()
    thread.join()
    _wait()


KINDS: dict[str, Callable[[int, argparse.Namespace], None]] = {
    "cpu": cpu,
    "memory": memory,
    "disk": disk,
    "service": service,
}


def command(kind: str, amount: int, *, seconds: int, directory: Path, port: int = 0) -> list[str | Path]:
    """The command line that runs this module as a process."""
    options: list[str | Path] = [
        "--amount",
        str(amount),
        "--seconds",
        str(seconds),
        "--directory",
        directory,
        "--port",
        str(port),
    ]
    return [sys.executable, "-m", "scenarios.disturbance", kind, *options]


def _wait() -> None:
    while True:
        time.sleep(WATCH_S)


def _end_with(parent: int) -> None:
    """End this process when `parent` is gone, in whatever way it went."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_S)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scenarios.disturbance")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--amount", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(min(given.seconds, LONGEST_S))  # the kernel ends it, whatever it is doing
    _end_with(os.getppid())
    KINDS[given.kind](given.amount, given)


if __name__ == "__main__":
    main()
