"""Several instant queries in one request, against a real Prometheus."""

import asyncio
from datetime import UTC, datetime

import pytest

from core.errors import QueryRejected, SourceUnavailable
from tools.prometheus_batch import MOST_TOGETHER, Batches, together
from tools.prometheus_samples import Sample, Vector

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Asked:
    """Answers each part of a query with its own text as a label; counts what is sent."""

    def __init__(self, *, rejects: str = "", fails: bool = False) -> None:
        self.sent: list[str] = []
        self.rejects, self.fails = rejects, fails

    async def __call__(self, query: str, at: datetime | None) -> Vector:
        self.sent.append(query)
        await asyncio.sleep(0)
        if self.fails:
            raise SourceUnavailable("prometheus", "no answer")
        if self.rejects and self.rejects in query:
            raise QueryRejected("prometheus", "found duplicate series")
        parts = query.split(" or ") if " or " in query else [query]
        if len(parts) == 1:
            return Vector([Sample({"q": query}, 1.0)])
        return Vector([Sample({"q": part, "sre_part": str(number)}, 1.0) for number, part in enumerate(parts)])


async def test_what_is_asked_in_one_turn_is_one_request() -> None:
    asked = Asked()
    batches = Batches(asked)
    found = await asyncio.gather(*(batches.instant(f"m{number}", AT) for number in range(3)))
    assert asked.sent == [together(["m0", "m1", "m2"])]
    assert [f"label_replace(m{number}," in vector[0].labels["q"] for number, vector in enumerate(found)] == [True] * 3
    assert all("sre_part" not in vector[0].labels for vector in found)


async def test_other_moments_and_many_queries_are_requests_of_their_own() -> None:
    asked = Asked()
    batches = Batches(asked)
    later = datetime(2026, 11, 20, 13, tzinfo=UTC)
    many = [(f"m{number}", AT) for number in range(MOST_TOGETHER + 1)]
    await asyncio.gather(*(batches.instant(*each) for each in [*many, ("other", later)]))
    assert sorted(asked.sent, key=len)[:2] == [f"m{MOST_TOGETHER}", "other"]
    assert len(asked.sent) == 3


async def test_a_rejected_query_spoils_no_other() -> None:
    asked = Asked(rejects="bad")
    batches = Batches(asked)
    good, bad = await asyncio.gather(batches.instant("good", AT), batches.instant("bad", AT), return_exceptions=True)
    assert good == [Sample({"q": "good"}, 1.0)]
    assert isinstance(bad, QueryRejected)
    assert asked.sent[1:] == ["good", "bad"]


async def test_a_source_that_is_away_is_asked_once_and_all_hear_of_it() -> None:
    asked = Asked(fails=True)
    batches = Batches(asked)
    found = await asyncio.gather(*(batches.instant(f"m{n}", AT) for n in range(4)), return_exceptions=True)
    assert all(isinstance(each, SourceUnavailable) for each in found)
    assert len(asked.sent) == 1


async def test_nobody_waits_any_more() -> None:
    begun = asyncio.Event()
    ended = asyncio.Event()

    async def slow(_: str, __: datetime | None) -> Vector:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return Vector()

    batches = Batches(slow)
    first = asyncio.create_task(batches.instant("a", AT))
    second = asyncio.create_task(batches.instant("b", AT))
    await begun.wait()
    first.cancel()
    await asyncio.sleep(0.01)
    assert not ended.is_set()
    second.cancel()
    await asyncio.wait_for(ended.wait(), 5)
    with pytest.raises(asyncio.CancelledError):
        await second
