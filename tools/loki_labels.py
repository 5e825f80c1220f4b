"""Which labels a Loki's streams have, and which of them say the service, the host and the level. Every homelab has its own.

promtail's files bring job, filename and host; Alloy's containers container, service_name and instance; the journal unit, hostname
and level. Nothing is assumed: labels that exist are judged by their names and values.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tools import logql
from tools.log_names import names_of, plain_name, same_name

SERVICE = (
    "service_name", "service", "app", "application", "app_name", "app_kubernetes_io_name", "container", "container_name",
    "compose_service", "docker_compose_service", "com_docker_compose_service", "k8s_container_name", "unit", "systemd_unit",
    "_systemd_unit", "syslog_identifier", "identifier", "appname", "program", "name",
)  # fmt: skip
_LOOSE = frozenset(("service_name", "service", "app", "application", "app_name", "name"))
"""Labels that people also give one value for all that they collect."""
FILE = ("filename", "file")
JOB = ("job",)
HOST = (
    "host", "hostname", "host_name", "nodename", "node", "node_name", "machine", "server", "agent_hostname", "instance",
)  # fmt: skip
LEVEL = ("level", "lvl", "loglevel", "log_level", "severity", "severity_text", "priority", "detected_level")
_NO_NAMES = frozenset(
    (*LEVEL, "stream", "logstream", "source", "env", "environment", "cluster", "region", "namespace", "transport", "facility",
     "container_id", "image", "config_hash", "method", "status", "status_code", "severity_number")
)  # fmt: skip
"""Labels that name no service and no host."""
_VAGUE = re.compile(
    r"unknown(_service)?|docker|containers?|container-?logs|var[-_]?logs?|(systemd[-_]?)?journald?|systemd|syslog|messages|logs?"
    r"|system|stdout|stderr|homelab|(loki\.source|integrations)[./].*|[0-9a-f]{12}|[0-9a-f]{64}"
)
"""Values that say how a line was collected, and not who wrote it."""
_ABOUT_THE_HOST = frozenset(("kernel", "systemd", "cron", "init", "init.scope", "systemd-journald"))
MAX_LABELS = 12
"""Of so many labels the values are read."""
MAX_VALUES = 5_000
MAX_ANCHORS = 6
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PORT = re.compile(r"(?<=[^:]):\d{1,5}$")


class Selector(NamedTuple):
    """Streams to read, all with `label`. Of their lines only those that name one of `own_names` are wanted, when there are any."""

    label: str
    matchers: tuple[str, ...]
    own_names: tuple[str, ...] = ()


class Labelled(NamedTuple):
    """What a stream's labels say: `service` surely, `perhaps` when nothing better is known."""

    service: str | None
    perhaps: str | None
    host: str | None
    about_the_host: bool


def worth_reading(names: Iterable[str]) -> list[str]:
    """The labels whose values may name services and hosts: known ones first, then those of unknown meaning."""
    there = [name for name in names if _LABEL.fullmatch(name) and not name.startswith("__")]
    known = [name for name in (*SERVICE, *FILE, *JOB, *HOST) if name in there]
    unknown = sorted((name for name in there if name not in known), key=lambda name: name in _NO_NAMES)
    return [*known, *unknown][:MAX_LABELS]


