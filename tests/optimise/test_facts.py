"""A fact is told in any words that carry it, at one place; a phrase is said only as it stands."""

from __future__ import annotations

import pytest

from optimise.facts import says, untold

NAMES = ("adguard", "adguard-secondary", "gluetun", "media", "nas", "unbound")
ANSWER = """**DnsServerFailing** on **adguard** (critical) is firing since 21:48:00 UTC, 5 min ago: it does not resolve names. [E1]

**Measured**
- gluetun: time to answer a request **9.5 s (at this time: 3 ms yesterday)** [E6]
- media: memory in use **9.66 GB** of 17.2 GB [E7]

**Most likely cause: adguard (dns failure)**, confidence 80% [E7].

**Extent**: 2 of 2 resolvers down (adguard and adguard-secondary) [E9].

## Disks

| host | full |
|---|---|
| nas | 88 % |

No alert fires about unbound.

1. Restart it; the certificate expired 2 days ago.
   ```
   pct exec 101 -- systemctl restart unbound
   ```
"""


@pytest.mark.parametrize(
    "fact",
    [
        "2 of 2 resolvers down",
        "both resolvers are down",
        "DNS failure of adguard",
        "adguard fires DnsServerFailing since 21:48",
        "gluetun 9500 ms",
        "9.0 GiB memory on media",
        "media memory 56 %",
        "nas disk 88 % full",
        "nas disk 12 % free",
        "adguard-secondary down",
        "confidence of 80 %",
        "certificate expiry 48 h ago",
        "0 alerts firing for unbound",
        "unbound has no alert",
        "does not resolve names",
        "pct exec 101 systemctl restart unbound",
    ],
)
def test_a_fact_is_told(fact: str) -> None:
    assert untold(fact, ANSWER, NAMES) == ""


@pytest.mark.parametrize(
    ("fact", "missing"),
    [
        ("1 of 2 resolvers down", "1 of 2"),
        ("3 resolvers down", "3"),
        ("gluetun 9.5 min to answer", "9.5 min"),
        ("nas memory 9.66 GB", "9.66 GB, memory"),
        ("nas disk 85 % full", "85 %"),
        ("nas disk 15 % free", "15 %"),
        ("alert about unbound fires", "alert, fires"),
        ("DnsServerFailing since 21:47", "21:47"),
        ("adguard 4.39", "4.39"),
        ("adguard was stopped by ansible", "stopped, ansible"),
        ("confidence is not 80 %", "not"),
    ],
)
def test_what_is_missing_of_a_fact_is_named(fact: str, missing: str) -> None:
    assert untold(fact, ANSWER, NAMES) == missing


def test_a_name_is_not_told_by_a_longer_one() -> None:
    assert untold("adguard down", "adguard-secondary is down", NAMES) == "adguard"
    assert untold("adguard-secondary down", "adguard is down", NAMES) == "adguard-secondary"
    assert untold("adguard down", "Adguard's down", NAMES) == ""


def test_what_is_denied_is_not_told() -> None:
    assert untold("adguard is failing", "adguard isn't failing") == "failing"
    assert untold("resolvers down", "No resolver is down; others are fine.") == "resolvers, down"
    assert untold("resolvers down", "Not a disk: resolvers are down.") == ""


def test_a_fact_is_told_in_one_place() -> None:
    assert untold("media memory 96 %", "media: memory is fine.\n\nThe disk of nas is 96 % full.", NAMES) == "96 %"
    assert untold("media memory 96 %", "**media** is full.\n\nIts memory is 96 % full.", NAMES) == ""
    assert untold("media memory 96 %", "**media** is full.\n\nThe memory of nas is 96 % full.", NAMES) == "96 %, memory"
    assert untold("media memory 96 %", "**media** is not well:\n- disk 40 %\n- memory 96 %", NAMES) == ""
    assert untold("media memory 96 %", "## media\n\nIts memory is 96 % full.", NAMES) == ""


def test_an_empty_answer_tells_nothing() -> None:
    assert untold("2 of 2 resolvers down", "") == "2 of 2 resolvers down"


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("restart the NAS", "You should **restart   the nas** now [K1]."),
        ("97 % full", "the disk is 97.0% full"),
        ("9.0 GiB of memory", "it has 9.66 GB of memory"),
        ("rm -rf /", "run `rm -rf /` at once"),
        ("is firing", "[E1] (critical) is firing"),
        ("it's fine", "it's fine"),
    ],
)
def test_a_phrase_is_said(phrase: str, text: str) -> None:
    assert says(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("restart the NAS", "restart the nasty service"),
        ("restart the NAS", "the NAS: restart it"),
        ("97 % full", "the disk is 96 % full"),
        ("97 % full", "97 % of it is full"),
        ("rm -rf /", "rm -rf ./cache"),
        ("restart the NAS", ""),
    ],
)
def test_a_phrase_is_not_said(phrase: str, text: str) -> None:
    assert not says(phrase, text)
