"""Gather evidence for a question: a plan per intent, run concurrently under one deadline. A source that fails becomes a gap."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.vocabulary import Alert, Window
from pipeline.alert_evidence import fired_alerts, firing_alerts, one_alert
from pipeline.alert_rule import measure_rule
from pipeline.brief import Brief, Finding, Gaps, Question
from pipeline.cause import Step, affected_by, all_symptoms, conclude, explain_all, find_symptom, related
from pipeline.firing import alert_history
from pipeline.log_evidence import with_logs
from pipeline.measure import Measurer
from pipeline.rankings import main_signal, with_rankings
from pipeline.signals import Domain, Signal, load_domain
from pipeline.sources import Sources
from tools.inventory import Inventory

NO_SIGNALS: frozenset[str] = frozenset(
    {"runbook_lookup", "playbook_lookup", "out_of_scope", "log_question", "self_status", "report", "follow_up"}
)
BROAD = ("status", "clarify", "alert_summary", "rca_draft")
EVIDENCE_WINDOW = timedelta(hours=1)
MAX_EVIDENCE_PER_QUESTION = 8
MAX_ALERTS = 5
ALTERNATIVES = 3
RANKED = ("metric_question", "explain_alert")


def plan(question: Question, alerts: Sequence[Alert], domain: Domain) -> list[Signal]:
    """The signals to measure: those of the alert's families, else of the question's, else a broad sweep."""
    if question.intent in NO_SIGNALS:
        return []
    families = [
        *question.families,
        *(f for alert in alerts for f in domain.families_of(f"{alert.name} {alert.summary}")),
    ]
    names = [name for family in families for name in family.signals]
    if question.intent in BROAD or (question.intent == "explain_alert" and not names):
        names = [*names, *(name for name in domain.signals if name not in {"requests", "network_in", "network_out"})]
    if question.intent == "what_changed":
        names = ["container_restarts"]
    if question.intent == "metric_question" and not names:
        names = [
            name
            for family in domain.families
            if family.name in {"cpu", "memory", "disk", "availability"}
            for name in family.signals
        ]
    return domain.pick(names)


class Gatherer:
    """Runs the plan of one question and returns its brief."""

    def __init__(self, sources: Sources, zone: ZoneInfo, domain: Domain | None = None) -> None:
        self._sources = sources
        self._zone = zone
        self._domain = domain or load_domain()

    async def gather(self, question: Question, inventory: Inventory, alerts: tuple[Alert, ...], gaps: Gaps) -> Brief:
        """Measure, explain, and number the evidence. `alerts` fire at the question's moment."""
        brief = Brief(question, inventory, self._zone, alerts=alerts)
        relevant = self._relevant(question, inventory, alerts)
        brief = await self._with_alerts(brief, relevant, gaps)
        signals = plan(question, relevant, self._domain)
        if signals and self._sources.prometheus is not None:
            measurer = Measurer(self._sources.prometheus, inventory, gaps, question.at)
            brief = replace(brief, findings=tuple(await measurer.measure(signals)))
            brief = await self._with_cause(brief, relevant, signals, measurer)
            if question.intent in RANKED:
                hosts = list(question.subjects) or _entities(relevant, inventory) * (question.intent == "explain_alert")
                window = Window(start=question.at - EVIDENCE_WINDOW, end=question.at)
                brief = with_rankings(brief, hosts, measurer, window)
            if question.intent == "explain_alert" and relevant and not brief.chain:
                brief = await self._with_rule(brief, relevant[0], gaps)
        if question.intent in {"explain_alert", "log_question", "metric_question"}:
            brief = await with_logs(brief, self._sources.logs, gaps)
        return brief

    async def _with_alerts(self, brief: Brief, relevant: Sequence[Alert], gaps: Gaps) -> Brief:
        """The alerts as evidence: each that is explained, all that fire, or all that fired in the window."""
        question = brief.question
        if question.intent == "explain_alert":
            for alert in relevant[:MAX_ALERTS]:
                brief, _ = brief.with_evidence(one_alert(alert, question.at, self._zone))
        if question.intent in {"alert_summary", "status", "clarify"}:
            brief, _ = brief.with_evidence(firing_alerts(brief.alerts, question.at))
        named_past = question.intent == "status" and question.named_window
        if question.intent in {"what_changed", "alert_summary"} or named_past:
            window = _day_before(question.at) if question.intent == "alert_summary" else question.window
            fired = await alert_history(self._sources, window, gaps)
            brief, _ = replace(brief, history=fired).with_evidence(fired_alerts(fired, window))
        return brief

    def _relevant(self, question: Question, inventory: Inventory, alerts: Sequence[Alert]) -> list[Alert]:
        """The alerts that the question is about: named ones, else those of its subjects, else all for a broad question."""
        active = [alert for alert in alerts if alert.state in {"firing", "suppressed"}]
        named = [alert for alert in active if alert.name in question.alert_names]
        if question.subjects:
            of_subject = [a for a in named or active if inventory.entity_of(a.labels) in question.subjects]
            return of_subject or named
        if question.unknown and not named:
            return []
        return named or active

    async def _with_cause(
        self, brief: Brief, alerts: Sequence[Alert], signals: Sequence[Signal], measurer: Measurer
    ) -> Brief:
        """Walk from the symptom to its cause and give every finding on the way a numbered evidence item."""
        question, inventory, findings = brief.question, brief.inventory, brief.findings
        chain, others = self._chain(brief, alerts, [signal.name for signal in signals])
        shown = [step.finding for step in chain] + [other[-1].finding for other in others[:ALTERNATIVES]]
        shown += [f for f in telling(brief, chain) if f not in shown]
        window = Window(start=question.at - EVIDENCE_WINDOW, end=question.at)
        shown = shown[:MAX_EVIDENCE_PER_QUESTION]
        items = await asyncio.gather(*(measurer.evidence(finding, window) for finding in shown))
        numbered: dict[int, Finding] = {}
        for finding, item in zip(shown, items, strict=True):
            brief, number = brief.with_evidence(item)
            numbered[id(finding)] = replace(finding, evidence_id=number, series=item.series[0] if item.series else None)
        brief = replace(brief, findings=tuple(numbered.get(id(f), f) for f in findings))
        if not chain:
            return brief
        end = chain[-1].finding
        affected = affected_by(end, findings, inventory)
        alternatives = [numbered.get(id(other[-1].finding), other[-1].finding) for other in others[:ALTERNATIVES]]
        return replace(
            brief,
            chain=tuple(numbered.get(id(step.finding), step.finding) for step in chain),
            affected=affected,
            cause=conclude(chain, affected, alternatives),
        )

    async def _with_rule(self, brief: Brief, alert: Alert, gaps: Gaps) -> Brief:
        """For an alert that no known signal explains: what its own rule measures."""
        assert self._sources.prometheus is not None  # noqa: S101  the caller has measured with it
        window = Window(start=brief.question.at - EVIDENCE_WINDOW, end=brief.question.at)
        item = await measure_rule(self._sources.prometheus, alert, brief.question.at, window, gaps)
        return brief.with_evidence(item)[0] if item else brief

    def _chain(
        self, brief: Brief, alerts: Sequence[Alert], signals: Sequence[str]
    ) -> tuple[list[Step], list[list[Step]]]:
        """The chain that answers the question, and the other ones."""
        symptoms = self._symptoms(brief, alerts, signals)
        chains = explain_all(symptoms, brief.findings, brief.inventory, self._domain)
        return (chains[0], chains[1:]) if chains else ([], [])

    def _symptoms(self, brief: Brief, alerts: Sequence[Alert], signals: Sequence[str]) -> list[Finding]:
        """Of named subjects the first that is not well; of named alerts one each; of a broad question everything abnormal."""
        question, inventory, findings = brief.question, brief.inventory, brief.findings
        alerting = _entities(alerts, inventory)
        if question.subjects:
            services = [name for subject in question.subjects for name in related(inventory, subject, "services")]
            first = find_symptom([*question.subjects, *services, *alerting], signals, findings)
            return [first] if first else []
        if question.alert_names or len(alerting) == 1:
            return [s for entity in alerting for s in [find_symptom([entity], signals, findings)] if s]
        if question.intent == "metric_question" or question.unknown:
            return []
        return all_symptoms(findings)


