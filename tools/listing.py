"""A bounded list that says what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """Items of one kind. `gap` is one sentence, fit for `Answer.gaps`, when some that exist are missing here."""

    items: tuple[T, ...]
    gap: str | None = None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def first(items: Sequence[T], limit: int, what: str) -> Listing[T]:
    """The first `limit` items; `what` names them in the plural, with their source: "grafana: alert rules"."""
    if len(items) <= limit:
        return Listing(tuple(items))
    return Listing(tuple(items[:limit]), f"{what}: the first {limit} of {len(items)} were read")
