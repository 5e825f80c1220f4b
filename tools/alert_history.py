"""What fired when, read back from the `ALERTS` series that Prometheus records. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

from core.clock import now
from core.vocabulary import Alert, Window
from tools.alerts import AlertRule

BOOKKEEPING = frozenset({"__name__", "alertstate"})
"""Labels of `ALERTS` that the alert itself does not have."""

_GAP_SPACINGS = 2.5
_SHORTEST_GAP_S = 10.0  # an evaluation that comes late ends no alert
_USUAL_SPACING_S = 60.0
_LABEL_REFERENCE = re.compile(r"\{\{-?\s*(?:\$labels|\.Labels)\.(\w+)\s*-?\}\}")


@dataclass(frozen=True, slots=True)
class Episode:
    """One uninterrupted stretch of firing; unix seconds. `began_before` says that it fired already when the window opened."""

    labels: dict[str, str]
    start: float
    end: float
    began_before: bool
    ended: bool


def episodes(series: Iterable[tuple[Mapping[str, str], Sequence[float]]], window: Window) -> list[Episode]:
    """The episodes in `ALERTS{alertstate="firing"}`, given as labels and sample times, in the order in which they began.

    A stretch ends where more than 2.5 evaluation intervals (and 10 s) hold no sample; the interval is read off the samples.
    """
    recorded = [(labels, sorted(times)) for labels, times in series if len(times)]
    spacings = [later - earlier for _, times in recorded for earlier, later in pairwise(times)]
    usual = median(spacings) if spacings else _USUAL_SPACING_S
    found: list[Episode] = []
    for labels, times in recorded:
        own = [later - earlier for earlier, later in pairwise(times)]
        longest = max(_GAP_SPACINGS * (median(own) if len(own) > 1 else usual), _SHORTEST_GAP_S)
        alert_labels = {name: value for name, value in labels.items() if name not in BOOKKEEPING}
        breaks = [index for index, gap in enumerate(own, start=1) if gap > longest]
        for first, past in zip([0, *breaks], [*breaks, len(times)], strict=True):
            start, end = times[first], times[past - 1]
            found.append(
                Episode(
                    labels=alert_labels,
                    start=start,
                    end=end,
                    began_before=start - window.start.timestamp() <= longest,
                    ended=window.end.timestamp() - end > longest,
                )
            )
    return sorted(found, key=lambda episode: (episode.start, sorted(episode.labels.items())))


def as_alert(
    episode: Episode, rule: AlertRule | None, *, active_at: float | None, source: str, link: str | None
) -> Alert:
    """An episode as an alert. One that began before the window fired since `active_at` plus the rule's `for`."""
    start = episode.start
    if episode.began_before and active_at is not None:
        start = min(start, active_at + (rule.duration_s if rule else 0.0))
    return Alert(
        name=episode.labels.get("alertname", ""),
        state="resolved" if episode.ended else "firing",
        severity=episode.labels.get("severity", "").lower() or "none",
        labels=episode.labels,
        annotations=rendered(rule.annotations, episode.labels) if rule else {},
        starts_at=datetime.fromtimestamp(start, UTC),
        ends_at=datetime.fromtimestamp(episode.end, UTC) if episode.ended else None,
        fingerprint=fingerprint(episode.labels),
        source=source,
        link=link,
    )


def firing_now(rules: Iterable[AlertRule], *, source: str, link: Callable[[str], str]) -> list[Alert]:
    """The alerts that fire according to the rules' own state, the oldest first. `link` opens a query."""
    alerts = [
        Alert(
            name=rule.name,
            state="firing",
            severity=alert.labels.get("severity", "").lower() or "none",
            labels=alert.labels,
            annotations=alert.annotations,
            # Firing began at the first evaluation after `for`; an evaluation interval later at most.
            starts_at=min(alert.active_at + timedelta(seconds=rule.duration_s), now()),
            fingerprint=fingerprint(alert.labels),
            source=source,
            link=link(rule.query),
        )
        for rule in rules
        for alert in rule.alerts
        if alert.state == "firing" and alert.active_at is not None
    ]
    return sorted(alerts, key=lambda alert: (alert.starts_at, alert.name))


def rule_of(labels: Mapping[str, str], rules: Iterable[AlertRule]) -> AlertRule | None:
    """The rule that an alert came from: the same name, and every label that the rule sets itself."""
    for rule in rules:
        own = {name: value for name, value in rule.labels.items() if "{{" not in value}
        if rule.name == labels.get("alertname") and own.items() <= labels.items():
            return rule
    return None


def rendered(annotations: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, str]:
    """Annotations with the alert's labels filled in. One that also needs its value is left out: `ALERTS` does not record it."""
    filled = {
        name: _LABEL_REFERENCE.sub(lambda reference: labels.get(reference[1], ""), template)
        for name, template in annotations.items()
    }
    return {name: text for name, text in filled.items() if "{{" not in text}


def fingerprint(labels: Mapping[str, str]) -> str:
    """What Prometheus and Alertmanager call an alert by: FNV-1a (64 bits) over its sorted labels, in hexadecimal."""
    digest = 0xCBF29CE484222325
    for name, value in sorted(labels.items()):
        for byte in b"%s\xff%s\xff" % (name.encode(), value.encode()):
            digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"
