"""What to do in general, when no runbook answers. The steps are data: `general_steps.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from core.yaml_files import load_shipped
from pipeline.signals import load_domain

FALLBACK = "general"


def general_steps(*texts: str) -> list[str]:
    """The steps for the first family of signals that one of the texts speaks of, most telling text first."""
    steps = load_general_steps()
    for text in texts:
        for family in load_domain().families_of(text):
            if family.name in steps:
                return steps[family.name]
    return steps[FALLBACK]


@cache
def load_general_steps() -> dict[str, list[str]]:
    """By family."""
    text = Path(__file__).with_name("general_steps.yaml").read_text(encoding="utf-8")
    return {family: [str(step) for step in steps] for family, steps in load_shipped(text).items()}
