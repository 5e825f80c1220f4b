"""What the logs add to a cause that the measurements only see as a symptom: who upstream reports errors first, and of what kind they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.vocabulary import Cause, CauseKind
from pipeline.brief import Brief, Movement
from pipeline.ranking.changes import CLEAR_SHIFT
from pipeline.ranking.topics import load_topics
from pipeline.wording import moment, plain
from tools.inventory import Inventory
from tools.logs import LogLine

SINCE, UNTIL = timedelta(minutes=10), timedelta(minutes=15)
"""Around the onset, the errors that belong to it."""
COMMON = 0.6
"""What is upstream of so much of what fails may be the cause of it."""
FEWEST = 2
"""A dependency that only one fails on is looked at as that one's own cause is."""
KIND_OF: tuple[tuple[str, CauseKind], ...] = (
    ("disk_hardware", "disk_failure"), ("hardware", "hardware"), ("provider", "upstream_outage"), ("power", "power"),
    ("authentication", "authentication_failure"), ("certificate", "certificate_expiry"), ("dns", "dns_failure"),
    ("database", "connection_exhaustion"),
)  # fmt: skip
"""What errors about a topic mean, the most telling first."""


def with_log_cause(brief: Brief, moved: Movement, lines: Sequence[LogLine]) -> Brief:
    """The brief with the cause that the logs point to; unchanged where the measurements say why by themselves."""
    cause = brief.cause
    if cause is None or not brief.chain or not brief.chain[-1].signal.symptom:
        return brief
    errors = [
        line for line in lines if line.level == "error" and line.entity and -SINCE <= line.at - moved.onset <= UNTIL
    ]
    entity = _reporting_upstream(brief, moved, errors) or cause.entity
    kind = _kind([line for line in errors if line.entity == entity])
    if entity == cause.entity:
        return replace(brief, cause=cause.model_copy(update={"kind": kind})) if kind else brief
    first = min(line.at for line in errors if line.entity == entity)
    told = f"{plain(entity or '')} reports errors since {moment(first, brief.zone, now=brief.question.at)}, and what fails depends on it"
    found = Cause(
        statement=told,
        entity=entity,
        kind=kind or "dependency_down",
        confidence=cause.confidence,
        alternatives=(cause.statement, *cause.alternatives),
    )
    return replace(brief, cause=found)


def _reporting_upstream(brief: Brief, moved: Movement, errors: Sequence[LogLine]) -> str | None:
    """The dependency that most of what fails has in common, and that reports errors; the first to do so among equals."""
    failing = {each.entity for each in moved.entities if each.shifts[0].score >= CLEAR_SHIFT}
    failing |= {finding.entity for finding in brief.chain}
    if len(failing) < FEWEST:
        return None
    first: dict[str, datetime] = {}
    for line in errors:
        if line.entity is not None and line.entity not in failing:
            first[line.entity] = min(line.at, first.get(line.entity, line.at))
    share = {name: _below(name, failing, brief.inventory) / len(failing) for name in first}
    common = [name for name in first if share[name] >= COMMON]
    return min(common, key=lambda name: (-round(share[name], 1), first[name]), default=None)


def _below(name: str, failing: set[str], inventory: Inventory) -> int:
    return len(failing & set(inventory.downstream(name)))


def _kind(errors: Sequence[LogLine]) -> CauseKind | None:
    found: Counter[str] = Counter()
    for line in errors:
        found.update(set(load_topics().of(line.text)))
    return next((kind for topic, kind in KIND_OF if found[topic]), None)
