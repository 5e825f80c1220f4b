"""Which service of a machine is at work, where the measurements see only the machine: the one that begins to write of something new."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.vocabulary import CauseKind, Evidence, Window
from pipeline.brief import Brief, Gaps, Movement
from pipeline.log_cause import ERRORS_OF_THE_CAUSE
from pipeline.log_evidence import quote
from pipeline.sources import guarded
from pipeline.wording import cite, plain, plural
from tools.log_templates import Template, mine
from tools.logs import LogSource

BUSY: frozenset[CauseKind] = frozenset({"io_stall", "network_saturation"})
"""Kinds of cause in which something works too much."""
BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=10)
"""Around the onset, the lines that tell who begins to."""
DEADLINE_S = 2.0


async def with_active_service(brief: Brief, moved: Movement, logs: LogSource | None, gaps: Gaps) -> Brief:
    """The brief with the service as the cause that is the first on its machine to write of something new; else unchanged."""
    cause = brief.cause
    known = brief.inventory.entities.get(cause.entity or "") if cause else None
    if logs is None or cause is None or known is None or known.kind == "service" or cause.kind not in BUSY:
        return brief
    services = [e for e in brief.inventory.entities.values() if e.kind == "service" and e.host == known.name]
    if not services or any("cadvisor" in service.matchers for service in services):
        return brief  # nobody is there, or containers are measured one by one
    window = Window(start=moved.onset - BEFORE, end=min(brief.question.at, moved.onset + AFTER))
    mined = await guarded(gaps, "logs", mine(logs, window, entities=[known.name], deadline_s=DEADLINE_S))
    new = [t for t in mined.templates if t.new and t.sample.entity] if mined else []
    by_services = [template for template in new if template.sample.entity != known.name]
    if not by_services:
        return brief
    name = min(by_services, key=lambda template: template.first).sample.entity
    return _named(brief, str(name), [t for t in by_services if t.sample.entity == name], window)


def _named(brief: Brief, name: str, new: list[Template], window: Window) -> Brief:
    assert brief.cause is not None  # noqa: S101  the caller has one
    first = min(new, key=lambda template: template.first).sample
    count = sum(template.count for template in new)
    told = f"{plural(count, 'line')} of {plural(len(new), 'kind')} that nobody wrote in the hour before"
    item = Evidence(
        id="",
        source="logs",
        title=ERRORS_OF_THE_CAUSE,
        query=f"entities={brief.cause.entity} levels=all",
        window=window,
        summary=f"{plain(name)} on {plain(brief.cause.entity or '')}: {told}; {quote(first, brief.zone, brief.question.at)}",
        returned=1,
        available=count,
    )
    statement = f"{plain(name)} on {plain(brief.cause.entity or '')} began to work: it writes of something new"
    measured = brief.cause.statement + cite(brief.chain[-1]) if brief.chain else brief.cause.statement
    cause = brief.cause.model_copy(
        update={"entity": name, "statement": statement, "alternatives": (measured, *brief.cause.alternatives)}
    )
    return replace(brief, cause=cause).with_evidence(item)[0]
