"""The numbers by which changes are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.vocabulary import CauseKind


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
    beside_the_kind: float = 0.66
    said_stopped: float = 0.8
    harmless: float = 0.1
    harmless_words: float = 0.5
    outside: float = 0.35
    seldom: Mapping[str, float] = field(
        default_factory=lambda: {"alert": 0.1, "package_update": 0.6, "restart": 0.6, "backup": 0.5, "annotation": 0.6}
    )
    by_change: Mapping[CauseKind, float] = field(
        default_factory=lambda: {
            "disk_failure": 0.1, "power": 0.1, "upstream_outage": 0.1, "traffic_surge": 0.1, "hardware": 0.2, "certificate_expiry": 0.3,
            "clock_drift": 0.5, "io_stall": 0.5, "network_saturation": 0.5, "disk_full": 0.6,
        }
    )  # fmt: skip
    uncovered: float = 0.5
    sharing: float = 0.7
    crept_up: float = 0.6
    named_and_about: float = 0.8
    seldom_without: float = 0.8
    bar: float = 0.44


WEIGHTS = ChangeWeights()
