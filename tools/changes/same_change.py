"""Whether two sources tell of the same change: at the same place, close in time, of a kind that both see, in agreeing words.

The same Ansible task stands in ARA and in a log; a restart shows in the metrics and in a note that a deploy script wrote.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from core.vocabulary import Change

_EXACT_S, _SCRAPED_S, _NOTED_S = 5.0, 60.0, 120.0
_REBOOT_S = 600.0
"""Who reboots a machine waits until it is back, and longer."""
_NEIGHBOURS = 200
"""Changes that follow one in time and are compared with it."""
_MEASURED = {"metrics"}
_RUNTIME = frozenset({"restart", "reboot", "version", "image_update"})
_UPDATE = frozenset({"version", "image_update"})
_NOTES = frozenset({"annotation", "manual"})
_WORD = re.compile(r"[^\W_]+(?:[.-][^\W_]+)*")
_ENDING = re.compile(r"(?:ing|ed|es|e|s)$")
_SHORT = 4
_PLACE = re.compile(r" on \S+(?= |$)")
_UPDATING = frozenset({"updat", "upgrad", "deploy", "bump", "pull"})
_SPOKEN_OF = {
    "restart": frozenset({"restart", "start", "recreat"}),
    "reboot": frozenset({"reboot", "boot", "restart"}),
    "version": _UPDATING,
    "image_update": _UPDATING,
}
_RICHER = ("image_update", "version", "package_update", "ansible_task", "reboot", "restart")
"""Which kind says more; the others say less."""


@dataclass(frozen=True, slots=True)
class _Told:
    change: Change
    words: frozenset[str]
    sources: frozenset[str]
    is_commit: bool


def told_once(changes: Iterable[Change]) -> list[Change]:
    """Each change once, with the most that any source says of it; `source` names all of them. In order of time."""
    by_id: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_id[change.id].append(change)
    told = [_told(change) for change in sorted(map(_joined, by_id.values()), key=_order)]
    groups = {each.change.id: [each] for each in told}
    # The best agreement first: two tasks of one play are alike, and each has its own counterpart.
    places: dict[str | None, list[_Told]] = defaultdict(list)
    for each in told:
        places[each.change.entity].append(each)
    pairs = (pair for at_one_place in places.values() for pair in _alike(at_one_place))
    for _, _, one, other in sorted(pairs, key=lambda pair: pair[:2]):
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
            if apart > _REBOOT_S:
                break
            if _may_be_same(one, other):
                union = len(one.words | other.words)
                yield (1 - len(one.words & other.words) / union if union else 0.0), apart, one, other


def _may_be_same(one: _Told, other: _Told) -> bool:
    seconds = _tolerance_s(one, other)
    apart = (one.change.at - other.change.at).total_seconds()
    return seconds is not None and abs(apart) <= seconds and _agree(one, other)


def _tolerance_s(one: _Told, other: _Told) -> float | None:
    """How far apart two sources may date the same change; None when these two never tell of the same."""
    if not one.sources.isdisjoint(other.sources) and one.sources != _MEASURED:
        return None  # a source tells each change once; but of a service, its container and its process both have a start time
    kinds = {one.change.kind, other.change.kind}
    if one.is_commit or other.is_commit or "alert" in kinds:
        return None  # the same commit has the same id already
    if kinds <= _RUNTIME and one.change.entity is not None:
        return _REBOOT_S if kinds == {"reboot"} else _SCRAPED_S
    if kinds & _NOTES:
        return _NOTED_S
    return _EXACT_S if len(kinds) == 1 else None


def _agree(one: _Told, other: _Told) -> bool:
    kinds = {one.change.kind, other.change.kind}
    if kinds & _NOTES and kinds & _RUNTIME:
        note, seen = (one, other) if one.change.kind in _NOTES else (other, one)
        telling = {word for word in seen.words if any(letter.isdigit() for letter in word)}
        return bool(note.words & (_SPOKEN_OF[seen.change.kind] | telling))
    if kinds & _UPDATE and "restart" in kinds:
        # What is updated starts anew.
        restart, update = (one, other) if one.change.kind == "restart" else (other, one)
        return restart.words - _SPOKEN_OF["restart"] <= update.words
    if kinds <= _UPDATE and (first := _new_version(one.change)) and (second := _new_version(other.change)):
        return first.startswith(second) or second.startswith(first)
    if "reboot" in kinds:
        return len(kinds) == 1
    if not one.words or not other.words:
        return one.change.title.casefold() == other.change.title.casefold()
    shared_file = bool(set(one.change.files) & set(other.change.files))
    return one.words <= other.words or other.words <= one.words or (shared_file and len(kinds) == 1)


def _new_version(change: Change) -> str:
    """`10.11.2` in `jellyfin: jellyfin/jellyfin v10.11.1 → v10.11.2`; empty when the title has no arrow."""
    return _PLACE.sub("", change.title).rpartition("→")[2].strip().removeprefix("v") if "→" in change.title else ""


def _told(change: Change) -> _Told:
    is_commit = change.kind == "config_commit" or change.id.startswith("git:")
    return _Told(change, _words(change), frozenset(change.source.split(", ")), is_commit)


def _words(change: Change) -> frozenset[str]:
    """The words of the title without their endings, and without the entity's own name and where it is."""
    title = _PLACE.sub("", change.title) if change.kind in _RUNTIME else change.title
    entity = change.entity or ""
    own = {entity.casefold()} | {word.casefold() for word in _WORD.findall(entity)}
    words = {word.casefold() for word in _WORD.findall(title)} - own
    return frozenset(_ENDING.sub("", word) if len(word) > _SHORT else word for word in words)


def _joined(changes: Sequence[Change]) -> Change:
    if len(changes) == 1:
        return changes[0]
    first, *rest = sorted(changes, key=_richness, reverse=True)
    sources = dict.fromkeys(name for change in (first, *rest) for name in change.source.split(", ") if name)
    return first.model_copy(
        update={
            "effective_at": next((change.effective_at for change in (first, *rest) if change.effective_at), None),
            "detail": max((change.detail for change in changes), key=len),
            "files": next((change.files for change in (first, *rest) if change.files), ()),
            "diff": next((change.diff for change in (first, *rest) if change.diff), ""),
            "source": ", ".join(sources),
            "actor": next((change.actor for change in (first, *rest) if change.actor), None),
        }
    )


def _richness(change: Change) -> tuple[int, bool, int, int, str]:
    rank = len(_RICHER) - _RICHER.index(change.kind) if change.kind in _RICHER else 0
    return rank, bool(change.diff), len(change.files), len(change.detail), change.id