@dataclass(frozen=True)
class Labels:
    """The labels of a stretch of time with their values.

    `anchors` are labels of which every stream has at least one; `levels` those that say the level, metadata of lines among them.
    """

    values: Mapping[str, Sequence[str]]
    anchors: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    @cached_property
    def _services(self) -> list[str]:
        return [name for name in SERVICE if name in self.values]

    @cached_property
    def _hosts(self) -> list[str]:
        return [name for name in HOST if name in self.values]

    @property
    def _others(self) -> list[str]:
        return [name for name in self.values if name not in {*SERVICE, *HOST, *_NO_NAMES}]

    def selectors(self, entities: Collection[str]) -> list[Selector]:
        """Selectors that share no stream and together have every stream of `entities` (none: every stream).

        An entity that no label names may still be named by lines, for instance of a syslog: those are looked for.
        """
        if not entities:
            return self.everything()
        selectors, others, nameless = list[Selector](), tuple[str, ...](), set(entities)
        for label in (*self._services, *self._hosts, *self._others):
            values, named = self._naming(label, entities)
            if values:  # a label that says the same as one before finds nothing, which costs little
                selectors.append(Selector(label, (*others, logql.one_of(label, values))))
                others = (*others, logql.one_of(label, values, negated=True))
                nameless -= named
        if nameless:
            selectors += [each._replace(own_names=tuple(sorted(nameless))) for each in self.everything(others)]
        return selectors

    @property
    def likely_anchors(self) -> list[str]:
        """Labels of which most streams have the first, and of the others most the second. (Since Loki 3 all have `service_name`.)"""
        first = [name for name in ("service_name", *JOB) if name in self.values]
        return list(dict.fromkeys([*first, *self._hosts, *self._services, *self.values]))[:MAX_ANCHORS]

    def everything(self, matchers: tuple[str, ...] = ()) -> list[Selector]:
        """Selectors that share no stream and together have every stream that `matchers` let pass."""
        return _one_after_the_other(self.anchors, matchers)

    def groups(self) -> list[Selector]:
        """The same, each by a label that says who writes its streams."""
        telling = (
            *(name for name in self._services if name != "service_name"),
            *FILE,
            "service_name",
            *JOB,
            *self._hosts,
        )
        return _one_after_the_other([name for name in telling if name in self.values])

    def _naming(self, label: str, entities: Collection[str]) -> tuple[list[str], set[str]]:
        """The label's values that name any of `entities`, and which of these they name."""
        values, named = list[str](), set[str]()
        for value in self.values[label][:MAX_VALUES]:
            names = names_in(label, value)
            if meant := {entity for entity in entities if any(same_name(name, entity) for name in names)}:
                values.append(value)
                named |= meant
        return values, named

    def of_stream(self, labels: Mapping[str, str]) -> Labelled:
        """Who wrote a stream with these labels."""
        host = next((_bare(labels[name]) for name in self._hosts if labels.get(name)), None)
        sure, perhaps = list[str](), list[str]()
        for name in self._services:
            value = labels.get(name, "")
            derived = name == "service_name" and value in (labels.get(job) for job in JOB)
            the_same_everywhere = name in _LOOSE and len(self.values[name]) < 2
            (perhaps if derived or the_same_everywhere else sure).append(value)
        files = [names_of(Path(labels[name]), labels[name]).service or "" for name in FILE if labels.get(name)]
        perhaps = [*files, *perhaps, *(labels.get(name, "") for name in JOB)]
        service, guess = (next((_bare(each) for each in said if _tells(each)), None) for said in (sure, perhaps))
        about_the_host = any(name is not None and name.lower() in _ABOUT_THE_HOST for name in (service, guess))
        if about_the_host:
            service, guess = None, None
        return Labelled(service, guess, host, about_the_host)

    def names(self) -> set[str]:
        """The services and hosts that the labels name."""
        found: set[str] = set()
        for label in (*self._services, *(each for each in (*FILE, *JOB) if each in self.values), *self._hosts):
            found |= {name for value in self.values[label][:MAX_VALUES] if (name := display_name(label, value))}
        return found


def _one_after_the_other(labels: Sequence[str], matchers: tuple[str, ...] = ()) -> list[Selector]:
    """Streams with the first label, those without it that have the second, and so on."""
    return [
        Selector(label, (*matchers, *(f'{before}=""' for before in labels[:place]), logql.present(label)))
        for place, label in enumerate(labels)
    ]


def display_name(label: str, value: str) -> str | None:
    """The service or host that a label's value names, as people say it; None when it names none."""
    name = names_of(Path(value), value).service if label in FILE else value
    return _bare(name) if name and _tells(name) and _bare(name).lower() not in _ABOUT_THE_HOST else None


def names_in(label: str, value: str) -> set[str]:
    """The names that a label's value may stand for: `media` for `media:9100`, `jellyfin` for `default/jellyfin`."""
    if label in FILE:
        return set(names_of(Path(value), value).names)
    return {_bare(value), _bare(value).rsplit("/", 1)[-1]} - {""}


def shortest_form(name: str) -> str:
    """What every way of writing the name holds: `media` of `media.home.lan`."""
    plain = plain_name(name)
    return plain if plain.replace(".", "").isdigit() else plain.split(".", 1)[0]


def _bare(value: str) -> str:
    return plain_name(_PORT.sub("", value))


def _tells(value: str) -> bool:
    return bool(value.strip()) and not _VAGUE.fullmatch(value.lower())
