"""What was paid for is kept in a file, and given again."""

import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from dspy import lm15

from core.errors import StoreError
from optimise.paid_responses import PaidResponses
from optimise.spending import StoppedError

USAGE = lm15.Usage(input_tokens=5, output_tokens=2, cache_read_tokens=300, cache_write_tokens=40, reasoning_tokens=1)


class Numbered:
    """Answers each request with a number of its own."""

    def __init__(self, reason: Any = "stop") -> None:
        self.asked = 0
        self._reason = reason

    async def complete(self, request: lm15.Request) -> lm15.Response:
        self.asked += 1
        message = lm15.Message.assistant(f"answer {self.asked}")
        return lm15.Response(None, request.model, message, self._reason, USAGE)

    async def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        yield await self.complete(request)

    async def aclose(self) -> None:
        self.asked = -1


def request(text: str, temperature: float | None = None, max_tokens: int = 10) -> lm15.Request:
    message = lm15.Message(role="user", parts=(lm15.TextPart(text),))
    config = lm15.Config(max_tokens=max_tokens, temperature=temperature)
    return lm15.Request(model="m", messages=(message,), config=config)


async def told(paid: PaidResponses, upstream: Numbered, *requests: lm15.Request) -> list[str | None]:
    engine = paid.around(upstream)
    return [(await engine.complete(each)).text for each in requests]


async def test_the_same_request_is_sent_once(tmp_path: Path) -> None:
    asked = [request("a"), request("b"), request("a"), request("a", max_tokens=11)]
    first, upstream = PaidResponses(tmp_path / "paid.db"), Numbered()
    before = await told(first, upstream, *asked)
    first.close()
    assert before == ["answer 1", "answer 2", "answer 1", "answer 3"]
    assert (upstream.asked, first.reused) == (3, 0)
    second, again = PaidResponses(tmp_path / "paid.db"), Numbered()
    assert await told(second, again, *asked) == before
    assert (again.asked, second.reused) == (0, 3)


async def test_a_response_costs_once(tmp_path: Path) -> None:
    for _ in range(2):  # also where the first was paid by an earlier process
        paid = PaidResponses(tmp_path / "paid.db")
        engine = paid.around(Numbered())
        assert [(await engine.complete(request("a"))).usage for _ in range(3)] == [USAGE, lm15.Usage(), lm15.Usage()]
        paid.close()


async def test_one_more_idea_is_another_response_and_the_same_in_the_next_run(tmp_path: Path) -> None:
    ideas = [request("propose", temperature=1.0)] * 3
    first = PaidResponses(tmp_path / "paid.db")
    assert await told(first, Numbered(), *ideas[:2]) == ["answer 1", "answer 2"]
    first.close()
    second, upstream = PaidResponses(tmp_path / "paid.db"), Numbered()
    assert await told(second, upstream, *ideas) == ["answer 1", "answer 2", "answer 1"]
    assert (upstream.asked, second.reused) == (1, 2)


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
async def test_all_that_was_billed_is_kept_and_why_it_ended(tmp_path: Path, reason: str) -> None:
    upstream = Numbered(reason)
    for _ in range(2):
        paid = PaidResponses(tmp_path / "paid.db")
        response = await paid.around(upstream).complete(request("a"))
        assert (response.usage, response.finish_reason, response.model) == (USAGE, reason, "m")
        paid.close()
    assert upstream.asked == 1


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "paid.db"
    path.write_text("not a database, but long enough to be taken for one by somebody who does not look" * 20)
    with pytest.raises(StoreError, match=r"paid\.db"):
        PaidResponses(path)


def test_two_runs_cannot_pay_side_by_side(tmp_path: Path) -> None:
    first = PaidResponses(tmp_path / "paid.db")
    with pytest.raises(StoreError, match="locked"):
        PaidResponses(tmp_path / "paid.db")
    first.close()
    PaidResponses(tmp_path / "paid.db").close()


async def test_what_cannot_be_kept_ends_the_run(tmp_path: Path) -> None:
    paid = PaidResponses(tmp_path / "paid.db")
    paid.close()
    with sqlite3.connect(tmp_path / "paid.db") as damaged:
        damaged.execute("DROP TABLE responses")
        damaged.execute("CREATE VIEW responses AS SELECT '' AS request, 0 AS place, '' AS response")
    damaged.close()
    paid = PaidResponses(tmp_path / "paid.db")
    with pytest.raises(StoppedError, match="could not be kept"):
        await paid.around(Numbered()).complete(request("a"))
