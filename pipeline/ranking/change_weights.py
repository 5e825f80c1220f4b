"""The numbers by which changes are judged: a conditional logit (McFadden, 1974) over the candidates and "none of them".

The utility of a candidate is the sum of its signs times their weights; that of "none" the same over what is known of the incident. The
weights are fitted on the scenarios of the train split (`make optimise`); delays are typical times by the trade's experience.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from core.vocabulary import CauseKind
from core.yaml_files import load_shipped


@dataclass(frozen=True)
class ChangeWeights:
    """`delay_s` is the typical time from a kind of change to its effect, beyond which it becomes less likely; `accumulating` how many times as
    long it may be for topics of what fills up or runs out (`_opaque`: where the change does not say what it is about).
    `by_change` is how often a symptom of that kind comes from a change at all (always, if not named). `signs` and `none` are the fitted
    weights, `bar` the probability that a cause needs.
    """

    signs: Mapping[str, float]
    none: Mapping[str, float]
    bar: float = 0.4
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
    by_change: Mapping[CauseKind, float] = field(
        default_factory=lambda: {
            "disk_failure": 0.1, "power": 0.1, "upstream_outage": 0.1, "traffic_surge": 0.1, "hardware": 0.2, "certificate_expiry": 0.3,
            "clock_drift": 0.5, "io_stall": 0.5, "network_saturation": 0.5, "disk_full": 0.6,
        }
    )  # fmt: skip


ACCUMULATING = frozenset({"memory", "disk_space", "logging", "certificate", "time"})
"""Topics of what fills up or runs out."""
FITTED = Path(__file__).with_name("change_weights.yaml")
SIGNS = (
    "near", "itself", "upstream", "named", "late", "same_topic", "same_words", "stopped_it", "harmless", "unchanged", "from_outside",
    "release", "opaque", "no_diff", "silent",
)  # fmt: skip
NONE_SIGNS = ("always", "seldom_by_change", "fills_up", "ran_out")


@cache
def load_weights() -> ChangeWeights:
    """The shipped weights."""
    document = load_shipped(FITTED.read_text(encoding="utf-8"))
    return ChangeWeights(document["signs"], document["none"], document["bar"])
