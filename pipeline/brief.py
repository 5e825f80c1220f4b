"""What one question is about and what was found: the typed brief that every narrator reads.

`Question` is what classify makes of the words; `Brief` is what gather and retrieve add. A language model reads the same brief.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from core.vocabulary import Alert, AnsweredChange, Cause, Evidence, Intent, Passage, SeriesSummary, Window
from pipeline.signals import Family, Signal, Unmeasured
from tools.inventory import Inventory, Unknown
from tools.logs import LogLine

if TYPE_CHECKING:  # numpy: 0.2 s that listing alerts must not wait for
    from pipeline.rank import RankedEntity, Shift
    from pipeline.ranking.changes import Candidates

NEXT_TO_NOTHING = 0.1
"""Of a notable step: what is less beyond the usual is within it."""


EXPLAINS = frozenset({"explain_alert", "rca_draft"})
"""What leads from alerts to their cause. A draft without a subject or an alert is about everything."""


@dataclass(frozen=True)
class Question:
    """The words, and what code understood of them.

    `named_window` is true when the words named a time, `sure` false when no rule recognised what they are after, `weak` true when one
    did that is easily mistaken. `because`: what changed, what is measured or logged, or a page is asked for because of something that is wrong. `unmeasured` is what it asks for in vain.
    """

    text: str
    intent: Intent
    at: datetime
    window: Window
    named_window: bool = False
    subjects: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    families: tuple[Family, ...] = ()
    alert_names: tuple[str, ...] = ()
    session_id: str | None = None
    sure: bool = True
    weak: bool = False
    because: bool = False
    unmeasured: tuple[Unmeasured, ...] = ()
    asked_at: datetime | None = None
    """When it was asked, where `at` is the earlier moment that it looks at."""

    @property
    def today(self) -> datetime:
        """A time of another day than this one is told with its date."""
        return self.asked_at or self.at

    @property
    def explains(self) -> bool:
        """Whether a cause belongs to the answer."""
        return self.intent in EXPLAINS or self.because

    @property
    def asks_why(self) -> bool:
        """Whether a cause is what is asked for."""
        return self.intent in EXPLAINS or (self.because and self.intent == "what_changed")


@dataclass(frozen=True)
class Usual:
    """What a signal usually is at one hour of the week: the quantiles 5, 50 and 95 % of what was learnt.

    `seen` counts the weeks that it was learnt from; where `weekly` is false, the days: that hour of all days was pooled.
    """

    low: float
    middle: float
    high: float
    seen: int
    weekly: bool = True


@dataclass(frozen=True)
class Finding:
    """One signal of one entity at one moment, beside its normal.

    `normal` is the middle of what is `usual` at this hour of the week, where that was learnt. Else it is the middle of what was measured
    at the same time yesterday and last week; where these disagree, or one is missing, an hour ago has a say too: an incident at this very
    time yesterday makes no normal. `severity` counts how many notable steps the value is away from it in the bad direction.
    """

    signal: Signal
    entity: str
    labels: dict[str, str]
    exporter: str
    value: float
    yesterday: float | None = None
    last_week: float | None = None
    an_hour_ago: float | None = None
    usual: Usual | None = None
    series: SeriesSummary | None = None
    evidence_id: str | None = None

    @property
    def normal(self) -> float | None:
        if self.usual is not None:
            return self.usual.middle
        known = [value for value in (self.yesterday, self.last_week, self.an_hour_ago) if value is not None]
        if self.an_hour_ago is None or len(known) != 2 or self.signal.bad == "both":
            return median(known) if known else None
        return max(known) if self.signal.bad == "down" else min(known)

    def beyond_usual(self, value: float) -> float | None:
        """How far a value is above (or, negative, below) what is usual: 0 within it, and for next to nothing; None where it was not learnt."""
        if self.usual is None:
            return None
        beyond = value - min(max(value, self.usual.low), self.usual.high)
        return 0.0 if abs(beyond) <= NEXT_TO_NOTHING * self.signal.notable else beyond

    @property
    def rise(self) -> float:
        """How far the value is from its normal in the bad direction, in the signal's unit; never negative."""
        if self.normal is None:
            return 0.0
        delta = self.value - self.normal
        if self.signal.bad == "both":
            return abs(delta)
        return max(0.0, -delta if self.signal.bad == "down" else delta)

    @property
    def severity(self) -> float:
        return self.rise / self.signal.notable

    @property
    def moved(self) -> bool:
        """Whether it left its normal by a step that is worth mentioning."""
        return self.severity >= 1 and self.rise >= self.signal.relative * abs(self.normal or 0.0)

    @property
    def breached(self) -> bool:
        return self.signal.beyond(self.value)

    @property
    def chronic(self) -> bool:
        """Bad yesterday and last week as well: not what is new."""
        history = [value for value in (self.yesterday, self.last_week, self.an_hour_ago) if value is not None]
        return bool(history) and all(self.signal.beyond(value) for value in history)

    @property
    def abnormal(self) -> bool:
        if self.signal.is_state or self.normal is None:
            return self.breached
        if self.beyond_usual(self.value) == 0:
            return False
        return self.moved and (self.breached or self.severity >= 2)


