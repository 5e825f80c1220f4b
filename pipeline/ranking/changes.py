"""Which change brought a symptom about, or that none of them did.

A candidate is judged by when it took effect (each kind has its typical delay; being the latest is no merit), where (on the affected
entity or upstream of it), and what it speaks of (the option, file or limit that the error lines name; the topic of the
metric that moved). A change after the onset, or after the first shift, is never the cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from core.vocabulary import CauseKind, Change
from pipeline.ranking.entities import RankedEntity, Topology, rank_entities
from pipeline.ranking.places import entity_in, nearness, reaches
from pipeline.ranking.series_names import words_of
from pipeline.ranking.shifts import Shift
from pipeline.ranking.text import LogLines, agreement, is_error, only_comments, rarity_among, words_of_change
from pipeline.ranking.topics import Topics, load_topics

CLEAR_SHIFT = 8.0
"""Spreads at which a shift is sure enough to exonerate what came after it."""
MOVED_TOO = 0.6
"""How much an entity is part of the symptom that moved clearly, if not most tellingly."""
MAINLY = 0.65
"""Who is part of the symptom by so much of the most affected one's share says what it is about."""
SLACK_S = 60.0
"""Clocks and sampling: a change so little after a shift may still be its cause."""
OPAQUE = frozenset({"image_update", "version", "flag", "manual", "guest_lifecycle"})
"""Kinds that say little of what they change, or that somebody does by hand."""
BY_HAND = frozenset({"manual", "flag", "guest_lifecycle"})
"""Kinds by which somebody may do to the hardware what otherwise comes from outside."""
WRITTEN = frozenset({"config_commit", "ansible_task", "annotation", "manual"})
"""Kinds that may change nothing that runs: a release always does."""
NAMED_BY = 2
VAGUE = 2
"""Reasons of a candidate that only has a place and a time."""
ALONE = 1.1
"""By so much it has to outdo one that more speaks for."""
TOPIC_PART = 0.34
"""A topic that comes up so often, beside the most frequent one, is what the symptom is about."""


@dataclass(frozen=True)
class ChangeWeights:
    """`delay_s` is the typical time from a kind of change to its effect, beyond which it becomes less likely; `accumulating` how many times as
    long it may be for topics of what fills up or runs out (`_opaque`: where the change does not say what it is about). The `said_` numbers are
    how convincing a candidate in the right place and time is by its words alone: nothing in common (on the most affected entity itself: `_there`), the same topic, up to the same names.
    `by_change` is how often a symptom of that kind comes from a change at all (always, if not named). `bar` is the score that a cause needs.
    """

    delay_s: Mapping[str, float] = field(
        default_factory=lambda: {
            "ansible_task": 1800.0, "config_commit": 1800.0, "image_update": 3600.0, "package_update": 3600.0, "restart": 900.0,
            "reboot": 1800.0, "version": 3600.0, "guest_lifecycle": 1800.0, "backup": 3600.0, "annotation": 1800.0,
            "flag": 1800.0, "alert": 300.0, "manual": 1800.0,
        }
    )  # fmt: skip
    accumulating: Mapping[str, float] = field(
        default_factory=lambda: {"memory": 8.0, "disk_space": 12.0, "logging": 12.0, "certificate": 24.0, "time": 24.0}
    )
    accumulating_opaque: float = 4.0
    said_nothing: float = 0.35
    said_nothing_there: float = 0.46
    said_nothing_opaque: float = 0.5
    said_topic: float = 0.65
    said_stopped: float = 0.8
    harmless: float = 0.1
    harmless_words: float = 0.5
    outside: float = 0.35
    seldom: Mapping[str, float] = field(
        default_factory=lambda: {"alert": 0.1, "package_update": 0.6, "restart": 0.6, "backup": 0.8, "annotation": 0.6}
    )
    by_change: Mapping[CauseKind, float] = field(
        default_factory=lambda: {
            "disk_failure": 0.1, "power": 0.1, "upstream_outage": 0.1, "traffic_surge": 0.1, "hardware": 0.2, "certificate_expiry": 0.3,
            "clock_drift": 0.5, "io_stall": 0.5, "network_saturation": 0.5, "disk_full": 0.6,
        }
    )  # fmt: skip
    uncovered: float = 0.5
    sharing: float = 0.7
    named_and_about: float = 0.8
    seldom_without: float = 0.8
    bar: float = 0.44


