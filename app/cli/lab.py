"""`sre lab`: the simulated homelab, watched by real Prometheus and Alertmanager."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
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
    scenario: Annotated[
        str | None, typer.Option(help="Name, or a YAML file. None: a healthy homelab.", show_default=False)
    ] = None,
    port_base: Annotated[
        int | None, typer.Option(min=1024, max=65000, help="First of the ports to use.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Varies rhythm and noise.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready.")] = False,
) -> None:
    """Start the homelab, inject the scenario's fault, and keep running until Ctrl-C."""
    with running_lab(scenario, port_base=port_base, seed=seed) as (running, ready):
        if as_json:
            print(json.dumps({"env": ready.env, "incidents": ready.incidents}), flush=True)
        else:
            _show(ready)
        running.wait()


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
    from scenarios.binaries import provide_binaries

    found = provide_binaries(load_settings().data_dir, progress=say)
    for name, path in asdict(found).items():
        print(f"{name}: {path or 'not found (not needed)'}")


@contextmanager
def running_lab(scenario: str | None, *, port_base: int | None = None, seed: int = 0) -> Iterator[tuple[Lab, LabReady]]:
    """A started lab in a directory of its own; Ctrl-C and SIGTERM both end it, and nothing is left behind."""
    from core.settings import load_settings
    from scenarios.binaries import provide_binaries
    from scenarios.lab import Lab, interrupted_by_sigterm
    from scenarios.schema import load_scenario

    chosen = load_scenario(scenario) if scenario else None
    found = provide_binaries(load_settings().data_dir, progress=say)
    with interrupted_by_sigterm(), tempfile.TemporaryDirectory(prefix="sre-lab-") as directory:
        lab_ = Lab(chosen, directory=Path(directory), port_base=port_base, seed=seed, progress=say, binaries=found)
        try:
            yield lab_, lab_.start()
        except KeyboardInterrupt:
            say("stopping the lab")
        finally:
            lab_.stop()


def _show(ready: LabReady) -> None:
    for name, value in ready.env.items():
        print(f"export {name}='{value}'", flush=True)
    say("the lab is ready; export the lines above, ask away, stop with Ctrl-C")
