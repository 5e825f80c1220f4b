"""From a symptom to what explains it: a walk over abnormal findings along the rules of `signals.yaml`. Pure, no I/O.

A rule says that an abnormal signal here may be explained by an abnormal signal there (upstream, on the same node, among the services
that run on a host). The walk goes as far as a rule applies; where it ends is the most likely cause. Confidence is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.vocabulary import Cause, CauseKind
from pipeline.brief import Finding
from pipeline.signals import Domain, Explanation, Where
from pipeline.wording import cite, plain, quantity, subject
from tools.inventory import Inventory

MAX_STEPS = 5


@dataclass(frozen=True)
class Step:
    """One finding of a chain. `share` is its part of the rise among its siblings, where the rule asked for one."""

    finding: Finding
    rule: Explanation | None = None
    share: float | None = None


def explain_symptom(symptom: Finding, findings: Sequence[Finding], inventory: Inventory, domain: Domain) -> list[Step]:
    """The chain from the symptom to its cause, the symptom first; never longer than MAX_STEPS + 1, never in a circle."""
    chain = [Step(symptom)]
    while len(chain) <= MAX_STEPS:
        visited = {(step.finding.signal.name, step.finding.entity) for step in chain}
        step = _next_step(chain[-1].finding, findings, visited, inventory, domain)
        if step is None:
            break
        chain.append(step)
    return chain


def _next_step(
    effect: Finding, findings: Sequence[Finding], visited: set[tuple[str, str]], inventory: Inventory, domain: Domain
) -> Step | None:
    for rule in domain.explanations:
        if effect.signal.name not in rule.effect:
            continue
        places = related(inventory, effect.entity, rule.where)
        group = [f for f in findings if f.signal.name in rule.by and f.entity in places]
        candidates = [
            step
            for f in group
            if f.abnormal and not f.chronic and (f.signal.name, f.entity) not in visited
            for step in [Step(f, rule, _share(f, group) if rule.share else None)]
            if step.share is None or step.share >= rule.share
        ]
        if candidates:
            order = {name: place for place, name in enumerate(places)}
            return max(candidates, key=lambda s: (round(_weight(s), 3), -order[s.finding.entity]))
    return None


def _weight(step: Step) -> float:
    if step.share is not None:
        return step.share
    return min(step.finding.severity, 20.0) + (5.0 if step.finding.breached else 0.0)


def _share(finding: Finding, group: Iterable[Finding]) -> float:
    total = sum(f.rise for f in group if f.signal.name == finding.signal.name)
    return finding.rise / total if total else 0.0


def related(inventory: Inventory, entity: str, where: Where) -> list[str]:
    """The entities that stand in the relation to `entity`, nearest first."""
    match where:
        case "self":
            return [entity]
        case "upstream":
            return inventory.upstream(entity)
        case "services" | "guests":
            return [name for name, e in inventory.entities.items() if e.host == entity]
        case "neighbours":
            return inventory.neighbours(entity)
        case "clients":
            return inventory.downstream(entity)


def find_symptom(entities: Sequence[str], signals: Sequence[str], findings: Sequence[Finding]) -> Finding | None:
    """The abnormal finding that the question is about: on the first entity that has one, by the order of the signals."""
    rank = {name: place for place, name in enumerate(signals)}
    for entity in entities:
        own = [f for f in findings if f.entity == entity and f.abnormal and f.signal.name in rank]
        if own:
            return min(own, key=lambda f: (f.chronic, not f.breached, rank[f.signal.name], -f.severity))
    return None


def find_grown(entity: str, signals: Sequence[str], findings: Sequence[Finding]) -> Finding | None:
    """For an alert that fires on the entity while nothing left its normal by a notable step: what grew most, by its own measure.

    A limit may be near for a small service long before a step is notable elsewhere.
    """
    own = [
        f
        for f in findings
        if f.entity == entity and f.signal.name in signals and f.signal.relative and f.normal and not f.chronic
        and f.rise >= max(f.signal.relative * abs(f.normal), f.signal.notable / 8)
    ]  # fmt: skip
    return max(own, key=lambda f: f.rise / abs(f.normal or 1.0), default=None)


def explain_all(
    symptoms: Iterable[Finding], findings: Sequence[Finding], inventory: Inventory, domain: Domain
) -> list[list[Step]]:
    """Every symptom explained, one chain (the longest) for each place where chains end.

    An end that says why comes before one that is a mere symptom; among those, the one that explains most comes first.
    """
    by_end: dict[str, list[list[Step]]] = {}
    for symptom in symptoms:
        chain = explain_symptom(symptom, findings, inventory, domain)
        by_end.setdefault(chain[-1].finding.entity, []).append(chain)

    def reach(chains: list[list[Step]]) -> tuple[bool, int, float]:
        says_why = any(not chain[-1].finding.signal.symptom for chain in chains)
        explained = {chain[0].finding.entity for chain in chains}
        return says_why, len(explained), max(_weight(chain[-1]) for chain in chains)

    return [max(chains, key=len) for chains in sorted(by_end.values(), key=reach, reverse=True)]


def all_symptoms(findings: Sequence[Finding]) -> list[Finding]:
    """Everything that is newly out of the ordinary."""
    return [f for f in findings if f.abnormal and not f.chronic and (f.breached or f.severity >= 2)]


def affected_by(end: Finding, findings: Sequence[Finding], inventory: Inventory) -> tuple[str, ...]:
    """What is abnormal downstream of the cause."""
    below = set(inventory.downstream(end.entity))
    return tuple(
        dict.fromkeys(f.entity for f in findings if f.abnormal and f.entity in below and f.entity != end.entity)
    )


def kind_of(chain: Sequence[Step], findings: Sequence[Finding] = ()) -> CauseKind:
    """What the last rule with a kind says, else what the signal at the end stands for, beside the others of its entity."""
    ruled = [step.rule.kind for step in chain if step.rule and step.rule.kind]
    if ruled:
        return ruled[-1]
    end = chain[-1].finding
    fine = {f.signal.name for f in findings if f.entity == end.entity and not f.abnormal}
    return next((kind for name, kind in end.signal.cause_while_fine.items() if name in fine), end.signal.cause)


def conclude(
    chain: Sequence[Step],
    affected: Sequence[str],
    alternatives: Sequence[Finding] = (),
    findings: Sequence[Finding] = (),
) -> Cause:
    """The cause in words, with a confidence that code decides from how clear the chain is.

    The words hold only what the evidence item of the chain's end holds; how far it reaches is told by the item "extent".
    """
    end = chain[-1].finding
    statement = f"{plain(subject(end))}: {end.signal.phrase} is {quantity(end.signal, end.value)}"
    if end.normal is not None and not end.signal.is_state:
        statement += f", normally {quantity(end.signal, end.normal)}"
    return Cause(
        statement=statement,
        entity=end.entity,
        kind=kind_of(chain, findings),
        confidence=_confidence(chain, affected, alternatives),
        alternatives=tuple(
            f"{plain(subject(other))}: {other.signal.phrase} is {quantity(other.signal, other.value)}{cite(other)}"
            for other in alternatives
        ),
    )


def _confidence(chain: Sequence[Step], affected: Sequence[str], alternatives: Sequence[Finding]) -> float:
    """Higher for a value that is bad on its own, a chain that leads somewhere, one clear culprit and many affected."""
    end = chain[-1].finding
    score = 0.45
    score += 0.15 if end.breached or end.severity >= 4 else 0.0
    score += 0.15 if len(chain) > 1 else 0.0
    score += 0.10 if any((step.share or 0) >= 0.7 for step in chain) else 0.0
    score += 0.10 if len(affected) >= 3 else 0.0
    score -= 0.05 * len(alternatives)
    score -= 0.2 if end.signal.symptom else 0.0
    return round(min(0.95, max(0.1, score)), 2)
