"""A conversation about the lab's outage, by code alone: what "it", "the same machine" and "before that" mean."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from app.wiring import build_assistant
from core.settings import Settings, load_settings
from core.vocabulary import Answer
from pipeline.assistant import Assistant
from pipeline.rca import question_about

pytestmark = pytest.mark.xdist_group("lab-conversation")
WHY = "Why is DnsServerFailing firing on adguard?"


@pytest.fixture
def settings(lab, tmp_path, monkeypatch) -> Settings:
    for name, value in lab.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    return load_settings(data_dir=tmp_path)


@pytest.fixture
def assistant(settings: Settings) -> Assistant:
    return build_assistant(settings)


async def say(assistant: Assistant, *questions: str, session: str = "night") -> list[Answer]:
    return [await assistant.ask(question, session_id=session) for question in questions]


async def test_the_same_machine_is_the_one_that_the_service_runs_on(assistant: Assistant) -> None:
    _, memory, disk = await say(assistant, WHY, "what about memory on the same machine?", "and the disk?")
    assert memory.intent == "metric_question"
    assert memory.subjects == ("dns1",)
    assert "memory" in memory.answer
    assert disk.subjects == ("dns1",)
    assert "disk" in disk.answer or "file system" in disk.answer


async def test_before_that_happened_ends_when_it_began(lab, assistant: Assistant) -> None:
    _, changed = await say(assistant, WHY, "was there a change before that happened?")
    assert changed.intent == "what_changed"
    assert "adguard" in changed.subjects
    fired = next(item for item in changed.evidence if item.title == "alerts that fired")
    assert fired.window is not None
    began = datetime.fromisoformat(lab.alert["startsAt"])
    assert fired.window.end <= began + timedelta(seconds=5)


async def test_a_conversation_survives_the_process(settings: Settings, assistant: Assistant) -> None:
    await say(assistant, WHY)
    later = build_assistant(settings)
    (answer,) = await say(later, "which runbook helps with that?")
    assert answer.intent == "runbook_lookup"
    assert "adguard" in answer.subjects


async def test_another_session_knows_nothing_of_it(assistant: Assistant) -> None:
    await say(assistant, WHY)
    (answer,) = await say(assistant, "and yesterday?", session="other")
    assert answer.intent == "follow_up"
    assert answer.subjects == ()


async def test_two_questions_at_once_do_not_tangle(assistant: Assistant) -> None:
    await say(assistant, WHY)
    first, second = await asyncio.gather(
        assistant.ask("what about memory on the same machine?", session_id="night"),
        assistant.ask("how is nas doing?", session_id="night"),
    )
    assert first.subjects == ("dns1",)
    assert second.subjects == ("nas",)
    (after,) = await say(assistant, "and its disk?")
    assert after.subjects in {("dns1",), ("nas",)}


async def test_a_draft_of_the_analysis_has_its_sections_in_order(assistant: Assistant) -> None:
    (draft,) = await say(assistant, question_about("adguard"))
    assert draft.intent == "rca_draft"
    headings = [line[3:] for line in draft.answer.splitlines() if line.startswith("## ")]
    wanted = ["Summary", "Impact", "Timeline", "Evidence", "Root cause", "Contributing factors", "Follow-ups"]
    assert headings == wanted
    timeline = draft.answer.partition("## Timeline")[2].partition("## Evidence")[0]
    assert "DnsServerFailing fires" in timeline
    assert draft.cause is not None
    assert draft.cause.entity == "adguard"
