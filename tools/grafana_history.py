"""From the state changes of Grafana's alert instances to the alerts that fired, with their beginning and end."""

from __future__ import annotations

from datetime import datetime

from core.vocabulary import Alert, Window
from tools.grafana_annotations import Annotation
from tools.grafana_state import ERROR_ALERT, NO_DATA_ALERT, firing_name, parse_state
from tools.listing import Listing

BEGAN_BEFORE = "it already fired when the window began; its real start is earlier"

_Instance = tuple[int, str, frozenset[tuple[str, str]]]


def pair_state_changes(source: str, annotations: Listing[Annotation], window: Window) -> Listing[Alert]:
    """One alert per time that an instance fired in `window`, by start. One that had no state change in it is not seen.

    An alert that fired already when the window began starts there, and says so in its annotation `began`; one that had not
    ended when the window did is still "firing".
    """
    changes = sorted((a for a in annotations if a.is_state_change), key=lambda a: (a.at, a.id))
    # What came before the oldest change is unknown when the list was cut.
    known_since = changes[0].at if changes and annotations.gap else window.start
    firing: dict[_Instance, Alert] = {}
    seen: set[_Instance] = set()
    ended: list[Alert] = []
    unknown: list[str] = []
    for change in changes:
        after = parse_state(change.new_state)
        if after.word == "Unknown":
            unknown.append(after.reason)
            continue
        key = (change.alert_id, change.rule, frozenset(change.labels.items()))
        name = firing_name(after, change.rule)
        current = firing.pop(key, None) if key in seen else _already_firing(source, change, known_since)
        seen.add(key)
        if current is not None and current.name == name:
            firing[key] = current
            continue
        if current is not None:
            ended.append(current.model_copy(update={"state": "resolved", "ends_at": change.at}))
        if name is not None:
            firing[key] = _to_alert(source, change, name, change.at)
    alerts = sorted([*ended, *firing.values()], key=lambda alert: alert.starts_at)
    gaps = [annotations.gap] if annotations.gap else []
    if unknown:
        gaps.append(f"{source}: {len(unknown)} changes to an unknown state ({unknown[0]}) were left out")
    return Listing(tuple(alerts), "; ".join(gaps) or None)


def _already_firing(source: str, change: Annotation, known_since: datetime) -> Alert | None:
    """The alert that the instance's first change in the window ends or carries on, if it fired before."""
    name = firing_name(parse_state(change.prev_state), change.rule)
    if name is None:
        return None
    alert = _to_alert(source, change, name, min(known_since, change.at))
    return alert.model_copy(update={"annotations": {"began": BEGAN_BEFORE}})


def _to_alert(source: str, change: Annotation, name: str, starts_at: datetime) -> Alert:
    labels = {**change.labels, "alertname": name}
    if name in (NO_DATA_ALERT, ERROR_ALERT):
        labels["rulename"] = change.rule
    return Alert(
        name=name,
        state="firing",
        severity=labels.get("severity", "").lower() or "none",
        labels=labels,
        annotations={"value": change.value} if change.value else {},
        starts_at=starts_at,
        source=source,
    )
