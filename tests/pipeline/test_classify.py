"""What a question is after, as code understands it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.errors import InvalidInput
from pipeline.classify import MAX_QUESTION_CHARACTERS, asks_to_act, check_question, classify

NOW = datetime(2026, 11, 20, 3, 10, tzinfo=UTC)

QUIET = {
    "Is anything wrong?": "status",
    "is everything ok": "status",
    "was anything wrong yesterday?": "status",
    "how is the media VM doing?": "status",
    "give me an overview": "status",
    "Summarize alerts": "alert_summary",
    "which alerts are firing right now?": "alert_summary",
    "what's firing?": "alert_summary",
    "list all active alerts by severity": "alert_summary",
    "Is any VM low on disk?": "metric_question",
    "why is CPU high on media?": "metric_question",
    "how much memory does jellyfin use?": "metric_question",
    "which certificates expire soon?": "metric_question",
    "is jellyfin down?": "metric_question",
    "top cpu consumers": "metric_question",
    "What changed in the last 24h?": "what_changed",
    "was anything deployed since Friday 18:00?": "what_changed",
    "was there a change before jellyfin broke?": "what_changed",
    "Is there a runbook for restarting the DNS stack?": "runbook_lookup",
    "how do I set up a new LXC?": "runbook_lookup",
    "what should I do when the UPS is on battery?": "runbook_lookup",
    "restart jellyfin": "runbook_lookup",
    "please reboot the media vm": "runbook_lookup",
    "Which Ansible role manages the Prometheus configuration?": "playbook_lookup",
    "which playbook sets up traefik": "playbook_lookup",
    "show me the error logs of jellyfin": "log_question",
    "any stack traces in tdarr?": "log_question",
    "Things seem slow": "clarify",
    "something is broken": "clarify",
    "the internet is weird today": "clarify",
    "draft an RCA for last night": "rca_draft",
    "write a post-mortem": "rca_draft",
    "weekly report please": "report",
    "how are you?": "self_status",
    "what can you see?": "self_status",
    "and yesterday?": "follow_up",
    "write me a poem about cats": "out_of_scope",
    "what is the capital of France": "out_of_scope",
    "tell me a joke": "out_of_scope",
}

FIRING = {
    "Why is HostHighMemory firing on media?": "explain_alert",
    "explain the alert on media": "explain_alert",
    "Why is everything slow?": "explain_alert",
    "what is going on with media": "explain_alert",
    "why is memory high on media": "explain_alert",
    "what happened?": "explain_alert",
    "summarize the alerts": "alert_summary",
    "what changed before this alert?": "what_changed",
    "Is there a runbook for this alert?": "runbook_lookup",
    "HostHighMemory": "explain_alert",
}


def intent(text, homelab, alerts):
    return classify(text, inventory=homelab, alerts=alerts, now=NOW, zone=ZoneInfo("UTC")).intent


@pytest.mark.parametrize(("text", "expected"), QUIET.items())
def test_intent_when_nothing_fires(text, expected, homelab) -> None:
    assert intent(text, homelab, ()) == expected


@pytest.mark.parametrize(("text", "expected"), FIRING.items())
def test_intent_while_an_alert_fires(text, expected, homelab, memory_alert) -> None:
    assert intent(text, homelab, (memory_alert,)) == expected


def test_subjects_window_and_alert_are_taken_from_the_words(homelab, memory_alert) -> None:
    question = classify(
        "Why was host high memory firing on media in the last 24h?",
        inventory=homelab, alerts=(memory_alert,), now=NOW, zone=ZoneInfo("UTC"),
    )  # fmt: skip
    assert question.subjects == ("media",)
    assert question.alert_names == ("HostHighMemory",)
    assert question.named_window
    assert question.window.length.total_seconds() == 86_400


def test_an_order_is_recognised_as_one() -> None:
    assert asks_to_act("please restart jellyfin")
    assert not asks_to_act("why did jellyfin restart?")


@pytest.mark.parametrize("text", ["", "  \n ", "x" * (MAX_QUESTION_CHARACTERS + 1), "why\x00", "\ud800", "a\ufffdb"])
def test_a_question_that_cannot_be_read_is_refused_by_name(text) -> None:
    with pytest.raises(InvalidInput, match=r"^question: "):
        check_question(text)


def test_other_scripts_are_text() -> None:
    assert check_question(" لماذا jellyfin بطيء؟ 🐢\n") == "لماذا jellyfin بطيء؟ 🐢"
