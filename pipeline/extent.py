"""How far it reaches, as one numbered item: how many of a kind are down, what is affected, whose share of a rise it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from core.vocabulary import Evidence
from pipeline.brief import Brief
from pipeline.wording import listed, percent, plural, quantity, subject

EXTENT = "extent"
MOST_NAMED = 10
SWEEPS = frozenset({"status", "clarify", "alert_summary", "rca_draft"})


def with_extent(brief: Brief) -> Brief:
    """The brief with an item titled "extent" that holds its counts and names; unchanged when there is nothing to count.

    It is computed over everything that was measured, so it has no query or page of its own.
    """
    parts = [*_down(brief), *_behind(brief), *_share(brief), *_looked_at(brief)]
    if not parts or not brief.measured:
        return brief
    item = Evidence(
        id="",
        source="computed",
        title=EXTENT,
        summary="; ".join(parts),
        returned=len(parts),
        available=len(parts),
    )
    return brief.with_evidence(item)[0]


def _down(brief: Brief) -> Iterator[str]:
    """ "2 of 2 resolvers down (adguard and adguard-secondary)", for the state signals on the way to the cause."""
    for name in dict.fromkeys(f.signal.name for f in brief.chain if f.signal.counted):
        all_ = [f for f in brief.findings if f.signal.name == name]
        down = list(dict.fromkeys(subject(f) for f in all_ if f.breached))
        count = sum(f.breached for f in all_)
        names = f" ({listed(down, limit=MOST_NAMED)})" if down else ""
        kind = "probed services" if all_[0].signal.counted == "services" else all_[0].signal.counted
        yield f"{count} of {len(all_)} {kind} down{names}"


def _behind(brief: Brief) -> Iterator[str]:
    if brief.affected and brief.chain:
        names = listed(list(brief.affected), limit=MOST_NAMED)
        yield f"affected, out of the ordinary behind {brief.chain[-1].entity}: {names}"


def _share(brief: Brief) -> Iterator[str]:
    """The part of the cause in the rise of everything of its kind on the host before it in the chain."""
    if len(brief.chain) < 2:
        return
    host, end = brief.chain[-2].entity, brief.chain[-1]
    entities = brief.inventory.entities
    if end.signal.is_state or end.entity not in entities or entities[end.entity].host != host:
        return
    siblings = [f for f in brief.findings if f.signal.name == end.signal.name and entities[f.entity].host == host]
    total = sum(f.rise for f in siblings)
    if total and len(siblings) > 1:
        rises = f"{quantity(end.signal, end.rise)} of {quantity(end.signal, total)}"
        yield (
            f"{subject(end)} accounts for {percent(end.rise / total)} of the rise of {end.signal.phrase} "
            f"among the {len(siblings)} measured on {host} ({rises})"
        )


def _looked_at(brief: Brief) -> Iterator[str]:
    if brief.question.intent not in SWEEPS:
        return
    kinds: Counter[str] = Counter(
        entity.kind for name, entity in brief.inventory.entities.items() if name not in brief.inventory.unseen
    )
    nouns = (("node", "Proxmox node"), ("guest", "guest"), ("host", "host"), ("service", "service"))
    known = [plural(kinds[kind], noun) for kind, noun in nouns if kinds[kind]]
    odd = sum(f.abnormal for f in brief.findings)
    yield f"{listed(known)} looked at, {odd or 'none'} of {len(brief.findings)} measurements out of the ordinary"
