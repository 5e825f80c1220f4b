"""What was measured, beside what was wanted: the rows of `docs/benchmark.md`."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.clock import isoformat, now

REPORT = Path(__file__).resolve().parent.parent / "docs" / "benchmark.md"


@dataclass(frozen=True)
class Figure:
    """One measured quantity: all its values, in `unit`, beside its target; None when nothing was asked of it."""

    name: str
    unit: str
    target: float | None
    values: Sequence[float]
    more_is_better: bool = False

    def row(self) -> str:
        middle, low, high = statistics.median(self.values), min(self.values), max(self.values)
        spread = f"{_short(low)} – {_short(high)}" if len(self.values) > 1 else "–"
        cells = (self.name, f"{_short(middle)} {self.unit}", spread, str(len(self.values)), *self._verdict(middle))
        return f"| {' | '.join(cells)} |"

    def _verdict(self, middle: float) -> tuple[str, str]:
        if self.target is None:
            return "–", "–"
        reached = middle >= self.target if self.more_is_better else middle <= self.target
        wanted = f"{'≥' if self.more_is_better else '≤'} {self.target:g} {self.unit}"
        return wanted, "yes" if reached else "**no**"


@dataclass(frozen=True)
class Part:
    """Figures that were measured together, what they were measured on, and how busy the machine was meanwhile."""

    about: str
    figures: Sequence[Figure]
    load_before: float
    load_after: float

    def lines(self) -> list[str]:
        """`about` and the load say under which conditions; the table follows."""
        return [
            f"{self.about} Load average: {self.load_before:.1f} before, {self.load_after:.1f} after.",
            "",
            "| what | median | spread | runs | target | reached |",
            "|---|---|---|---|---|---|",
            *(figure.row() for figure in self.figures),
            "",
        ]


def load_average() -> float:
    """Processes that wanted to run, over the last minute; what this benchmark does itself counts too."""
    return psutil.getloadavg()[0]


def write_report(parts: Sequence[Part]) -> None:
    """Write `docs/benchmark.md` and show it."""
    machine = f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()} {platform.machine()}"
    lines = [
        "# Benchmark",
        "",
        f"Made by `make bench` on {isoformat(now())} on a shared machine ({machine}), Python {platform.python_version()}.",
        "Medians; compare ratios rather than absolute times.",
        "",
        *(line for part in parts for line in part.lines()),
    ]
    text = "\n".join(lines)
    REPORT.write_text(text, encoding="utf-8")
    print(text)


def _short(value: float) -> str:
    """Three digits, and never an exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
