"""The changes of all sources as one list: entities by the inventory's names, the same change once, commits dated by what carried them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.vocabulary import Change
from tools.changes.source import ChangeList


def merge_changes(lists: Iterable[ChangeList], entity_of: Callable[[Change], str | None]) -> list[Change]:
    """Oldest first."""
    named = [change.model_copy(update={"entity": entity_of(change)}) for each in lists for change in each.changes]
    return sorted(named, key=lambda change: (change.effective_at or change.at, change.id))
