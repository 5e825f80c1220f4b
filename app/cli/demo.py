"""`sre demo`: the whole story on this machine. The same code as everywhere else, pointed at the lab."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.lab import running_lab
from app.cli.screen import say
from core.errors import LabError

if TYPE_CHECKING:
    from core.settings import Settings
    from scenarios.lab import Lab, LabReady

ALERT_DEADLINE_S = 240.0
SETTLE_S = 8.0
"""Alerts that follow from the same fault fire within seconds of the first."""


def demo(
    *,
    scenario: Annotated[str, typer.Option(help="What goes wrong: see sre lab scenarios.")] = "dns-outage",
    port: Annotated[int, typer.Option(help="Port of the API; 0 takes a free one.")] = 0,
    once: Annotated[bool, typer.Option("--once", help="End after the explanation.")] = False,
) -> None:
    """Start a homelab, break it, wait for the alert, explain it. API and lab then run until Ctrl-C."""
    from scenarios.schema import load_scenario

    started = time.monotonic()
    expected = load_scenario(scenario).expect.alert
    with tempfile.TemporaryDirectory(prefix="sre-demo-") as data, running_lab(scenario) as (running, ready):
        settings = _settings_for(ready, Path(data), port)
        from app.server import in_background

        with in_background(settings) as url, ThreadPoolExecutor(1) as beside:
            indexed = beside.submit(_ingest, settings)
            asyncio.run(_wait_for_alert(settings, expected, running))
            indexed.result()
            _explain(settings, f"Why is {expected} firing?" if expected else "What is wrong?")
            say(f"\n{time.monotonic() - started:.0f} s in all. The API is at {url} (documentation at {url}/docs).")
            _say_how_to_go_on(ready, settings)
            if not once:
                running.wait()


def _settings_for(ready: LabReady, data: Path, port: int) -> Settings:
    from core.settings import load_settings
    from scenarios.processes import choose_ports

    os.environ.update(ready.env)
    # The demo is for this machine, whatever a server of the user's own listens on and asks for.
    here = {"host": "127.0.0.1", "api_token": None, "login_password": None}
    return load_settings(data_dir=data, port=port or choose_ports(None, ["API"])[0], log_level="WARNING", **here)


def _ingest(settings: Settings) -> None:
    from app.knowledge import build_index, index_directory

    report = build_index(index_directory(settings), settings.data_dir).ingest(list(settings.documents))
    say(f"indexed {report.documents} documents in {report.seconds:.1f} s")


async def _wait_for_alert(settings: Settings, expected: str | None, running: Lab) -> None:
    """Until the expected alert (else any) fires in Alertmanager. Raises LabError when it does not in time."""
    from app.wiring import build_alert_sources

    source = build_alert_sources(settings, None)[0]
    deadline = time.monotonic() + ALERT_DEADLINE_S
    say(f"waiting for {expected or 'an alert'} to fire")
    while time.monotonic() < deadline:
        running.wait(0)
        for alert in await source.alerts():
            if alert.state == "firing" and expected in {None, alert.name}:
                say(f"{alert.name} fires: {alert.summary}; {SETTLE_S:g} s more show what follows from it")
                await asyncio.sleep(SETTLE_S)
                return
        await asyncio.sleep(1)
    raise LabError(
        f"{expected or 'no alert'} has not fired within {ALERT_DEADLINE_S:.0f} s; see the lab's rules and scenario"
    )


def _explain(settings: Settings, question: str) -> None:
    from app.cli.answer import show
    from app.wiring import build_assistant

    say(f"\n$ sre ask {question!r}\n")
    show(asyncio.run(build_assistant(settings).ask(question)))


def _say_how_to_go_on(ready: LabReady, settings: Settings) -> None:
    from app.server import page_url

    say("Ask on, in another terminal:")
    for name, value in {**ready.env, "SRE_DATA_DIR": str(settings.data_dir)}.items():
        say(f"  export {name}='{value}'")
    say('  .venv/bin/sre ask "is any VM low on disk?"')
    say(f"Or on the page: {page_url(settings)}")
    say("Stop with Ctrl-C.")
