"""Which change brought a symptom about, or that none of them did.

A candidate is judged by when it took effect (each kind has its typical delay; being the latest is no merit), where (on the affected
entity or upstream of it), and what it speaks of (the option, file or limit that the error lines name; the topic of the
metric that moved). A change after the onset, or after the first shift, is never the cause. What speaks for each candidate is weighed
against the others and against "none of them": the score is the probability that it is the one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.vocabulary import CauseKind, Change
from pipeline.ranking.change_signs import Signs, effective, signs_of
from pipeline.ranking.change_weights import ChangeWeights, load_weights
from pipeline.ranking.entities import Topology
from pipeline.ranking.incident import Incident
from pipeline.ranking.shifts import Shift
from pipeline.ranking.text import LogLines


@dataclass(frozen=True)
class RankedChange:
    """`score` is 0..1. When no candidate clears the bar, no change explains the symptom."""

    change: Change
    score: float
    clears_bar: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Candidates:
    """Everything that changes are ranked by; see `rank_changes`."""

    changes: Sequence[Change]
    onset: datetime
    symptoms: Sequence[Shift] = ()
    log_lines: LogLines = ()
    topology: Topology = field(default_factory=dict)
    affected: Mapping[str, float] | None = None
    kind: CauseKind | None = None

    def incident(self) -> Incident:
        return Incident(
            self.changes, self.onset, self.symptoms, self.log_lines, self.topology, self.affected, self.kind
        )

    def ranked(self, weights: ChangeWeights | None = None) -> list[RankedChange]:
        """Every candidate, the most likely cause first."""
        weights, incident = weights or load_weights(), self.incident()
        signs = [signs_of(change, incident) for change in self.changes]
        scores, none = probabilities(signs, signs_of_none(incident, weights), weights)
        blamed = clear_winner(scores, none, weights.bar)
        ranked = [
            RankedChange(change, round(score, 4), place == blamed, _reasons(own, weights))
            for place, (change, own, score) in enumerate(zip(self.changes, signs, scores, strict=True))
        ]
        return sorted(ranked, key=lambda r: (not r.clears_bar, -r.score, -effective(r.change).timestamp(), r.change.id))


def rank_changes(
    changes: Iterable[Change],
    onset: datetime,
    *,
    symptoms: Sequence[Shift] = (),
    log_lines: LogLines = (),
    topology: Topology | None = None,
    affected: Mapping[str, float] | None = None,
    kind: CauseKind | None = None,
    weights: ChangeWeights | None = None,
) -> list[RankedChange]:
    """Every candidate, the most likely cause first.

    `onset` is when the symptom began (UTC). `symptoms` are shifts whose series begin with the name of their entity, `log_lines` are
    (time, entity or None, text), `topology` is what each entity depends on; all three may be empty, and the less there is the less is said.
    `affected` says how much (0..1) each entity is part of the symptom, where that is known better than from the symptoms; `kind` of what kind
    the cause is.
    """
    return Candidates(list(changes), onset, symptoms, log_lines, topology or {}, affected, kind).ranked(weights)


def signs_of_none(incident: Incident, weights: ChangeWeights) -> dict[str, float]:
    """What speaks for it that no change explains the symptom."""
    prior = weights.by_change.get(incident.kind, 1.0) if incident.kind else 1.0
    return {
        "always": 1.0,
        "seldom_by_change": -math.log(prior),
        "fills_up": float(incident.fills_up),
        "ran_out": float(incident.ran_out),
    }


def probabilities(
    signs: Sequence[Signs], none: Mapping[str, float], weights: ChangeWeights
) -> tuple[list[float], float]:
    """Of each candidate, and of none of them; together 1."""
    utilities = [
        -math.inf if own.excluded else _utility({**own.values, "late": own.late(weights)}, weights.signs)
        for own in signs
    ]
    of_none = _utility(none, weights.none)
    top = max([of_none, *utilities])
    parts = [math.exp(utility - top) for utility in utilities]
    total = sum(parts) + math.exp(of_none - top)
    return [part / total for part in parts], math.exp(of_none - top) / total


def _reasons(signs: Signs, weights: ChangeWeights) -> tuple[str, ...]:
    if signs.excluded or not signs.late(weights):
        return signs.reasons
    return (*signs.reasons[:-1], f"{signs.reasons[-1]}, rather long")


def clear_winner(scores: Sequence[float], none: float, bar: float) -> int | None:
    """Which candidate is blamed: none where nothing tells two equals apart, or none of them is more likely."""
    best = max(scores, default=0.0)
    return scores.index(best) if best >= bar and best > none and scores.count(best) == 1 else None


def _utility(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    return sum(weights.get(name, 0.0) * value for name, value in values.items())
