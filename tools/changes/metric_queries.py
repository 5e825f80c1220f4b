"""The range queries behind `tools.changes.restarts`, and what one subject's samples tell: starts, and labels that became others.

Each query asks Prometheus for the few subjects that changed at all, so that a fine step stays small. A subject is what the labels in
IDENTITY name, whichever series it is in: a recreated container has another id, an updated one another image.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from core.vocabulary import Window

if TYPE_CHECKING:
    from tools.range_summary import Series  # imports numpy, which takes 0.2 s

JITTER_S = 60.0
"""A start time is computed from the clock: when that is set, it moves a little although nothing started."""
LOOP_S = 1800.0
"""Starts that follow each other this closely are one loop."""
COMPOSE = "container_label_com_docker_compose_"
IDENTITY = ("job", "instance", "name", "container", "namespace")
_POINTS = 720
_FINEST_S = 15.0

Subject = tuple[tuple[str, str], ...]
"""The labels of IDENTITY that a series has, sorted."""


@dataclass(slots=True)
class Timeline:
    """The samples of one subject: what each time (unix seconds) held, as (value, labels of the series)."""

    samples: dict[float, list[tuple[float, Mapping[str, str]]]] = field(default_factory=lambda: defaultdict(list))

    def in_order(self) -> list[tuple[float, list[tuple[float, Mapping[str, str]]]]]:
        return sorted(self.samples.items(), key=lambda item: item[0])


@dataclass(frozen=True, slots=True)
class Start:
    """Unix seconds of the first of `count` starts in a row, and of the last. `again` says that it ran before."""

    at: float
    last: float
    count: int
    again: bool
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Relabelled:
    """The text that the labels give was `before` at `last_seen`, and is `after` since `at` (unix seconds); `value` is the sample's."""

    before: str
    after: str
    last_seen: float
    at: float
    value: float
    labels: Mapping[str, str]


def step_for(window: Window) -> float:
    return max(_FINEST_S, math.ceil(window.length.total_seconds() / _POINTS))


def starts_query(selector: str, window: Window, *, keep: Sequence[str] = ()) -> str:
    """A start time per subject (and each of `keep`), for those that started within the window."""
    identity = ", ".join(IDENTITY)
    largest = f"max by ({identity}) (max_over_time({selector}{_subquery(window)}))"
    return (
        f"max by ({', '.join((*IDENTITY, *keep))}) ({selector}) "
        f"and on ({identity}) ({largest} >= {window.start.timestamp():.3f})"
    )


def labels_query(selector: str, window: Window) -> str:
    """The series of those subjects that have had more than one set of labels within the window."""
    identity = ", ".join(("__name__", *IDENTITY))
    seen = f"count by ({identity}) (last_over_time({selector}{_subquery(window)}))"
    return f"{selector} and on ({identity}) ({seen} > 1)"


def _subquery(window: Window) -> str:
    step = math.ceil(step_for(window))
    return f"[{max(step, math.ceil(window.length.total_seconds()))}s:{step}s] @ end()"


def timelines(series: Iterable[Series]) -> dict[tuple[str, Subject], Timeline]:
    """By metric name ("" where the query dropped it) and subject."""
    found: dict[tuple[str, Subject], Timeline] = defaultdict(Timeline)
    for each in series:
        subject = tuple(sorted((label, each.labels[label]) for label in IDENTITY if each.labels.get(label)))
        samples = found[each.labels.get("__name__", ""), subject].samples
        for at, value in zip(each.times.tolist(), each.values.tolist(), strict=True):
            samples[at].append((value, each.labels))
    return dict(found)


def starts(timeline: Timeline, window: Window) -> list[Start]:
    """When it started within the window, by its own word; starts that follow each other closely as one."""
    found: list[tuple[float, bool, Mapping[str, str]]] = []
    before: tuple[float, float] | None = None
    for seen_at, samples in timeline.in_order():
        value, labels = max(samples, key=lambda sample: sample[0])
        if math.isfinite(value) and (before is None or _began_anew(value, *before)):
            at = min(value, seen_at)
            if window.start.timestamp() <= at <= window.end.timestamp():
                found.append((at, before is not None, labels))
        before = (value, seen_at)
    return _loops(found)


def _began_anew(value: float, earlier: float, earlier_seen_at: float) -> bool:
    return value - earlier >= JITTER_S or (value > earlier and value > earlier_seen_at)


def _loops(found: Sequence[tuple[float, bool, Mapping[str, str]]]) -> list[Start]:
    breaks = [place for place, (one, next_) in enumerate(pairwise(found), start=1) if next_[0] - one[0] > LOOP_S]
    loops = [found[first:past] for first, past in pairwise([0, *breaks, len(found)])] if found else []
    return [Start(loop[0][0], loop[-1][0], len(loop), loop[0][1], loop[0][2]) for loop in loops]


def relabelled(timeline: Timeline, telling: Sequence[str]) -> list[Relabelled]:
    """Each time at which the first of the `telling` labels that a series has said something it did not say before."""
    found: list[Relabelled] = []
    before: set[str] = set()
    last_seen = 0.0
    for at, samples in timeline.in_order():
        said = {text: sample for sample in samples if (text := _first(sample[1], telling))}
        appeared = sorted(said.keys() - before)
        if before and appeared:
            gone = sorted(before - said.keys()) or sorted(before)
            value, labels = said[appeared[-1]]
            found.append(Relabelled(", ".join(gone), ", ".join(appeared), last_seen, at, value, labels))
        if said:
            before, last_seen = set(said), at
    return found


def _first(labels: Mapping[str, str], telling: Sequence[str]) -> str | None:
    return next((labels[label] for label in telling if labels.get(label)), None)