def _entities(alerts: Sequence[Alert], inventory: Inventory) -> list[str]:
    return list(dict.fromkeys(e for alert in alerts for e in [inventory.entity_of(alert.labels)] if e))


def _day_before(at: datetime) -> Window:
    return Window(start=at - timedelta(days=1), end=at)


def telling(brief: Brief, chain: Sequence[Step]) -> list[Finding]:
    """What a person would look at besides the chain, most telling first.

    Of named subjects: what the question asks for, and everything of theirs when nothing else explains it. Of a question over
    everything: what is beyond the threshold of its main signal. Of a sweep: whatever is out of the ordinary.
    """
    question, findings = brief.question, brief.findings
    asked = [family.signals[0] for family in question.families]
    if question.subjects:
        own = [f for f in findings if f.entity in question.subjects]
        rest = [] if chain and question.intent == "explain_alert" else own
        return [f for f in own if f.signal.name in asked] + [f for f in rest if f.signal.name not in asked]
    if question.intent == "metric_question":
        main = main_signal(question, findings)
        return sorted((f for f in findings if f.signal.name == main and f.breached), key=lambda f: -f.severity)
    if question.intent in {"status", "clarify", "what_changed"}:
        odd = [f for f in findings if f.abnormal or f.breached]
        return sorted(odd, key=lambda f: (not f.abnormal, f.chronic, -f.severity))
    return []
