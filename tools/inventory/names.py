"""Every name that an entity goes by, looked up exactly, by family, and by likeness."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rapidfuzz import fuzz, process

from core.vocabulary import Entity
from tools.inventory.instances import domain, host_part, is_address, short
from tools.inventory.words import ORDINARY

LIKE_ENOUGH = 85.0
"""Levenshtein-like ratio (0..100) from which a misspelt word counts as the name."""
WORTH_SUGGESTING = 55.0
NUMBERS_WORTH_SUGGESTING = 80.0
"""Addresses and guest ids resemble each other too easily."""
_SEPARATORS = re.compile(r"[\s_-]+")
_GUEST_ID = re.compile(r"^(?:qemu|lxc)/(\d+)$")
_SAYS_ID = ("vm", "ct", "lxc", "vmid", "guest", "container", "id")
_ROLES = ("server", "app", "web", "webserver", "main", "core", "api", "backend", "frontend", "ui", "exporter")
_DIGITS = re.compile(r"\d+")


def normal(text: str) -> str:
    """Without case, spaces, dashes and underscores: "Home Assistant", "home-assistant" and "homeassistant" are one."""
    return _SEPARATORS.sub("", text.lower().rstrip("/"))


class NameIndex:
    """Names to entities. A name that several entities share finds all of them."""

    def __init__(self, entities: Mapping[str, Entity]) -> None:
        self.entities = entities
        self._by_name: dict[str, tuple[str, ...]] = {}
        self.domains: set[str] = set()
        for entity in entities.values():
            self._add(entity.name, entity.name)
            self._add(entity.name.partition("@")[0], entity.name)
        named = set(self._by_name)
        for entity in entities.values():
            for alias in entity.aliases:
                if normal(alias) not in named:
                    self._add(alias, entity.name)
                if match := _GUEST_ID.match(alias):
                    for word in _SAYS_ID:
                        self._add(f"{word}{match[1]}", entity.name)
            self.domains |= {domain(host_part(alias)) for alias in entity.aliases if "/" not in alias or "://" in alias}
            if entity.address and normal(entity.address) not in self._by_name:
                self._add(entity.address, entity.name)
        self.domains -= {""}
        self._add_families()
        self._choices = [name for name in self._by_name if re.fullmatch(r"[a-z0-9.]*[a-z][a-z0-9.]*", name)]
        self._suggestable = {normal(name): name for name in entities} | {
            name: names[0] for name, names in self._by_name.items() if len(names) == 1
        }

    def _add(self, alias: str, name: str) -> None:
        key = normal(alias)
        if key and name not in self._by_name.get(key, ()):
            self._by_name[key] = (*self._by_name.get(key, ()), name)

    def _add_families(self) -> None:
        """Let "immich" mean immich-server first, and its database and friends on the same host with it."""
        families: dict[tuple[str, str | None], list[str]] = {}
        for entity in self.entities.values():
            if entity.kind != "service":
                continue
            parts = entity.name.partition("@")[0].split("-")
            if len(parts) > 1:
                families.setdefault((parts[0], entity.host), []).append(entity.name)
                if parts[-1] in _ROLES and normal("-".join(parts[:-1])) not in self._by_name:
                    families.setdefault(("-".join(parts[:-1]), entity.host), []).append(entity.name)
        for (prefix, _), members in sorted(families.items(), key=lambda item: item[0][0]):
            single_role = any(member.partition("@")[0].removeprefix(f"{prefix}-") in _ROLES for member in members)
            if normal(prefix) in self._by_name or len(prefix) < 3 or (len(members) < 2 and not single_role):
                continue
            for member in sorted(members, key=lambda name: (name.partition("@")[0].split("-")[-1] not in _ROLES, name)):
                self._add(prefix, member)

    def exact(self, text: str) -> tuple[str, ...]:
        """The entities that go by `text`."""
        return self._by_name.get(normal(text), ())

    def written_as_address(self, text: str) -> tuple[str, ...]:
        """The entities meant by a URL, an instance, a domain name or `service@provider` that is not known literally."""
        host = host_part(text)
        own = "://" in text or domain(host) in self.domains
        for key in (host, short(host) if own and not is_address(host) else "", re.split(r"[:@]", text, maxsplit=1)[0]):
            if key and key != text.lower() and (found := self.exact(key)):
                return found
        return ()

    def is_ordinary(self, text: str) -> bool:
        """Whether `text` is a name here and an everyday word as well."""
        return normal(text) in ORDINARY

    def like(self, text: str, cutoff: float = LIKE_ENOUGH) -> str | None:
        """The known name that `text` is a misspelling of. Numbers must agree: dns3 is not dns1 misspelt."""
        key = normal(text)
        for choice, _, _ in process.extract(key, self._choices, scorer=fuzz.ratio, limit=3, score_cutoff=cutoff):
            if choice[0] == key[0] and _DIGITS.findall(choice) == _DIGITS.findall(key):
                return choice
        return None

    def suggestions(self, text: str, limit: int = 3) -> tuple[str, ...]:
        """Entities with a name near to `text`, nearest first."""
        key = normal(short(host_part(text)))
        cutoff = WORTH_SUGGESTING
        if is_address(key) or re.fullmatch(r"(qemu/|lxc/|vm|ct|lxc|vmid)\d+", normal(text)):
            key, cutoff = normal(text), NUMBERS_WORTH_SUGGESTING
        # "plexserver" is plex before it is anything that only looks like it
        known = (name for name in self._suggestable if len(name) >= 3 and cutoff == WORTH_SUGGESTING)
        begins = sorted((name for name in known if key.startswith(name)), key=len)[-1:]
        near = process.extract(key, self._suggestable.keys(), scorer=fuzz.ratio, limit=limit * 4, score_cutoff=cutoff)
        nearest = dict.fromkeys(self._suggestable[choice] for choice in (*begins, *(choice for choice, _, _ in near)))
        return tuple(nearest)[:limit]
