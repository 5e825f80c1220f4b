"""Every reading of the test split is written down: a figure that was looked at often is no longer one of cases never seen."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from core.clock import isoformat, now
from core.revision import git_revision

LOG = logging.getLogger(__name__)
FILE = "test-reads.jsonl"


def record_test_read(data_dir: Path, why: str) -> None:
    """Adds a line to `test-reads.jsonl` in the data directory."""
    data_dir.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"at": isoformat(now()), "git_revision": git_revision(), "why": why})
    with (data_dir / FILE).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    LOG.warning("the test split is read (%s); noted in %s", why, data_dir / FILE)
