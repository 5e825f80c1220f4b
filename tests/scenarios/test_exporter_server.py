import http.client
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import now
from scenarios import exporter_server
from scenarios.processes import Processes, choose_ports
from scenarios.schema import Fault, Scenario
from scenarios.world_file import WorldFile


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A server in which Traefik has been down for ten minutes: (its port, where it writes logs)."""
    directory = tmp_path_factory.mktemp("exporter")
    start = now().replace(microsecond=0) - timedelta(minutes=10)
    fault = Fault(kind="crash_loop", entity="traefik", at=timedelta(0), shape="step")
    scenario = Scenario(name="rehearsal", summary="a rehearsal", fault=fault)
    world = WorldFile(scenario, start, seed=0, speedup=1).write(directory / "world.json")
    (port,) = choose_ports(None, ["exporter"])
    processes = Processes(directory / "output")
    command = exporter_server.command(world, port, directory / "logs", start)
    processes.wait_ready(processes.start("exporter", command, port=port), "/-/ready", deadline_s=30)
    yield port, directory / "logs"
    processes.stop()


def ask(port: int, target: str, host: str | None = None) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", target, headers={"Host": host} if host else {})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, response.headers["Content-Type"], body


def discovered(port: int, job: str) -> list[dict[str, Any]]:
    status, content_type, body = ask(port, f"/sd/{job}")
    assert (status, content_type) == (200, "application/json")
    return list(json.loads(body))


def test_a_proxied_scrape_answers_for_the_host_that_was_asked(exporter: tuple[int, Path]) -> None:
    status, content_type, body = ask(exporter[0], "http://media:9100/metrics", "media:9100")
    assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "node_uname_info{" in body
    assert 'nodename="media"' in body
    assert 'nodename="nas"' not in body


def test_a_probe_is_told_apart_by_its_parameters(exporter: tuple[int, Path]) -> None:
    answers = set()
    for group in discovered(exporter[0], "blackbox-http")[:3]:
        labels = group["labels"]
        assert labels["instance"] == labels["__param_target"]
        query = f"module={labels['__param_module']}&target={labels['__param_target'].replace(':', '%3A')}"
        (address,) = group["targets"]
        status, _, body = ask(exporter[0], f"http://{address}{labels['__metrics_path__']}?{query}", address)
        assert status == 200
        answers.add(body)
    assert len(answers) == 3


def test_a_target_that_is_down_answers_503(exporter: tuple[int, Path]) -> None:
    assert ask(exporter[0], "http://proxy:8082/metrics", "proxy:8082")[0] == 503


def test_discovery_knows_every_job(exporter: tuple[int, Path]) -> None:
    assert {
        "targets": ["media:9100"],
        "labels": {"instance": "media:9100", "__metrics_path__": "/metrics"},
    } in discovered(exporter[0], "node")
    assert len(discovered(exporter[0], "pve")) == 1


@pytest.mark.parametrize(
    ("target", "host"),
    [("http://nobody:9100/metrics", "nobody:9100"), ("/sd/nothing", None), ("/metrics", None), ("/", None)],
)
def test_what_does_not_exist_is_404(exporter: tuple[int, Path], target: str, host: str | None) -> None:
    assert ask(exporter[0], target, host)[0] == 404


def test_logs_since_the_start_are_written(exporter: tuple[int, Path]) -> None:
    assert any(path.stat().st_size for path in exporter[1].glob("*/*.log"))
