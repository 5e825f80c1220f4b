"""Measures the doors over a running lab, the program around a scripted model, and the search over a large corpus; writes `docs/benchmark.md`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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
from bench.served import measure_served
from core.settings import Settings, load_settings

SRE = str(Path(sys.executable).with_name("sre"))
SCENARIO = "jellyfin-memory-leak"
QUESTION = "Why is HostHighMemory firing on media?"
WARM_RUNS = 20
COLD_RUNS = 7
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
        figures = [*asyncio.run(_warm(settings)), *_cold(), *measure_served(QUESTION)]
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


if __name__ == "__main__":
    main()
