"""What happened around a moment, on one ordered line: alerts, changes, shifts and log lines, with the suspected cause marked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.vocabulary import Alert, Change, Event, Timeline, Window
from pipeline.brief import Brief, Gaps, Question
from pipeline.firing import alert_history, current_alerts
from pipeline.gather import Gatherer
from pipeline.log_spikes import log_spikes
from pipeline.ranking.shifts import CLEAR_SHIFT
from pipeline.signals import load_domain
from pipeline.sources import Sources
from pipeline.suspects import changes_in
from pipeline.wording import duration, moment, plural, quantity
from tools.inventory import Inventory

MAX_EVENTS = 200
MAX_SHIFTS = 40


async def timeline(
    sources: Sources, zone: ZoneInfo, at: datetime, around: timedelta, *, now: datetime, deadline_s: float
) -> Timeline:
    """`around` to both sides of `at`, cut at `now` (all UTC). What cannot be read by the deadline is a gap."""
    gaps = Gaps()
    window = Window(start=at - around, end=min(at + around, now))
    brief: Brief | None = None
    history: tuple[Alert, ...] = ()
    changes: list[Change] = []
    lines: list[Event] = []
    try:
        async with asyncio.timeout(deadline_s):
            inventory = await sources.inventory(None if now - at < timedelta(minutes=2) else at, gaps)
            (changes, _), found, alerts, lines = await asyncio.gather(
                changes_in(window, sources.changes, inventory, gaps),
                alert_history(sources, window, gaps),
                current_alerts(sources, at, now, gaps),
                log_spikes(sources.logs, window, gaps),
            )
            history = found or ()
            question = Question("timeline", "rca_draft", at, Window(start=at - around, end=at), named_window=True)
            gathering = Gatherer(sources, zone).gather(question, inventory, alerts, gaps)
            async with aclosing(gathering) as briefs:
                async for found_more in briefs:
                    brief = found_more
    except TimeoutError:
        gaps.add(f"deadline: not everything was read within {deadline_s:g} s (SRE_QUESTION_DEADLINE_S)")
    known = brief.inventory if brief else Inventory({})
    events = sorted([*_events(brief, history, changes, known, window), *lines], key=lambda event: event.at)
    if not sources.changes:
        gaps.add("changes: no source of them is configured (see: sre doctor)")
    if len(events) > MAX_EVENTS:
        gaps.add(f"timeline: the {MAX_EVENTS} events nearest to the moment of {len(events)} are shown")
    shown = sorted(sorted(events, key=lambda event: abs(event.at - at))[:MAX_EVENTS], key=lambda event: event.at)
    onset = brief.moved.onset if brief and brief.moved else min((a.starts_at for a in history), default=None)
    return Timeline(
        window=window,
        onset=onset,
        statement=_statement(shown, onset, window, lambda when: moment(when, zone, now=now)),
        events=tuple(shown),
        available=len(events),
        gaps=tuple(gaps.lines),
    )


def _events(
    brief: Brief | None, history: Sequence[Alert], changes: Sequence[Change], inventory: Inventory, window: Window
) -> Iterator[Event]:
    for alert in history:
        entity = inventory.entity_of(alert.labels)
        if window.start <= alert.starts_at <= window.end:
            text = f"{alert.name} fires: {alert.summary}"
            yield Event(at=alert.starts_at, kind="alert", entity=entity, text=text, source=alert.source)
        if alert.ends_at and window.start <= alert.ends_at <= window.end:
            text = f"{alert.name} is resolved"
            yield Event(at=alert.ends_at, kind="resolved", entity=entity, text=text, source=alert.source)
    for change in changes:
        if change.kind != "alert":
            yield _change(change, brief)
    if brief is not None:
        yield from _shifts(brief, window)


def _change(change: Change, brief: Brief | None) -> Event:
    """The suspect keeps its own time, title and place when it is numbered: by these it is known again."""
    numbered = brief.changes if brief else ()
    judged = next((c for c in numbered if (c.at, c.title, c.entity) == (change.at, change.title, change.entity)), None)
    suspected = bool(brief and brief.changed and brief.changed.cleared and judged is numbered[0])
    return Event(
        at=change.effective_at or change.at,
        kind="change",
        entity=change.entity,
        text=f"{change.kind.replace('_', ' ')}: {change.title}",
        source=change.source,
        suspected=suspected,
        reasons=judged.reasons if judged else (),
    )


def _shifts(brief: Brief, window: Window) -> Iterator[Event]:
    """What clearly left its normal, the largest MAX_SHIFTS."""
    signals = load_domain().signals
    clear = (
        [s for s in brief.moved.shifts if s.score >= CLEAR_SHIFT and window.start <= s.at <= window.end]
        if brief.moved
        else []
    )
    for shift in clear[:MAX_SHIFTS]:
        entity, _, name = shift.series.rpartition(":")
        signal = signals[name]
        way = f"{quantity(signal, shift.before)} → {quantity(signal, shift.after)}"
        yield Event(at=shift.at, kind="shift", entity=entity, text=f"{signal.phrase} {way}", source="prometheus")


def _statement(events: Sequence[Event], onset: datetime | None, window: Window, told: Callable[[datetime], str]) -> str:
    """What is suspected; else that nothing changed before the symptom; else that nothing happened."""
    suspect = next((event for event in events if event.suspected), None)
    if suspect is not None:
        return f"Suspected cause: {suspect.text} on {suspect.entity or 'an unnamed host'} at {told(suspect.at)}."
    if onset is None:
        return "No alert fired and nothing that is measured left its normal."
    before = [event for event in events if event.kind == "change" and event.at <= onset]
    if before:
        return f"No change explains it: {plural(len(before), 'change')} before the onset at {told(onset)}, none of them fits."
    quiet = duration(max(0.0, (onset - window.start).total_seconds()))
    return f"Quiet before: no change is known in the {quiet} before the onset at {told(onset)}."
