"""What was paid for is kept in a file, and given again in the same order."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from dspy import lm15

from core.errors import StoreError
from optimise.paid_responses import PaidResponses


class Numbered:
    """Answers each request with a number of its own."""

    supports_function_calling = False

    def __init__(self) -> None:
        self.asked = 0

    async def complete(self, request: lm15.Request) -> lm15.Response:
        self.asked += 1
        message = lm15.Message(role="assistant", parts=(lm15.TextPart(f"answer {self.asked}"),))
        return lm15.Response(None, request.model, message, "stop", lm15.Usage(input_tokens=5, output_tokens=2))

    async def stream(self, request: lm15.Request) -> AsyncGenerator[Any, None]:
        yield await self.complete(request)

    async def aclose(self) -> None:
        self.asked = -1


def request(text: str) -> lm15.Request:
    return lm15.Request(model="m", messages=(lm15.Message(role="user", parts=(lm15.TextPart(text),)),))


async def test_a_second_run_gets_what_the_first_paid_for(tmp_path: Path) -> None:
    first = PaidResponses(tmp_path / "paid.db")
    engine = first.around(Numbered())
    told = [(await engine.complete(request(text))).text for text in ("a", "b", "a")]
    assert told == ["answer 1", "answer 2", "answer 3"]
    first.close()
    second, upstream = PaidResponses(tmp_path / "paid.db"), Numbered()
    engine = second.around(upstream)
    assert [(await engine.complete(request(text))).text for text in ("a", "b", "a")] == told
    assert (upstream.asked, second.reused) == (0, 3)
    one_more = await engine.complete(request("a"))
    assert (one_more.text, upstream.asked, second.reused) == ("answer 1", 1, 3)


async def test_usage_and_finish_reason_are_kept(tmp_path: Path) -> None:
    for _ in range(2):
        paid = PaidResponses(tmp_path / "paid.db")
        response = await paid.around(Numbered()).complete(request("a"))
        assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 2)
        assert response.finish_reason == "stop"
        paid.close()


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "paid.db"
    path.write_text("not a database, but long enough to be taken for one by somebody who does not look" * 20)
    with pytest.raises(StoreError, match=r"paid\.db"):
        PaidResponses(path)
