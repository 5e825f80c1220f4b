"""The compiled state of the program as JSON: instructions and examples of every prompt, with the version that they fit.

DSPy's own `save` adds versions of libraries; what matters here is whether the prompts are those of this program.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import dspy

from core.errors import ConfigurationError
from core.vocabulary import Program

MAX_BYTES = 5_000_000


def save_state(program: dspy.Module, path: Path) -> None:
    """Write the state in one step."""
    content = {"program": Program().name, "version": Program().version, "state": program.dump_state()}
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
    Path(file.name).replace(path)


def load_state(program: dspy.Module, path: Path) -> None:
    """Take over the state. Raises ConfigurationError, and leaves the program as it was, when it does not fit."""
    content = _read(path)
    ours = Program()
    if (content.get("program"), content.get("version")) != (ours.name, ours.version):
        made_for = f"{content.get('program')} {content.get('version')}"
        raise ConfigurationError(
            f"SRE_PROGRAM: {path} was made for {made_for}, this is {ours.name} {ours.version}; compile it anew"
        )
    state = content.get("state")
    known = set(program.dump_state())
    if not isinstance(state, dict) or set(state) != known:
        raise ConfigurationError(f"SRE_PROGRAM: {path} does not hold the prompts {', '.join(sorted(known))}")
    before = program.dump_state()
    try:
        # A model in the state would be asked in place of ours, past the budget and with keys of the environment.
        program.load_state({name: {**prompt, "lm": None} for name, prompt in state.items()})
    except Exception as error:  # DSPy checks no field of it and fails with whatever comes
        program.load_state(before)
        raise ConfigurationError(f"SRE_PROGRAM: {path} cannot be used ({type(error).__name__}: {error})") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(f"SRE_PROGRAM: {path} is larger than {MAX_BYTES / 1e6:g} MB; is it a program?")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"SRE_PROGRAM: cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"SRE_PROGRAM: {path} is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"SRE_PROGRAM: {path} is not a saved program")
    return content
