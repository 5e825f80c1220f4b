"""Metric families, and the text format 0.0.4 that Prometheus scrapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scenarios.shapes import Floats
from scenarios.state import Model, State
from scenarios.targets import Target

Values = Callable[[State], Floats]
MetricType = Literal["counter", "gauge", "histogram", "summary", "untyped"]
Labels = dict[str, str]


@dataclass(frozen=True)
class Row:
    """One series: the number of its target within the job, its labels, and what follows the family's name (`_bucket`, …)."""

    target: int
    labels: Labels
    suffix: str = ""


@dataclass(frozen=True, eq=False)
class Family:
    """Series of one metric on all targets of a job. `values(state)` has a row for each of `rows`; NaN where it is absent."""

    name: str
    type: MetricType
    help: str
    rows: tuple[Row, ...]
    values: Values

    @property
    def comment(self) -> str:
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.type}\n"


class Sheet:
    """The families of one exporter, being written down."""

    def __init__(self, model: Model, targets: Sequence[Target]) -> None:
        self.model = model
        self.targets = targets
        self.entities = [target.entity for target in targets]
        self.families: list[Family] = []

    def add(self, name: str, kind: MetricType, text: str, rows: Sequence[Row], values: Values) -> None:
        """Families without any row are left out, as exporters do."""
        if rows:
            self.families.append(Family(name, kind, text, tuple(rows), values))

    def each(self, name: str, kind: MetricType, text: str, values: Values, labels: Labels | None = None) -> None:
        """One series on every target."""
        self.add(name, kind, text, [Row(number, labels or {}) for number in range(len(self.targets))], values)

    def fixed(
        self, name: str, kind: MetricType, text: str, rows: Sequence[Row], numbers: Sequence[float] | Floats
    ) -> None:
        """Values that never change."""
        self.add(name, kind, text, rows, constant(numbers))

    def info(self, name: str, text: str, rows: Sequence[Row]) -> None:
        """Labels that tell something, and the value 1."""
        self.fixed(name, "gauge", text, rows, [1.0] * len(rows))

    def process(self, entities: Sequence[str], *, memory: float, go: bool = True) -> None:
        """What every exporter tells about itself: `entities` are what restarts it, one per target."""
        count, model = len(self.targets), self.model
        draws = [model.draw(target.instance, target.job, "exporter") for target in self.targets]
        spent = np.array([0.004 + 0.006 * draw for draw in draws])[:, None]

        def cpu(state: State) -> Floats:
            seconds: Floats = (state.times - state.last_start(entities)) * spent
            return seconds

        text = "Start time of the process since unix epoch in seconds."
        self.each("process_start_time_seconds", "gauge", text, lambda state: state.last_start(entities))
        text = "Total user and system CPU time spent in seconds."
        self.each("process_cpu_seconds_total", "counter", text, cpu)
        resident = [memory * (0.9 + 0.2 * draw) // 4096 * 4096 for draw in draws]
        self.each("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", constant(resident))
        self.each(
            "process_open_fds",
            "gauge",
            "Number of open file descriptors.",
            constant([9.0 + round(6 * d) for d in draws]),
        )
        self.each("process_max_fds", "gauge", "Maximum number of open file descriptors.", constant([524288.0] * count))
        if go:
            self.each(
                "go_goroutines",
                "gauge",
                "Number of goroutines that currently exist.",
                constant([8.0 + round(9 * d) for d in draws]),
            )
            rows = [Row(number, {"version": "go1.24.9"}) for number in range(count)]
            self.info("go_info", "Information about the Go environment.", rows)


def constant(numbers: Sequence[float] | Floats) -> Values:
    column = np.asarray(numbers, dtype=float)[:, None]
    return lambda state: np.broadcast_to(column, (len(column), len(state.times)))


def scaled(values: Values, factors: Sequence[float] | Floats | float) -> Values:
    """Rows times a factor each, or all times one."""
    column = np.atleast_1d(np.asarray(factors, dtype=float))[:, None]
    return lambda state: values(state) * column


def whole(values: Values) -> Values:
    """Counted things and bytes come in ones."""
    return lambda state: np.floor(values(state))


def picked(values: Values, rows: Sequence[int]) -> Values:
    """Some rows, in any order and as often as wished."""
    index = np.array(rows, dtype=np.int64)
    return lambda state: values(state)[index]


def where_up(values: Values, up: Values) -> Values:
    """Absent while its entity is down; both have the same rows."""
    return lambda state: np.where(up(state) > 0.5, values(state), np.nan)


def sample_prefix(name: str, labels: Labels) -> str:
    if not labels:
        return f"{name} "
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return f"{name}{{{inside}}} "


def number_text(value: float) -> str:
    """As Go's exporters write it; `repr` keeps every bit of a float."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
