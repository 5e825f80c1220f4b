"""Measures `sre serve` as its users meet it: the stream of an answer, the page in Chromium, many at once, and memory over time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil

from app.cli.screen import say
from bench.figures import Figure
from scenarios.processes import choose_ports

SRE = str(Path(sys.executable).with_name("sre"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STREAMED = 20
PAGES = 5
AT_ONCE = 20
ROUNDS = 3
FIRST, ALL = 100, 1_000
START_S = 60
OTHERS = ("is any VM low on disk?", "summarize alerts", "how do I set up a new LXC?")


def measure_served(question: str) -> list[Figure]:
    """Over the sources that the environment names; one server for all of it, memory last."""
    with _served() as (url, process):
        for text in (question, *OTHERS):  # what is loaded once is loaded
            _ask(url, text)
        figures = [*_stream(url, question), *_page(url), _together(url, question)]
        return [*figures, *_memory(url, question, process)]


def _stream(url: str, question: str) -> list[Figure]:
    first: list[float] = []
    found: list[float] = []
    for run in range(STREAMED):
        say(f"stream {run + 1}/{STREAMED}")
        started = time.perf_counter()
        seen: dict[str, float] = {}
        with urllib.request.urlopen(_request(f"{url}/ask/stream", question), timeout=60) as response:
            for line in response:
                if line.startswith(b"event: "):
                    seen.setdefault(line[7:].strip().decode(), (time.perf_counter() - started) * 1000)
        first.append(min(seen.values()))
        found.append(seen["source"])
    return [
        Figure("`POST /ask/stream`, first event", "ms", 150, first),
        Figure("`POST /ask/stream`, first finding of a source", "ms", 500, found),
    ]


def _page(url: str) -> list[Figure]:
    """From the address to a page that takes a question, each time in a browser that has seen nothing before."""
    if CHROMIUM is None:
        say("no Chromium: the page is not measured")
        return []
    from playwright.sync_api import sync_playwright

    taken: list[float] = []
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        for run in range(PAGES):
            say(f"page {run + 1}/{PAGES}")
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
            tab = browser.new_page()
            started = time.perf_counter()
            tab.goto(f"{url}/")
            tab.get_by_role("textbox", name="Question").fill("is anything wrong?")
            taken.append(time.perf_counter() - started)
            browser.close()
    return [Figure("the page takes a question", "s", 2, taken)]


def _together(url: str, question: str) -> Figure:
    """How long AT_ONCE people wait who ask at once, as a multiple of the same questions one after the other."""
    texts = [(question, *OTHERS)[number % 4] for number in range(AT_ONCE)]
    ratios: list[float] = []
    for run in range(ROUNDS):
        say(f"{AT_ONCE} at once, {run + 1}/{ROUNDS}")
        started = time.perf_counter()
        for text in texts:
            _ask(url, text)
        alone = time.perf_counter() - started
        started = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as people:
            list(people.map(lambda text: _ask(url, text), texts))  # raises when one fails
        ratios.append((time.perf_counter() - started) / alone)
    return Figure(f"{AT_ONCE} questions at once, by the time of them in sequence", "times", 1.1, ratios)


def _memory(url: str, question: str, process: subprocess.Popen[bytes]) -> list[Figure]:
    """Resident memory after FIRST questions, and how much it has grown after ALL."""
    resident: list[float] = []
    for number in range(1, ALL + 1):
        _ask(url, (question, *OTHERS)[number % 4])
        if number % FIRST == 0:
            resident.append(psutil.Process(process.pid).memory_info().rss / 2**20)
            say(f"question {number}/{ALL}: {resident[-1]:.0f} MiB")
    growth = (median(resident[-3:]) / resident[0] - 1) * 100
    return [
        Figure(f"resident memory of `sre serve` after {FIRST} questions, the page included", "MiB", 600, [resident[0]]),
        Figure(f"its growth from there to {ALL} questions", "%", 10, [growth]),
    ]


def _ask(url: str, text: str) -> None:
    with urllib.request.urlopen(_request(f"{url}/ask", text), timeout=60) as response:
        response.read()


def _request(url: str, text: str) -> urllib.request.Request:
    body = json.dumps({"question": text}).encode()
    return urllib.request.Request(url, body, {"Content-Type": "application/json"})


@contextmanager
def _served() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    url = f"http://127.0.0.1:{choose_ports(None, ['API'])[0]}"
    command = [SRE, "serve", "--port", url.rpartition(":")[2]]
    # A token of the developer's own would be asked for here, too.
    environment = {name: value for name, value in os.environ.items() if name not in {"SRE_API_TOKEN", "SRE_LM"}}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _until_up(f"{url}/metrics")
            yield url, process
        finally:
            process.terminate()


def _until_up(url: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
