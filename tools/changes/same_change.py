"""Whether two sources tell of the same change: at the same place, close in time, of a kind that both see, in agreeing words.

The same Ansible task stands in ARA and in a log; a restart shows in the metrics and in a note that a deploy script wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from core.vocabulary import Change

_EXACT_S, _SCRAPED_S, _NOTED_S = 5.0, 60.0, 120.0
_NEIGHBOURS = 200
"""Changes that follow one in time and are compared with it."""
_RUNTIME = frozenset({"restart", "reboot", "version", "image_update"})
_UPDATE = frozenset({"version", "image_update"})
_NOTES = frozenset({"annotation", "manual"})
_WORD = re.compile(r"[^\W_]+(?:[.-][^\W_]+)*")
_ENDING = re.compile(r"(?:ing|ed|s)$")
_RICHER = ("image_update", "version", "config_commit", "package_update", "ansible_task", "guest_lifecycle", "reboot", "restart")


@dataclass(frozen=True, slots=True)
class _Told:
    change: Change
    words: frozenset[str]


def told_once(changes: Iterable[Change]) -> list[Change]:
    """Each change once, with the most that any source says of it; `source` names all of them. In order of time."""
    known = {change.id: change for change in changes}
    told = [_Told(change, _words(change)) for change in sorted(known.values(), key=lambda change: (change.at, change.id))]
    groups = {each.change.id: [each] for each in told}
    # The best agreement first: two tasks of one play are alike, and each has its own counterpart.
    for _, _, one, other in sorted(_alike(told), key=lambda pair: pair[:2]):
        first, second = groups[one.change.id], groups[other.change.id]
        if first is not second and all(_may_be_same(left, right) for left in first for right in second):
            first += second
            groups |= {member.change.id: first for member in second}
    distinct = {id(group): group for group in groups.values()}
    return sorted((_joined([each.change for each in group]) for group in distinct.values()), key=_order)


def _order(change: Change) -> tuple[float, str]:
    return change.at.timestamp(), change.id


def _alike(told: Sequence[_Told]) -> Iterable[tuple[float, float, _Told, _Told]]:
    """Pairs that may be the same, with how little they agree and how far apart they are."""
    for place, one in enumerate(told):
        for other in islice(told, place + 1, place + 1 + _NEIGHBOURS):
            apart = (other.change.at - one.change.at).total_seconds()
            if apart > _NOTED_S:
                break
            if _may_be_same(one, other):
                union = len(one.words | other.words)
                yield (1 - len(one.words & other.words) / union if union else 0.0), apart, one, other


def _may_be_same(one: _Told, other: _Told) -> bool:
    first, second = one.change, other.change
    seconds = _tolerance_s(first, second)
    if seconds is None or abs((first.at - second.at).total_seconds()) > seconds:
        return False
    if first.entity != second.entity:
        return False
    if first.kind == second.kind and first.files and second.files and not set(first.files) & set(second.files):
        return False
    return _agree(one, other)


def _tolerance_s(first: Change, second: Change) -> float | None:
    """How far apart two sources may date the same change; None when these two never tell of the same."""
    kinds = {first.kind, second.kind}
    if _is_commit(first) or _is_commit(second):
        # A clone elsewhere may hold the same commit; nothing else is one.
        return _EXACT_S if _is_commit(first) and _is_commit(second) and first.source != second.source else None
    if kinds <= _RUNTIME and first.entity is not None:
        return _SCRAPED_S
    if first.source == second.source or "alert" in kinds:
        return None
    if kinds & _NOTES:
        return _NOTED_S
    return _EXACT_S if len(kinds) == 1 else None


def _is_commit(change: Change) -> bool:
    return change.kind == "config_commit" or change.id.startswith("git:")


def _agree(one: _Told, other: _Told) -> bool:
    kinds = {one.change.kind, other.change.kind}
    if kinds <= _RUNTIME:
        # What is updated restarts; two updates agree in the new version.
        return kinds == {"restart"} or len(kinds & _UPDATE) == 1 and "restart" in kinds or one.words == other.words or (
            kinds <= _UPDATE and bool(_last_version(one.change) and _last_version(one.change) == _last_version(other.change))
        )
    if not one.words or not other.words:
        return one.change.title.casefold() == other.change.title.casefold()
    return one.words <= other.words or other.words <= one.words


def _last_version(change: Change) -> str:
    return change.title.rpartition("→")[2].split(" on ")[0].strip().removeprefix("v") if "→" in change.title else ""


def _words(change: Change) -> frozenset[str]:
    """The words of the title without the entity's own name, without their endings."""
    entity = {word.casefold() for word in _WORD.findall(change.entity or "")}
    words = {word.casefold() for word in _WORD.findall(change.title)}
    return frozenset(_ENDING.sub("", word) or word for word in words - entity - {(change.entity or "").casefold()})


def _joined(changes: Sequence[Change]) -> Change:
    if len(changes) == 1:
        return changes[0]
    first, *rest = sorted(changes, key=_richness, reverse=True)
    sources = dict.fromkeys(name for change in (first, *rest) for name in change.source.split(", ") if name)
    details = dict.fromkeys(change.detail for change in (first, *rest) if change.detail)
    return first.model_copy(
        update={
            "effective_at": next((change.effective_at for change in (first, *rest) if change.effective_at), None),
            "detail": next(iter(details), ""),
            "files": next((change.files for change in (first, *rest) if change.files), ()),
            "diff": next((change.diff for change in (first, *rest) if change.diff), ""),
            "source": ", ".join(sources),
            "actor": next((change.actor for change in (first, *rest) if change.actor), None),
        }
    )


def _richness(change: Change) -> tuple[int, bool, int, int, str]:
    rank = len(_RICHER) - _RICHER.index(change.kind) if change.kind in _RICHER else 0
    return rank, bool(change.diff), len(change.files), len(change.detail), change.id
