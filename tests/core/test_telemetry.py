"""The meter of a question, and our own metrics."""

import asyncio
from contextlib import suppress

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from core.telemetry import QUESTIONS, REGISTRY, SOURCE_REQUESTS, Meter, busy, metered


async def test_overlapping_requests_count_once_in_time_and_each_in_number():
    async def request():
        with busy("tools"):
            await asyncio.sleep(0.05)

    with metered() as meter:
        await asyncio.gather(*(request() for _ in range(10)))
        latency = meter.latency()
    assert meter.tool_calls == 10
    assert 0.04 < latency.tools <= latency.total, "together, not one after the other"
    assert latency.llm == latency.retrieval == 0


async def test_time_between_requests_is_not_charged():
    with metered() as meter:
        with busy("tools"):
            pass
        await asyncio.sleep(0.05)
        with busy("retrieval"):
            await asyncio.sleep(0.01)
    latency = meter.latency()
    assert latency.retrieval > 0
    assert latency.total - latency.tools - latency.retrieval > 0.04


async def test_what_is_in_flight_counts_already():
    meter = Meter()
    with meter.busy("llm"):
        await asyncio.sleep(0.02)
        assert 0 < meter.latency().llm <= meter.latency().total


async def test_a_failure_closes_its_interval():
    meter = Meter()
    with suppress(ZeroDivisionError), meter.busy("tools"):
        _ = 1 / 0
    after = meter.latency().tools
    await asyncio.sleep(0.01)
    assert meter.latency().tools == after


async def test_tasks_charge_the_question_that_started_them():
    async def ask() -> int:
        with metered() as meter:
            async with asyncio.TaskGroup() as group:
                for _ in range(3):
                    group.create_task(call())
        return meter.tool_calls

    async def call() -> None:
        with busy("tools"):
            await asyncio.sleep(0)

    assert await asyncio.gather(ask(), ask()) == [3, 3]


def test_without_a_question_nothing_is_charged():
    with busy("tools"):
        pass
    with metered() as meter:
        pass
    assert meter.tool_calls == 0


def test_metric_names_follow_the_naming_rules():
    QUESTIONS.labels("status", "deterministic").inc()
    SOURCE_REQUESTS.labels("prometheus", "ok").inc()
    families = {family.name: family for family in text_string_to_metric_families(generate_latest(REGISTRY).decode())}
    assert {"sre_questions", "sre_source_requests", "sre_question_duration_seconds", "sre_gaps"} <= set(families)
    for name, family in families.items():
        assert name.startswith("sre_")
        assert family.documentation
        if family.type == "counter":
            assert all(sample.name.endswith(("_total", "_created")) for sample in family.samples)
