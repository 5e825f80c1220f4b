"""The changes of all sources as one list: entities by the inventory's names, the same change once, commits dated by what carried them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from core.vocabulary import Change
from tools.changes.carried import with_effective_times
from tools.changes.same_change import told_once
from tools.changes.source import ChangeList

CARRIED_WITHIN = timedelta(hours=24)
"""A commit that nothing took to a machine by then was not brought there by what comes later."""


def merge_changes(
    lists: Iterable[ChangeList],
    entity_of: Callable[[Change], str | None],
    *,
    carried_within: timedelta = CARRIED_WITHIN,
) -> list[Change]:
    """Oldest effect first, a commit before what carried it. To date commits, the lists must hold what happened up to `carried_within` after them."""
    named = [change.model_copy(update={"entity": entity_of(change)}) for each in lists for change in each.changes]
    dated = with_effective_times(told_once(named), within=carried_within)
    return sorted(dated, key=lambda change: (change.effective_at or change.at, change.at, change.id))
