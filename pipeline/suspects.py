"""Which change may have brought the symptom about: changes of every source, ranked, and the best of them numbered in the brief."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.vocabulary import AnsweredChange, Change, Window
from pipeline.brief import Brief, Gaps
from pipeline.movement import Movement, topology_of
from pipeline.rank import RankedChange, rank_changes
from tools.changes.merge import merge_changes
from tools.changes.source import ChangeList, ChangeSource
from tools.inventory import Inventory
from tools.logs import LogSource

LOOKBACK = timedelta(hours=24)
LOGS_BEFORE, LOGS_AFTER = timedelta(minutes=30), timedelta(minutes=30)
MAX_CHANGES = 1000
MAX_LINES = 400
SHOWN = 5
"""Suspects in an answer about a cause; those that were ruled out are counted."""
SHOWN_IN_A_LIST = 40
SOURCE_DEADLINE_S = 6.0


async def changes_in(
    window: Window, sources: Sequence[ChangeSource], inventory: Inventory, gaps: Gaps
) -> tuple[list[Change], bool]:
    """Every change of the window, each once, its entity as the inventory calls it, oldest first; and whether all sources could be read."""
    lists = await asyncio.gather(*(_read(source, window, gaps) for source in sources))
    read = [each for each in lists if each is not None]
    for each in read:
        for line in each.gaps:
            gaps.add(line)
    merged = merge_changes(read, lambda change: entity_of(change, inventory))
    return merged, len(read) == len(lists) and not any(each.gaps for each in read)


async def _read(source: ChangeSource, window: Window, gaps: Gaps) -> ChangeList | None:
    try:
        async with asyncio.timeout(SOURCE_DEADLINE_S):
            return await source.changes(window, limit=MAX_CHANGES)
    except TimeoutError:
        gaps.add(f"{source.name}: no answer within {SOURCE_DEADLINE_S:g} s; changes from there are missing")
        return None


def entity_of(change: Change, inventory: Inventory) -> str | None:
    """As the inventory calls it: by the name that the source gives, else by the one service or host that title and paths name."""
    if change.entity:
        return inventory.entity_of({"name": change.entity, "instance": change.entity}) or change.entity
    named = inventory.resolve(" ".join([change.title, *change.files]).replace("/", " ").replace("_", " ")).subjects
    return named[0] if len(named) == 1 else None


async def with_suspects(
    brief: Brief, moved: Movement, sources: Sequence[ChangeSource], logs: LogSource | None, gaps: Gaps
) -> Brief:
    """The brief with the changes that may be the cause, most likely first; the cause names the one that clears the bar."""
    if not sources:
        return brief
    window = Window(start=moved.onset - LOOKBACK, end=brief.question.at)
    changes, _ = await changes_in(window, sources, brief.inventory, gaps)
    lines = await _log_lines(moved, brief, logs, gaps)
    ranked = rank_changes(
        [change for change in changes if change.kind != "alert"],
        moved.onset,
        symptoms=moved.shifts,
        log_lines=lines,
        topology=topology_of(brief.inventory),
    )
    shown = numbered(ranked[:SHOWN])
    best = ranked[0] if ranked and ranked[0].clears_bar else None
    cause = brief.cause
    if cause is not None and best is not None:
        cause = cause.model_copy(update={"change_id": shown[0].id})
    return replace(brief, changes=shown, cause=cause, changes_read=True, considered=len(ranked))


def numbered(ranked: Sequence[RankedChange]) -> tuple[AnsweredChange, ...]:
    return tuple(
        AnsweredChange(
            **{**each.change.model_dump(), "id": f"C{place}"},
            score=each.score,
            reasons=each.reasons,
        )
        for place, each in enumerate(ranked, start=1)
    )


async def _log_lines(
    moved: Movement, brief: Brief, logs: LogSource | None, gaps: Gaps
) -> list[tuple[datetime, str | None, str]]:
    if logs is None:
        return []
    window = Window(start=moved.onset - LOGS_BEFORE, end=min(brief.question.at, moved.onset + LOGS_AFTER))
    result = await logs.query(window, levels=("error", "warning"), limit=MAX_LINES)
    for line in result.gaps:
        gaps.add(line)
    return [(line.at, line.entity, line.text) for line in result.lines]
