"""Which split a scenario belongs to, for everything that is trained, chosen or judged on scenarios: see index.yaml."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, get_args

import yaml

from core.errors import ConfigurationError, InvalidInput

INDEX_FILE = Path(__file__).with_name("index.yaml")
Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


def split_of(name: str) -> Split:
    """The one split of a shipped scenario; InvalidInput for any other."""
    found = next((split for split, listed in _index().items() if name in listed), None)
    if found is None:
        raise InvalidInput(f"{name[:80]}: in no split; add the scenario to {INDEX_FILE.name} (a new one goes to train)")
    return found


def names(split: Split) -> tuple[str, ...]:
    """The scenarios of a split, in alphabetical order."""
    return _index()[split]


@cache
def all_names() -> frozenset[str]:
    """Every shipped scenario."""
    return frozenset(name for listed in _index().values() for name in listed)


@cache
def _index() -> dict[Split, tuple[str, ...]]:
    document = yaml.safe_load(INDEX_FILE.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or set(document) != set(SPLITS):
        raise ConfigurationError(
            f"{INDEX_FILE.name}: expected exactly {', '.join(SPLITS)}, each with a list of scenarios"
        )
    return {split: tuple(sorted(document[split])) for split in SPLITS}
