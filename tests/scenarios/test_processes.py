import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import LabError
from scenarios.processes import Processes, choose_ports

SERVE = "import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.SimpleHTTPRequestHandler).serve_forever()"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    children = Processes(tmp_path)
    yield children
    children.stop()


def free_port() -> int:
    return choose_ports(None, ["one"])[0]


def gone(pid: int) -> bool:
    """Ended, or ended and not yet collected by whoever inherited it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_child_is_ready_when_it_answers_and_gone_after_stop(processes: Processes) -> None:
    port = free_port()
    child = processes.start("web", [sys.executable, "-c", SERVE.format(port=port)], port=port)
    processes.wait_ready(child, "/", deadline_s=20)
    processes.check()
    processes.stop()
    assert child.process.returncode is not None
    assert processes.pids() == {}


def test_a_child_that_ends_early_is_reported_with_its_last_words(processes: Processes) -> None:
    script = "import sys; print('first'); sys.exit('cannot bind: address in use')"
    child = processes.start("web", [sys.executable, "-c", script], port=4711)
    with pytest.raises(
        LabError, match=r"web \(port 4711\) ended with exit code 1; .*cannot bind: address in use"
    ) as caught:
        processes.wait_ready(child, "/", deadline_s=20)
    assert "\n" not in str(caught.value)


def test_a_child_that_never_answers_is_reported_at_the_deadline(processes: Processes) -> None:
    child = processes.start("mute", [sys.executable, "-c", "import time; time.sleep(60)"], port=free_port())
    with pytest.raises(LabError, match="not ready after 0 s"):
        processes.wait_ready(child, "/", deadline_s=0.2)


def test_a_short_task_that_fails_is_an_error(processes: Processes) -> None:
    good = processes.start("good", [sys.executable, "-c", "pass"])
    bad = processes.start("bad", [sys.executable, "-c", "import sys; sys.exit('no space left')"])
    with pytest.raises(LabError, match=r"bad failed with exit code 1; .*no space left"):
        processes.wait_done([good, bad], deadline_s=20)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(ready)!r}, 'w'); time.sleep(600)"
    processes = Processes(tmp_path)
    child = processes.start("stubborn", [sys.executable, "-c", script])
    while not ready.exists():
        time.sleep(0.02)
    processes.stop(deadline_s=0.3)
    assert child.process.returncode == -signal.SIGKILL


def test_a_program_that_does_not_exist_is_an_error(processes: Processes) -> None:
    with pytest.raises(LabError, match="nothing cannot be started"):
        processes.start("nothing", ["/no/such/program"])


def test_children_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    parent = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from scenarios.processes import Processes
        processes = Processes(Path({str(tmp_path)!r}))
        child = processes.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
        print(child.process.pid, flush=True)
        time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        sleeper = int(process.stdout.readline())
        assert not gone(sleeper)
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not gone(sleeper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(sleeper)


def test_a_port_in_use_is_named_with_its_owner_to_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match=rf"port {port} for Alertmanager cannot be used.*--port-base"):
            choose_ports(port, ["Alertmanager"])


@pytest.mark.parametrize("base", [0, 80, 65535, -1])
def test_a_port_base_outside_the_range_is_refused(base: int) -> None:
    with pytest.raises(LabError, match="choose one between"):
        choose_ports(base, ["a", "b", "c"])


def test_free_ports_differ() -> None:
    assert len(set(choose_ports(None, ["a", "b", "c"]))) == 3
