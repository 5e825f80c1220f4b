"""How strongly a fault acts over time: courses with closed-form integrals.

A `Course` is a piecewise linear strength s(t) in 0..1 after the onset. A `Modulation` is what one or more courses do to one signal
f: `f(t) * scale(t) + offset(t)`, both piecewise linear, so that its integral is exact (see `SignalTable`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ShapeName = Literal["step", "ramp", "spike", "sawtooth", "cycle"]
SHAPES: tuple[str, ...] = ("step", "ramp", "spike", "sawtooth", "cycle")
HORIZON_S = 2 * 86400.0
"""A fault without a duration repeats for this long at most; afterwards it stays as it is."""
MAX_CYCLES = 4000
EDGE_S = 1e-6


@dataclass(frozen=True)
class Shape:
    """Seconds: `length` of a climb, `hold` at the top, `pause` between the cycles of a `cycle`, `delay` before it starts.

    step      0 → 1 at once
    ramp      0 → 1 over `length`
    spike     0 → 1 → 0 over `length`
    sawtooth  0 → 1 over `length`, 1 for `hold`, drops to 0, again
    cycle     1 for `hold`, 0 for `pause`, again
    """

    name: ShapeName
    length: float = 0.0
    hold: float = 0.0
    pause: float = 0.0
    delay: float = 0.0


@dataclass(frozen=True)
class Course:
    """`start[i]` (seconds), `strength[i]` there and its `slope[i]` until the next; 0 before the first. `drops`: ends of cycles."""

    start: Floats
    strength: Floats
    slope: Floats
    drops: Floats

    @classmethod
    def of(cls, shape: Shape, *, duration: float | None) -> Self:
        """The course in seconds after the onset; `duration` counts from the onset and ends the fault."""
        end = duration if duration is not None else np.inf
        pieces, drops = _pieces(shape, min(end, HORIZON_S))
        pieces = [piece for piece in pieces if piece[0] < end]
        if np.isfinite(end):
            pieces.append((end, 0.0, 0.0))
        columns = np.array(pieces, dtype=float).T if pieces else np.zeros((3, 0))
        return cls(columns[0], columns[1], columns[2], np.array([drop for drop in drops if drop < end]))

    def placed(self, onset: float, speedup: float) -> Course:
        """The same course at unix time `onset`, running `speedup` times faster."""
        return Course(onset + self.start / speedup, self.strength, self.slope * speedup, onset + self.drops / speedup)

    def at(self, times: Floats) -> Floats:
        index = np.searchsorted(self.start, times, side="right") - 1
        found = self.strength[index] + self.slope[index] * (times - self.start[index])
        return np.where(index >= 0, found, 0.0)


def _pieces(shape: Shape, until: float) -> tuple[list[tuple[float, float, float]], list[float]]:
    """(start, strength, slope) triples, and the ends of the cycles."""
    begin, length = shape.delay, max(shape.length, EDGE_S)
    if shape.name == "step":
        return [(begin, 1.0, 0.0)], []
    if shape.name == "ramp":
        return [(begin, 0.0, 1 / length), (begin + length, 1.0, 0.0)], []
    if shape.name == "spike":
        half = length / 2
        return [(begin, 0.0, 1 / half), (begin + half, 1.0, -1 / half), (begin + length, 0.0, 0.0)], []
    pieces: list[tuple[float, float, float]] = []
    drops: list[float] = []
    period = max(length + shape.hold if shape.name == "sawtooth" else shape.hold + shape.pause, 1.0)
    for turn in range(min(MAX_CYCLES, int((until - begin) // period) + 1 if until > begin else 0)):
        at = begin + turn * period
        if shape.name == "sawtooth":
            pieces += [(at, 0.0, 1 / length), (at + length, 1.0, 0.0)]
            drops.append(at + period)
        else:
            pieces += [(at, 1.0, 0.0), (at + shape.hold, 0.0, 0.0)]
            drops.append(at + shape.hold)
    return pieces, drops


@dataclass(frozen=True)
class Modulation:
    """`f * scale + offset` from `start[0]` on; before it, f itself. Linear between one start and the next."""

    start: Floats
    scale: Floats
    scale_slope: Floats
    offset: Floats
    offset_slope: Floats

    @classmethod
    def none(cls) -> Self:
        return cls(*(np.zeros(0) for _ in range(5)))

    def then(self, course: Course, *, scale: float, offset: float) -> Modulation:
        """Apply another effect: at full strength `g → g * (1 + scale) + offset`, less in proportion to the course."""
        start = np.union1d(self.start, course.start)
        # The product of two ramps is a parabola; between two knots it is taken as a straight line, so it stays between its ends.
        after = np.append(np.nextafter(start[1:], -np.inf), start[-1] + 1.0) if len(start) else start
        left, right = (self._combined(moment, course, scale, offset) for moment in (start, after))
        length = np.maximum(after - start, EDGE_S)
        return Modulation(start, left[0], (right[0] - left[0]) / length, left[1], (right[1] - left[1]) / length)

    def at(self, times: Floats) -> tuple[Floats, Floats]:
        """(scale, offset) at each time."""
        if not len(self.start):
            return np.ones_like(times), np.zeros_like(times)
        index = np.searchsorted(self.start, times, side="right") - 1
        ahead = times - self.start[index]
        scale = np.where(index >= 0, self.scale[index] + self.scale_slope[index] * ahead, 1.0)
        return scale, np.where(index >= 0, self.offset[index] + self.offset_slope[index] * ahead, 0.0)

    def _combined(self, times: Floats, course: Course, scale: float, offset: float) -> tuple[Floats, Floats]:
        own_scale, own_offset = self.at(times)
        strength = course.at(times)
        return own_scale * (1 + scale * strength), own_offset * (1 + scale * strength) + offset * strength
