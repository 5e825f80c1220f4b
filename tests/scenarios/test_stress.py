"""Real disturbances of this machine: small here, and gone afterwards however they end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from core.errors import LabError
from scenarios import disturbance, stress
from scenarios.binaries import provide_binaries
from scenarios.processes import choose_ports

MIB = 1024**2


def begin(kind: str, amount: int, directory: Path, *, seconds: int = 60, port: int = 0) -> subprocess.Popen[bytes]:
    line = disturbance.command(kind, amount, seconds=seconds, directory=directory, port=port)
    return subprocess.Popen([str(part) for part in line])


def until(holds: Callable[[], bool], *, within_s: float = 20) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return False


def test_memory_is_really_held_and_free_again_after_the_end(tmp_path: Path) -> None:
    process = begin("memory", 256 * MIB, tmp_path)
    held = psutil.Process(process.pid)
    assert until(lambda: held.memory_info().rss > 240 * MIB)
    process.terminate()
    process.wait(10)
    assert not psutil.pid_exists(held.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_file_without_a_name_is_gone_even_after_sigkill(tmp_path: Path) -> None:
    process = begin("disk", 64 * MIB, tmp_path)
    descriptors = Path(f"/proc/{process.pid}/fd")  # psutil leaves out files without a name
    assert until(lambda: _largest(descriptors) >= 64 * MIB)
    assert list(tmp_path.iterdir()) == []
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert list(tmp_path.iterdir()) == []


def test_busy_cores_run_at_the_lowest_priority_and_end_by_themselves(tmp_path: Path) -> None:
    process = begin("cpu", 2, tmp_path, seconds=4)
    parent = psutil.Process(process.pid)
    assert until(lambda: len(parent.children()) == 1)
    workers = [parent, *parent.children()]
    assert {worker.nice() for worker in workers} == {19}
    assert process.wait(15) == -signal.SIGALRM
    assert until(lambda: not any(worker.is_running() for worker in workers))


def test_a_disturbance_ends_with_whoever_began_it(tmp_path: Path) -> None:
    line = disturbance.command("memory", 16 * MIB, seconds=60, directory=tmp_path)
    script = f"import subprocess, sys; print(subprocess.Popen({[str(part) for part in line]!r}).pid, flush=True); sys.stdin.read()"
    starter = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert psutil.pid_exists(pid)
    time.sleep(1)
    starter.kill()
    starter.wait(5)
    assert until(lambda: not psutil.pid_exists(pid))


def test_a_service_answers_and_then_no_longer_does(tmp_path: Path) -> None:
    (port,) = choose_ports(None, ["the service"])
    process = begin("service", 1, tmp_path, port=port)
    assert until(lambda: _answers(port))
    assert until(lambda: not _answers(port), within_s=disturbance.SERVES_S + 10)
    assert process.poll() is None
    process.kill()
    process.wait(5)


@pytest.mark.parametrize("kind", ["cpu", "memory", "disk", "service"])
def test_a_plan_says_its_limits(kind: stress.StressKind, tmp_path: Path) -> None:
    planned = stress.plan(kind, 120, tmp_path)
    assert "120 s" in planned.words
    assert planned.amount <= {"memory": psutil.virtual_memory().available // 2, "disk": 4 * stress.GIB}.get(
        kind, os.cpu_count() or 1
    )


def test_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="between 60 and 900"):
        stress.plan("cpu", 7200, tmp_path)


@pytest.mark.skipif(
    not (shutil.which("node_exporter") or shutil.which("prometheus-node-exporter")),
    reason="node_exporter is not installed",
)
def test_the_alert_really_fires_and_nothing_is_left(tmp_path: Path) -> None:
    planned = replace(stress.plan("memory", 60, tmp_path), amount=192 * MIB)
    free = psutil.virtual_memory().available
    planned = replace(planned, expression=f"node_memory_MemAvailable_bytes < {free * 2}")
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    binaries = provide_binaries(tmp_path, progress=print)
    with stress.Stress(planned, directory=tmp_path / "stress", binaries=binaries, progress=print, quiet_s=1) as running:
        ready = running.start()
        url = f"{ready.env['SRE_ALERTMANAGER_URL']}/api/v2/alerts"
        assert until(lambda: "HostMemoryDropped" in {a["labels"]["alertname"] for a in _json(url)}, within_s=40)
        assert [alert["labels"]["job"] for alert in _json(url)] == ["node"]
    left = {child.pid for child in psutil.Process().children(recursive=True)} - before
    assert left == set()


def _largest(descriptors: Path) -> int:
    """Bytes of the largest file that is open; what is closed meanwhile counts as nothing."""
    sizes = [0]
    for each in descriptors.iterdir():
        with contextlib.suppress(FileNotFoundError):
            sizes.append(each.stat().st_size)
    return max(sizes)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _json(url: str) -> list[dict[str, dict[str, str]]]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: list[dict[str, dict[str, str]]] = json.load(answer)
        return found
