"""A compiled program as JSON: instructions and examples of every prompt, every tuned number, and what it was made with.

DSPy's own `save` adds versions of libraries; what matters here is whether prompts and numbers are those of this program.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import dspy
from pydantic import ConfigDict, Field, ValidationError

from core.errors import ConfigurationError
from core.vocabulary import Frozen, Program
from pipeline.parameters import Parameters, read_parameters

MAX_BYTES = 5_000_000
SHIPPED = Path(__file__).with_name("shipped_program.json")
"""The champion of this version, as `make optimise` left it."""


class MadeBy(Frozen):
    """Where a program comes from: what it was tuned on, with which models, and the shares of cases that passed (0..1)."""

    git_revision: str = "unknown"
    data_hash: str = ""
    models: tuple[str, ...] = ()
    scores: dict[str, float] = Field(default_factory=dict)


class SavedProgram(Frozen):
    """A file as `save_state` writes it. `state` is DSPy's own, None for the prompts as they are; `parameters` likewise."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    program: str
    version: str
    state: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None
    made_by: MadeBy = MadeBy()

    @property
    def fingerprint(self) -> str:
        """Tells programs apart that answer differently."""
        told = json.dumps({"state": self.state, "parameters": self.parameters}, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:10]

    def numbers(self) -> Parameters:
        """Raises ConfigurationError when they are not those of this program."""
        return Parameters() if self.parameters is None else read_parameters(self.parameters)


def save_state(
    program: dspy.Module, path: Path, parameters: Parameters | None = None, made_by: MadeBy | None = None
) -> None:
    """Write the state in one step."""
    saved = SavedProgram(
        program=Program().name,
        version=Program().version,
        state=program.dump_state(),
        parameters=parameters.saved() if parameters else None,
        made_by=made_by or MadeBy(),
    )
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
        json.dump(saved.model_dump(), file, indent=1, ensure_ascii=False)
        file.write("\n")
    Path(file.name).replace(path)


def read_program(path: Path) -> SavedProgram:
    """Raises ConfigurationError when the file is no program, made for another version, or its numbers do not fit."""
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
    ours = Program()
    if (content.get("program"), content.get("version")) != (ours.name, ours.version):
        made_for = f"{content.get('program')} {content.get('version')}"
        raise ConfigurationError(
            f"SRE_PROGRAM: {path} was made for {made_for}, this is {ours.name} {ours.version}; compile it anew"
        )
    try:
        saved = SavedProgram.model_validate(content)
        saved.numbers()
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"SRE_PROGRAM: {path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"SRE_PROGRAM: {path}: {error}") from None
    return saved


def load_state(program: dspy.Module, path: Path) -> SavedProgram:
    """Take over the prompts. Raises ConfigurationError, and leaves the program as it was, when they do not fit."""
    saved = read_program(path)
    if saved.state is None:
        return saved
    known = set(program.dump_state())
    if set(saved.state) != known:
        raise ConfigurationError(f"SRE_PROGRAM: {path} does not hold the prompts {', '.join(sorted(known))}")
    before = program.dump_state()
    parts = dict(program.named_parameters())  # one by one: DSPy would copy the whole program first, sources and all
    try:
        for name, prompt in saved.state.items():
            # A model in the state would be asked in place of ours, past the budget and with keys of the environment.
            parts[name].load_state({**prompt, "lm": None})
    except Exception as error:  # DSPy checks no field of it and fails with whatever comes
        for name, prompt in before.items():
            parts[name].load_state(prompt)
        raise ConfigurationError(f"SRE_PROGRAM: {path} cannot be used ({type(error).__name__}: {error})") from error
    return saved
