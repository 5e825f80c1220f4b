"""Which program answers: the one that is set, else the champion, else the one that came with this version."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigurationError, SreError, StoreError
from core.settings import Settings
from core.telemetry import PROGRAM
from core.vocabulary import Program

if TYPE_CHECKING:  # DSPy: seconds that listing alerts must not wait for
    from pipeline.assistant import Assistant
    from pipeline.program_state import SavedProgram

CHAMPION_FILE = "champion.json"
"""In the data directory: a copy of what the registry calls champion, so that a question needs no MLflow."""


@dataclass
class Chosen:
    """`saved` is None for the program as its code stands; `problems` say why a program before it was not taken."""

    saved: SavedProgram | None = None
    path: Path | None = None
    program: Program = field(default_factory=Program)
    problems: list[str] = field(default_factory=list)


def champion_file(settings: Settings) -> Path:
    return settings.data_dir / CHAMPION_FILE


def choose_program(settings: Settings) -> Chosen:
    """The first that can be used of: SRE_PROGRAM, the champion, the shipped one."""
    from pipeline.program_state import SHIPPED, read_program

    chosen = Chosen()
    candidates = [(settings.program, "champion"), (champion_file(settings), "champion"), (SHIPPED, "shipped")]
    for path, source in candidates:
        if path is None or (path != settings.program and not path.exists()):
            continue
        try:
            chosen.saved, chosen.path = read_program(path), path
        except ConfigurationError as error:
            chosen.problems.append(f"{error}; the program answers as it was shipped")
            continue
        version = f"{Program().version}+{chosen.saved.fingerprint}"
        chosen.program = Program(version=version, source="champion" if source == "champion" else "shipped")
        break
    return chosen


def take_over(assistant: Assistant, chosen: Chosen) -> None:
    """Give the assistant the chosen prompts; its sources have the numbers already. Adds to the problems when they do not fit."""
    from pipeline.program_state import load_state

    if chosen.path is not None:
        try:
            load_state(assistant, chosen.path)
            assistant.program = chosen.program
        except ConfigurationError as error:
            chosen.problems.append(f"{error}; the program answers as it was shipped")
    PROGRAM.clear()
    PROGRAM.labels(assistant.program.version, assistant.program.source).set(1)


def fetch_champion(settings: Settings) -> str:
    """Copies the champion of an MLflow server into the data directory; the line to say of it. What is there stays when that fails.

    A champion that was promoted on this machine is there already.
    """
    from optimise.registry import Registry

    try:
        found = Registry(settings.mlflow_tracking_uri, settings.data_dir).champion()
        if found is None:
            return "MLflow has no champion; the program as shipped answers"
        put_into_service(found[0], settings)
    except SreError as error:
        return f"the champion could not be fetched: {error}; the last one that was answers"
    return f"version {found[1]} of the program is the champion"


def put_into_service(state: Path, settings: Settings) -> None:
    """The copy by which `sre serve` and `sre ask` answer, in one step. Raises StoreError."""
    target = champion_file(settings)
    fresh = target.with_suffix(".tmp")
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(state, fresh)
        fresh.replace(target)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror}; copy {state} there") from None


UNTUNED = "untuned"


def resolve_program(settings: Settings, name: str | None) -> Path | None:
    """The file of a program that is named by path, as "shipped", or by version or alias in MLflow; None for the one in service.

    Raises InvalidInput for a name that nothing has, ConfigurationError when MLflow cannot be read.
    """
    from pipeline.program_state import SHIPPED

    if name is None:
        return None
    if name == "shipped":
        return SHIPPED
    if Path(name).is_file():
        return Path(name)
    from optimise.registry import Registry

    path, _version = Registry(settings.mlflow_tracking_uri, settings.data_dir).load(name)
    return path
