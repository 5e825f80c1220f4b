"""The command line `sre`. One file per command; heavy imports happen inside the command that needs them."""

from __future__ import annotations

import gc

import app.environment  # noqa: F401  first, before any library that it quiets

from app.cli.commands import main

gc.set_threshold(50_000, 20, 20)
"""What imports and configuration make lives as long as the process: looking it over 700 new objects at a time was 6 % of a cold question."""

__all__ = ["main"]