WEIGHTS = ChangeWeights()


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
    incident = _Incident(changes, onset, symptoms, log_lines, topology or {}, affected, kind)
    ranked = _told_apart([_judged(change, incident, weights) for change in changes])
    return sorted(
        ranked,
        key=lambda each: (not each.clears_bar, -each.score, -_effective(each.change).timestamp(), each.change.id),
    )


class _Incident:
    """What is known of the symptom, put together once for all candidates."""

    def __init__(  # noqa: PLR0917  what rank_changes is given
        self,
        changes: Sequence[Change],
        onset: datetime,
        symptoms: Sequence[Shift],
        lines: LogLines,
        topology: Topology,
        affected: Mapping[str, float] | None,
        kind: CauseKind | None,
    ) -> None:
        known = {name for change in changes if (name := change.entity)} | {entity for _, entity, _ in lines if entity}
        known |= set(topology) | {name for names in topology.values() for name in names}
        self.topology = topology
        self.onset = onset
        self.kind = kind
        self.topics_file = load_topics()
        self.names = frozenset(name.lower() for name in known) | self.topics_file.products.keys()
        self.rarity = rarity_among(changes)
        self.lines = sorted(lines, key=lambda line: line[0])
        self.ranked = rank_entities(symptoms, entity_of=lambda series: entity_in(series, known), topology=topology)
        self.affected = _affected(self.ranked, self.lines) if affected is None else dict(affected)
        self.topics = self._topics()
        most = max(self.topics.values(), default=1)
        if kind in self.topics_file.of_kind:
            self.topics[self.topics_file.of_kind[kind]] = most + 1
        self.main_topics = [topic for topic, count in self.topics.most_common() if count >= TOPIC_PART * most]

    def fails_alone(self, entity: str) -> bool:
        """Whether it clearly moved, and nothing else that is affected is upstream of it."""
        moved = any(r.entity == entity and r.shifts[0].score >= CLEAR_SHIFT for r in self.ranked)
        return moved and not any(other != entity and reaches(entity, other, self.topology) for other in self.affected)

    def was_stopped_by(self, change: Change) -> bool:
        """Whether the change says that it took something down, and just that is what is not there any more."""
        return bool(self.topics_file.stopping.search(change.title)) and any(
            ranked.entity == change.entity and shift.direction == "down" and shift.after == 0 < shift.before
            for ranked in self.ranked
            for shift in ranked.shifts
        )

    def is_named_by_others(self, entity: str) -> bool:
        """Whether enough of those that report errors name it: they depend on it, whatever the topology knows."""
        naming = {
            writer
            for _, writer, text in self.lines
            if writer not in {None, entity} and is_error(text) and entity.lower() in text.lower()
        }
        return len(naming) >= NAMED_BY

    def _topics(self) -> Counter[str]:
        """What the symptom speaks of: the clear shifts and the error lines of those that are part of it most."""
        main = {entity for entity, weight in self.affected.items() if weight >= MAINLY * max(self.affected.values())}
        found: Counter[str] = Counter()
        for entity in self.ranked:
            for shift in entity.shifts[:3] if entity.entity in main else ():
                if shift.score >= CLEAR_SHIFT:
                    found.update(set(self.topics_file.of(" ".join(_measured(shift.series, entity.entity)))))
        below = {name for entity in main for name in self.topology.get(entity, ())}
        for _, writer, text in self.lines:
            if is_error(text):
                told = set(self.topics_file.of(text))
                mine = writer is None or writer in main
                # What a machine says of its own hardware is about all that runs there; what else it says is not.
                found.update(told if mine else told & self.topics_file.machine if writer in below else ())
        return found

    def first_shift(self, entities: set[str]) -> Shift | None:
        """The earliest clear shift on any of the entities."""
        clear = [
            shift
            for ranked in self.ranked
            if ranked.entity in entities
            for shift in ranked.shifts
            if shift.score >= max(CLEAR_SHIFT, 0.2 * ranked.shifts[0].score)
        ]
        return min(clear, key=lambda shift: shift.at, default=None)


