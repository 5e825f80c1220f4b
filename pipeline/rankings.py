"""Who leads in a signal: over all hosts and services, among the containers of a host, among the guests of a Proxmox node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.vocabulary import Evidence, Window
from pipeline.brief import Brief, Finding, Question, Ranking
from pipeline.measure import Measurer
from pipeline.wording import quantity, subject
from tools.inventory import Inventory

SHOWN_OVERALL = 12
SHOWN_NEARBY = 3
USUAL_SIGNALS = ("disk_used", "memory_used", "cpu_used")
"""What a question that names no signal is most often after."""


@dataclass(frozen=True)
class _Place:
    """Where a host's own load may come from, and the signals that tell."""

    title: str
    signal: str
    host: str


def choose_rankings(
    question: Question, findings: Sequence[Finding], inventory: Inventory, hosts: Sequence[str]
) -> list[Ranking]:
    """For a question over everything, its main signal; for hosts, their containers and their neighbours. Worst first."""
    if not hosts:
        return _overall(question, findings) if question.intent == "metric_question" and not question.unknown else []
    rankings = []
    for place in (place for host in hosts[:2] for place in _nearby(inventory, host)):
        rows = [
            f for f in findings if f.signal.name == place.signal and inventory.entities[f.entity].host == place.host
        ]
        if rows:
            rankings.append(Ranking(place.title, _worst_first(rows), SHOWN_NEARBY))
    return rankings


def main_signal(question: Question, findings: Sequence[Finding]) -> str | None:
    """The signal that a question over everything is about: the first of its families that was measured."""
    wanted = [name for family in question.families for name in family.signals] or list(USUAL_SIGNALS)
    measured = {f.signal.name for f in findings}
    return next((name for name in wanted if name in measured), None)


def _overall(question: Question, findings: Sequence[Finding]) -> list[Ranking]:
    name = main_signal(question, findings)
    rows = [f for f in findings if f.signal.name == name]
    return [Ranking(f"{rows[0].signal.phrase}, everywhere", _worst_first(rows), SHOWN_OVERALL)] if rows else []


def _nearby(inventory: Inventory, host: str) -> Iterator[_Place]:
    entity = inventory.entities.get(host)
    if entity is None or entity.kind in {"service", "device"}:
        return
    yield _Place(f"busiest containers on {host} (CPU cores)", "container_cpu", host)
    yield _Place(f"largest containers on {host} (memory)", "container_memory", host)
    if entity.kind == "guest" and entity.host:
        yield _Place(f"neighbours on {entity.host} (CPU)", "guest_cpu", entity.host)


def _worst_first(rows: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(rows, key=lambda f: f.value, reverse=rows[0].signal.bad != "down"))


def with_rankings(brief: Brief, hosts: Sequence[str], measurer: Measurer, window: Window) -> Brief:
    """The brief with its rankings, each with a numbered item that holds the values it shows."""
    numbered = []
    for ranking in choose_rankings(brief.question, brief.findings, brief.inventory, hosts):
        shown = ranking.rows[: ranking.shown]
        query = ranking.rows[0].signal.promql(ranking.rows[0].exporter)
        item = Evidence(
            id="",
            source="prometheus",
            title=ranking.title,
            query=query,
            window=window,
            summary=f"{ranking.title}: {values_of(shown)}",
            link=measurer.link(query, window),
            returned=len(shown),
            available=len(ranking.rows),
        )
        brief, number = brief.with_evidence(item)
        numbered.append(replace(ranking, evidence_id=number))
    return replace(brief, rankings=tuple(numbered))


def values_of(rows: Sequence[Finding]) -> str:
    """ "nas (/tank) 54.2 %, arr (/) 49.8 %"."""
    return ", ".join(f"{subject(f)} {quantity(f.signal, f.value)}" for f in rows)
