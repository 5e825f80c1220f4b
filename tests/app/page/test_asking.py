"""Questions of the page while they are answered: written down first, watched by many, stopped when somebody wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

import pytest

from app.page.asking import MAX_REFUSED, MOST_AT_ONCE, Asking, Running
from app.transcript import Said, Transcript
from app.wiring import build_assistant
from bench.scripted_model import Reply, ScriptedModel
from core.settings import Settings
from core.store import Store
from core.vocabulary import Answer
from pipeline.assistant import Assistant
from pipeline.progress import Plan, Token
from pipeline.sources import Sources

WHY = "is anything wrong?"
UNSURE = "hm, jellyfin?"
"""A model is asked what is meant."""


@pytest.fixture
def transcript(tmp_path) -> Transcript:
    return Transcript(Store(tmp_path / "assistant.db"))


@pytest.fixture
def told() -> list[tuple[str, Answer]]:
    return []


@pytest.fixture
def asking(transcript, told) -> Asking:
    """Over an assistant without a source."""
    assistant = Assistant(Sources(), zone=ZoneInfo("UTC"), deadline_s=10)
    return Asking(assistant, transcript, lambda text, answer: told.append((text, answer)))


@pytest.fixture
def held(tmp_path, transcript) -> Iterator[tuple[Asking, ScriptedModel]]:
    """Over one whose model never answers, and that model."""
    with ScriptedModel([Reply(stall=True)]) as model:
        settings = Settings(
            _env_file=None,
            data_dir=tmp_path,
            lm="anthropic/scripted",
            lm_base_url=model.url,
            anthropic_api_key="sk-ant-test-1234567890",
            lm_timeout_s=50,
            question_deadline_s=60,
        )
        yield Asking(build_assistant(settings), transcript, lambda *_: None), model


async def over(running: Running) -> None:
    async with asyncio.timeout(20):
        async for _ in running.changes():
            pass


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.02)


def rows(transcript: Transcript, session_id: str = "night") -> list[Said]:
    return list(transcript.of(session_id))


async def test_a_question_is_written_down_before_it_is_answered(asking, transcript, told) -> None:
    running = await asking.ask("night", f"  {WHY} ")
    (said,) = rows(transcript)
    assert (said.id, said.question, said.answer, said.problem) == (running.row, WHY, None, None)
    assert not running.done
    assert asking.of("night") is running
    assert asking.find("night", running.row) is running
    await over(running)
    (said,) = rows(transcript)
    assert said.answer is not None
    assert said.answer.session_id == "night"
    assert told == [(WHY, said.answer)]
    assert running.done
    assert asking.of("night") is None
    assert asking.find("night", running.row) is None


async def test_what_the_work_tells_is_kept_and_the_answer_is_not_among_it(asking) -> None:
    running = await asking.ask("night", WHY)
    await over(running)
    assert isinstance(running.events[0], Plan)
    assert isinstance(running.events[-1], Token)
    assert not any(isinstance(event, Answer) for event in running.events)


async def test_two_who_watch_see_the_same(asking) -> None:
    running = await asking.ask("night", WHY)
    counts: list[list[int]] = [[], []]

    async def watch(seen: list[int]) -> None:
        seen.extend([len(running.events) async for _ in running.changes()])

    async with asyncio.timeout(20):
        await asyncio.gather(*(watch(seen) for seen in counts))
    for seen in counts:
        assert seen == sorted(set(seen)), "each change once"
        assert seen[-1] == len(running.events)


async def test_who_comes_late_sees_what_was_told_already(asking) -> None:
    running = await asking.ask("night", WHY)
    await over(running)
    assert [len(running.events) async for _ in running.changes()] == [len(running.events)]


async def test_who_stops_watching_does_not_stop_the_work(asking, transcript) -> None:
    running = await asking.ask("night", WHY)
    changes = running.changes()
    await anext(changes)
    await changes.aclose()
    await until(lambda: running.done)
    assert rows(transcript)[0].answer is not None


@pytest.mark.parametrize("text", ["", " \n ", "a\x00b", "x" * 9_000])
async def test_what_is_wrong_with_a_question_is_told_in_its_place(asking, transcript, told, text) -> None:
    running = await asking.ask("night", text)
    await over(running)
    (said,) = rows(transcript)
    assert said.id == running.row
    assert said.problem.startswith("question: ")
    assert len(said.question) <= MAX_REFUSED
    assert said.answer is None
    assert told == []
    assert running.events == []
    assert asking.of("night") is None


async def test_two_questions_at_once_are_both_answered_each_in_its_row(asking, transcript, told) -> None:
    one, other = [await asking.ask("night", text) for text in ("tell me a joke", "weekly report")]
    await asyncio.gather(over(one), over(other))
    assert [(said.question, said.answer.intent) for said in rows(transcript)] == [
        ("tell me a joke", "out_of_scope"),
        ("weekly report", "report"),
    ]
    assert len(told) == 2


async def test_another_conversation_is_not_seen(asking) -> None:
    running = await asking.ask("night", WHY)
    assert asking.of("day") is None
    assert asking.find("day", running.row) is None
    await over(running)


async def test_of_two_at_once_the_first_is_the_one_under_way(held) -> None:
    asking, _ = held
    one, other = [await asking.ask("night", text) for text in (UNSURE, WHY)]
    assert asking.of("night") is one
    assert asking.find("night", one.row) is one
    assert asking.find("night", other.row) is other
    await asking.aclose()


async def test_a_question_that_is_sent_twice_is_asked_once(held, transcript) -> None:
    asking, _ = held
    one, again = await asyncio.gather(asking.ask("night", UNSURE), asking.ask("night", f" {UNSURE}"))
    assert one is again
    assert len(rows(transcript)) == 1
    await asking.aclose()


async def test_of_too_many_at_once_the_next_is_told_to_wait(held, transcript) -> None:
    asking, _ = held
    under_way = [await asking.ask(f"s{number}", UNSURE) for number in range(MOST_AT_ONCE)]
    await over(await asking.ask("night", UNSURE))
    assert not any(running.done for running in under_way)
    assert "are being answered already" in rows(transcript)[0].problem
    await asking.stop("s0")
    assert not (await asking.ask("night", UNSURE)).done
    await asking.aclose()


async def test_a_failure_is_told_in_one_line_and_logged(transcript, caplog) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("hunter2longer")

    broken = Asking(Assistant(Sources(), zone=ZoneInfo("UTC"), deadline_s=10), transcript, fail)
    await over(await broken.ask("night", WHY))
    (said,) = rows(transcript)
    assert said.problem == "internal error: ZeroDivisionError; see the log of the server"
    assert any(record.exc_info for record in caplog.records)


# --- stopping


async def test_stopping_ends_the_call_of_the_model_and_leaves_an_interrupted_row(held, transcript) -> None:
    asking, model = held
    running = await asking.ask("night", UNSURE)
    await until(lambda: model.in_flight == 1)
    watching = asyncio.create_task(over(running))
    async with asyncio.timeout(5):
        await asking.stop("night")
        await watching
    await until(lambda: model.abandoned == 1)
    assert running.done
    assert asking.of("night") is None
    (said,) = rows(transcript)
    assert (said.answer, said.problem) == (None, None)


async def test_stopping_one_conversation_leaves_the_others_alone(held) -> None:
    asking, model = held
    one, other = await asking.ask("night", UNSURE), await asking.ask("day", UNSURE)
    await until(lambda: model.in_flight == 2)
    await asking.stop("night")
    assert one.done
    await until(lambda: model.abandoned == 1)
    assert not other.done
    assert asking.of("day") is other
    assert model.in_flight == 1
    await asking.aclose()


async def test_stopping_where_nothing_is_under_way_does_nothing(asking, transcript) -> None:
    await asking.stop("night")
    running = await asking.ask("night", WHY)
    await over(running)
    await asking.stop("night")
    assert rows(transcript)[0].answer is not None


async def test_a_question_can_be_asked_again_after_it_was_stopped(asking, transcript) -> None:
    await asking.ask("night", WHY)
    await asking.stop("night")
    await over(await asking.ask("night", WHY))
    assert [said.answer is None for said in rows(transcript)] == [True, False]


async def test_closing_stops_all_of_them(held, transcript) -> None:
    asking, model = held
    running = [await asking.ask(f"s{number}", UNSURE) for number in range(5)]
    await until(lambda: model.in_flight == 5)
    async with asyncio.timeout(5):
        await asking.aclose()
    assert all(each.done for each in running)
    assert all(asking.of(f"s{number}") is None for number in range(5))
    assert [said.answer for number in range(5) for said in rows(transcript, f"s{number}")] == [None] * 5
    await until(lambda: model.abandoned == 5)
