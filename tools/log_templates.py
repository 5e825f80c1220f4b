"""Kinds of log lines: how often each comes, which are new, which come far more often than in the hour before.

Lines are told apart by Drain (He et al., ICWS 2017; `drain3`), a tree over their words, after numbers, identifiers, addresses and
paths are masked. Whatever grows is bounded: the rarest kinds are given up, and counted, so that a million lines need no more
memory than a thousand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import sqrt

from core.clock import isoformat
from core.vocabulary import Window
from tools.log_kinds import SLOTS, Kind, Kinds
from tools.logs import Level, LogLine, LogSource, ScannedLine, ScanPart

SECOND = timedelta(seconds=1)
BEFORE = timedelta(hours=1)
"""What a window is compared with: so much before it."""
BEFORE_SHARE = 0.4
"""Of the time to count in, what the comparison may take."""
SPIKE, SIGMAS, SPIKE_LINES = 3.0, 4.0, 5
"""A spike has so many times the lines that the hour before lets expect, is beyond chance by so many standard deviations (counts scatter
like Poisson's, and lines come in bursts), and is no handful."""
SEVERITY: Mapping[Level, int] = {"error": 0, "warning": 1, "info": 2, "unknown": 3, "debug": 4}


@dataclass(frozen=True)
class Template:
    """One kind of line in the window: `text` with `<…>` for what varies, without secrets, and the first line of it.

    `before` are the lines of it in the time compared with, `expected` what that makes for a stretch as long as the window; None when
    there is nothing to compare with. `since` is when it came up: its first line, or where its spike begins.
    """

    text: str
    level: Level
    count: int
    before: int
    expected: float | None
    first: datetime
    last: datetime
    since: datetime
    entities: tuple[str, ...]
    sample: LogLine

    @property
    def new(self) -> bool:
        return self.expected == 0

    @property
    def spiking(self) -> bool:
        return self.expected is not None and not self.new and _is_spike(self.count, self.expected)


@dataclass(frozen=True)
class MinedLogs:
    """What a window's lines are: `templates` most telling first, `levels` how many lines of each level.

    `compared_with` is the stretch before that was read, None when there was none to read; `forgotten` are the lines of kinds
    so rare that they are not kept.
    """

    window: Window
    templates: tuple[Template, ...] = ()
    levels: Mapping[Level, int] = field(default_factory=dict)
    compared_with: Window | None = None
    forgotten: int = 0
    gaps: tuple[str, ...] = ()

    @property
    def lines(self) -> int:
        return sum(self.levels.values())


async def mine(
    source: LogSource,
    window: Window,
    *,
    entities: Collection[str] = (),
    levels: Collection[str] = (),
    deadline_s: float = 5.0,
) -> MinedLogs:
    """Counts the window's lines and those of the hour before, `entities` and `levels` as `LogSource.scan` has them.

    Ends after `deadline_s` seconds, with what was counted by then. What is missing is told in `gaps`.
    """
    kinds, gaps, now = Kinds(window), list[str](), asyncio.get_running_loop().time()
    before = Window(start=window.start - BEFORE, end=window.start - timedelta(microseconds=1))
    parts = source.scan(before, entities=entities, levels=levels)
    compared: Window | None = before
    missing = list[str]()
    if await _read(parts, kinds.count_before, before, now + BEFORE_SHARE * deadline_s, missing):
        compared = None
        gaps.append("logs: the hour before could not be counted in time, so what is new is not known")
    if not levels and not kinds.before:
        compared = None  # nobody wrote anything then: all would be new
    parts = source.scan(window, entities=entities, levels=levels)
    counted = window
    if cut := await _read(parts, kinds.count, window, now + deadline_s, gaps):
        counted = Window(start=window.start, end=cut)
        gaps.append(
            f"logs: within {deadline_s:g} s lines were counted up to {isoformat(cut)}; ask for a shorter window"
        )
    if set(missing) - set(gaps):  # more is missing of the hour before than of the window
        compared = None
        gaps += missing
    if kinds.forgotten:
        gaps.append(f"logs: {kinds.forgotten} lines of {kinds.given_up} rare kinds were counted and not looked at")
    rate = max(window.length, SECOND) / max(compared.length, SECOND) if compared else None
    templates = [_template(kind, rate, kinds.slot_starts) for kind in kinds]
    return MinedLogs(
        window=counted,
        templates=tuple(sorted(templates, key=_rank)),
        levels=dict(kinds.levels),
        compared_with=compared,
        forgotten=kinds.forgotten,
        gaps=tuple(dict.fromkeys(gaps)),
    )


async def _read(
    parts: AsyncGenerator[ScanPart, None],
    count: Callable[[Sequence[ScannedLine]], None],
    window: Window,
    until: float,
    gaps: list[str],
) -> datetime | None:
    """Counts all parts; the moment that was got to by `until` (of the loop's clock) when there are more."""
    reached = window.start
    async with aclosing(parts):
        while True:
            try:
                async with asyncio.timeout_at(until):
                    part = await anext(parts)
            except StopAsyncIteration:
                return None
            except TimeoutError:
                return reached
            gaps.extend(part.gaps)
            if part.lines:
                await asyncio.to_thread(count, part.lines)
                reached = min(max(part.lines[-1].at, window.start), window.end)


def _template(kind: Kind, rate: float | None, slot_starts: Sequence[datetime]) -> Template:
    assert kind.sample is not None  # noqa: S101  it came in the window
    expected = None if rate is None else max(kind.before, kind.missed) * rate
    since = kind.first
    if expected and _is_spike(kind.count, expected):
        a_slot = SPIKE * expected / SLOTS
        since = next((at for at, count in zip(slot_starts, kind.slots, strict=True) if count > max(a_slot, 1)), since)
    return Template(
        text=kind.template(),
        level=kind.level,
        count=kind.count,
        before=kind.before,
        expected=expected,
        first=kind.first,
        last=kind.last,
        since=max(since, kind.first),
        entities=tuple(sorted(kind.entities, key=lambda name: (-kind.entities[name], name))),
        sample=kind.sample,
    )


def _is_spike(count: int, expected: float) -> bool:
    beyond = count - expected > SIGMAS * sqrt(expected + 1)
    return count >= SPIKE_LINES and count >= SPIKE * expected and beyond


def _rank(template: Template) -> tuple[int, int, int, datetime]:
    """New errors, spiking errors, what else is new or spiking and bad, the rest; by severity, the most frequent first."""
    bad = SEVERITY[template.level] <= SEVERITY["warning"]
    news = 0 if template.new else 1 if template.spiking else 3
    if template.level != "error":
        news = 2 if bad and news < 3 else 3
    return news, SEVERITY[template.level], -template.count, template.first
