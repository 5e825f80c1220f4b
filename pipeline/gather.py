"""Gather evidence for a question: a plan per intent, run concurrently under one deadline. A source that fails becomes a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from core.vocabulary import Alert, Window
from pipeline.alert_evidence import one_alert, severity_rank, with_fired, with_firing
from pipeline.alert_rule import measure_rule
from pipeline.brief import EXPLAINS, Brief, Finding, Gaps, Question
from pipeline.cause import Step, affected_by, all_symptoms, conclude, explain_all, find_grown, find_symptom, related
from pipeline.classify import CHANGES_LOOKBACK, concerns
from pipeline.extent import with_extent
from pipeline.firing import alert_history
from pipeline.log_evidence import with_logs
from pipeline.measurable import is_measurable, narrowed, tell_unmeasured, tell_unseen
from pipeline.measure import Measurer
from pipeline.movement import movement, onset_of
from pipeline.parameters import Parameters
from pipeline.progress import reading
from pipeline.rankings import with_rankings
from pipeline.signals import Domain, Signal, load_domain
from pipeline.sources import Sources, guarded
from pipeline.suspects import with_changes, with_suspects
from pipeline.telling import telling
from pipeline.wording import listed, moment, plural
from tools.inventory import Inventory

NO_SIGNALS: frozenset[str] = frozenset(
    {"runbook_lookup", "playbook_lookup", "out_of_scope", "log_question", "self_status", "report", "follow_up"}
)
BROAD = ("status", "clarify", "alert_summary", "rca_draft")
EVIDENCE_WINDOW = timedelta(hours=1)
MAX_EVIDENCE_PER_QUESTION = 8
MAX_ALERTS = 5
NAMED = 3
ALTERNATIVES = 3
LEFT_OUT_OF_SWEEPS = frozenset({"requests", "network_in", "network_out"})
"""More of these is not wrong by itself."""
CHANGES_TOLD = frozenset({*EXPLAINS, "status", "clarify", "metric_question"})
"""Where there is a cause, what may have brought it about is told."""
RANKED = ("metric_question", *sorted(EXPLAINS))
BEFORE_AN_INCIDENT = timedelta(hours=2)


def plan(question: Question, alerts: Sequence[Alert], domain: Domain) -> list[Signal]:
    """The signals to measure: those of the question's and the alerts' families and what may explain them, else a broad sweep."""
    if question.intent in NO_SIGNALS and not question.because:
        return []
    if question.intent == "what_changed" and not question.because:
        return domain.pick(["container_restarts"])
    of_alerts = (family for alert in alerts for family in domain.families_of(f"{alert.name} {alert.summary}"))
    names = [name for family in (*question.families, *of_alerts) for name in family.signals]
    if question.intent in BROAD or not names:
        names += [name for name in domain.signals if name not in LEFT_OUT_OF_SWEEPS]
    return domain.pick(domain.with_explanations(names))


class Gatherer:
    """Runs the plan of one question."""

    def __init__(self, sources: Sources, zone: ZoneInfo, domain: Domain | None = None) -> None:
        self._sources = sources
        self._zone = zone
        self._domain = domain or load_domain()

    async def gather(
        self, question: Question, inventory: Inventory, alerts: tuple[Alert, ...] | None, gaps: Gaps
    ) -> AsyncGenerator[Brief]:
        """Briefs that know more and more, so that a deadline in between loses nothing: alerts, measurements and cause, logs.

        `alerts` fire at the question's moment; None when nobody could be asked.
        """
        about = _alerts_about(question, inventory, alerts or ())
        brief = Brief(question, inventory, self._zone, alerts=about, alerts_read=alerts is not None, measured=False)
        relevant = self._relevant(question, inventory, brief.alerts)
        brief = await self._with_alerts(brief, relevant, gaps)
        yield brief
        signals = plan(question, relevant, self._domain)
        if signals:
            tell_unseen(question, inventory, gaps)
        if signals and self._sources.prometheus is not None and is_measurable(question, inventory):
            baselines = self._sources.baselines
            measurer = Measurer(
                self._sources.prometheus, inventory, gaps, question.at, zone=self._zone, baselines=baselines
            )
            await tell_unmeasured(question, self._sources.prometheus, gaps)
            findings = await _measured(measurer, signals)
            if not findings and not any(line.startswith("prometheus: ") for line in gaps.lines):
                phrases = listed([signal.phrase for signal in signals], limit=3)
                gaps.add(f"prometheus: nothing is recorded at {moment(question.at, self._zone)} about {phrases}")
            question = narrowed(question, findings)
            brief = replace(brief, question=question, findings=findings, measured=bool(findings))
            yield brief
            brief = with_extent(await self._with_cause(brief, relevant, measurer))
            yield brief
            told = question.intent in CHANGES_TOLD or question.because
            if (brief.chain and told) or (brief.explained and question.asks_why):
                brief = await self._with_suspects(brief, measurer, gaps)
                yield brief
            brief = await self._with_rankings(brief, relevant, measurer)
            if question.asks_why and not brief.chain:
                brief = await self._with_rule(brief, relevant, gaps)
            yield brief
        if question.intent in EXPLAINS and question.subjects and not brief.chain and not brief.explained:
            brief = await with_changes(brief, self._sources.changes, gaps, over=CHANGES_LOOKBACK)
            yield brief
        if question.intent == "what_changed":
            brief = await with_changes(brief, self._sources.changes, gaps)
            yield brief
        if question.intent in {*EXPLAINS, "log_question", "metric_question"}:
            yield await with_logs(brief, self._sources.logs, gaps)

    def _relevant(self, question: Question, inventory: Inventory, alerts: Sequence[Alert]) -> list[Alert]:
        """The alerts that the question is about, worst first: named ones, those of its subjects, those of its families, else all."""
        active = [alert for alert in alerts if alert.state in {"firing", "suppressed"}]
        active.sort(key=lambda alert: (severity_rank(alert), alert.starts_at))
        named = [alert for alert in active if alert.name in question.alert_names]
        if question.subjects:
            of_subject = [a for a in named or active if inventory.entity_of(a.labels) in question.subjects]
            return of_subject or named or [a for a in active if concerns(a, question.subjects, inventory)]
        if named or question.alert_names or question.unknown:
            return named
        wanted = {family.name for family in question.families}
        if not wanted or any(family.general for family in question.families):
            return active
        return [a for a in active if wanted & {f.name for f in self._domain.families_of(f"{a.name} {a.summary}")}]

    async def _with_alerts(self, brief: Brief, relevant: Sequence[Alert], gaps: Gaps) -> Brief:
        """The alerts as evidence: each that is explained, all that fire, or all that fired in the window."""
        question = brief.question
        if question.explains:
            for alert in relevant[:MAX_ALERTS]:
                brief, number = brief.with_evidence(
                    one_alert(alert, question.at, self._zone, brief.inventory.entity_of(alert.labels) or "")
                )
                brief = replace(brief, explained=(*brief.explained, (alert, number)))
        if question.intent in {"alert_summary", "status", "clarify"} and brief.alerts_read:
            brief = with_firing(brief)
        if question.intent == "what_changed" or (
            question.intent in {"alert_summary", "status", "clarify"} and question.named_window
        ):
            window = question.window
        elif question.intent == "alert_summary":
            window = Window(start=question.at - timedelta(days=1), end=question.at)
        elif question.intent == "rca_draft":
            began = min((alert.starts_at for alert in relevant), default=question.at)
            window = Window(start=began - BEFORE_AN_INCIDENT, end=question.at)
        else:
            return brief
        fired = await alert_history(self._sources, window, gaps)
        if fired is None:
            return replace(brief, history_read=False)
        return with_fired(brief, fired, window)

    async def _with_cause(self, brief: Brief, alerts: Sequence[Alert], measurer: Measurer) -> Brief:
        """Walk from the symptom to its cause and give every finding on the way a numbered evidence item."""
        question, inventory, findings = brief.question, brief.inventory, brief.findings
        chain, others = self._chain(brief, alerts)
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
            cause=conclude(chain, affected, alternatives, findings),
        )

    async def _with_suspects(self, brief: Brief, measurer: Measurer, gaps: Gaps) -> Brief:
        """What moved and what changed around the onset, and which change may have brought it about."""
        assert self._sources.prometheus is not None  # noqa: S101  the caller has measured with it
        rules = await guarded(gaps, "prometheus", self._sources.prometheus.rules()) if brief.explained else []
        parameters = self._sources.parameters or Parameters()
        moved = await movement(brief, measurer, onset_of(brief, rules or []), parameters.entities)
        return await with_suspects(
            brief, moved, self._sources.changes, self._sources.logs, gaps, weights=parameters.changes
        )

    async def _with_rankings(self, brief: Brief, alerts: Sequence[Alert], measurer: Measurer) -> Brief:
        question = brief.question
        if question.intent not in RANKED:
            return brief
        hosts = list(question.subjects) or _entities(alerts, brief.inventory) * question.explains
        window = Window(start=question.at - EVIDENCE_WINDOW, end=question.at)
        return with_rankings(brief, hosts, measurer, window)

    async def _with_rule(self, brief: Brief, alerts: Sequence[Alert], gaps: Gaps) -> Brief:
        """For an alert that no known signal explains, or that does not fire: what its own rule measures."""
        assert self._sources.prometheus is not None  # noqa: S101  the caller has measured with it
        question = brief.question
        window = Window(start=question.at - EVIDENCE_WINDOW, end=question.at)
        asked = [(alert.name, alert.labels) for alert in alerts[:1]] or [
            (name, {}) for name in question.alert_names[:1]
        ]
        for name, labels in asked:
            item = await measure_rule(self._sources.prometheus, name, labels, window, gaps)
            brief = brief.with_evidence(item)[0] if item else brief
        return brief

    def _chain(self, brief: Brief, alerts: Sequence[Alert]) -> tuple[list[Step], list[list[Step]]]:
        """The chain that answers the question, and the other ones. In a sweep without alerts a mere symptom is no cause."""
        symptoms = self._symptoms(brief, alerts)
        chains = explain_all(symptoms, brief.findings, brief.inventory, self._domain)
        if not alerts and not brief.question.subjects:
            chains = [chain for chain in chains if not chain[-1].finding.signal.symptom]
        return (chains[0], chains[1:]) if chains else ([], [])

    def _symptoms(self, brief: Brief, alerts: Sequence[Alert]) -> list[Finding]:
        """Of named subjects the first that is not well; of named alerts one each; of a broad question everything abnormal."""
        question, inventory, findings = brief.question, brief.inventory, brief.findings
        alerting = list(dict.fromkeys([*_about_the_same(alerts, findings), *_entities(alerts, inventory)]))
        signals = self._asked_signals(question, alerts)
        if question.subjects:
            services = [name for subject in question.subjects for name in related(inventory, subject, "services")]
            first = find_symptom([*question.subjects, *services, *alerting], signals, findings)
            grown = (find_grown(entity, signals, findings) for entity in alerting)
            first = first or next(filter(None, grown), None)
            return [first] if first else []
        if question.alert_names or len(alerting) == 1:
            clear = [s for entity in alerting for s in [find_symptom([entity], signals, findings)] if s]
            return clear or [s for entity in alerting[:1] for s in [find_grown(entity, signals, findings)] if s]
        if question.intent == "metric_question" or question.unknown:
            return []
        return [f for f in all_symptoms(findings) if f.signal.name in signals]

    def _asked_signals(self, question: Question, alerts: Sequence[Alert]) -> list[str]:
        """In whose signals the symptom is looked for: a question about memory is not answered with a failing probe."""
        of_alerts = [f for alert in alerts for f in self._domain.families_of(f"{alert.name} {alert.summary}")]
        families = [*question.families, *of_alerts]
        names = [name for family in families for name in family.signals]
        if not names or question.intent in BROAD or any(family.general for family in families):
            return list(dict.fromkeys([*names, *self._domain.signals]))
        return list(dict.fromkeys(names))


async def _measured(measurer: Measurer, signals: Sequence[Signal]) -> tuple[Finding, ...]:
    with reading("prometheus") as read:
        findings = tuple(await measurer.measure(signals))
        abnormal = sorted((f for f in findings if f.abnormal), key=lambda finding: -finding.severity)
        worst = f": {listed([f'{f.entity} {f.signal.phrase}' for f in abnormal], limit=NAMED)}" if abnormal else ""
        out = f"{len(abnormal)} out of the ordinary{worst}" if abnormal else "nothing out of the ordinary"
        read.found(f"{plural(len(signals), 'signal')} measured, {plural(len(findings), 'value')}, {out}")
        if not findings:
            read.failed(f"nothing is recorded of {plural(len(signals), 'signal')}")
    return findings


def _alerts_about(question: Question, inventory: Inventory, alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
    """For a summary about named hosts and services only theirs, and those of what runs on them; else all."""
    if question.intent != "alert_summary" or not question.subjects:
        return alerts
    near = {*question.subjects, *(name for s in question.subjects for name in related(inventory, s, "services"))}
    return tuple(alert for alert in alerts if inventory.entity_of(alert.labels) in near)


def _entities(alerts: Sequence[Alert], inventory: Inventory) -> list[str]:
    return list(dict.fromkeys(e for alert in alerts for e in [inventory.entity_of(alert.labels)] if e))


def _about_the_same(alerts: Sequence[Alert], findings: Sequence[Finding]) -> list[str]:
    """Whose findings have the very job (and instance, where it is told) of an alert: for an exporter its `instance` names another machine."""
    return [
        f.entity
        for alert in alerts
        for f in findings
        if "job" in f.labels
        and all(alert.labels.get(name) == f.labels[name] for name in ("job", "instance") if name in f.labels)
    ]