@dataclass(frozen=True)
class Ranking:
    """The entities that were measured for one signal, worst first; the first `shown` of `rows` are told."""

    title: str
    rows: tuple[Finding, ...]
    shown: int
    evidence_id: str | None = None


@dataclass(frozen=True)
class Movement:
    """`onset` is when the symptom began (UTC), `shifts` are named "entity:signal", `entities` are in the order of cause."""

    onset: datetime
    shifts: tuple[Shift, ...] = ()
    entities: tuple[RankedEntity, ...] = ()


@dataclass(frozen=True)
class Changed:
    """What is known of changes beside the numbered ones: over which window, how many there were, whether every source could be read.

    `cleared` says whether the first numbered change explains the symptom; None where there is no symptom to explain. `considered` is what
    they were ranked by, `accused` the origin of the one that the question blames without being right.
    """

    window: Window
    available: int
    complete: bool
    cleared: bool | None = None
    considered: Candidates | None = None
    accused: str | None = None


@dataclass(frozen=True)
class Brief:
    """Everything that is known about a question, numbered. `chain` leads from the symptom to what explains it.

    `explained` holds the alerts that the answer is about, each with the number of its evidence item, worst first. What could not
    be read is not the same as nothing: `alerts_read`, `history_read` and `measured` tell the two apart. `nearest_pages` are the
    documents that came closest when none answers, so that there are no `passages`. `changed` is None where no source of changes
    is configured, or none was asked; `moved` where nothing was explained. `model` names the language model that writes
    answers, if one does.
    """

    question: Question
    inventory: Inventory
    zone: ZoneInfo
    alerts: tuple[Alert, ...] = ()
    history: tuple[Alert, ...] = ()
    explained: tuple[tuple[Alert, str], ...] = ()
    alerts_read: bool = True
    history_read: bool = True
    measured: bool = True
    findings: tuple[Finding, ...] = ()
    chain: tuple[Finding, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    log_lines: tuple[LogLine, ...] = ()
    affected: tuple[str, ...] = ()
    cause: Cause | None = None
    evidence: tuple[Evidence, ...] = ()
    passages: tuple[Passage, ...] = ()
    nearest_pages: tuple[str, ...] = ()
    changes: tuple[AnsweredChange, ...] = ()
    changed: Changed | None = None
    moved: Movement | None = None
    gaps: tuple[str, ...] = ()
    model: str | None = None

    def number_of(self, title: str) -> str:
        """The citation of the first evidence item with that title, with a space before it; empty when there is none."""
        return next((f" [{item.id}]" for item in self.evidence if item.title == title), "")

    def with_evidence(self, item: Evidence) -> tuple[Brief, str]:
        """The brief with one more numbered item, and the number it got."""
        number = f"E{len(self.evidence) + 1}"
        return replace(self, evidence=(*self.evidence, item.model_copy(update={"id": number}))), number


@dataclass
class Gaps:
    """Collects what could not be read while sources are asked concurrently; each line once."""

    lines: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        if line not in self.lines:
            self.lines.append(line)

    def add_of(self, what: str, line: str) -> None:
        """A line of one of several sources, with what it was asked for before it: "changes: ara: …"."""
        self.add(line if line.startswith(what) else f"{what}: {line}")
