"""`sre lab`: the simulated homelab, watched by real Prometheus and Alertmanager."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.screen import say

if TYPE_CHECKING:
    from scenarios.lab import Lab, LabReady

lab = typer.Typer(no_args_is_help=True)


@lab.command("up")
def up(
    *,
    scenario: Annotated[str | None, typer.Option(help="Name, or a YAML file. None: a healthy homelab.", show_default=False)] = None,
    port_base: Annotated[int | None, typer.Option(min=1024, max=65000, help="First of the ports to use.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Varies rhythm and noise.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready.")] = False,
) -> None:
    """Start the homelab, inject the scenario's fault, and keep running until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="sre-lab-") as directory, open_lab(scenario, Path(directory), port_base, seed) as running:
        ready = running.start()
        if as_json:
            print(json.dumps({"env": ready.env, "incidents": list(ready.incidents)}, default=str), flush=True)
        else:
            show_ready(ready)
        wait_for_interrupt(running)


@lab.command("scenarios")
def scenarios() -> None:
    """List the scenarios that come with the project."""
    from scenarios.schema import load_scenario, scenario_names

    for name in scenario_names():
        print(f"{name:28} {load_scenario(name).summary}")


@lab.command("binaries")
def binaries() -> None:
    """Find Prometheus and Alertmanager, or install them."""
    from core.settings import load_settings
    from scenarios.binaries import find_binaries

    for name, path in find_binaries(load_settings().data_dir, say).items():
        print(f"{name}: {path}")


def open_lab(scenario: str | None, directory: Path, port_base: int | None, seed: int) -> Lab:
    """A lab that is not started yet, for the named scenario."""
    from core.settings import load_settings
    from scenarios.lab import Lab
    from scenarios.schema import load_scenario

    chosen = load_scenario(scenario) if scenario else None
    return Lab(chosen, directory=directory, port_base=port_base, seed=seed, progress=say, data_dir=load_settings().data_dir)


def show_ready(ready: LabReady) -> None:
    for name, value in ready.env.items():
        print(f"export {name}={value}", flush=True)
    say(f"the lab is ready (rules' `for` divided by {ready.speedup:g}); export the lines above, ask away, stop with Ctrl-C")


def wait_for_interrupt(running: Lab) -> None:
    """Until Ctrl-C; raises LabError when a part of the lab ends by itself."""
    try:
        while True:
            running.check()
            time.sleep(1)
    except KeyboardInterrupt:
        say("stopping the lab")
