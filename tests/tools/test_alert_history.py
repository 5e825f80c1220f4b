"""Episodes out of recorded ALERTS samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.vocabulary import Window
from tools import alert_history
from tools.alerts import AlertRule, RuleAlert

START = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
WINDOW = Window(start=START, end=START + timedelta(hours=1))
LABELS = {
    "__name__": "ALERTS",
    "alertstate": "firing",
    "alertname": "HostDown",
    "instance": "nas:9100",
    "severity": "Critical",
}
RULE = AlertRule(
    name="HostDown",
    state="inactive",
    duration_s=120,
    labels={"severity": "Critical"},
    annotations={
        "summary": "{{ $labels.instance }} is down{{.Labels.nothing}}",
        "description": "for {{ $value | humanizeDuration }}",
        "runbook": "host-down.md",
    },
)


def at(minute: float) -> float:
    return (START + timedelta(minutes=minute)).timestamp()


def firing(first: float, last: float, *, every_s: float = 15) -> list[float]:
    return [at(first) + every_s * step for step in range(int((last - first) * 60 / every_s) + 1)]


def test_a_gap_ends_an_episode_and_a_late_evaluation_does_not() -> None:
    times = [time for time in firing(10, 20) if time != at(12)] + firing(40, 45)
    first, second = alert_history.episodes([(LABELS, times)], WINDOW)
    assert (first.start, first.end, first.ended, first.began_before) == (at(10), at(20), True, False)
    assert (second.start, second.end, second.ended) == (at(40), at(45), True)
    assert first.labels == {"alertname": "HostDown", "instance": "nas:9100", "severity": "Critical"}


def test_what_fires_at_either_end_of_the_window_has_no_end_there() -> None:
    (whole,) = alert_history.episodes([(LABELS, firing(0, 60))], WINDOW)
    assert (whole.began_before, whole.ended) == (True, False)


def test_the_evaluation_interval_is_read_off_the_samples() -> None:
    slow = {**LABELS, "instance": "ups"}
    found = alert_history.episodes([(LABELS, firing(10, 20)), (slow, firing(5, 50, every_s=300)), (LABELS, [])], WINDOW)
    assert [(episode.labels["instance"], episode.start) for episode in found] == [("ups", at(5)), ("nas:9100", at(10))]


def test_one_lone_sample_is_an_episode() -> None:
    (lone,) = alert_history.episodes([(LABELS, [at(30)])], WINDOW)
    assert (lone.start, lone.end, lone.ended) == (at(30), at(30), True)


def test_an_episode_becomes_an_alert_with_the_rules_annotations() -> None:
    (episode,) = alert_history.episodes([(LABELS, firing(10, 20))], WINDOW)
    alert = alert_history.as_alert(episode, RULE, active_at=at(1), source="prometheus", link=None)
    assert (alert.name, alert.state, alert.severity) == ("HostDown", "resolved", "critical")
    assert (alert.starts_at, alert.ends_at) == (START + timedelta(minutes=10), START + timedelta(minutes=20))
    assert alert.annotations == {"summary": "nas:9100 is down", "runbook": "host-down.md"}


def test_one_that_fired_before_the_window_began_when_for_had_passed() -> None:
    (episode,) = alert_history.episodes([(LABELS, firing(0, 60))], WINDOW)
    with_rule = alert_history.as_alert(episode, RULE, active_at=at(-30), source="prometheus", link=None)
    assert with_rule.starts_at == START - timedelta(minutes=28)
    assert (with_rule.state, with_rule.ends_at) == ("firing", None)
    unknown = alert_history.as_alert(episode, None, active_at=None, source="prometheus", link=None)
    assert (unknown.starts_at, unknown.annotations) == (START, {})


def test_the_rule_of_an_alert_has_its_name_and_its_own_labels() -> None:
    warning = RULE.model_copy(update={"labels": {"severity": "warning"}})
    templated = RULE.model_copy(update={"labels": {"severity": "Critical", "host": "{{ $labels.instance }}"}})
    assert alert_history.rule_of(LABELS, [warning, templated]) is templated
    assert alert_history.rule_of({"alertname": "HostUp"}, [RULE]) is None


def test_what_fires_now_began_after_for() -> None:
    active = RuleAlert(labels={"alertname": "HostDown"}, state="firing", active_at=START)
    pending = RuleAlert(labels={"alertname": "HostDown"}, state="pending", active_at=START)
    rule = RULE.model_copy(update={"alerts": (active, pending)})
    (alert,) = alert_history.firing_now([rule], source="prometheus", link=lambda query: f"?{query}")
    assert (alert.state, alert.starts_at) == ("firing", START + timedelta(minutes=2))


def test_the_fingerprint_is_alertmanagers() -> None:
    """Taken from Alertmanager 0.25, which was sent these labels."""
    labels = {"alertname": "HostDown", "instance": "nas:9100", "severity": "critical", "ort": "Küche"}
    assert alert_history.fingerprint(labels) == "adf6adc53acebc20"
