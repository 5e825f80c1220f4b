"""Samples as Prometheus answers them: instant vectors and range matrices, read by hand because they are many.

Native histograms are counted in a warning, not read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import BadResponse
from core.vocabulary import SeriesSummary, Window
from tools.prometheus_response import Body

if TYPE_CHECKING:
    from tools.range_summary import Series  # imports numpy (0.2 s), which listing alerts must not wait for

MAX_SAMPLES = 500_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One value at one moment. `labels` keeps `__name__` where the query does. May be infinite, never NaN."""

    labels: dict[str, str]
    value: float


class Vector(list[Sample]):
    """The samples of an instant query, and what Prometheus or the reading of its answer warns about."""

    def __init__(self, samples: Iterable[Sample] = (), *, warnings: Iterable[str] = ()) -> None:
        super().__init__(samples)
        self.warnings = tuple(warnings)


@dataclass(frozen=True, slots=True)
class Matrix:
    """The raw samples of a range query, for code that ranks. `available` counts the series before any were cut."""

    series: tuple[Series, ...]
    available: int
    step_s: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RangeResult:
    """A range query, summarised: the `returned` most telling of `available` series, most telling first."""

    query: str
    window: Window
    step_s: float
    series: tuple[SeriesSummary, ...]
    returned: int
    available: int
    warnings: tuple[str, ...] = ()


def read_vector(source: str, path: str, body: Body) -> Vector:
    """An instant vector, or a scalar as one sample without labels. NaN means "no value" and is left out with a warning."""
    try:
        kind, result = body.data["resultType"], body.data["result"]
        items = [{"metric": {}, "value": result}] if kind == "scalar" else result
        samples = [Sample(dict(item["metric"]), float(item["value"][1])) for item in items if "value" in item]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _not_as_documented(source, path, error) from None
    kept = [sample for sample in samples if not math.isnan(sample.value)]
    warnings = [*body.warnings, *_left_out(len(items) - len(samples), "native histograms")]
    warnings += _left_out(len(samples) - len(kept), "series without a value (NaN)")
    return Vector(kept, warnings=warnings)


def read_matrix(source: str, path: str, body: Body, *, step_s: float, max_samples: int = MAX_SAMPLES) -> Matrix:
    """A matrix, cut to whole series with at most `max_samples` samples in all."""
    import numpy as np

    from tools.range_summary import Series

    kept: list[Series] = []
    samples = histograms = 0
    try:
        items = body.data["result"]
        for item in items:
            if "values" not in item:
                histograms += 1
                continue
            samples += len(item["values"])
            if samples > max_samples:
                break
            table = np.array(item["values"], dtype=np.float64).reshape(len(item["values"]), 2)
            kept.append(Series(dict(item["metric"]), table[:, 0], table[:, 1]))
    except (KeyError, TypeError, ValueError) as error:
        raise _not_as_documented(source, path, error) from None
    cut = [f"the first {len(kept)} of {len(items)} series were read"] if samples > max_samples else []
    warnings = (*body.warnings, *cut, *_left_out(histograms, "native histograms"))
    return Matrix(tuple(kept), len(items), step_s, warnings)


def _left_out(count: int, what: str) -> list[str]:
    return [f"{count} {what} left out"] if count else []


def _not_as_documented(source: str, path: str, error: Exception) -> BadResponse:
    return BadResponse(source, f"{path}: the result is not as documented ({type(error).__name__}); check the URL")
