"""What speaks for and against a change as the cause of a symptom: signs, each a number, with the reasons in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.vocabulary import Change
from pipeline.ranking.change_weights import ACCUMULATING, ChangeWeights
from pipeline.ranking.incident import Incident
from pipeline.ranking.places import DEPENDED_ON, ITSELF, NAMING, nearness
from pipeline.ranking.text import agreement, only_comments, words_of_change

SLACK_S = 60.0
"""Clocks and sampling: a change so little after a shift may still be its cause."""
OPAQUE = frozenset({"image_update", "version", "flag", "manual", "guest_lifecycle"})
"""Kinds that say little of what they change, or that somebody does by hand."""
RELEASES = frozenset({"image_update", "version"})
BY_HAND = frozenset({"manual", "flag", "guest_lifecycle"})
"""Kinds by which somebody may do to the hardware what otherwise comes from outside."""
WRITTEN = frozenset({"config_commit", "ansible_task", "annotation", "manual"})
"""Kinds that may change nothing that runs: a release always does."""
PART = 0.5
"""Who is so much part of the symptom has its shifts held against the change."""
AGREES = 0.3
CERTAIN = 0.6
"""An agreement with the lines that overrules what else speaks against a change."""
OTHER_DELAY_S = 1800.0
UNCHANGED = "(ok)"
"""How Ansible's tasks end that found everything as it should be."""


@dataclass(frozen=True)
class Signs:
    """`values` by the names of `ChangeWeights.signs`; one that is `excluded` cannot be the cause at all.

    It took effect `lag_s` seconds before the symptom. `slow` are its topics that fill up or run out; `may_be_slow`, that it does not say
    what it is about and that the symptom is of that sort.
    """

    values: Mapping[str, float]
    reasons: tuple[str, ...]
    excluded: bool = False
    kind: str = ""
    lag_s: float = 0.0
    slow: tuple[str, ...] = ()
    may_be_slow: bool = False

    def late(self, weights: ChangeWeights) -> float:
        """How much longer ago it is than such a change takes to show: the logarithm of the ratio, as a number below zero."""
        delay = weights.delay_s.get(self.kind, OTHER_DELAY_S)
        delay *= max((weights.accumulating.get(topic, 1.0) for topic in self.slow), default=1.0)
        if self.may_be_slow:
            delay *= weights.accumulating_opaque
        return -math.log(self.lag_s / delay) if self.lag_s > delay else 0.0


def effective(change: Change) -> datetime:
    return change.effective_at or change.at


def signs_of(change: Change, incident: Incident) -> Signs:
    """How the change looks beside the incident. One after the onset, or after what it should have moved, is excluded."""
    at = effective(change)
    if at > incident.onset:
        return Signs({}, ("after the onset",), excluded=True)
    place, where = nearness(change, incident.affected, incident.topology, words_of_change(change))
    near = {change.entity, *incident.affected} if change.entity else set(incident.affected)
    first = incident.first_shift({name for name in near if name and incident.affected.get(name, 0) >= PART})
    if first is not None and (at - first.at).total_seconds() > SLACK_S:
        return Signs({}, (f"{first.series} moved before it", where), excluded=True)
    values = {
        "near": math.log(place),
        "itself": float(where.endswith(ITSELF) and place == 1),
        "upstream": float(DEPENDED_ON in where and place > PART),
        "named": float(where.startswith(NAMING)),
        "opaque": float(change.kind in OPAQUE),
        "release": float(change.kind in RELEASES),
    }
    common, told = _words(change, at, incident, values)
    began = min(incident.onset, first.at) if first else incident.onset
    lag = max(0.0, (began - at).total_seconds())
    slow = tuple(topic for topic in common if topic in ACCUMULATING)
    return Signs(
        {name: value for name, value in values.items() if value},
        (where, *told, f"{_length(lag)} before"),
        kind=change.kind,
        lag_s=lag,
        slow=slow,
        may_be_slow=not slow
        and place == 1
        and first is None
        and change.kind in OPAQUE
        and bool(incident.topics.keys() & ACCUMULATING),
    )


def _words(change: Change, at: datetime, incident: Incident, values: dict[str, float]) -> tuple[list[str], list[str]]:
    """Adds the signs that lie in what the change says; the topics that it shares with the symptom, and the reasons."""
    topics = incident.topics_file
    shared, tokens = agreement(change, at, incident.lines, incident.rarity, incident.names)
    own = topics.of(words_of_change(change), without=incident.named)
    common = [topic for topic in incident.main_topics if topic in own]
    main = topics.of_kind.get(incident.kind or "")
    stopped = incident.was_stopped_by(change)
    reasons = ["stopped it, by its title"] if stopped else []
    if change.title.rstrip().endswith(UNCHANGED):
        values["unchanged"] = 1.0
        reasons.append("found nothing to change, by its title")
    if _is_harmless(change, incident, shared):
        values["harmless"] = 1.0
        reasons.append("changes nothing that runs")
        return [], reasons
    values["same_words"] = shared
    values["same_topic"] = float(bool(common) and (main is None or main in common))
    values["stopped_it"] = float(stopped)
    values["no_diff"] = float(not change.diff and not stopped and change.kind not in OPAQUE)
    values["silent"] = float(change.kind in WRITTEN and not common and shared < AGREES)
    if shared >= AGREES:
        reasons.append(f"speaks of {', '.join(tokens)}, as the logs do")
    if common:
        reasons.append(f"is about {common[0].replace('_', ' ')}, as the symptom is")
    from_outside = _from_outside(change, incident, common, shared, set(own))
    if from_outside:
        values["from_outside"] = 1.0
        reasons.append(f"the symptom is about {from_outside.replace('_', ' ')}, which no such change brings about")
    return common, reasons


def _from_outside(change: Change, incident: Incident, common: list[str], shared: float, own: set[str]) -> str | None:
    """The topic of the symptom that nobody's change brings about, unless this one clearly did."""
    topics = incident.topics_file
    outside = [
        topic
        for topic in incident.main_topics
        if topic in topics.outside and (incident.ran_out or not (common and topic in topics.by_time))
    ]
    told = shared >= CERTAIN and not set(outside) & topics.machine
    return outside[0] if outside and not told and not (change.kind in BY_HAND and own & set(outside)) else None


def _is_harmless(change: Change, incident: Incident, shared: float) -> bool:
    """Whether it touches only comments or files that people read."""
    if change.kind not in WRITTEN or shared >= CERTAIN:
        return False
    return only_comments(change.diff) or incident.topics_file.are_harmless(change.files)


def _length(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{timedelta(seconds=seconds).total_seconds() / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
