"""How a scrape instance, a URL or an NFS export names its machine."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

SELF = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "localhost.localdomain", "host.docker.internal"})  # noqa: S104  compared with, never bound
"""Names by which a machine means itself: they say nothing about which machine that is."""

_PORT = re.compile(r":\d{1,5}$")


def host_part(instance: str) -> str:
    """The machine in `media:9100`, `https://media.home.lan:8443/x`, `[fd00::1]:9100` or `10.0.0.4`, in lower case."""
    text = instance.strip().lower()
    if "://" in text:
        try:
            return (urlsplit(text).hostname or "").rstrip(".")
        except ValueError:  # a malformed IPv6 literal: a label can hold anything
            return ""
    text = text.split("/", 1)[0]
    if text.startswith("["):
        return text[1:].split("]", 1)[0]
    if text.count(":") > 1:  # a bare IPv6 address
        return text
    return _PORT.sub("", text).rstrip(".")


def port_of(instance: str) -> int | None:
    """The port that is written in `instance`, if one is."""
    text = instance.split("://", 1)[-1].split("/", 1)[0]
    found = _PORT.search(text)
    return int(found.group()[1:]) if found and (text.count(":") == 1 or text.startswith("[")) else None


def nfs_server(device: str) -> str:
    """The server in a mounted export such as `nas.home.lan:/tank/media`; empty when `device` is no export."""
    server, found, _ = device.partition(":/")
    return server.strip("[]").lower() if found else ""


def is_address(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def short(host: str) -> str:
    """The first label of a host name; an address stays whole."""
    return host if is_address(host) else host.split(".", 1)[0]


def domain(host: str) -> str:
    """What follows the first label of a host name: `home.lan`; empty for an address or a bare name."""
    return "" if is_address(host) else host.partition(".")[2]
