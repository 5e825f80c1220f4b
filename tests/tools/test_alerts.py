"""One alert that two sources know is one alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from core.vocabulary import Alert
from tools.alerts import merge_alerts

AT = datetime(2026, 11, 20, 3, tzinfo=UTC)


def _alert(name: str = "HostHighCpu", source: str = "alertmanager", **labels: str) -> Alert:
    fields: dict[str, Any] = {"name": name, "state": "firing", "starts_at": AT, "source": source}
    return Alert(labels={"alertname": name, **labels}, **fields)


def test_the_same_alert_of_two_sources_is_kept_once_and_the_first_wins() -> None:
    ours = _alert(instance="media:9100")
    theirs = _alert(
        source="grafana", instance="media:9100", grafana_folder="Homelab", alertstate="firing", __alert_rule_uid__="r1"
    )
    assert merge_alerts([[ours], [theirs]]) == [ours]
    assert merge_alerts([[theirs], [ours]]) == [theirs]


def test_another_instance_or_another_name_is_another_alert_and_order_is_kept() -> None:
    first, second = _alert(instance="media:9100"), _alert(instance="db:9100")
    third = _alert("HostHighMemory", "grafana", instance="media:9100")
    assert merge_alerts([[first, second], [third, _alert(source="grafana", instance="db:9100")]]) == [
        first,
        second,
        third,
    ]


def test_a_label_only_one_of_them_has_tells_them_apart() -> None:
    assert (
        len(merge_alerts([[_alert(instance="media:9100")], [_alert(instance="media:9100", severity="warning")]])) == 2
    )


def test_no_alerts_anywhere_merge_to_none() -> None:
    assert merge_alerts([[], []]) == []


def _episode(source: str, start: int, end: int | None) -> Alert:
    """The same alert, firing between two minutes."""
    ends_at = None if end is None else AT + timedelta(minutes=end)
    times = {"starts_at": AT + timedelta(minutes=start), "ends_at": ends_at}
    return _alert(source=source, instance="media:9100").model_copy(update=times)


def test_an_alert_that_fired_twice_is_two_and_each_matches_its_own_time() -> None:
    """Two sources see one firing a little apart, as they evaluate at different moments."""
    recorded = [_episode("prometheus", 0, 10), _episode("prometheus", 30, None)]
    assert merge_alerts([recorded, [_episode("grafana", 1, 11), _episode("grafana", 31, 40)]]) == recorded


def test_a_time_that_only_the_second_source_saw_is_kept() -> None:
    before, between = _episode("grafana", -20, -10), _episode("grafana", 15, 20)
    recorded = [_episode("prometheus", 0, 10), _episode("prometheus", 30, None)]
    assert merge_alerts([recorded, [before, between]]) == [*recorded, before, between]
