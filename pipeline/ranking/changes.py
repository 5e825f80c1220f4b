"""Which change brought a symptom about, or that none of them did.

A candidate is judged by when it took effect (each kind has its typical delay; being the latest is no merit), where (on the affected
entity or upstream of it), and what it speaks of (the option, file or limit that the error lines name; the topic of the
metric that moved). A change after the onset, or after the first shift, is never the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from core.vocabulary import CauseKind, Change
from pipeline.ranking.change_weights import WEIGHTS, ChangeWeights
from pipeline.ranking.entities import Topology
from pipeline.ranking.incident import Incident
from pipeline.ranking.places import nearness, reaches
from pipeline.ranking.shifts import Shift
from pipeline.ranking.text import LogLines, agreement, only_comments, words_of_change
from pipeline.ranking.topics import Topics

SLACK_S = 60.0
"""Clocks and sampling: a change so little after a shift may still be its cause."""
OPAQUE = frozenset({"image_update", "version", "flag", "manual", "guest_lifecycle"})
"""Kinds that say little of what they change, or that somebody does by hand."""
BY_HAND = frozenset({"manual", "flag", "guest_lifecycle"})
"""Kinds by which somebody may do to the hardware what otherwise comes from outside."""
WRITTEN = frozenset({"config_commit", "ansible_task", "annotation", "manual"})
"""Kinds that may change nothing that runs: a release always does."""
CERTAIN = 0.6
"""An agreement with the lines that overrules what else speaks against a change."""
VAGUE = 2
"""Reasons of a candidate that only has a place and a time."""
ALONE = 1.1
"""By so much it has to outdo one that more speaks for."""


@dataclass(frozen=True)
class RankedChange:
    """`score` is 0..1. When no candidate clears the bar, no change explains the symptom."""

    change: Change
    score: float
    clears_bar: bool
    reasons: tuple[str, ...]


def rank_changes(
    changes: Iterable[Change],
    onset: datetime,
    *,
    symptoms: Sequence[Shift] = (),
    log_lines: LogLines = (),
    topology: Topology | None = None,
    affected: Mapping[str, float] | None = None,
    kind: CauseKind | None = None,
    weights: ChangeWeights = WEIGHTS,
) -> list[RankedChange]:
    """Every candidate, the most likely cause first.

    `onset` is when the symptom began (UTC). `symptoms` are shifts whose series begin with the name of their entity, `log_lines` are
    (time, entity or None, text), `topology` is what each entity depends on; all three may be empty, and the less there is the less is said.
    `affected` says how much (0..1) each entity is part of the symptom, where that is known better than from the symptoms; `kind` of what kind
    the cause is.
    """
    changes = list(changes)
    incident = Incident(changes, onset, symptoms, log_lines, topology or {}, affected, kind)
    ranked = _told_apart([_judged(change, incident, weights) for change in changes])
    return sorted(
        ranked,
        key=lambda each: (not each.clears_bar, -each.score, -_effective(each.change).timestamp(), each.change.id),
    )


def _judged(change: Change, incident: Incident, weights: ChangeWeights) -> RankedChange:
    at = _effective(change)
    reasons: list[str] = []
    if at > incident.onset:
        return RankedChange(change, 0.0, clears_bar=False, reasons=("after the onset",))
    place, where = nearness(change, incident.affected, incident.topology, words_of_change(change))
    reasons.append(where)
    near = {change.entity, *incident.affected} if change.entity else set(incident.affected)
    first = incident.first_shift({name for name in near if name and incident.affected.get(name, 0) >= 0.5})
    if first is not None and (at - first.at).total_seconds() > SLACK_S:
        return RankedChange(change, 0.02 * place, clears_bar=False, reasons=(f"{first.series} moved before it", where))
    said, what, common, shared = _said(change, at, incident, weights, began=first is not None and incident.fills_up)
    reasons += what
    told = where.startswith("names ") or any(reason.startswith("speaks of ") for reason in what)
    shares = bool(set(common) & incident.topics_file.shared) and change.entity in incident.affected
    if shares:
        place = max(place, weights.sharing)
    elif common and where.startswith("names "):
        place = max(place, weights.named_and_about)
    elif (
        shared >= CERTAIN and " which depends on " in where
    ):  # what a client asks for stands in the errors of who serves it
        place = max(place, weights.sharing)
    delay = weights.delay_s.get(change.kind, 1800.0)
    if slow := [weights.accumulating[topic] for topic in common if topic in weights.accumulating]:
        delay *= max(slow)
    elif (
        first is None and change.kind in OPAQUE and place == 1 and incident.topics.keys() & weights.accumulating.keys()
    ):
        delay *= weights.accumulating_opaque
    began = min(incident.onset, first.at) if first else incident.onset
    lag = max(0.0, (began - at).total_seconds())
    timely = 1.0 if lag <= delay else delay / lag
    reasons.append(f"{_length(lag)} before" + ("" if timely == 1 else ", rather long"))
    score = place * said * timely * (1.0 if shares else _reach(change, incident, weights))
    if not (change.diff or told or incident.was_stopped_by(change)):  # what shows a diff did change something
        score *= weights.seldom.get(change.kind, 1.0)
    if first is None and incident.fills_up:
        score *= weights.crept_up
    score = round(min(1.0, score), 4)
    return RankedChange(change, score, clears_bar=score >= weights.bar, reasons=tuple(reasons))


def _told_apart(ranked: list[RankedChange]) -> list[RankedChange]:
    """Candidates that nothing but time and place speaks for are doubtful beside each other, and beside one that more speaks for.

    One whose words can be read and say nothing is no match for one that does not say what it changes.
    """
    clear = [each for each in ranked if each.clears_bar]
    vague = [each for each in clear if len(each.reasons) == VAGUE]
    rivals = [each for each in vague if each.change.kind in OPAQUE] or vague
    told = max((each.score for each in clear if each not in vague), default=0.0)
    doubtful = [
        each
        for each in vague
        if each not in rivals
        or each.score < ALONE * max([told, *(rival.score for rival in rivals if rival is not each)])
    ]
    return [
        replace(r, clears_bar=False, reasons=(*r.reasons, "no sign but this")) if r in doubtful else r for r in ranked
    ]


def _said(
    change: Change, at: datetime, incident: Incident, weights: ChangeWeights, *, began: bool
) -> tuple[float, list[str], list[str], float]:
    """How convincing the change is by what it speaks of, 0..1, with the reasons, the topics that it shares with the symptom, and how
    far its words agree with the lines.

    `began`: what fills up clearly began to do so, so that it matters little how often such a thing comes from a change.
    """
    topics: Topics = incident.topics_file
    shared, tokens = agreement(change, at, incident.lines, incident.rarity, incident.names)
    own = topics.of(words_of_change(change), without=incident.named)
    common = [topic for topic in incident.main_topics if topic in own]
    said = weights.said_nothing_opaque if change.kind in OPAQUE else weights.said_nothing
    if change.kind in WRITTEN and incident.affected.get(change.entity or "", 0.0) == 1.0:
        said = max(said, weights.said_nothing_there)
    main = topics.of_kind.get(incident.kind or "")
    if common:
        said = max(said, weights.said_topic * (1.0 if main is None or main in common else weights.beside_the_kind))
    prior = 1.0 if began or incident.kind is None else weights.by_change.get(incident.kind, 1.0)
    said *= min(1.0, prior / weights.seldom_without if not common else 0.5 + prior)
    said += (1 - said) * shared
    reasons = []
    if incident.was_stopped_by(change):
        said = max(said, weights.said_stopped)
        reasons.append("stopped it, by its title")
    if shared >= 0.3:
        reasons.append(f"speaks of {', '.join(tokens)}, as the logs do")
    if common:
        reasons.append(f"is about {common[0].replace('_', ' ')}, as the symptom is")
    outside = [
        t
        for t in incident.main_topics
        if t in topics.outside and (incident.ran_out or not (common and t in topics.by_time))
    ]
    told = shared >= CERTAIN and not set(outside) & topics.machine
    if outside and not told and not (change.kind in BY_HAND and own.keys() & set(outside)):
        said *= weights.outside
        reasons.append(f"the symptom is about {outside[0].replace('_', ' ')}, which no such change brings about")
    harmless = _harmlessness(change, incident) if change.kind in WRITTEN and shared < CERTAIN else None
    if harmless is not None:
        said *= weights.harmless if harmless == "files" else weights.harmless_words
        reasons.append("changes nothing that runs" if harmless == "files" else "hardly changes what runs, by its title")
    return said, reasons, common, shared


def _harmlessness(change: Change, incident: Incident) -> Literal["files", "words"] | None:
    if only_comments(change.diff):
        return "files"
    found = incident.topics_file.harmlessness(change.title, change.files, without=incident.named)
    return None if found == "words" and change.diff else found  # what it does stands in its diff


def _reach(change: Change, incident: Incident, weights: ChangeWeights) -> float:
    """Less for a change that leaves unexplained some of what failed on its own: neither its entity nor dependent on it."""
    if change.entity is None:
        return 1.0
    alone = {name for name, weight in incident.affected.items() if weight >= 0.3 and incident.fails_alone(name)}
    if not alone or incident.is_named_by_others(change.entity):
        return 1.0
    explained = {name for name in alone if name == change.entity or reaches(name, change.entity, incident.topology)}
    if not explained:
        return 1.0
    return weights.uncovered + (1 - weights.uncovered) * len(explained) / len(alone)


def _effective(change: Change) -> datetime:
    return change.effective_at or change.at


def _length(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{timedelta(seconds=seconds).total_seconds() / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
