"""The lab's child processes: started with a deadline, watched, and ended together.

All of them share one process group, led by a keeper that does nothing but read a pipe from us. When we end, however that happens,
the pipe closes and the keeper ends the group. The group is not the terminal's, so Ctrl-C reaches only us, and we stop the
children in order.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import LabError

STOP_DEADLINE_S = 6.0
_POLL_S = 0.05
_LOG_LINES = 3
_LOG_TAIL_BYTES = 4096

_KEEPER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdin.buffer.read()
os.killpg(0, signal.SIGTERM)
time.sleep(3)
os.killpg(0, signal.SIGKILL)
"""


@dataclass(frozen=True)
class Child:
    """One running process; `log` holds its standard output and error."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    port: int | None


class Processes:
    """The children of one lab. Not thread-safe; `stop` may be called at any time and more than once."""

    def __init__(self, log_dir: Path) -> None:
        self._log_dir = log_dir
        self._children: list[Child] = []
        self._keeper: subprocess.Popen[bytes] | None = None

    def pids(self) -> dict[str, int]:
        """The running children by name."""
        return {child.name: child.process.pid for child in self._children}

    def start(self, name: str, command: Sequence[str | Path], *, port: int | None = None) -> Child:
        """Start a process; raises LabError when it cannot be executed."""
        self._log_dir.mkdir(parents=True, exist_ok=True)
        log = self._log_dir / f"{name}.log"
        with log.open("wb") as out:
            try:
                process = subprocess.Popen(  # noqa: S603 - command lines of ours
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    process_group=self._group(),
                )
            except OSError as error:
                raise LabError(f"{name} cannot be started: {error}") from None
        child = Child(name, process, log, port)
        self._children.append(child)
        return child

    def wait_ready(self, child: Child, path: str, *, deadline_s: float) -> None:
        """Until GET `path` on the child's port answers 200; LabError when it ends first or the deadline passes."""
        end = time.monotonic() + deadline_s
        while not _answers(child.port or 0, path):
            self._refuse_ended(child)
            if time.monotonic() > end:
                raise LabError(f"{_title(child)} is not ready after {deadline_s:.0f} s; {_last_words(child)}")
            time.sleep(_POLL_S)

    def wait_done(self, children: Sequence[Child], *, deadline_s: float) -> None:
        """Until each of these short-lived children has ended well; LabError otherwise."""
        end = time.monotonic() + deadline_s
        for child in children:
            try:
                code = child.process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise LabError(f"{child.name} is not done after {deadline_s:.0f} s; {_last_words(child)}") from None
            if code != 0:
                raise LabError(f"{child.name} failed with exit code {code}; {_last_words(child)}")
            self._children.remove(child)

    def check(self) -> None:
        """LabError when a child that should run has ended."""
        for child in self._children:
            self._refuse_ended(child)

    def stop(self, *, deadline_s: float = STOP_DEADLINE_S) -> None:
        """End every child, the youngest first, and then the keeper; what does not end in time is killed."""
        for child in reversed(self._children):
            child.process.terminate()
        end = time.monotonic() + deadline_s
        for child in reversed(self._children):
            try:
                child.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._children.clear()
        if self._keeper is not None:
            # Also whatever a child has started and left behind; the keeper is in the group, so the group still exists.
            os.killpg(self._keeper.pid, signal.SIGKILL)
            self._keeper.communicate()
            self._keeper = None

    def _group(self) -> int:
        if self._keeper is None:
            self._keeper = subprocess.Popen(  # noqa: S603 - our own interpreter and script
                [sys.executable, "-S", "-E", "-c", _KEEPER],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        return self._keeper.pid

    def _refuse_ended(self, child: Child) -> None:
        if (code := child.process.poll()) is not None:
            raise LabError(f"{_title(child)} ended with exit code {code}; {_last_words(child)}")


def choose_ports(base: int | None, names: Sequence[str]) -> list[int]:
    """A loopback port per name: `base` and up, or free ones. LabError names the first that is in use."""
    if base is None:
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
        ports = [int(each.getsockname()[1]) for each in sockets]
        for each in sockets:
            each.close()
        return ports
    if not 1024 <= base <= 65535 - len(names):
        raise LabError(f"--port-base {base}: choose one between 1024 and {65535 - len(names)}")
    for port, name in enumerate(names, start=base):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            raise LabError(
                f"port {port} for {name} cannot be used ({error.strerror}); give another --port-base"
            ) from None
    return list(range(base, base + len(names)))


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _title(child: Child) -> str:
    return f"{child.name} (port {child.port})" if child.port else child.name


def _last_words(child: Child) -> str:
    """The end of its log on one line, and where the rest is."""
    try:
        with child.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()[-_LOG_LINES:]
    except OSError as error:
        return f"its log cannot be read: {error}"
    return f"its log {child.log} ends: {' | '.join(lines) or '(empty)'}"