def _affected(ranked: Sequence[RankedEntity], lines: LogLines) -> dict[str, float]:
    """How much each entity is part of the symptom, 0..1."""
    top = ranked[0].score if ranked else 1.0
    found = {
        each.entity: max(
            min(1.0, max(0.0, each.score / top)) ** 2, MOVED_TOO if each.shifts[0].score >= CLEAR_SHIFT else 0.0
        )
        for each in ranked
    }
    found = {entity: weight for entity, weight in found.items() if weight >= 0.1}
    errors = Counter(entity for _, entity, text in lines if entity and is_error(text))
    for entity, count in errors.items():
        found[entity] = max(found.get(entity, 0.0), 0.5 if count == 1 else 0.7)
    return found


def _judged(change: Change, incident: _Incident, weights: ChangeWeights) -> RankedChange:
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
    said, what, common = _said(change, at, incident, weights)
    reasons += what
    shares = bool(set(common) & incident.topics_file.shared) and change.entity in incident.affected
    if shares:
        place = max(place, weights.sharing)
    elif common and where.startswith("names "):
        place = max(place, weights.named_and_about)
    delay = weights.delay_s.get(change.kind, 1800.0)
    if slow := [weights.accumulating[topic] for topic in common if topic in weights.accumulating]:
        delay *= max(slow)
    elif change.kind in OPAQUE and place == 1 and incident.topics.keys() & weights.accumulating.keys():
        delay *= weights.accumulating_opaque
    began = min(incident.onset, first.at) if first else incident.onset
    lag = max(0.0, (began - at).total_seconds())
    timely = 1.0 if lag <= delay else delay / lag
    reasons.append(f"{_length(lag)} before" + ("" if timely == 1 else ", rather long"))
    score = place * said * timely * (1.0 if shares else _reach(change, incident, weights))
    if not change.diff and not incident.was_stopped_by(change):  # what shows a diff did change something
        score *= weights.seldom.get(change.kind, 1.0)
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
    doubtful = [each for each in vague if len(rivals) > 1 or each not in rivals or each.score < ALONE * told]
    return [
        replace(r, clears_bar=False, reasons=(*r.reasons, "no sign but this")) if r in doubtful else r for r in ranked
    ]


def _said(
    change: Change, at: datetime, incident: _Incident, weights: ChangeWeights
) -> tuple[float, list[str], list[str]]:
    """How convincing the change is by what it speaks of, 0..1, with the reasons, and the topics it shares with the symptom."""
    topics: Topics = incident.topics_file
    shared, tokens = agreement(change, at, incident.lines, incident.rarity, incident.names)
    own = topics.of(words_of_change(change), without=incident.names)
    common = [topic for topic in incident.main_topics if topic in own]
    said = weights.said_nothing_opaque if change.kind in OPAQUE else weights.said_nothing
    if change.kind in WRITTEN and incident.affected.get(change.entity or "", 0.0) == 1.0:
        said = max(said, weights.said_nothing_there)
    said = max(said, weights.said_topic if common else 0.0)
    prior = weights.by_change.get(incident.kind, 1.0) if incident.kind else 1.0
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
    outside = [t for t in incident.main_topics if t in topics.outside and not (common and t in topics.by_time)]
    if outside and shared < 0.6 and not (change.kind in BY_HAND and own.keys() & set(outside)):
        said *= weights.outside
        reasons.append(f"the symptom is about {outside[0].replace('_', ' ')}, which no such change brings about")
    harmless = _harmlessness(change, topics) if change.kind in WRITTEN and shared < 0.6 else None
    if harmless is not None:
        said *= weights.harmless if harmless == "files" else weights.harmless_words
        reasons.append("changes nothing that runs" if harmless == "files" else "hardly changes what runs, by its title")
    return said, reasons, common


def _harmlessness(change: Change, topics: Topics) -> Literal["files", "words"] | None:
    return "files" if only_comments(change.diff) else topics.harmlessness(change.title, change.files)


def _reach(change: Change, incident: _Incident, weights: ChangeWeights) -> float:
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


def _measured(series: str, entity: str) -> tuple[str, ...]:
    return words_of(series.removeprefix(entity))


def _effective(change: Change) -> datetime:
    return change.effective_at or change.at


def _length(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{timedelta(seconds=seconds).total_seconds() / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
