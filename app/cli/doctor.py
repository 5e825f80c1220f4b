"""`sre doctor`: which sources are configured, reachable, and what each unlocks."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from app.cli.screen import say

MARKS = {"ok": "✔", "failed": "✘", "not configured": "·"}
MACOS_HINT = (
    "On macOS an “Errno 65 / no route to host” towards your own network means that the terminal lacks the local-network "
    "permission (System Settings › Privacy & Security › Local Network); inside tmux it is lost: start tmux anew after granting it."
)


def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check every source and say what to set for the rest. Exit code 1 when something configured fails."""
    from core.settings import load_settings

    settings = load_settings()
    say("checking the sources")
    from app.health import check_health, overall

    components = asyncio.run(check_health(settings))
    if as_json:
        print(json.dumps({"status": overall(components), "components": [asdict(c) for c in components]}, indent=2))
    else:
        for c in components:
            print(f"{MARKS[c.state]} {c.name}: {c.detail or c.state}")
            print(f"    unlocks: {c.unlocks}")
            if c.next_step:
                print(f"    next: {c.next_step}")
        if sys.platform == "darwin" and any(
            re.search(r"\bErrno 65\b", c.detail) for c in components if c.state == "failed"
        ):
            print(MACOS_HINT)
    if any(c.state == "failed" for c in components):
        raise typer.Exit(1)
