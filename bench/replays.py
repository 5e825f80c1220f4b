"""A replay for a benchmark: the environment points at it while it serves."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.cli.screen import say
from scenarios.binaries import provide_binaries
from scenarios.replay import Replay
from scenarios.replay_plan import ReplayPlan


@contextmanager
def serving(plan: ReplayPlan, data: Path) -> Iterator[Sequence[dict[str, Any]]]:
    """What `sre lab replay --json` tells of its incidents; `data` becomes the assistant's data directory."""
    with tempfile.TemporaryDirectory(prefix="sre-bench-replay-") as directory:
        replay = Replay(plan, directory=Path(directory), binaries=provide_binaries(data, progress=say), progress=say)
        try:
            ready = replay.start()
            os.environ.update(ready.env, SRE_DATA_DIR=str(data))
            yield ready.incidents
        finally:
            replay.stop()
