"""The changes of scenarios as the assistant reads them: a file with one `core.vocabulary.Change` a line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from core.clock import isoformat
from core.vocabulary import Change
from scenarios.schema import Scenario


def records_of(
    scenario: Scenario, start: datetime, seed: int, when: Callable[[timedelta], datetime] | None = None
) -> Iterator[Change]:
    """Every change of a scenario that begins at `start`; `when` places an offset where its time does not run as written."""
    place = when or (lambda offset: start + offset)
    for own in scenario.changes:
        yield Change(
            id=change_id(scenario, start, seed, own.id),
            at=place(own.at),
            effective_at=None if own.effective_at is None else place(own.effective_at),
            **own.model_dump(exclude={"id", "at", "effective_at", "cause"}),
        )


def change_id(scenario: Scenario, start: datetime, seed: int, own: str) -> str:
    """Unique among all incidents, and without a hint at which change was the cause."""
    text = json.dumps([scenario.name, seed, isoformat(start), own])
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def write_changes(path: Path, changes: Iterable[Change]) -> Path:
    """In order of time, atomically."""
    lines = [change.model_dump_json() + "\n" for change in sorted(changes, key=lambda change: (change.at, change.id))]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text("".join(lines), encoding="utf-8")
    os.replace(fresh, path)  # noqa: PTH105 - atomic
    return path
