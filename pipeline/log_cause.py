"""What the logs add to a cause that the measurements only see as a symptom: who upstream reports errors first, and of what kind they are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.vocabulary import Cause, CauseKind, Evidence, Window
from pipeline.brief import Brief, Movement
from pipeline.log_evidence import LINES_QUOTED, quote
from pipeline.ranking.places import names
from pipeline.ranking.shifts import CLEAR_SHIFT
from pipeline.ranking.topics import load_topics
from pipeline.ranking.topics import words as words_of
from pipeline.wording import cite, moment, plain, plural
from tools.inventory import Inventory
from tools.logs import LogLine

SINCE, UNTIL = timedelta(minutes=10), timedelta(minutes=15)
"""Around the onset, the errors that belong to it."""
COMMON = 0.6
"""What is upstream of so much of what fails may be the cause of it."""
QUOTED = 2
"""So many of those that fail name it, repeat its words, or speak of what it is."""
ERRORS_OF_THE_CAUSE = "errors that name the cause"
"""The title of the evidence item."""
OUTSIDE = "provider"
NEW = timedelta(minutes=2)
REPORTED = 2
"""So many services, whatever they do, that newly miss the world outside: the connection to it is gone."""
KIND_OF: tuple[tuple[str, CauseKind], ...] = (
    ("disk_hardware", "disk_failure"), ("hardware", "hardware"), ("provider", "upstream_outage"), ("power", "power"),
    ("authentication", "authentication_failure"), ("certificate", "certificate_expiry"), ("dns", "dns_failure"),
    ("connections", "connection_exhaustion"),
)  # fmt: skip
"""What errors about a topic mean, the most telling first."""
TELLING_WORDS = 2
"""One word in one line may mean anything."""
HARDWARE = frozenset({"disk_failure", "hardware", "power"})
VAGUE_KINDS = frozenset({"crash_loop", "io_stall", "dependency_down"})
"""Kinds that say what is seen rather than why."""


def with_log_cause(brief: Brief, moved: Movement, lines: Sequence[LogLine]) -> Brief:
    """The brief with the cause that the logs point to; unchanged where the measurements say why by themselves."""
    cause = brief.cause
    near = [line for line in lines if line.entity and -SINCE <= line.at - moved.onset <= UNTIL]
    if cause is None or not brief.chain:
        return brief
    signal = brief.chain[-1].signal
    if (signal.symptom or signal.cause == "dns_failure") and (cut_off := _cut_off(near, moved.onset)):
        statement = "the connection to the outside is reported as broken"
        return _instead(brief, statement, None, "upstream_outage", cut_off)
    if signal.cause == "dns_failure" and (behind := _same_behind(cause.entity, near, brief.inventory)):
        return _instead(
            brief,
            f"{plain(behind)} reports errors",
            behind,
            "dns_failure",
            [line for line in near if line.entity == behind],
        )
    if not signal.symptom:
        return _with_hardware(brief, near)
    errors = [line for line in near if line.level == "error"]
    failing = {each.entity for each in moved.entities if each.shifts[0].score >= CLEAR_SHIFT}
    failing |= {finding.entity for finding in brief.chain}
    entity = _reporting_upstream(failing, errors, brief.inventory) or cause.entity
    kind = _kind([line for line in near if line.entity in {entity, cause.entity}])
    if kind == "upstream_outage" and len(failing) > 1 and entity == cause.entity:
        entity = None  # the provider is no part of the homelab
    if entity == cause.entity:
        return replace(brief, cause=cause.model_copy(update={"kind": kind})) if kind else brief
    who = f"{plain(entity)} reports errors" if entity else "the connection to the outside is reported as broken"
    by = [
        line for line in near if (OUTSIDE in load_topics().of(line.text) if entity is None else line.entity == entity)
    ]
    return _instead(brief, who, entity, kind or "dependency_down", by)


def _same_behind(entity: str | None, near: Sequence[LogLine], inventory: Inventory) -> str | None:
    """Another service of the same purpose on the same machine that reports errors: a filter asks the recursor beside it."""
    topics = load_topics()
    known = inventory.entities.get(entity or "")
    purpose = topics.of_product(known.name) if known else None
    if known is None or purpose is None:
        return None
    beside = {name.partition("@")[0] for name in inventory.neighbours(known.name) if topics.of_product(name) == purpose}
    beside -= {known.name.partition("@")[0]}
    first = min(
        (line for line in near if line.level == "error" and line.entity in beside),
        key=lambda line: line.at,
        default=None,
    )
    return first.entity if first else None


def _with_hardware(brief: Brief, near: Sequence[LogLine]) -> Brief:
    """The cause keeps its place; its kind is what the errors of the machine that it runs on say of the hardware."""
    cause = brief.cause
    known = brief.inventory.entities.get(cause.entity or "") if cause else None
    if cause is None or known is None or cause.kind not in VAGUE_KINDS:
        return brief
    kind = _kind([line for line in near if line.entity in {known.name, known.host} and line.level == "error"])
    return replace(brief, cause=cause.model_copy(update={"kind": kind})) if kind in HARDWARE else brief


def _instead(brief: Brief, statement: str, entity: str | None, kind: CauseKind, lines: Sequence[LogLine]) -> Brief:
    """The brief with this cause, borne out by the lines; the one before becomes an alternative."""
    assert brief.cause is not None  # noqa: S101  the caller has one
    ordered = sorted(lines, key=lambda line: line.at)
    first_of_each = list({line.entity: line for line in reversed(ordered)}.values())[::-1]
    quoted = (first_of_each if len(first_of_each) > 1 else ordered)[:LINES_QUOTED]
    told = "; ".join(quote(line, brief.zone, brief.question.at) for line in quoted)
    item = Evidence(
        id="",
        source="logs",
        title=ERRORS_OF_THE_CAUSE,
        query=f"entities={entity or 'all'} levels=error,warning",
        window=Window(start=ordered[0].at, end=ordered[-1].at),
        summary=f"{plural(len(lines), 'line')}, {len(quoted)} quoted; {told}",
        returned=len(quoted),
        available=len(lines),
    )
    since = moment(ordered[0].at, brief.zone, now=brief.question.today)
    found = Cause(
        statement=f"{statement} since {since}, and what fails depends on it",
        entity=entity,
        kind=kind,
        confidence=brief.cause.confidence,
        alternatives=(brief.cause.statement + cite(brief.chain[-1]), *brief.cause.alternatives),
    )
    return replace(brief, cause=found).with_evidence(item)[0]


def _cut_off(near: Sequence[LogLine], onset: datetime) -> list[LogLine]:
    """The lines by which enough services tell that the world outside is out of reach, newly; else none."""
    words = {word for word, topics in load_topics().of_word.items() if topics == {OUTSIDE}}
    telling = [line for line in near if words & set(words_of(line.text))]
    before = {line.entity for line in telling if line.at < onset - NEW}
    new = [line for line in telling if line.entity not in before]
    return new if len({line.entity for line in new}) >= REPORTED else []


def _reporting_upstream(failing: set[str], errors: Sequence[LogLine], inventory: Inventory) -> str | None:
    """What most of what fails has in common and reports errors; the first to do so among equals.

    Common is what they depend on, name in their own errors, whose very words they repeat, or what these errors are about (a database,
    when its name is one). One that fails alone, and reports errors
    no later than what it depends on, is its own cause.
    """
    first: dict[str, datetime] = {}
    for line in errors:
        if line.entity is not None:
            first[line.entity] = min(line.at, first.get(line.entity, line.at))
    share = {name: _behind(name, failing, errors, inventory) for name in first if name not in failing}
    common = [name for name, count in share.items() if count >= max(COMMON * len(failing), 1)]
    if len(failing) == 1:
        own = first.get(next(iter(failing)))
        common = [name for name in common if own is None or first[name] < own]
    return min(common, key=lambda name: (-share[name], first[name]), default=None)


def _behind(name: str, failing: set[str], errors: Sequence[LogLine], inventory: Inventory) -> int:
    """How many of the failing depend on it, as far as the inventory or their own error lines tell."""
    several = len(failing) > 1  # a single one may just be told by a database what is wrong with its own request
    said = {words for line in errors if several and line.entity == name for words in _triples(line.text)}
    is_a = load_topics().of_product(name) if several else None
    telling = {
        line.entity
        for line in errors
        if line.entity in failing
        and (names(line.text, name) or said & _triples(line.text) or is_a in load_topics().of(line.text))
    }
    below = failing & set(inventory.downstream(name))
    # Lines are few: where some quote it, the others that fail in the same way are taken to depend on it, too.
    return len(failing) if len(telling) >= QUOTED else len(below | telling)


def _triples(text: str) -> set[tuple[str, ...]]:
    """Three words in a row, numbers aside."""
    found = re.findall(r"[a-z]{2,}", text.lower())
    return set(zip(found, found[1:], found[2:], strict=False))


def _kind(errors: Sequence[LogLine]) -> CauseKind | None:
    found: Counter[str] = Counter()
    for line in errors:
        found.update(load_topics().of(line.text))
    return next((kind for topic, kind in KIND_OF if found[topic] >= TELLING_WORDS), None)
