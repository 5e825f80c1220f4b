"""Which change may have brought the symptom about: changes of every source, ranked, and the best of them numbered in the brief."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.vocabulary import AnsweredChange, CauseKind, Change, Window
from pipeline.accused_change import accused_change, with_accused
from pipeline.brief import Brief, Changed, Gaps, Movement
from pipeline.log_activity import with_active_service
from pipeline.log_cause import SINCE, UNTIL, with_log_cause
from pipeline.movement import topology_of
from pipeline.orders import gives_orders
from pipeline.progress import reading
from pipeline.ranking.change_signs import RELEASES
from pipeline.ranking.change_weights import ChangeWeights
from pipeline.ranking.changes import Candidates, RankedChange
from pipeline.ranking.shifts import BEYOND
from pipeline.wording import plural
from tools.changes.merge import merge_changes
from tools.changes.source import ChangeList, ChangeSource
from tools.inventory import Inventory
from tools.logs import LogLine, LogSource

LOOKBACK = timedelta(hours=24)
LOGS_BEFORE, LOGS_AFTER = timedelta(minutes=30), timedelta(minutes=30)
BAD = ("error", "warning")
MAX_CHANGES = 1000
MAX_LINES = 400
AT_ONCE = timedelta(minutes=2)
"""After the onset, the lines that tell who complained first."""
MOVED_READ = 8
"""Of the entities that moved, so many have their logs read."""
SHOWN = 5
"""Suspects in an answer about a cause; those that were ruled out are counted."""
SHOWN_IN_A_LIST = 40
SOURCE_DEADLINE_S = 6.0
LEADING, SUFFERING = 0.7, 0.4
"""How much an entity is part of the symptom on the way to the cause, and one that only moved as well."""


async def changes_in(
    window: Window, sources: Sequence[ChangeSource], inventory: Inventory, gaps: Gaps
) -> tuple[list[Change], bool]:
    """Every change of the window, each once, its entity as the inventory calls it, oldest first; and whether all sources could be read."""
    lists = await asyncio.gather(*(_read(source, window, gaps) for source in sources))
    read = [each for each in lists if each is not None]
    for each in read:
        for line in each.gaps:
            gaps.add_of("changes", line)
    merged = merge_changes(read, lambda change: entity_of(change, inventory))
    return merged, len(read) == len(lists) and not any(each.gaps for each in read)


async def _read(source: ChangeSource, window: Window, gaps: Gaps) -> ChangeList | None:
    with reading(f"changes: {source.name}") as read:
        try:
            async with asyncio.timeout(SOURCE_DEADLINE_S):
                found = await source.changes(window, limit=MAX_CHANGES)
        except TimeoutError:
            read.failed(f"no answer within {SOURCE_DEADLINE_S:g} s")
            gaps.add(
                f"changes: {source.name}: no answer within {SOURCE_DEADLINE_S:g} s; changes from there are missing"
            )
            return None
        newest = f", the newest: {found.changes[-1].title}" if found.changes else ""
        read.found(f"{plural(found.available, 'change')}{newest}")
        if found.gaps and not found.changes:
            read.failed(found.gaps[0])
        return found


def entity_of(change: Change, inventory: Inventory) -> str | None:
    """As the inventory calls it: by the name that the source gives, else by the one service or host that title and paths name."""
    if change.entity:
        return inventory.entity_of({"name": change.entity, "instance": change.entity}) or change.entity
    named = inventory.resolve(" ".join([change.title, *change.files]).replace("/", " ").replace("_", " ")).subjects
    return named[0] if len(named) == 1 else None


async def with_suspects(
    brief: Brief,
    moved: Movement,
    sources: Sequence[ChangeSource],
    logs: LogSource | None,
    gaps: Gaps,
    *,
    weights: ChangeWeights | None = None,
) -> Brief:
    """The brief with the changes that may be the cause, most likely first; the cause names the one that clears the bar."""
    window = Window(start=moved.onset - LOOKBACK, end=brief.question.at)
    (changes, complete), (lines, elsewhere) = await asyncio.gather(
        changes_in(window, sources, brief.inventory, gaps), _log_lines(moved, brief, logs, gaps)
    )
    brief = with_log_cause(replace(brief, moved=moved), moved, [*lines, *elsewhere])
    brief = await with_active_service(brief, moved, logs, gaps)
    if not sources:
        return brief
    candidates = [
        change for change in changes if change.kind != "alert" and (change.effective_at or change.at) <= moved.onset
    ]
    considered = Candidates(
        candidates,
        moved.onset,
        symptoms=moved.shifts,
        log_lines=[(line.at, line.entity, line.text) for line in lines],
        topology=topology_of(brief.inventory),
        affected=affected(brief, moved),
        kind=brief.cause.kind if brief.cause else None,
    )
    ranked = await asyncio.to_thread(considered.ranked, weights)  # a busy day of changes takes a second
    told = [change for change in changes if change.kind != "alert"]
    accused = accused_change(brief.question.text, brief.question.subjects, told)
    first, accused = with_accused(ranked, accused, moved.onset, shown=SHOWN)
    shown = numbered(first)
    cleared = bool(ranked) and ranked[0].clears_bar
    cause = brief.cause
    if cause is not None and cleared:
        # A cause that blames a change is no surer than that.
        sure = round(min(cause.confidence, ranked[0].score), 2)
        kind = kind_with(cause.kind, shown[0])
        cause = cause.model_copy(update={"change_id": shown[0].id, "confidence": sure, "kind": kind})
    changed = Changed(window, len(ranked), complete, cleared, considered, accused.id if accused else None)
    return replace(brief, changes=shown, cause=cause, changed=changed)


async def with_changes(
    brief: Brief, sources: Sequence[ChangeSource], gaps: Gaps, *, over: timedelta | None = None
) -> Brief:
    """The brief with the changes of the question's window, or so long before it, the newest of them, oldest first; of its
    subjects when it names any.

    Suspects that are numbered already stay first.
    """
    if not sources:
        return brief
    at = brief.question.at
    window = Window(start=at - over, end=at) if over else brief.question.window
    changes, complete = await changes_in(window, sources, brief.inventory, gaps)
    own = [change for change in changes if change.kind != "alert" and _is_asked(change, brief)]
    shown = own[-SHOWN_IN_A_LIST:]
    if len(shown) < len(own):
        gaps.add(f"changes: the newest {len(shown)} of {len(own)} are shown")
    suspected = {change.origin for change in brief.changes}
    others = [RankedChange(c, 0.0, clears_bar=False, reasons=()) for c in shown if c.id not in suspected]
    listed = (*brief.changes, *numbered(others, first=len(brief.changes) + 1))
    changed = brief.changed or Changed(window, len(own), complete)
    return replace(brief, changes=listed, changed=replace(changed, available=max(changed.available, len(listed))))


def _is_asked(change: Change, brief: Brief) -> bool:
    """Whether it touched a subject, or what runs there; a change whose place is unknown may have."""
    subjects = brief.question.subjects
    if not subjects or change.entity is None:
        return True
    entity = brief.inventory.entities.get(change.entity)
    return change.entity in subjects or (entity is not None and entity.host in subjects)


def affected(brief: Brief, moved: Movement) -> dict[str, float] | None:
    """How much each entity is part of the symptom: the cause most, then what leads from it; None when the rules found none."""
    if brief.cause is None:
        return None
    found = {each.entity: SUFFERING for each in moved.entities if each.shifts[0].score >= BEYOND}
    found |= {finding.entity: LEADING for finding in brief.chain}
    return found | ({brief.cause.entity: 1.0} if brief.cause.entity else {})


def kind_with(kind: CauseKind, blamed: AnsweredChange) -> CauseKind:
    """What fails after a new version is a bad release, after anything else it is none."""
    if blamed.kind in RELEASES and kind in {"bad_configuration", "crash_loop"}:
        return "bad_release"
    return "bad_configuration" if kind == "bad_release" and blamed.kind not in RELEASES else kind


def numbered(ranked: Sequence[RankedChange], first: int = 1) -> tuple[AnsweredChange, ...]:
    return tuple(
        AnsweredChange(
            **{**each.change.model_dump(), "id": f"C{place}", "origin": each.change.id},
            score=each.score,
            reasons=each.reasons,
        )
        for place, each in enumerate(ranked, start=first)
    )


async def _log_lines(
    moved: Movement, brief: Brief, logs: LogSource | None, gaps: Gaps
) -> tuple[Sequence[LogLine], Sequence[LogLine]]:
    """Errors and warnings around the onset: of whoever is part of it (the chain, what moved most, what they depend on), and of others."""
    if logs is None:
        return (), ()
    names = [finding.entity for finding in brief.chain]
    names += [each.entity for each in moved.entities[:MOVED_READ] if each.shifts[0].score >= BEYOND]
    names += list(brief.question.subjects)
    names += [other for name in names for other in brief.inventory.upstream(name, 1)]
    window = Window(start=moved.onset - LOGS_BEFORE, end=min(brief.question.at, moved.onset + LOGS_AFTER))
    onset = Window(start=moved.onset - SINCE, end=min(brief.question.at, moved.onset + UNTIL))
    own, all_lines = await asyncio.gather(
        _bad_lines(logs, window, moved.onset + AT_ONCE, set(names), gaps),
        _bad_lines(logs, onset, moved.onset + AT_ONCE, (), gaps),
    )
    return own, [line for line in all_lines if line not in own]


async def _bad_lines(
    logs: LogSource, window: Window, split: datetime, entities: Collection[str], gaps: Gaps
) -> list[LogLine]:
    """Errors and warnings, as many from before `split` as from after it: what goes on complaining must not hide who began."""
    parts = [Window(start=window.start, end=min(split, window.end))]
    if split < window.end:
        parts.append(Window(start=split, end=window.end))
    queries = (logs.query(part, entities=entities, levels=BAD, limit=MAX_LINES // 2) for part in parts)
    found = await asyncio.gather(*queries)
    for result in found:
        for line in result.gaps:
            gaps.add_of("logs", line)
    return list(dict.fromkeys(line for result in found for line in result.lines if not gives_orders(line.text)))
