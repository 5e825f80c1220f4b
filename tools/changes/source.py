"""What a source of changes gives, whichever it is: Ansible, git, metrics, annotations, files of records."""

from __future__ import annotations

from typing import Protocol

from core.vocabulary import Change, Frozen, Window


class ChangeList(Frozen):
    """The newest changes of a window, oldest first; `available` counts those that were cut, too.

    `Change.id` is stable and starts with the source ("git:4f2a91c"); `entity` is the name that the source uses, which need not be the
    inventory's. Titles, details and diffs are redacted. `gaps` are lines such as "ara: …" about what could not be read.
    """

    changes: tuple[Change, ...] = ()
    available: int = 0
    gaps: tuple[str, ...] = ()


class ChangeSource(Protocol):
    """Reads changes whose `at` or `effective_at` lies in a window. What cannot be read is a gap, never an exception."""

    name: str

    async def changes(self, window: Window, *, limit: int = 500) -> ChangeList: ...
