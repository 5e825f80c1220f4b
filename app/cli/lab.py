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
    from scenarios.replay import ReplayReady

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


@lab.command("replay")
def replay(
    *,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="Name, or a YAML file; may be repeated. None: as many of the project's own as fit.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Varies noise, hours, decoys and magnitudes; 0: as written.")] = 0,
    days: Annotated[float, typer.Option(min=0.25, max=28, help="How far the past reaches back.")] = 7,
    step: Annotated[
        int | None,
        typer.Option(
            min=60,
            max=240,
            help="Seconds between samples more than a day before an incident. Default: 60, or 120 with --scenario.",
            show_default=False,
        ),
    ] = None,
    noise: Annotated[float, typer.Option(min=0, max=3, help="Factor on the noise of every signal.")] = 1,
    missing: Annotated[float, typer.Option(min=0, max=0.5, help="Share of samples that are lost.")] = 0,
    port: Annotated[
        int | None, typer.Option(min=1024, max=65000, help="Where Prometheus listens.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when ready.")] = False,
) -> None:
    """Write incidents into the past of a Prometheus, and serve it until Ctrl-C."""
    from core.clock import now
    from core.settings import load_settings
    from scenarios.binaries import provide_binaries
    from scenarios.lab import interrupted_by_sigterm
    from scenarios.replay import Replay
    from scenarios.replay_plan import COARSE_STEP_S, STEP_S, as_many_as_fit, lay_out
    from scenarios.schema import load_scenario, scenario_names
    from scenarios.topology import load_homelab

    chosen = [load_scenario(name) for name in scenario or scenario_names()]
    if not scenario:
        known, chosen = len(chosen), as_many_as_fit(chosen, days=days, seed=seed)
        if len(chosen) < known:
            say(
                f"{len(chosen)} of {known} incidents fit into {days:g} days; more --days take more, another --seed others"
            )
    step = step or (COARSE_STEP_S if scenario else STEP_S)
    plan = lay_out(chosen, load_homelab(), end=now(), days=days, seed=seed, step_s=step, noise=noise, missing=missing)
    found = provide_binaries(load_settings().data_dir, progress=say)
    with interrupted_by_sigterm(), tempfile.TemporaryDirectory(prefix="sre-replay-") as directory:
        running = Replay(plan, directory=Path(directory), port=port, progress=say, binaries=found)
        try:
            ready = running.start()
            if as_json:
                print(json.dumps(asdict(ready)), flush=True)
            else:
                _show(ready)
            running.wait()
        except KeyboardInterrupt:
            say("stopping the replay")
        finally:
            running.stop()


@lab.command("scenarios")
def scenarios() -> None:
    """List the scenarios that come with the project."""
    from scenarios.schema import load_scenario, scenario_names

    names = scenario_names()
    width = max(map(len, names))
    for name in names:
        print(f"{name:{width}}  {load_scenario(name).summary}")


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


def _show(ready: LabReady | ReplayReady) -> None:
    for name, value in ready.env.items():
        print(f"export {name}='{value}'", flush=True)
    say("the lab is ready; export the lines above, ask away, stop with Ctrl-C")
