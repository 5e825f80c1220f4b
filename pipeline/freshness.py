"""How fresh a page is: when it was last changed, and whether its steps name what does not exist any more.

A wrong "may be stale" teaches people to ignore the right ones. So a name is reported only where it is an argument that must be a
host, a guest, a container or a systemd unit, and only of a kind that the inventory knows at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from core.vocabulary import Entity
from pipeline.page_commands import MAX_CHARS, Page, read_page
from pipeline.page_names import UNWATCHED, Named, is_placeholder, named_by
from pipeline.wording import listed, plain, plural
from tools.inventory import Inventory
from tools.inventory.instances import host_part, is_address, short
from tools.inventory.matchers import parse
from tools.inventory.names import normal

MAX_NAMES = 300
"""Different names of a page that are looked up; a page with more is a list, not a set of steps."""

_URL_HOST = re.compile(r"https?://([^\s/\"'`<>()\[\]|,;]+)")
_WORD = re.compile(r"[\w.-]+")
_UNIT_FILE = re.compile(r"systemd/(?:system|user)/([\w@.-]+)\.service")
_GUEST = re.compile(r"(?:qemu|lxc)/(\d+)")
_MAKING = {
    "create", "clone", "restore", "qmrestore", "run", "build", "install", "add", "adduser", "useradd", "rename", "set-hostname", "link",
    "edit", "enable", "disable", "mask", "unmask", "destroy", "rm", "remove", "uninstall", "purge", "delete",
}  # fmt: skip
"""What these commands name need not exist: the page makes it, or takes it away."""
_MEASURED_BY = {"container": "cadvisor", "unit": "systemd"}
"""The exporter whose matchers an entity has when the inventory learnt of it as one of that kind."""
_MIN_IN_DOMAIN = 2
_MIN_IN_NETWORK = 3
_FEW_MONTHS = 60


def unknown_names(text: str, inventory: Inventory) -> tuple[str, ...]:
    """Hosts, guests, containers and units in the steps of a Markdown page that the inventory does not know, in the page's order.

    `text` should be the whole page: what one section creates, another may name. Empty for an inventory with gaps, which is no
    measure.
    """
    if inventory.gaps or not inventory.entities:
        return ()
    text = text[:MAX_CHARS]
    page = read_page(text)
    known = _Known(inventory, {word.lower() for word in _WORD.findall(text)})
    made = _made(page, text)
    found: dict[str, str] = {}
    for named in islice(dict.fromkeys(_named(page, text, known)), MAX_NAMES):
        if not is_placeholder(named.name) and not made & _readings(named.name) and known.lacks(named):
            found.setdefault(named.name.lower(), named.written)
    return tuple(found.values())


def _named(page: Page, text: str, known: _Known) -> Iterator[Named]:
    for command in page.commands:
        yield from named_by(command)
        yield from (Named("host", host) for host in map(_host_in, command.words) if known.owns(host))
    yield from (Named("host", host) for host in map(host_part, _URL_HOST.findall(text)) if known.owns(host))


def _host_in(word: str) -> str:
    """The host in `root@media.home.lan:/srv` or `media.home.lan:8080`; empty for a path, a flag and a URL, which is found anyway."""
    return (
        ""
        if word.startswith(("/", "-", ".")) or "://" in word
        else host_part(word.rpartition("@")[2].split(":/", 1)[0])
    )


def _made(page: Page, text: str) -> set[str]:
    """What the page itself sets up or takes away, each name as `normal` has it."""
    words = {*_WORD.findall(page.set_up), *_UNIT_FILE.findall(text)}
    for command in page.commands:
        if _MAKING & set(command.words[:3]):
            words.update(_WORD.findall(" ".join(command.words)))
    return {normal(word.strip(".")) for word in words}


def _readings(name: str) -> set[str]:
    return {normal(name), normal(short(name)), normal(name.partition("@")[0].removesuffix(".service"))}


class _Known:
    """What the inventory knows, by kind, and for which kinds its word counts on a page that uses `words`."""

    def __init__(self, inventory: Inventory, words: set[str]) -> None:
        self._names: set[str] = set()
        self._services: set[str] = set()
        self._machines: dict[str, str] = {}
        """Any way to write a machine or its guest id, to the machine."""
        self._guests: set[str] = set()
        self._measured: dict[str, set[str]] = {kind: set() for kind in _MEASURED_BY}
        """Per kind the machines of which the inventory knows something of that kind."""
        self._meant: set[str] = set()
        in_domain: dict[str, set[str]] = {}
        for entity in inventory.entities.values():
            written = _written(entity)
            hosts = {host_part(name) for name in written if "/" not in name or "://" in name} - {""}
            hosts = {host for host in hosts if not host.endswith(".service")}
            self._names |= {normal(name.removesuffix(".service")) for name in (*written, *hosts, *map(short, hosts))}
            for kind, exporter in _MEASURED_BY.items():
                if exporter in entity.matchers:
                    self._measured[kind].add(entity.host or entity.name)
            if entity.kind == "service":
                self._services |= {
                    normal(name.partition("@")[0]) for name in written if "/" not in name and ":" not in name
                }
            else:
                self._machines |= dict.fromkeys(hosts | {normal(entity.name)}, entity.name)
                guests = {match[1] for name in written if (match := _GUEST.fullmatch(name))}
                self._guests |= guests
                self._machines |= dict.fromkeys(guests, entity.name)
                self._meant |= {entity.name} if entity.kind != "node" and entity.name.lower() in words else set()
            if entity.kind != "service" or entity.host:  # what is probed and runs nowhere here is somebody else's
                for host in hosts:
                    in_domain.setdefault("" if is_address(host) else host.partition(".")[2], set()).add(host)
        self._domains = tuple(f".{name}" for name, hosts in in_domain.items() if name and len(hosts) >= _MIN_IN_DOMAIN)
        networks = [host.rpartition(".")[0] for host in in_domain.get("", ()) if is_address(host)]
        self._networks = {network for network in networks if networks.count(network) >= _MIN_IN_NETWORK}

    def owns(self, host: str) -> bool:
        """Whether `host` is written with a domain that several of our machines and services share."""
        return bool(self._domains) and host.lower().endswith(self._domains) and f".{host.lower()}" not in self._domains

    def lacks(self, named: Named) -> bool:
        """Whether the inventory would know `named` if it existed, and does not."""
        match named.kind:
            case "host":
                return bool(self._machines) and self._lacks_host(named.name.lower(), login=named.login)
            case "guest":
                return bool(self._guests) and named.name not in self._guests
            case "container" | "unit" as kind:
                return self._counts(kind, named.on) and self._lacks_service(named)

    def _lacks_host(self, host: str, *, login: bool) -> bool:
        if is_address(host):
            # Cameras, switches and the like answer too, and nobody scrapes them; who logs in has a machine of his own in mind.
            network, _, number = host.rpartition(".")
            return (
                login and network in self._networks and number not in ("1", "254") and normal(host) not in self._names
            )
        if "." in host:
            domain = max((name for name in self._domains if host.endswith(name)), key=len, default="")
            labels = host.removesuffix(domain).split(".")
            return self.owns(host) and not any(self._knows(label) for label in labels) and not UNWATCHED & set(labels)
        return not self._knows(host) and host.rstrip("0123456789-") not in UNWATCHED

    def _knows(self, name: str) -> bool:
        """Under this name, or as one of several: "pve" where there are pve1 and pve2."""
        key = normal(name)
        return key in self._names or any(known.startswith(key) and known[len(key) :].isdigit() for known in self._names)

    def _counts(self, kind: str, on: str) -> bool:
        """Whether containers or units are measured where the command runs, else on a machine that the page is about."""
        measured = self._measured[kind]
        place = self._machines.get(on) or self._machines.get(normal(on))
        about = {place} if place else self._meant
        return bool(measured) and (bool(about & measured) or not about) and (bool(place) or not on)

    def _lacks_service(self, named: Named) -> bool:
        """Part of a known one counts as known: `media-jellyfin-1`, `nextcloud-db`, `redis-server`, `postgresql@17-main`.

        So does whatever a compose project of a known name calls its parts.
        """
        name = named.name.removesuffix(".service").partition("@")[0].lower()
        parts = re.split(r"[-_.]", name)
        runs = {"".join(parts[start:end]) for start in range(len(parts)) for end in range(start + 1, len(parts) + 1)}
        project = {normal(part) for part in re.split(r"[\s/]+", named.project)}
        alike = any(
            len(known) > 3 and (name.startswith(known) or known.startswith(normal(name))) for known in self._services
        )
        return not (self._knows(name) or alike or (runs | project) & self._services)


def _written(entity: Entity) -> set[str]:
    """Every way in which the inventory has met the entity. Aliases that several share stand only in their matchers."""
    labels = [parse(matchers) for matchers in entity.matchers.values()]
    values = {label[key][1] for label in labels for key in ("name", "container", "service") if key in label}
    return {entity.name, entity.name.partition("@")[0], *entity.aliases, *values, entity.address or ""} - {""}


def freshness_note(changed_at: datetime | None, unknown: Sequence[str], now: datetime, zone: ZoneInfo) -> str:
    """ "last changed 2026-03-02 (8 months ago); may be stale: it names oldbox, …"; empty when there is nothing to say.

    Days are those of `zone`. Markdown in names is escaped, since a page is text from outside.
    """
    parts = []
    if changed_at is not None:
        parts.append(f"last changed {changed_at.astimezone(zone):%Y-%m-%d} ({_age(changed_at, now, zone)})")
    if unknown:
        names = listed([plain(name) for name in unknown])
        verb = "is" if len(unknown) == 1 else "are"
        parts.append(f"may be stale: it names {names}, which {verb} not among the known hosts and services")
    return "; ".join(parts)


def _age(changed_at: datetime, now: datetime, zone: ZoneInfo) -> str:
    then, today = changed_at.astimezone(zone).date(), now.astimezone(zone).date()
    days = (today - then).days
    months = (today.year - then.year) * 12 + today.month - then.month - (today.day < then.day)
    if days < 0:
        return f"after {today}"
    if days < 2:
        return ("today", "yesterday")[days]
    if days < _FEW_MONTHS:
        return f"{plural(days, 'day')} ago"
    return f"{plural(months, 'month')} ago" if months < 24 else f"{plural(months // 12, 'year')} ago"
