"""The frozen types that everything passes around. No I/O and no logic beyond what a field means.

Times are UTC-aware datetimes; they serialise to ISO 8601. Ratios are 0..1, sizes are bytes, durations are seconds.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from core.clock import to_utc

Intent = Literal[
    "explain_alert", "alert_summary", "metric_question", "log_question", "what_changed", "runbook_lookup",
    "playbook_lookup", "status", "rca_draft", "report", "self_status", "follow_up", "clarify", "out_of_scope",
]  # fmt: skip
Mode = Literal["llm", "deterministic", "cached"]
ChangeKind = Literal[
    "ansible_task", "config_commit", "image_update", "package_update", "restart", "reboot", "version",
    "guest_lifecycle", "backup", "annotation", "flag", "alert", "manual",
]  # fmt: skip
CauseKind = Literal[
    "cpu_saturation", "memory_leak", "oom", "disk_full", "disk_failure", "io_stall", "network_saturation",
    "network_partition", "dns_failure", "certificate_expiry", "authentication_failure", "crash_loop",
    "bad_configuration", "bad_release", "dependency_down", "connection_exhaustion", "noisy_neighbour",
    "traffic_surge", "power", "hardware", "clock_drift", "upstream_outage", "backup_failure", "unknown",
]  # fmt: skip
INTENTS: tuple[str, ...] = get_args(Intent)
CHANGE_KINDS: tuple[str, ...] = get_args(ChangeKind)
CAUSE_KINDS: tuple[str, ...] = get_args(CauseKind)

UtcDatetime = Annotated[AwareDatetime, AfterValidator(to_utc)]


class Frozen(BaseModel):
    """Base of every type here: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(Frozen):
    """A stretch of time, both ends included."""

    start: UtcDatetime
    end: UtcDatetime

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"the window ends ({self.end}) before it starts ({self.start})")
        return self

    @property
    def length(self) -> timedelta:
        return self.end - self.start


class Alert(Frozen):
    """One alert instance as Alertmanager or Grafana alerting sees it, or as `ALERTS` recorded it."""

    name: str
    state: Literal["pending", "firing", "suppressed", "resolved"]
    severity: str = "none"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    starts_at: UtcDatetime
    """When it began to fire, `for` included (the symptom itself is older by `for`)."""
    ends_at: UtcDatetime | None = None
    fingerprint: str = ""
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    source: str = "alertmanager"
    link: str | None = None

    @property
    def summary(self) -> str:
        return self.annotations.get("summary") or self.annotations.get("description") or self.name


class SeriesSummary(Frozen):
    """What a range query said of one series, computed in code; the raw matrix is never passed on.

    `points` is at most 240 (unix seconds, value) pairs for a plot, `usual` at most as many (unix seconds, low, high) of the band that
    is normal, and `usual_from` says where that comes from; `unit` is one of `signals.yaml`, empty where it is not known; `trend_per_hour` is the slope of a robust line in the
    series' unit per hour; `onset` is where it left its own earlier level, if it did; `gaps` counts missing stretches.
    """

    labels: dict[str, str] = {}
    last: float
    minimum: float
    mean: float
    maximum: float
    trend_per_hour: float = 0.0
    onset: UtcDatetime | None = None
    before: float | None = None
    after: float | None = None
    gaps: int = 0
    samples: int = 0
    points: tuple[tuple[float, float], ...] = ()
    unit: str = ""
    usual: tuple[tuple[float, float, float], ...] = ()
    usual_from: str = ""


class Evidence(Frozen):
    """One numbered observation. `returned` of `available` items are shown; the rest was cut and is counted."""

    id: str
    source: str
    title: str
    query: str = ""
    window: Window | None = None
    summary: str
    series: tuple[SeriesSummary, ...] | None = None
    link: str | None = None
    returned: int = 0
    available: int = 0


