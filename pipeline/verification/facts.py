"""What an answer may be checked against, and what a check says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from core.vocabulary import Alert, AnsweredChange, Evidence, Passage, Window


@dataclass(frozen=True)
class Facts:
    """The numbered items and what is known without a number.

    `names` are the hosts and services of the homelab with their aliases. `background` are lines that need no citation, because
    the reader sees them anyway or code says them itself: what was asked about, the gaps, the nearest pages. `window` is the one
    that was asked about.
    """

    evidence: tuple[Evidence, ...]
    passages: tuple[Passage, ...]
    changes: tuple[AnsweredChange, ...]
    names: frozenset[str]
    alerts: tuple[Alert, ...]
    question: str
    now: datetime
    zone: ZoneInfo
    background: tuple[str, ...] = ()
    window: Window | None = None


@dataclass(frozen=True)
class Problem:
    """A sentence that does not stand, and why: "“97.2 %” stands in none of E2, E3"."""

    sentence: str
    what: str


@dataclass(frozen=True)
class Verdict:
    """`text` is the answer without the problem sentences; `kept` the share (0..1) of its sentences that stand.

    `core_lost` is true when what is left is no answer: the cause or the measurements were cut, or more than half of it.
    """

    text: str
    problems: tuple[Problem, ...]
    core_lost: bool
    kept: float
