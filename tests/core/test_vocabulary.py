"""The types that everything passes around keep their promises."""

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from pydantic import ValidationError

from core import vocabulary
from core.vocabulary import (
    CAUSE_KINDS,
    CHANGE_KINDS,
    INTENTS,
    Action,
    Alert,
    Answer,
    Cause,
    Change,
    Evidence,
    Frozen,
    Mode,
    Passage,
    Window,
)

AT = datetime(2025, 11, 20, 3, 10, tzinfo=UTC)
TYPES = [kind for kind in vars(vocabulary).values() if isinstance(kind, type) and issubclass(kind, Frozen)]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_types_are_frozen_and_refuse_unknown_fields(kind):
    assert kind.model_config["frozen"] is True
    assert kind.model_config["extra"] == "forbid"


def test_assignment_and_unknown_fields_are_errors():
    action = Action(text="restart it")
    with pytest.raises(ValidationError, match="frozen"):
        action.text = "other"
    with pytest.raises(ValidationError, match="Extra inputs"):
        Action(text="x", shell="rm")


def test_times_become_utc_and_naive_ones_are_refused():
    amsterdam = timezone(timedelta(hours=1))
    window = Window(start=AT.astimezone(amsterdam), end=AT + timedelta(hours=2))
    assert window.start.tzinfo is UTC
    assert window.length == timedelta(hours=2)
    assert '"2025-11-20T03:10:00Z"' in window.model_dump_json()
    with pytest.raises(ValidationError, match="timezone"):
        Window(start=AT.replace(tzinfo=None), end=AT)


def test_alert_summary_falls_back_to_description_then_name():
    alert = Alert(name="HostDown", state="firing", starts_at=AT)
    assert alert.summary == "HostDown"
    assert alert.model_copy(update={"annotations": {"description": "d"}}).summary == "d"
    assert alert.model_copy(update={"annotations": {"description": "d", "summary": "s"}}).summary == "s"


def test_two_alerts_do_not_share_labels():
    one, two = (Alert(name="A", state="firing", starts_at=AT) for _ in range(2))
    one.labels["x"] = "y"
    assert two.labels == {}


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_confidence_is_a_ratio(confidence):
    with pytest.raises(ValidationError):
        Cause(statement="x", confidence=confidence)


def test_a_change_is_built_from_its_four_words():
    change = Change(id="C1", at=AT, kind="image_update", title="jellyfin 10.9 to 10.10")
    assert change.effective_at is None
    with pytest.raises(ValidationError):
        Change(id="C1", at=AT, kind="gossip", title="x")
    with pytest.raises(ValidationError):
        Change(id="C1", kind="manual", title="x")


def test_an_answer_survives_json():
    answer = Answer(
        answer="It is the disk [E1].",
        intent="explain_alert",
        subjects=("nvr",),
        cause=Cause(statement="full", entity="nvr", kind="disk_full", confidence=0.8),
        actions=(Action(text="prune", command="df -h", passage_id="K1"),),
        evidence=(
            Evidence(id="E1", source="prometheus", title="disk", summary="97 %", window=Window(start=AT, end=AT)),
        ),
        passages=(Passage(id="K1", document="host-disk-full.md", heading="Mitigation", score=0.7, text="df"),),
        gaps=("grafana: not configured",),
    )
    assert Answer.model_validate_json(answer.model_dump_json()) == answer


def test_an_answer_has_the_fields_of_the_contract():
    contract = (
        "answer mode intent subjects cause actions evidence passages changes gaps program usage session_id".split()  # noqa: SIM905  as in the design
    )
    assert list(Answer.model_fields) == contract
    usage = Answer(answer="", intent="status").usage
    assert (usage.llm_calls, usage.input_tokens, usage.output_tokens, usage.cost_usd) == (0, 0, 0, 0.0)


def test_words_are_unique_and_nothing_is_unknown_to_the_contract():
    for words in (INTENTS, CHANGE_KINDS, CAUSE_KINDS):
        assert len(set(words)) == len(words)
    assert {"explain_alert", "alert_summary", "metric_question", "out_of_scope", "clarify"} <= set(INTENTS)
    assert {"ansible_task", "image_update", "manual"} <= set(CHANGE_KINDS)
    assert {"noisy_neighbour", "dns_failure", "unknown"} <= set(CAUSE_KINDS)
    assert get_args(Mode) == ("llm", "deterministic", "cached")