class Change(Frozen):
    """Something that was done to the homelab. `effective_at` is when it reached the machine, if later than `at`."""

    id: str
    at: UtcDatetime
    effective_at: UtcDatetime | None = None
    kind: ChangeKind
    entity: str | None = None
    title: str
    detail: str = ""
    files: tuple[str, ...] = ()
    diff: str = ""
    source: str = ""
    actor: str | None = None


class AnsweredChange(Change):
    """A change as an `Answer` shows it: with the score it got as a possible cause, and why. `origin` is the id that its source gave it."""

    score: float = 0.0
    reasons: tuple[str, ...] = ()
    origin: str = ""


class Passage(Frozen):
    """A piece of a document that search found. `document` is relative to its source, `line` its first in the file, from 1.

    `key` stays the same while the passage does, from one index to the next. `score` is the probability that the page answers the
    question. `changed_at` is when the document last changed (UTC); `freshness` says so in words, and what may be stale in it.
    """

    id: str
    document: str
    heading: str
    kind: Literal["runbook", "playbook", "incident"] = "runbook"
    score: float
    text: str
    key: str | None = None
    line: int | None = None
    changed_at: UtcDatetime | None = None
    freshness: str = ""


class Cause(Frozen):
    """The most likely cause. `confidence` is decided by code. `alternatives` are one-line statements."""

    statement: str
    entity: str | None = None
    kind: CauseKind = "unknown"
    change_id: str | None = None
    confidence: float = Field(ge=0, le=1)
    alternatives: tuple[str, ...] = ()


class Action(Frozen):
    """One thing the reader may do. The assistant never does it. `command` is quoted from `passage_id`."""

    text: str
    command: str | None = None
    passage_id: str | None = None


class Latency(Frozen):
    """Seconds of wall time; `tools` counts the time during which at least one source request was in flight."""

    total: float = 0.0
    llm: float = 0.0
    tools: float = 0.0
    retrieval: float = 0.0


class Usage(Frozen):
    """What an answer cost."""

    llm_calls: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    tool_calls: int = 0
    latency_s: Latency = Latency()


class Program(Frozen):
    """Which version of the pipeline answered."""

    name: str = "homelab-sre"
    version: str = "0.1.0"
    source: Literal["champion", "shipped"] = "shipped"


class Answer(Frozen):
    """What `sre ask` prints and `POST /ask` returns. `gaps` names every source that could not be read and every cut."""

    answer: str
    mode: Mode = "deterministic"
    intent: Intent
    subjects: tuple[str, ...] = ()
    cause: Cause | None = None
    actions: tuple[Action, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    passages: tuple[Passage, ...] = ()
    changes: tuple[AnsweredChange, ...] = ()
    gaps: tuple[str, ...] = ()
    program: Program = Program()
    usage: Usage = Usage()
    session_id: str | None = None


class Entity(Frozen):
    """A host, guest, service or device of the homelab, as the inventory knows it.

    `matchers` maps an exporter to the label matchers that select this entity's series there, for instance
    `{"node": 'instance="media:9100"'}`; `depends_on` names the entities that it needs (upstream).
    """

    name: str
    kind: Literal["node", "guest", "host", "service", "device"]
    aliases: tuple[str, ...] = ()
    address: str | None = None
    host: str | None = None
    depends_on: tuple[str, ...] = ()
    matchers: dict[str, str] = {}


class Event(Frozen):
    """One thing on a timeline. `suspected` marks what probably brought the symptom about."""

    at: UtcDatetime
    kind: Literal["alert", "resolved", "change", "shift", "log"]
    entity: str | None = None
    text: str
    source: str = ""
    suspected: bool = False
    reasons: tuple[str, ...] = ()


class Timeline(Frozen):
    """What happened within the window, in the order of time. `statement` says what is suspected, or that it was quiet before."""

    window: Window
    onset: UtcDatetime | None = None
    statement: str
    events: tuple[Event, ...] = ()
    available: int = 0
    gaps: tuple[str, ...] = ()
