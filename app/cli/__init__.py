"""The command line `sre`. One file per command; heavy imports happen inside the command that needs them."""

from __future__ import annotations

import app.environment  # noqa: F401  first, before any library that it quiets

from app.cli.commands import main

__all__ = ["main"]
