"""`sre serve` as a process of its own, and a real Chromium that looks at its page and notices what it should not do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from scenarios.processes import choose_ports

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARTEFACTS = Path(__file__).resolve().parents[2] / "artefacts" / "page"
SRE = str(Path(sys.executable).with_name("sre"))
START_S = 60
WAIT_MS = 30_000
"""What is waited for comes at once on a quiet machine."""
expect.set_options(timeout=WAIT_MS)
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 740}


class Served:
    """A server with settings of its own, in an empty directory; it may be stopped and started again at the same address."""

    def __init__(self, directory: Path, settings: dict[str, str]) -> None:
        self.port = choose_ports(None, ["page"])[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = Path(settings.get("SRE_DATA_DIR", directory / "data"))
        self._directory = directory
        home = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "LC_ALL": "C.UTF-8"}
        self._environment = {**home, "SRE_DATA_DIR": str(self.data_dir), **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> str:
        """Another `sre` command with the same settings; what it prints."""
        done = subprocess.run(
            [SRE, *arguments], cwd=self._directory, env=self._environment, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        with (self._directory / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [SRE, "serve", "--port", str(self.port)],
                cwd=self._directory,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        end = time.monotonic() + START_S
        while not self._answers():
            up = self._process.poll() is None and time.monotonic() < end
            assert up, (self._directory / "serve.log").read_text()[-2000:]
            time.sleep(0.1)

    def stop(self, *, kill: bool = False) -> None:
        if self._process is not None:
            (self._process.kill if kill else self._process.terminate)()
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/page/", timeout=2):
                return True
        except urllib.error.HTTPError:  # a login is asked for
            return True
        except OSError:
            return False


@dataclass
class Looked:
    """A tab of the browser, and what happened in it: errors in the console, requests to anywhere but the server."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._requested(request.url))

    def _requested(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.foreign.append(url)

    def open(self, path: str = "/") -> None:
        self.page.goto(self.url + path)
        self.box.wait_for()
        expect(self.page.locator("#now .hint")).to_have_count(0)  # what fires is known: the page is at rest

    @property
    def box(self) -> Any:
        return self.page.get_by_role("textbox", name="Question")

    def ask(self, question: str, *, answers: int = 1) -> None:
        """Ask, and wait until there are so many answers."""
        self.box.fill(question)
        self.box.press("Enter")
        self.answer(answers - 1)

    def answer(self, number: int) -> str:
        """The text of an answer, counted from 0, once it is there."""
        shown = self.page.locator("#conversation .answer").nth(number)
        shown.wait_for(timeout=40_000)
        return str(shown.inner_text())

    def tab(self, name: str) -> None:
        tab = self.page.get_by_role("tab", name=name, exact=True)
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")

    def picture(self, name: str) -> None:
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png")

    @property
    def too_wide(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@contextmanager
def looking_at(url: str, *, size: dict[str, int] = DESK, tabs: int = 1, **context: Any) -> Iterator[list[Looked]]:
    """Tabs of one browser, which share what it keeps. For one test only: playwright keeps its event loop running."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        shared = browser.new_context(viewport=size, **context)
        shared.set_default_timeout(WAIT_MS)
        looked = [Looked(shared.new_page(), url) for _ in range(tabs)]
        for each in looked:
            each.watch()
        try:
            yield looked
        finally:
            browser.close()
