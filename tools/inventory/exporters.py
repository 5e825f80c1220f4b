"""Which software an exporter speaks for, told from its metrics, or from its job's name while it is down."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tools.inventory.drafts import Answers, by_labels

METRIC_PREFIXES = (
    "adguard", "unbound", "pihole", "dnsmasq", "coredns", "blocky", "smartctl", "network_ups_tools", "nut", "apcupsd",
)  # fmt: skip
FILTERING_DNS = ("adguard", "pihole", "blocky", "dnsmasq", "coredns", "technitium", "bind")
"""DNS servers that clients ask."""
RECURSIVE_DNS = ("unbound",)
"""DNS servers that often stand behind a filtering one on the same machine."""
DNS = FILTERING_DNS + RECURSIVE_DNS
UPS = ("nut", "apcupsd")
PROXIES = ("traefik", "caddy", "nginx-proxy-manager", "swag", "haproxy", "zoraxy", "nginx")

_ALSO = {"network_ups_tools": "nut", "ups": "nut", "apc": "apcupsd", "smart": "smartctl", "pi-hole": "pihole"}
_BY_JOB = frozenset(METRIC_PREFIXES) | set(DNS) | set(_ALSO) - {"smart"}


def exporters(answers: Answers) -> list[tuple[str, Mapping[str, str]]]:
    """`(family, labels)` of each exporter of a family named here; one that watches several UPSes comes once for each."""
    found: dict[tuple[str, str], tuple[str, Mapping[str, str]]] = {}
    for sample in by_labels(answers["exporters"]):
        family = sample.labels.get("family", "")
        key = (sample.labels.get("instance", ""), sample.labels.get("ups", ""))
        found[key] = (_ALSO.get(family, family), sample.labels)
    reporting = {instance for instance, _ in found}
    for sample in by_labels(answers["targets"]):
        job, instance = sample.labels.get("job", "").lower(), sample.labels.get("instance", "")
        named = sorted({job, *re.split(r"[^a-z0-9]+", job)} & _BY_JOB)
        if named and instance not in reporting:
            found[instance, ""] = (_ALSO.get(named[0], named[0]), sample.labels)
    return [found[key] for key in sorted(found)]
