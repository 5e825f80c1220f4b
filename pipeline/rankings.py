"""Who leads in a signal: over all hosts and services, among the containers of a host, among the guests of a Proxmox node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.vocabulary import Evidence, Window
from pipeline.brief import Brief, Finding, Question, Ranking
from pipeline.measure import Measurer
from pipeline.signals import Signal, load_domain
from pipeline.wording import quantity, subject
from tools.inventory import Inventory

SHOWN_OVERALL = 12
SHOWN_NEARBY = 3
USUAL_SIGNALS = ("disk_used", "memory_used", "cpu_used")
"""What a question that names no signal is most often after."""
NAMES_SERVICES = re.compile(r"\b(containers?|services?|apps?|applications?)\b", re.IGNORECASE)
NAMES_GUESTS = re.compile(r"\b(vms?|lxcs?|guests?|virtual machines?)\b", re.IGNORECASE)
NAMES_HOSTS = re.compile(r"\b(hosts?|machines?|servers?)\b", re.IGNORECASE)


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
        return (
            _overall(question, findings, inventory)
            if question.intent == "metric_question" and not question.unknown
            else []
        )
    rankings = []
    for place in (place for host in hosts[:2] for place in _nearby(inventory, host)):
        rows = [
            f for f in findings if f.signal.name == place.signal and inventory.entities[f.entity].host == place.host
        ]
        if rows:
            rankings.append(Ranking(place.title, _worst_first(rows), SHOWN_NEARBY))
    return rankings


def main_signal(question: Question, findings: Sequence[Finding]) -> str | None:
    """The signal that a question over everything is about, measured or not: the first of its first family.

    Of that family, the first for services or for hosts when the question asks for those. A question of no family is after the
    usual signals; then, and only then, it is the first that was measured.
    """
    if not question.families:
        measured = {f.signal.name for f in findings}
        return next((name for name in USUAL_SIGNALS if name in measured), None)
    names = question.families[0].signals
    known = load_domain().signals
    scope = _scope(question.text)
    return next((name for name in names if name in known and known[name].scope == scope), names[0])


def _scope(text: str) -> str | None:
    if NAMES_SERVICES.search(text):
        return "service"
    return "host" if NAMES_GUESTS.search(text) or NAMES_HOSTS.search(text) else None


def _overall(question: Question, findings: Sequence[Finding], inventory: Inventory) -> list[Ranking]:
    name = main_signal(question, findings)
    rows = [f for f in findings if f.signal.name == name]
    where = "everywhere"
    if _scope(question.text) == "host" and NAMES_GUESTS.search(question.text):
        rows = [f for f in rows if inventory.entities[f.entity].kind == "guest"]
        where = "on all guests"
    return [Ranking(f"{rows[0].signal.phrase}, {where}", _worst_first(rows), SHOWN_OVERALL)] if rows else []


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
            summary=f"{ranking.title}: {_counted(ranking)}; {values_of(shown, of=len(ranking.rows))}",
            link=measurer.link(query, window),
            returned=len(shown),
            available=len(ranking.rows),
        )
        brief, number = brief.with_evidence(item)
        numbered.append(replace(ranking, evidence_id=number))
    return replace(brief, rankings=tuple(numbered))


def _counted(ranking: Ranking) -> str:
    """ "20 measured, 3 of them beyond the threshold of 85 %"."""
    signal = ranking.rows[0].signal
    measured = f"{len(ranking.rows)} measured"
    if signal.threshold is None:
        return measured
    beyond = sum(f.breached for f in ranking.rows)
    return f"{measured}, {beyond or 'none'} of them beyond the threshold of {threshold_of(signal)}"


def threshold_of(signal: Signal) -> str:
    """ "85 %"; of a state the bad one, “failing”."""
    if signal.unit == "state":
        return f"“{signal.says.get(0 if signal.bad == 'down' else 1, 'bad')}”"
    return quantity(signal, signal.threshold or 0.0)


def values_of(rows: Sequence[Finding], *, of: int = 0) -> str:
    """ "nas (/tank) 54.2 %, arr (/) 49.8 % and 3 more" when there are 5 of them."""
    rest = f" and {of - len(rows)} more" if of > len(rows) else ""
    return ", ".join(f"{subject(f)} {quantity(f.signal, f.value)}" for f in rows) + rest
