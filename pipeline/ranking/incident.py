"""A symptom as changes are held against it: who is part of it, what it is about, when it began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from core.vocabulary import CauseKind, Change
from pipeline.ranking.entities import RankedEntity, Topology, rank_entities
from pipeline.ranking.places import entity_in
from pipeline.ranking.series_names import words_of
from pipeline.ranking.shifts import CLEAR_SHIFT, Shift
from pipeline.ranking.text import LogLines, is_error, rarity_among
from pipeline.ranking.topics import any_of, load_topics

MOVED_TOO = 0.6
"""How much an entity is part of the symptom that moved clearly, if not most tellingly."""
MAINLY = 0.65
"""Who is part of the symptom by so much of the most affected one's share says what it is about."""
JUST_ENDED_DAYS = 0.05
TOPIC_PART = 0.34
"""A topic that comes up so often, beside the most frequent one, is what the symptom is about."""


class Incident:
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
        self.named = any_of(self.names)
        self.rarity = rarity_among(changes)
        self.lines = sorted(lines, key=lambda line: line[0])
        self.ranked = rank_entities(symptoms, entity_of=lambda series: entity_in(series, known), topology=topology)
        self.affected = _affected(self.ranked, self.lines) if affected is None else dict(affected)
        self.topics = self._topics()
        most = max(self.topics.values(), default=1)
        if kind in self.topics_file.of_kind:
            self.topics[self.topics_file.of_kind[kind]] = most + 1
        if self.ran_out:
            self.topics["expiry"] = most + 1
        self.main_topics = [topic for topic, count in self.topics.most_common() if count >= TOPIC_PART * most]

    @property
    def ran_out(self) -> bool:
        """Whether a certificate ended just then: by itself, as one that was put in its place would have ended at another time."""
        return self.kind == "certificate_expiry" and any(
            "certificate" in shift.series and abs(shift.after) < JUST_ENDED_DAYS
            for ranked in self.ranked
            if self.affected.get(ranked.entity, 0.0) >= MAINLY
            for shift in ranked.shifts
        )

    @property
    def fills_up(self) -> bool:
        """Whether it is of a kind that fills up: where nothing of it clearly began to move, it did so all along."""
        return bool(self.ranked) and self.kind in {"disk_full", "memory_leak"}

    def was_stopped_by(self, change: Change) -> bool:
        """Whether the change says that it took something down, and just that is what is not there any more."""
        return bool(self.topics_file.stopping.search(change.title)) and any(
            ranked.entity == change.entity and shift.direction == "down" and shift.after == 0 < shift.before
            for ranked in self.ranked
            for shift in ranked.shifts
        )

    def _topics(self) -> Counter[str]:
        """What the symptom speaks of: the clear shifts and the error lines of those that are part of it most."""
        main = {entity for entity, weight in self.affected.items() if weight >= MAINLY * max(self.affected.values())}
        found: Counter[str] = Counter()
        for entity in self.ranked:
            for shift in entity.shifts[:3] if entity.entity in main else ():
                if shift.score >= CLEAR_SHIFT:
                    found.update(set(self.topics_file.of(" ".join(words_of(shift.series.removeprefix(entity.entity))))))
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
    top = (ranked[0].score if ranked else 0.0) or 1.0
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
