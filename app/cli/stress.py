"""`sre lab stress`: a real, bounded disturbance of this machine, to see the assistant explain something real."""

from __future__ import annotations

import json
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.screen import say


class Kind(StrEnum):
    """What is disturbed."""

    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"
    SERVICE = "service"


def stress(
    kind: Annotated[Kind, typer.Argument(help="cpu, memory, disk or service.", show_default=False)],
    *,
    lasts: Annotated[str, typer.Option("--for", help="How long: between 60s and 15m.")] = "3m",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it begins.")] = False,
    port_base: Annotated[
        int | None, typer.Option(min=1024, max=65000, help="First of the ports to use.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when it has begun.")] = False,
) -> None:
    """Disturb this machine for a while, seen through a real node_exporter; Ctrl-C ends it and undoes everything."""
    from core.settings import load_settings
    from pipeline.time_lengths import parse_length
    from scenarios.binaries import provide_binaries
    from scenarios.lab import interrupted_by_sigterm
    from scenarios.stress import Stress, plan

    seconds = round(parse_length(lasts, field="--for").total_seconds())
    with interrupted_by_sigterm(), tempfile.TemporaryDirectory(prefix="sre-stress-") as scratch:
        directory = Path(scratch)
        planned = plan(kind.value, seconds, directory)
        if not yes and not typer.confirm(f"This will {planned.words}. Begin?", err=True):
            raise typer.Exit(1)
        binaries = provide_binaries(load_settings().data_dir, progress=say)
        with Stress(planned, directory=directory, binaries=binaries, port_base=port_base, progress=say) as running:
            try:
                ready = running.start()
                if as_json:
                    told = {
                        "env": ready.env,
                        "alert": ready.alert,
                        "begins_at": ready.begins_at.isoformat(),
                        "seconds": ready.seconds,
                    }
                    print(json.dumps(told), flush=True)
                else:
                    for name, value in ready.env.items():
                        print(f"export {name}='{value}'", flush=True)
                    say(
                        f'export the lines above and ask: sre ask "Why is {ready.alert} firing?"; it ends by itself after {lasts}'
                    )
                running.wait()
                say("the disturbance is over")
            except KeyboardInterrupt:
                say("ending the disturbance")
