"""What a question's work tells: in order, to whoever watches it, and to nobody else."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress

import pytest

from pipeline.progress import MAX_WAITING, Progress, SourceRead, Token, is_watched, reading, tell, watched


async def speak(*words: str) -> str:
    for word in words:
        tell(Token(draft=1, text=word))
        await asyncio.sleep(0)
    return "".join(words)


async def all_of(work) -> list[Progress | object]:
    return [one async for one in watched(work)]


def told(events) -> list[str]:
    return [event.text for event in events if isinstance(event, Token)]


async def test_what_is_told_comes_in_order_and_the_result_last() -> None:
    *events, result = await all_of(speak("a", "b", "c"))
    assert told(events) == ["a", "b", "c"]
    assert result == "abc"


async def test_an_event_comes_before_the_work_is_over() -> None:
    may_end = asyncio.Event()

    async def work() -> str:
        tell(Token(draft=1, text="begun"))
        await may_end.wait()
        return "over"

    async with asyncio.timeout(5), aclosing(watched(work())) as events:
        assert (await anext(events)).text == "begun"
        may_end.set()
        assert await anext(events) == "over"
        assert await anext(events, None) is None


async def test_an_exception_comes_after_what_was_told_before_it() -> None:
    async def fail() -> None:
        tell(Token(draft=1, text="almost"))
        raise ZeroDivisionError

    events = watched(fail())
    assert (await anext(events)).text == "almost"
    with pytest.raises(ZeroDivisionError):
        await anext(events)


@pytest.mark.parametrize("leave", ["close", "cancel"])
async def test_leaving_cancels_the_work_and_waits_until_it_has_tidied_up(leave) -> None:
    steps: list[str] = []

    async def work() -> None:
        tell(Token(draft=1, text="begun"))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            steps.append("tidied up")
            raise

    async def watch() -> None:
        async with aclosing(watched(work())) as events:
            await anext(events)
            if leave == "cancel":
                steps.append("watching")
                await anext(events)

    watching = asyncio.create_task(watch())
    if leave == "cancel":
        while not steps:
            await asyncio.sleep(0)
        watching.cancel()
    await asyncio.wait({watching}, timeout=5)
    assert watching.done()
    assert watching.cancelled() == (leave == "cancel")
    assert steps[-1] == "tidied up"


async def test_what_the_work_starts_tells_the_same_watcher() -> None:
    """A question reads its sources in tasks of their own."""

    async def work() -> None:
        await asyncio.gather(speak("a"), asyncio.to_thread(tell, Token(draft=1, text="b")))

    assert sorted(told(await all_of(work()))) == ["a", "b"]


async def test_two_that_are_watched_at_once_stay_apart() -> None:
    ones, others = await asyncio.gather(all_of(speak(*"abc" * 50)), all_of(speak(*"xyz" * 50)))
    assert told(ones) == list("abc" * 50)
    assert told(others) == list("xyz" * 50)


async def test_one_that_watches_another_hears_its_own_alone() -> None:
    async def outer() -> str:
        inner = await all_of(speak("inner"))
        tell(Token(draft=1, text="outer"))
        return "".join(told(inner))

    *events, result = await all_of(outer())
    assert told(events) == ["outer"]
    assert result == "inner"


async def test_nobody_is_told_where_nobody_watches() -> None:
    async def work() -> bool:
        return is_watched()

    assert await speak("a") == "a"
    assert not is_watched()
    assert await all_of(work()) == [True]
    assert not is_watched()


async def test_of_too_many_events_the_last_are_dropped_and_the_result_never() -> None:
    async def work() -> str:
        for number in range(MAX_WAITING + 50):
            tell(Token(draft=1, text=str(number)))
        return "result"

    *events, result = await all_of(work())
    assert told(events) == [str(number) for number in range(MAX_WAITING)]
    assert result == "result"


# --- the reading of a source


def read(**wanted) -> list[SourceRead]:
    """What a reading tells: `found` or `failed` say so, `error` is raised within."""

    async def work() -> None:
        with reading("loki") as one:
            for name in ("found", "failed"):
                if name in wanted:
                    getattr(one, name)(*wanted[name])
            if "error" in wanted:
                raise wanted["error"]

    async def watch() -> list[SourceRead]:
        events: list[SourceRead] = []
        with suppress(ConnectionError):
            async for one in watched(work()):
                events += [one] if isinstance(one, SourceRead) else []
        return events

    return asyncio.run(watch())


def test_a_reading_tells_what_it_found_and_how_long_it_took() -> None:
    (event,) = read(found=["3 lines"])
    assert (event.source, event.finding, event.ok) == ("loki", "3 lines", True)
    assert 0 <= event.seconds < 5


def test_a_reading_that_failed_tells_that() -> None:
    (event,) = read(failed=[])
    assert (event.finding, event.ok) == ("could not be read", False)
    (event,) = read(failed=["it hung up"], error=ConnectionError())
    assert (event.finding, event.ok) == ("it hung up", False)


def test_a_reading_without_a_finding_tells_nothing() -> None:
    assert read() == []
    assert read(error=ConnectionError()) == []


def test_a_finding_is_redacted() -> None:
    (event,) = read(found=["postgres://me:hunter2longer@db/x answered"])
    assert "hunter2longer" not in event.finding
    assert "answered" in event.finding


def test_a_reading_that_nobody_watches_is_none_the_worse() -> None:
    with reading("loki") as one:
        one.found("3 lines")
    assert (one.finding, one.ok) == ("3 lines", True)
