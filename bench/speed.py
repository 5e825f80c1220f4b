"""Measures the doors over a running lab, the program around a scripted model, and the search over a large corpus; writes `docs/benchmark.md`."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

import app.environment  # noqa: F401  first, before any library that it quiets
from app.cli.lab import running_lab
from app.cli.screen import say
from app.knowledge import build_index, index_directory
from app.wiring import build_assistant
from bench.causes import measure_causes
from bench.figures import Figure, Part, load_average, write_report
from bench.knowledge import measure_knowledge
from bench.models import measure_models
from bench.ranking import measure_ranking
from core.settings import Settings, load_settings
from scenarios.processes import choose_ports

SRE = str(Path(sys.executable).with_name("sre"))
SCENARIO = "jellyfin-memory-leak"
QUESTION = "Why is HostHighMemory firing on media?"
WARM_RUNS = 20
COLD_RUNS = 7
SERVED_QUESTIONS = 100
ALERT_DEADLINE_S = 180


def main() -> None:
    """The doors first, before the ingests load the machine."""
    write_report([_measure_doors(), measure_models(), measure_knowledge(), measure_ranking(), measure_causes()])


def _measure_doors() -> Part:
    """Start the lab, wait for its alert, measure."""
    before = load_average()
    with tempfile.TemporaryDirectory(prefix="sre-bench-") as data, running_lab(SCENARIO) as (running, ready):
        os.environ.update(ready.env, SRE_DATA_DIR=data)
        settings = load_settings()
        build_index(index_directory(settings), settings.data_dir).ingest(list(settings.documents))
        running.wait_for_alert("HostHighMemory", deadline_s=ALERT_DEADLINE_S)
        figures = [*asyncio.run(_warm(settings)), *_cold(), _memory()]
    return Part(f"Over the simulated homelab with the scenario `{SCENARIO}`.", figures, before, load_average())


async def _warm(settings: Settings) -> list[Figure]:
    """The explanation in one process that has answered before: all of it, and the part with no source request in flight."""
    assistant = build_assistant(settings)
    await assistant.ask(QUESTION)
    total: list[float] = []
    own: list[float] = []
    for run in range(WARM_RUNS):
        say(f"explanation {run + 1}/{WARM_RUNS}")
        latency = (await assistant.ask(QUESTION)).usage.latency_s
        total.append(latency.total)
        own.append((latency.total - latency.tools) * 1000)
    return [
        Figure("alert explanation, own time", "ms", 250, own),
        Figure("alert explanation, total", "s", 1, total),
    ]


def _cold() -> list[Figure]:
    return [
        Figure("`sre alerts`, first output", "s", 0.5, _times(lambda: _first_output("alerts"))),
        Figure("`sre doctor`, first output", "s", 0.5, _times(lambda: _first_output("doctor"))),
        Figure("`sre ask`, cold, whole process", "s", 4, _times(lambda: _whole("ask", QUESTION, "--json"))),
    ]


def _times(measure: Callable[[], float]) -> list[float]:
    return [measure() for _ in range(COLD_RUNS)]


def _first_output(*arguments: str) -> float:
    started = time.perf_counter()
    with subprocess.Popen([SRE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        seconds = time.perf_counter() - started
        process.stdout.read()
    return seconds


def _whole(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([SRE, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def _memory() -> Figure:
    """Resident memory of `sre serve` after a hundred questions."""
    port = choose_ports(None, ["API"])[0]
    url = f"http://127.0.0.1:{port}/ask"
    with subprocess.Popen(
        [SRE, "serve", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _until_up(f"http://127.0.0.1:{port}/metrics")
            for number in range(SERVED_QUESTIONS):
                say(f"question {number + 1}/{SERVED_QUESTIONS}")
                text = (QUESTION, "is any VM low on disk?", "summarize alerts", "how do I set up a new LXC?")[
                    number % 4
                ]
                body = json.dumps({"question": text}).encode()
                request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
                urllib.request.urlopen(request, timeout=60).read()
            resident = psutil.Process(process.pid).memory_info().rss / 2**20
        finally:
            process.terminate()
    return Figure(f"resident memory of `sre serve` after {SERVED_QUESTIONS} questions", "MiB", 600, [resident])


def _until_up(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


if __name__ == "__main__":
    main()
