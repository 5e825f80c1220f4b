"""What a claim is about must be what the cited measurement is about: a sentence on memory does not rest on a disk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.signals import load_domain
from pipeline.verification.ground import Ground
from pipeline.verification.reading import Reading

_LOOSE = re.compile(r"\b(?:load|full of|full|space|cores?|stall\w*|hung|volumes?|degraded|power)\b")
"""Said of anything."""
_TOPICS = {
    "certificate": "certificate", "dns": "dns", "memory": "memory", "power": "power", "disk_health": "storage", "io": "storage",
    "disk": "storage", "clock": "clock", "cpu": "cpu", "network": "network",
}  # fmt: skip
"""Families of signals by topic. What many signals show (slow, down, restarted) is none."""


def topics_without_ground(reading: Reading, ground: Ground) -> Iterator[str]:
    """Only where everything that is cited is a measurement with a topic, and the claim has one that none of them has."""
    if not ground.items or any(not item.id.startswith("E") for item in ground.items):
        return
    if any(item.text.startswith("log lines") for item in ground.items):  # a log speaks of anything
        return
    said = topic_of(reading.lower)
    if len(said) == 1 and all(_topics(item.text) for item in ground.items) and not said & topics_shown(ground):
        yield next(iter(said))


def topic_of(text: str) -> set[str]:
    """What a text is about."""
    return _topics(_LOOSE.sub(" ", text))


def topics_shown(ground: Ground) -> set[str]:
    """What the items are about."""
    return set[str]().union(*(_topics(item.text) for item in ground.items))


def _topics(text: str) -> set[str]:
    return {_TOPICS[family.name] for family in load_domain().families_of(text) if family.name in _TOPICS}
