"""Groups of hosts by the words people use for them: "the docker hosts" are `docker_hosts`, "dns servers" are `dns`.

A group's name is often an everyday word (`storage`, `backup`), so a single word means the group only beside a noun for machines
or in a place where nothing but a name can stand (see `context.is_meant`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from tools.inventory.names import NameIndex, normal
from tools.inventory.words import NOUNS, PHYSICAL, STOP

MACHINES = ("hosts", "machines", "servers", "boxes")
"""Said of any machine, so one stands for another."""
OF_A_KIND = ("nodes", "devices", "clients")
GUESTS = ("vms", "guests", "lxcs")
"""Said of guests only: "proxmox guests" are not the machines in the group `proxmox`."""
_NOUNS = (*MACHINES, *OF_A_KIND, *GUESTS, "containers")
_ANY = ("any", "each", "every", "which", "what", "no")
"""Before a singular noun they mean the whole group: "is any docker host low on disk?". A group of one needs no such word."""
_SEPARATORS = re.compile(r"[\s_-]+")


class GroupIndex:
    """Finds the members of a group by its name, or by its name and a noun."""

    def __init__(self, groups: Mapping[str, Sequence[str]], names: NameIndex) -> None:
        self._names = names
        self._by_name: dict[str, tuple[str, ...]] = {}
        self._by_phrase: dict[str, tuple[str, ...]] = {}
        written = {group: _SEPARATORS.split(group.lower()) for group in groups}
        for group, words in written.items():
            if len(words) > 1:
                self._by_phrase.setdefault(normal(group), tuple(groups[group]))
            elif words[0] not in STOP | NOUNS | PHYSICAL and words[0] not in _NOUNS:
                self._by_name[normal(group)] = tuple(groups[group])
        # What a group is called in full counts for more than what it may be called.
        for phrases_of in (self._with_noun, self._with_another_noun):
            for group, words in written.items():
                for phrase in phrases_of(words, groups[group]):
                    self._by_phrase.setdefault(phrase, tuple(groups[group]))

    def _with_noun(self, words: Sequence[str], members: Sequence[str]) -> Iterator[str]:
        """ "group dns", "dns group", "dns servers"."""
        key = "".join(words)
        yield from (f"{key}group", f"group{key}")
        if words[-1] not in _NOUNS:
            are_guests = all(self._names.entities[name].kind == "guest" for name in members)
            yield from (f"{key}{noun}" for noun in (*MACHINES, *OF_A_KIND, *(GUESTS if are_guests else ())))

    def _with_another_noun(self, words: Sequence[str], members: Sequence[str]) -> Iterator[str]:
        """ "docker machines" for `docker_hosts`."""
        del members
        if len(words) > 1 and words[-1] in MACHINES:
            yield from (f"{''.join(words[:-1])}{noun}" for noun in MACHINES)

    def phrase(self, words: Sequence[str], before: str) -> tuple[str, ...]:
        """The members of the group that `words`, after the word `before`, can only mean; empty when they mean none.

        Where one of several words is a name already, it counts: the guests on pve1 are told by pve1.
        """
        if len(words) > 1 and any(self._names.exact(word) and not self._names.is_ordinary(word) for word in words):
            return ()
        text = normal(" ".join(words))
        if found := self._by_phrase.get(text, ()):
            return found
        singular = self._by_phrase.get(_plural(text), ())
        return singular if before in _ANY or len(singular) == 1 else ()

    def name(self, word: str) -> tuple[str, ...]:
        """The members of the group that a single word may mean."""
        return self._by_name.get(normal(word), ())


def _plural(text: str) -> str:
    return f"{text}es" if text.endswith("box") else f"{text}s"
