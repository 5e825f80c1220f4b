"""Which entries of which log files are asked for, and how one becomes a line to show."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from core.redact import redact
from core.vocabulary import Window
from tools.log_entry import level_of, own_names, text_of
from tools.log_names import PathNames, plain_name, same_name
from tools.log_time import Stamped
from tools.log_window import Entry
from tools.logs import Level, LogLine

MAX_GAPS = 20
_SYSTEM = frozenset(("kernel", "systemd", "CRON", "cron"))
"""What these write is about the host."""


class Wanted:
    """The entries of a window: of any of `entities` (none: all), at any of `levels` (none: all), holding `contains` in any case."""

    def __init__(
        self, window: Window, entities: Collection[str], levels: Collection[str], contains: str | None = None
    ) -> None:
        self.window = window
        self._entities = frozenset(entities)
        self._levels = frozenset(level.lower() for level in levels)
        self._contains = (contains or "").casefold()

    def is_named_by(self, file: PathNames) -> bool:
        """Whether every entry of the file is of a wanted entity: its path says so."""
        return not self._entities or self._names_one(file.names)

    def may_concern(self, file: PathNames) -> bool:
        """Whether a question about the wanted entities misses something when the file cannot be read."""
        return self.is_named_by(file) or file.service is None

    def may_hold(self, file: PathNames, first: Stamped) -> bool:
        """Whether a file can hold entries of the wanted entities: by its path, or because its entries name themselves."""
        service, host, _ = own_names(first)
        return self.is_named_by(file) or bool(service or host)

    def level_of(self, entry: Entry, *, named: bool) -> Level | None:
        """The level of an entry that is wanted, else None. `named` is what `is_named_by` says of its file."""
        if not named and not self._names_one(own_names(entry.line)[:2]):
            return None
        level = level_of(entry.line)
        if self._levels and level not in self._levels:
            return None
        return level if not self._contains or self._contains in _haystack(entry).casefold() else None

    def _names_one(self, names: Collection[str | None]) -> bool:
        return any(same_name(name, entity) for name in names if name for entity in self._entities)


def entity_of(entry: Entry, file: PathNames) -> str | None:
    """Who wrote it, redacted: the service that the entry or the path names, else the host."""
    service, host, sure = own_names(entry.line)
    own = service if (sure or file.service is None) and service not in _SYSTEM else None
    entity = own or file.service or host or file.host
    return _shown_name(entity) if entity else None


def line_of(entry: Entry, file: PathNames) -> LogLine:
    """The entry to show, redacted."""
    return LogLine(
        at=entry.at,
        entity=entity_of(entry, file),
        level=level_of(entry.line),
        text=text_of(entry.line, entry.continuation()),
        path=redact(str(file.path)),
    )


def stated(gaps: Collection[str]) -> tuple[str, ...]:
    """One line each, redacted, the first MAX_GAPS of them."""
    lines = [f"logs: {redact(gap)}" for gap in dict.fromkeys(gaps)]
    rest = len(lines) - MAX_GAPS
    return (*lines[:MAX_GAPS], f"logs: {rest} more problems") if rest > 0 else tuple(lines)


def _haystack(entry: Entry) -> str:
    line = entry.line
    first = f"{line.lead}{line.rest}" if line.fields is None else " ".join(map(str, line.fields.values()))
    return "\n".join((first, *entry.more))


@lru_cache(maxsize=4096)
def _shown_name(name: str) -> str:
    return redact(plain_name(name))
