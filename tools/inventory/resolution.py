"""What a question talks about: names, aliases, addresses and misspellings found in a whole sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.vocabulary import Frozen
from tools.inventory.context import Word, is_meant, lifted_to, looks_unknown, split, stands_free, unknown_span
from tools.inventory.groups import GroupIndex
from tools.inventory.names import NameIndex, normal
from tools.inventory.words import ORDINARY, STOP

_LONGEST_NAME = 4
"""Words: "proxmox backup server", "immich machine learning"."""
_BEFORE_GROUPS = ("the", "my", "our", "all", "these", "any")


class Unknown(Frozen):
    """A name that looks like a host's or a service's and is none; `suggestions` are near names, nearest first."""

    name: str
    suggestions: tuple[str, ...] = ()


class Resolution(Frozen):
    """`subjects` are entity names in the order of the question."""

    subjects: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True)
class Mention:
    """Words `start` to `end` (exclusive) that may name `names`; an `ordinary` word does so only in a telling place.

    Of several names one or a few are meant, of a `group` all are.
    """

    start: int
    end: int
    names: tuple[str, ...]
    ordinary: bool = False
    group: bool = False


def resolve(text: str, index: NameIndex, groups: GroupIndex) -> Resolution:
    """Everything that `text` names, and what it seems to name in vain."""
    words = split(text)
    exact = list(_exact(words, index, groups))
    misspelt = list(_misspelt(words, index, exact))
    overtaken = {place for mention in misspelt for place in range(mention.start, mention.end)}
    mentions = sorted([*misspelt, *(m for m in exact if m.start not in overtaken)], key=lambda mention: mention.start)
    meant = _meant(words, mentions)
    subjects = _subjects(words, meant, index)
    seen = {place for mention in mentions for place in range(mention.start, mention.end)}
    return Resolution(subjects=subjects, unknown=tuple(_unknown(words, index, seen)))


def _runs(words: Sequence[Word], longest: int, taken: set[int]) -> Iterator[tuple[int, int]]:
    """Stretches of up to `longest` words that belong together, longest first at each place; `taken` may grow meanwhile."""
    for start in range(len(words)):
        for end in range(min(start + longest, len(words)), start, -1):
            joined = all(words[place].joins_next for place in range(start, end - 1))
            if joined and not any(place in taken or words[place].is_path for place in range(start, end)):
                yield start, end


def _exact(words: Sequence[Word], index: NameIndex, groups: GroupIndex) -> Iterator[Mention]:
    taken: set[int] = set()
    for start, end in _runs(words, _LONGEST_NAME, taken):
        if start in taken:
            continue
        text = " ".join(word.lower for word in words[start:end])
        names, ordinary = index.exact(text), index.is_ordinary(text) and not words[start].quoted
        if not names and end == start + 1:
            names, ordinary = index.written_as_address(words[start].lower), False
        mention = Mention(start, end, names, ordinary) if names else _group(words, start, end, groups)
        if mention:
            taken.update(range(start, end))
            yield mention


def _group(words: Sequence[Word], start: int, end: int, groups: GroupIndex) -> Mention | None:
    run = [word.lower for word in words[start:end]]
    before = words[start - 1].lower if start else ""
    if members := groups.phrase(run, before):
        return Mention(start, end, members, group=True)
    if len(run) > 1 or not (members := groups.name(run[0])):
        return None
    told = words[start].quoted or (before in _BEFORE_GROUPS and run[0] not in ORDINARY and stands_free(words, end))
    return Mention(start, end, members, ordinary=not told, group=True)


def _misspelt(words: Sequence[Word], index: NameIndex, exact: Sequence[Mention]) -> Iterator[Mention]:
    """Names with a slip in them. "home asistant" overtakes the everyday word "home", which is a name too."""
    taken = {place for mention in exact if not mention.ordinary for place in range(mention.start, mention.end)}
    exact_starts = {mention.start for mention in exact}
    for start, end in _runs(words, 3, taken):
        run = words[start:end]
        text = normal("".join(word.lower for word in run))
        is_exact = len(run) == 1 and start in exact_starts
        if start in taken or is_exact or len(text) < 5 or not text.isalnum() or any(w.lower in STOP for w in run):
            continue
        # Two right words stand nearer to some name by chance than one does.
        found = index.like(text, 85.0 if len(run) == 1 else 90.0)
        if found:
            taken.update(range(start, end))
            yield Mention(start, end, index.exact(found), index.is_ordinary(found))


def _meant(words: Sequence[Word], mentions: Sequence[Mention]) -> list[Mention]:
    """Without the ordinary words that only are words. "media and cloud": one that is meant vouches for the other."""
    sure = [m for m in mentions if not m.ordinary or is_meant(words, m.start, m.end)]
    for _ in mentions:  # each round reaches one further along "media, cloud and db"
        vouched = [
            mention
            for mention in mentions
            if mention not in sure
            and any(_coordinated(words, *sorted((mention, other), key=lambda m: m.start)) for other in sure)
        ]
        if not vouched:
            break
        sure += vouched
    return sorted(sure, key=lambda mention: mention.start)


def _coordinated(words: Sequence[Word], first: Mention, second: Mention) -> bool:
    if second.start == first.end:
        return words[first.end - 1].comma_after
    return second.start == first.end + 1 and words[first.end].lower in ("and", "or", "vs", "versus", "nor")


def _subjects(words: Sequence[Word], mentions: Sequence[Mention], index: NameIndex) -> tuple[str, ...]:
    known_starts = {mention.start for mention in mentions}
    read = []
    for mention in mentions:
        role = None if mention.group else lifted_to(words, mention.start, mention.end, known_starts)
        read.append(replace(mention, names=_in_role(mention.names, role, index)))
    places = {mention.names[0] for mention in read if len(mention.names) == 1}
    found: dict[str, None] = {}
    for mention in read:
        here = [name for name in mention.names if index.entities[name].host in places]
        found |= dict.fromkeys(here if here and len(mention.names) > 1 else mention.names)
    return tuple(found)


def _in_role(names: tuple[str, ...], role: str | None, index: NameIndex) -> tuple[str, ...]:
    """The candidates as the noun beside them reads: "the jellyfin VM" is the machine, "the jellyfin container" is not."""
    entities = index.entities
    if role == "service":
        return tuple(name for name in names if entities[name].kind == "service") or names
    if role in ("host", "node"):
        machines = tuple(name for name in names if entities[name].kind != "service") or tuple(
            dict.fromkeys(entities[name].host or name for name in names)
        )
        if role == "host":
            return machines
        return tuple(dict.fromkeys(_physical(name, index) for name in machines))
    return names


def _physical(name: str, index: NameIndex) -> str:
    entity = index.entities.get(name)
    return entity.host if entity and entity.host else name


def _unknown(words: Sequence[Word], index: NameIndex, seen: set[int]) -> Iterator[Unknown]:
    reported: set[str] = set()
    for place in range(len(words)):
        if place in seen or not looks_unknown(words, place, index.domains):
            continue
        name = unknown_span(words, place)
        if name.lower() not in reported and not index.exact(name):
            reported.add(name.lower())
            yield Unknown(name=name, suggestions=index.suggestions(name))
