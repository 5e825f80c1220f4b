"""What is measured for which question."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.vocabulary import Window
from pipeline.alert_rule import condition_of
from pipeline.brief import Question
from pipeline.gather import plan
from pipeline.measurable import narrowed
from pipeline.signals import load_domain

DOMAIN = load_domain()
AT = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)


def question(text: str, intent: str) -> Question:
    families = tuple(DOMAIN.families_of(text))
    return Question(text, intent, AT, Window(start=AT - timedelta(hours=1), end=AT), families=families)


def planned(text: str, intent: str, alerts=()) -> list[str]:
    return [signal.name for signal in plan(question(text, intent), alerts, DOMAIN)]


def test_an_alert_is_measured_with_everything_that_may_explain_it(memory_alert) -> None:
    names = planned("why?", "explain_alert", [memory_alert])
    assert names[0] == "memory_used"
    assert {"container_memory", "container_oom"} <= set(names)


def test_a_failing_service_is_traced_as_far_as_the_rules_go() -> None:
    names = set(planned("is jellyfin down?", "metric_question"))
    assert {
        "probe",
        "dns",
        "host_up",
        "certificate",
        "container_restarts",
        "cpu_steal",
        "guest_cpu",
        "disk_wait",
    } <= names


def test_a_question_about_memory_does_not_ask_for_probes() -> None:
    assert not {"probe", "dns"} & set(planned("memory on media", "metric_question"))


@pytest.mark.parametrize("intent", ["runbook_lookup", "out_of_scope", "log_question"])
def test_some_questions_measure_nothing(intent) -> None:
    assert planned("anything", intent) == []


def test_a_sweep_measures_nearly_everything() -> None:
    names = planned("is anything wrong?", "status")
    assert len(names) == len(set(names)) >= 25


def test_an_alert_of_no_known_family_gets_a_sweep(memory_alert) -> None:
    odd = memory_alert.model_copy(update={"name": "FooBarBaz", "annotations": {"summary": "quux"}})
    assert len(planned("why?", "explain_alert", [odd])) >= 25


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("probe_success == 0", ("probe_success", "==", 0)),
        ("((up < 1))", ("up", "<", 1)),
        ("rate(a[5m]) > 0.5 and on(x) b > 1", ("rate(a[5m])", ">", 0.5)),
        ("absent(up)", None),
        ("a > b", None),
        ("not promql (", None),
    ],
)
def test_the_condition_of_a_rule(expression, expected) -> None:
    condition = condition_of(expression)
    assert (condition and (condition.query, condition.comparison, condition.threshold)) == expected


def test_signals_and_rules_name_only_what_exists() -> None:
    used = {name for family in DOMAIN.families for name in family.signals}
    used |= {name for rule in DOMAIN.explanations for name in (*rule.effect, *rule.by)}
    assert used <= set(DOMAIN.signals)


def test_a_measurement_that_only_one_has_is_about_that_one(finding) -> None:
    asked = question("are we on battery?", "metric_question")
    ups = finding("ups_battery", "ups", 1.0)
    assert narrowed(asked, [ups, finding("host_up", "media", 1.0)]).subjects == ("ups",)
    assert narrowed(asked, [ups, finding("ups_battery", "ups2", 0.0)]).subjects == ()
