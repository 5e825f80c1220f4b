"""The newest entry of a log file, for whoever wants to know who writes it."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tools.log_time import LineClock, Stamped
from tools.log_window import HEAD, decode


def newest_entry(path: Path, zone: ZoneInfo) -> Stamped | None:
    """The last line with a time in the last 64 KiB of a plain file; None when there is none, or it cannot be read."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as raw:
            status = os.fstat(raw.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            raw.seek(max(0, status.st_size - HEAD))
            lines = raw.read(HEAD).splitlines()
    except OSError:
        return None  # a query says why
    clock = LineClock(zone, datetime.fromtimestamp(status.st_mtime, UTC))
    stamped = (clock.read(decode(line)) for line in reversed(lines[-500:]))
    return next(filter(None, stamped), None)
