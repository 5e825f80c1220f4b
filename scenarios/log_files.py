"""The logs of the simulated homelab, as the files that a log shipper would leave: `<directory>/<host>/<service>.log`.

A line is an ISO 8601 time (UTC, milliseconds), the level in capitals, and the message. What was logged in the past is written by a
process of its own (the exporter goes on from there):

    python -m scenarios.log_files --world FILE --logs DIR --start ISO --end ISO
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from core.clock import isoformat
from core.errors import LabError
from scenarios.world import LogLine, World
from scenarios.world_file import read_world

MAX_FILE_BYTES = 8 * 1024 * 1024
"""A file that has grown beyond this is moved to `<name>.log.1`, in place of the one before."""


def glob_of(directory: Path) -> str:
    """What SRE_LOG_FILES is set to."""
    return str(directory / "*" / "*.log")


class LogFiles:
    """Appends what the world logs, stretch after stretch in time order."""

    def __init__(self, world: World, directory: Path, *, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        self._world = world
        self._directory = directory
        self._max_file_bytes = max_file_bytes

    def write(self, start: datetime, end: datetime) -> int:
        """Append the lines of [start, end) and return how many."""
        fresh: dict[Path, list[str]] = defaultdict(list)
        count = 0
        for line in sorted(self._world.logs(start, end), key=lambda each: each.at):
            fresh[self._directory / line.host / f"{line.entity}.log"].append(_format(line))
            count += 1
        for path, lines in fresh.items():
            self._append(path, "".join(lines))
        return count

    def _append(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as out:
            out.write(text)
            size = out.tell()
        if size > self._max_file_bytes:
            os.replace(path, path.with_name(path.name + ".1"))  # noqa: PTH105 - atomic


def command(world: Path, logs: Path, start: datetime, end: datetime) -> list[str | Path]:
    """The command line that runs this module as a process."""
    options: list[str | Path] = ["--world", world, "--logs", logs, "--start", isoformat(start), "--end", isoformat(end)]
    return [sys.executable, "-m", "scenarios.log_files", *options]


def _format(line: LogLine) -> str:
    moment = line.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{moment} {line.level.upper()} {line.line}\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scenarios.log_files")
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--start", type=datetime.fromisoformat, required=True)
    parser.add_argument("--end", type=datetime.fromisoformat, required=True)
    given = parser.parse_args()
    print(f"{LogFiles(read_world(given.world), given.logs).write(given.start, given.end)} lines")


if __name__ == "__main__":
    try:
        main()
    except (LabError, OSError) as error:
        sys.exit(str(error))
