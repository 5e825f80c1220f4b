"""What tests of several rooms share."""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LAB_SCENARIO = "dns-outage"
LAB_DEADLINE_S = 110


@dataclass(frozen=True)
class RunningLab:
    """A lab in which the alert of its scenario is firing. Only read from it: all tests and workers share it."""

    env: dict[str, str]
    incident: dict[str, Any]
    speedup: float
    alert: dict[str, Any]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """One real lab per session, however many pytest-xdist workers there are; it ends with the session."""
    base = tmp_path_factory.getbasetemp()
    shared = "PYTEST_XDIST_WORKER" in os.environ
    directory = (base.parent if shared else base) / "shared-lab"
    directory.mkdir(exist_ok=True)
    holder = None
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "pid").exists():
            holder = hold_lab(directory, owner=os.getppid() if shared else os.getpid())
        ready = json.loads(await_file(directory, "ready.json"))
    yield RunningLab(ready["env"], ready["incidents"][0], ready["speedup"], ready["alert"])
    if holder is not None and not shared:
        holder.terminate()
        holder.wait(20)


def hold_lab(directory: Path, *, owner: int) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("lab_holder.py")
    with (directory / "holder.log").open("wb") as log:
        holder = subprocess.Popen(
            [sys.executable, script, LAB_SCENARIO, directory, str(owner)],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (directory / "pid").write_text(str(holder.pid))
    return holder


def await_file(directory: Path, name: str) -> str:
    end = time.monotonic() + LAB_DEADLINE_S
    while time.monotonic() < end:
        if (directory / name).exists():
            return (directory / name).read_text()
        if (directory / "failed.txt").exists():
            pytest.fail(f"the lab did not start: {(directory / 'failed.txt').read_text()}")
        time.sleep(0.1)
    pytest.fail(f"the lab is not ready after {LAB_DEADLINE_S} s: {(directory / 'holder.log').read_text()[-2000:]}")
