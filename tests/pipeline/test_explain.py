"""The deterministic narrator: a brief in, an answer out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import INTENTS, Evidence, Passage, SeriesSummary, Window
from pipeline.actions import steps_of
from pipeline.alert_evidence import one_alert
from pipeline.brief import Brief, Question
from pipeline.cause import conclude, explain_symptom
from pipeline.explain import NARRATORS, explain
from pipeline.signals import load_domain
from pipeline.wording import summary_of
from tools.inventory import Inventory, Unknown

UTC_ZONE = ZoneInfo("UTC")


def a_question(alert, **changes) -> Question:
    at = alert.starts_at + timedelta(minutes=10)
    window = Window(start=at - timedelta(hours=1), end=at)
    return replace(
        Question("Why?", "explain_alert", at, window, subjects=("media",), alert_names=(alert.name,)), **changes
    )


@pytest.fixture
def brief(homelab, finding, memory_alert) -> Brief:
    """A leak in jellyfin that fills media's memory, with its evidence numbered as gather does."""
    host = finding("memory_used", "media", 0.963, 0.41)
    leak = finding("container_memory", "jellyfin", 9.0 * 2**30, 1.4 * 2**30)
    onset = memory_alert.starts_at - timedelta(minutes=5)
    series = SeriesSummary(last=0.963, minimum=0.4, mean=0.6, maximum=0.963, onset=onset)
    host = replace(host, evidence_id="E2", series=series)
    leak = replace(leak, evidence_id="E3")
    chain = explain_symptom(host, [host, leak], homelab, load_domain())
    at = a_question(memory_alert).at
    evidence = (
        one_alert(memory_alert, at, UTC_ZONE, "media").model_copy(update={"id": "E1"}),
        Evidence(
            id="E2", source="prometheus", title="media: memory in use", summary=summary_of(host, at, UTC_ZONE),
            link="http://prometheus/graph",
        ),
        Evidence(
            id="E3", source="prometheus", title="jellyfin: memory in use", summary=summary_of(leak, at, UTC_ZONE)
        ),
    )  # fmt: skip
    passage = Passage(
        id="K1", document="media-vm.md", heading="The media VM › Mitigation", score=0.9,
        text="## Mitigation\n\n1. Restart the container that grew:\n\n   ```bash\n   docker compose restart jellyfin\n   ```\n\n2. Watch it.\n",
    )  # fmt: skip
    return Brief(
        a_question(memory_alert), homelab, UTC_ZONE,
        alerts=(memory_alert,), explained=((memory_alert, "E1"),), findings=(host, leak), chain=tuple(step.finding for step in chain),
        cause=conclude(chain, ()), evidence=evidence, passages=(passage,),
    )  # fmt: skip


def test_every_intent_has_a_narrator() -> None:
    assert set(NARRATORS) == set(INTENTS)


def test_an_alert_is_explained_with_values_normal_cause_and_steps(brief) -> None:
    answer = explain(brief)
    text = answer.answer
    assert "**HostHighMemory** on **media** (warning) is firing since 03:00:00 UTC, 10 min ago" in text
    assert "96.3 % (at this time: 41 % yesterday, 41 % last week)" in text
    assert "9.0 GiB" in text
    assert "it began to move at 02:55:00 UTC, 15 min ago" in text
    assert "Most likely cause: jellyfin (memory leak)" in text
    assert "[E1]" in text
    assert "[E2]" in text
    assert "[E3]" in text
    assert answer.cause is not None
    assert answer.cause.entity == "jellyfin"
    assert [action.command for action in answer.actions] == ["docker compose restart jellyfin", None]
    assert "`media-vm.md`" in text
    assert "http://prometheus/graph" in text


def test_every_citation_stands_for_an_item(brief) -> None:
    import re

    answer = explain(brief)
    known = {item.id for item in answer.evidence} | {passage.id for passage in answer.passages}
    assert set(re.findall(r"\[([EK]\d+)\]", answer.answer)) <= known


def test_without_a_cause_it_says_so(brief) -> None:
    answer = explain(replace(brief, chain=(), cause=None, findings=(), passages=()))
    assert "**No confident cause**" in answer.answer
    assert answer.cause is None


def test_without_a_page_it_says_so_names_the_nearest_and_marks_general_steps_as_general(brief) -> None:
    answer = explain(replace(brief, passages=(), nearest_pages=("host-cpu.md", "new-lxc.md")))
    assert "**No runbook found** for this." in answer.answer
    assert "Nearest, but not about it: `host-cpu.md` and `new-lxc.md`." in answer.answer
    assert (
        "**In general** (common practice, not from your documentation):\n- Find the process that grew" in answer.answer
    )
    assert answer.actions == ()


@pytest.mark.parametrize("intent", INTENTS)
def test_an_empty_brief_is_answered_for_every_intent(intent, memory_alert) -> None:
    question = a_question(memory_alert, intent=intent, subjects=(), alert_names=())
    answer = explain(Brief(question, Inventory({}), UTC_ZONE, gaps=("prometheus: down",)))
    assert answer.answer.strip()
    assert answer.intent == intent
    assert answer.gaps == ("prometheus: down",)


def test_an_unknown_name_is_named_with_what_may_be_meant(brief) -> None:
    question = replace(
        brief.question,
        intent="metric_question",
        subjects=(),
        unknown=(Unknown(name="jellyfish", suggestions=("jellyfin",)),),
    )
    text = explain(replace(brief, question=question)).answer
    assert "no such host or service as “jellyfish”" in text
    assert "did you mean jellyfin?" in text


def test_a_secret_in_an_alert_does_not_reach_the_answer(brief, memory_alert) -> None:
    secret = "pass" + "word=Tr0ub4dor&3xyz"
    leaky = memory_alert.model_copy(update={"annotations": {"summary": f"login failed with {secret}"}})
    text = explain(replace(brief, explained=((leaky, "E1"),))).answer
    assert "login failed" in text
    assert "Tr0ub4dor" not in text


def test_steps_are_list_items_with_the_command_that_follows() -> None:
    text = "## Steps\n\nFirst read this.\n\n1. One\n2. Two:\n   ```bash\n   echo two\n   ```\n"
    steps = steps_of(Passage(id="K1", document="a.md", heading="A › Steps", score=1, text=text))
    assert [(s.text, s.command) for s in steps] == [("First read this.", None), ("One", None), ("Two:", "echo two")]
