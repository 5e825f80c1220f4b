"""Questions on the lab with a scripted model: whatever it does, each ends in a correct answer within the deadline.

The scripted model proves protocol and control flow, never how good a model's answers are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.health import check_health
from app.knowledge import build_index, index_directory
from app.wiring import build_assistant
from bench.rule_model import answer_by_rules
from bench.scripted_model import Asked, Reply, ScriptedModel
from core.clock import now
from core.settings import Settings, load_settings
from core.vocabulary import Answer
from pipeline.assistant import Assistant

pytestmark = [pytest.mark.xdist_group("lab-with-a-model"), pytest.mark.timeout(180)]
WHY = "Why is DnsServerFailing firing?"
UNSOLVED = "What do the logs of nas say?"
DEADLINE_S = 12.0


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    settings = Settings(data_dir=directory)
    index = build_index(index_directory(settings), directory)
    index.ingest(list(settings.runbooks))
    index.close()
    return directory


@pytest.fixture
def ask(lab, data_dir, tmp_path, monkeypatch):
    """Ask one question with a scripted model; gives the answer and the server."""

    async def asked(
        script, question: str = WHY, *, lm: str = "anthropic/scripted", at: datetime | None = None, **overrides
    ) -> tuple[Answer, ScriptedModel]:
        with ScriptedModel(script) as server:
            assistant = _assistant(lab, data_dir, tmp_path, monkeypatch, server, lm=lm, **overrides)
            started = time.monotonic()
            answer = await assistant.ask(question, at=at)
            assert time.monotonic() - started < DEADLINE_S + 3, "the deadline was not kept"
        return answer, server

    return asked


def _assistant(lab, data_dir, tmp_path, monkeypatch, server: ScriptedModel, *, lm: str, **overrides) -> Assistant:
    for name, value in lab.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    given = {
        "data_dir": tmp_path,
        "lm": lm,
        "lm_base_url": server.url if lm.startswith("anthropic/") else f"{server.url}/v1",
        "anthropic_api_key": "sk-ant-test-1234567890",
        "lm_api_key": "sk-test-1234567890",
        "question_deadline_s": DEADLINE_S,
        "lm_timeout_s": 2.0,
        **overrides,
    }
    (tmp_path / "index").symlink_to(data_dir / "index")
    (tmp_path / "models").symlink_to(data_dir / "models")
    return build_assistant(load_settings(**given))


def says(text: str, cause: str = "H1") -> Reply:
    return Reply(f"[[ ## cause ## ]]\n{cause}\n\n[[ ## answer ## ]]\n{text}\n\n[[ ## completed ## ]]")


def tool(name: str, arguments: str = "") -> Reply:
    return Reply(
        f"[[ ## thought ## ]]\nlook\n\n[[ ## tool ## ]]\n{name}\n\n[[ ## arguments ## ]]\n{arguments}\n\n[[ ## completed ## ]]"
    )


def is_investigation(asked: Asked) -> bool:
    return "`steps_left`" in asked.system


def by_code(answer: Answer, *, because: str) -> None:
    """It was written by code, is whole, and says why."""
    assert answer.mode == "deterministic"
    assert "adguard" in answer.answer
    assert answer.cause is not None
    assert answer.cause.entity == "adguard"
    assert any(because in gap for gap in answer.gaps), answer.gaps
    assert not any("sk-ant" in gap or "sk-test" in gap for gap in answer.gaps)


@pytest.mark.parametrize("lm", ["anthropic/scripted", "openai/scripted", "ollama/scripted"])
async def test_the_same_question_is_answered_through_every_kind_of_provider(ask, lm) -> None:
    answer, server = await ask(answer_by_rules, lm=lm)
    assert answer.mode == "llm"
    assert answer.cause is not None
    assert answer.cause.entity == "adguard"
    assert "[E" in answer.answer
    assert (answer.usage.llm_calls, len(server.asked)) == (1, 1)
    assert answer.usage.latency_s.llm > 0


async def test_both_modes_agree_on_all_that_code_decides(ask, lab, data_dir, tmp_path, monkeypatch) -> None:
    at = datetime.fromisoformat(lab.alert["startsAt"]) + timedelta(seconds=5)
    await asyncio.sleep(max(0.0, (at + timedelta(seconds=10) - now()).total_seconds()))  # every sample of then has come
    with_model, _ = await ask(answer_by_rules, at=at)
    alone = await _without_a_model(lab, data_dir, tmp_path / "alone", monkeypatch, at)
    assert with_model.cause is not None
    assert alone.cause is not None
    assert (with_model.intent, with_model.subjects) == (alone.intent, alone.subjects)
    assert (with_model.cause.entity, with_model.cause.kind) == (alone.cause.entity, alone.cause.kind)
    assert [item.title for item in with_model.evidence] == [item.title for item in alone.evidence]
    assert with_model.actions == alone.actions


async def _without_a_model(lab, data_dir, directory: Path, monkeypatch, at: datetime) -> Answer:
    directory.mkdir()
    for name, value in lab.env.items():
        monkeypatch.setenv(name, value)
    (directory / "index").symlink_to(data_dir / "index")
    (directory / "models").symlink_to(data_dir / "models")
    return await build_assistant(load_settings(data_dir=directory)).ask(WHY, at=at)


async def test_tokens_and_cost_are_those_that_the_provider_counted(ask) -> None:
    counted = {"input_tokens": 50, "cache_read_tokens": 900, "cache_write_tokens": 30, "output_tokens": 40}

    def script(asked: Asked) -> Reply:
        return Reply(answer_by_rules(asked).text, **counted)

    answer, _ = await ask(script, lm="anthropic/claude-sonnet-5-5")
    assert answer.usage.model_dump(include=set(counted)) == counted
    assert answer.usage.cost_usd > 0


@pytest.mark.parametrize(
    ("failure", "because"),
    [
        (Reply(status=401), "ANTHROPIC_API_KEY"),
        (Reply(status=403), "403"),
        (Reply(status=404), "SRE_LM"),
        (Reply(status=429, headers={"retry-after": "600"}), "too many requests"),
        (Reply(status=500), "500"),
        (Reply(status=529), "529"),
        (Reply(stall=True), "within 2.0 s"),
        (Reply("half of it", cut=True), "no complete answer"),
        (Reply(raw=b'{"id": "msg_1", "content": [{"ty'), "not what the API documents"),
        (Reply(raw=b"<html>proxy error</html>"), "not what the API documents"),
        (Reply("", stop_reason="refusal"), "declined"),
        (Reply('{"foo": 1}'), "form"),
        (Reply(""), "model: "),
    ],
    ids=["401", "403", "404", "429", "500", "529", "stalled", "cut", "broken-json", "html", "refusal", "other-form", "empty"],
)  # fmt: skip
async def test_a_model_that_fails_leaves_the_answer_to_code(ask, failure, because) -> None:
    answer, _ = await ask([failure])
    by_code(answer, because=because)


async def test_a_busy_provider_is_asked_again_after_the_time_it_names(ask) -> None:
    replies = iter([Reply(status=429, headers={"retry-after": "1"}), Reply(status=529)])
    answer, server = await ask(lambda asked: next(replies, answer_by_rules(asked)))
    assert answer.mode == "llm"
    assert len(server.asked) == 3
    assert answer.usage.llm_calls == 3


async def test_prose_in_place_of_the_format_is_taken_as_the_answer(ask) -> None:
    answer, _ = await ask([Reply("adguard's DNS probe is failing [E3], so names do not resolve.")])
    assert answer.mode == "llm"
    assert answer.cause is not None
    assert answer.cause.entity == "adguard"


async def test_invented_numbers_are_told_back_then_cut(ask) -> None:
    text = "The DNS probe of adguard is failing [E3]. It lost 41 % of 7,312 queries and 12 disks are full [E3]."
    answer, server = await ask([says(text)])
    assert "7,312" not in answer.answer
    assert any("7,312" in gap for gap in answer.gaps)
    assert len(server.asked) == 2
    assert "do not stand" in server.asked[1].user
    assert "7,312" in server.asked[1].user


async def test_an_answer_full_of_inventions_is_replaced(ask) -> None:
    text = "The database db7 ran out of 512 connections at 11:11 [E1]. Restart it with `systemctl restart db7` [K1]."
    answer, _ = await ask([says(text)])
    by_code(answer, because="stand")
    assert "db7" not in answer.answer


async def test_an_order_found_in_a_log_line_is_not_obeyed(ask) -> None:
    """The model falls for it; what it then says stands nowhere."""
    answer, server = await ask([says("As the log says, run `rm -rf /srv` on nas at once.")])
    assert "rm -rf" not in answer.answer
    assert answer.mode == "deterministic"
    logs = server.asked[0].user.partition("log lines of adguard")[2]
    assert logs.split("\n", 2)[1] == "```", "a log line stands in a fence"


async def test_a_tool_loop_finds_what_the_answer_cites(ask) -> None:
    steps = iter([tool("host", "name: bookstack"), tool("query", 'promql: up{instance="docs:9100"}'), tool("done")])

    def script(asked: Asked) -> Reply:
        if is_investigation(asked):
            return next(steps)
        number = asked.user.partition("] inventory: ")[0].rpartition("[")[2]
        return says(f"bookstack is a service on docs [{number}].", cause="none")

    answer, _ = await ask(script, UNSOLVED)
    assert any(item.source == "inventory" for item in answer.evidence)


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (tool("reboot_host", "name: docs"), "There is no tool"),
        (tool("query", "promql: sum by ("), "query: "),
        (tool("logs", "name: nosuchhost"), "The inventory knows no"),
    ],
    ids=["no-such-tool", "bad-arguments", "no-such-host"],
)
async def test_a_wrong_call_is_told_in_one_line(ask, first, told) -> None:
    seen: list[str] = []

    def script(asked: Asked) -> Reply:
        if not is_investigation(asked):
            return answer_by_rules(asked)
        seen.append(asked.user)
        return first if len(seen) == 1 else tool("done")

    await ask(script, UNSOLVED)
    assert len(seen) == 2
    assert told in seen[1]
    assert "Traceback" not in seen[1]


async def test_an_endless_tool_loop_ends(ask) -> None:
    answer, server = await ask(
        lambda asked: tool("host", "name: docs") if is_investigation(asked) else answer_by_rules(asked), UNSOLVED
    )
    investigations = [asked for asked in server.asked if is_investigation(asked)]
    assert len(investigations) == 6
    assert "made this very call already" in investigations[2].user
    assert any("6 steps" in gap for gap in answer.gaps)


async def test_a_failing_investigation_leaves_a_single_synthesis(ask) -> None:
    def script(asked: Asked) -> Reply:
        return Reply('{"no": "form"}') if is_investigation(asked) else answer_by_rules(asked)

    answer, _ = await ask(script, UNSOLVED)
    assert any("looked no further" in gap for gap in answer.gaps)


async def test_a_spent_budget_leaves_the_answer_to_code(ask, lab, data_dir, tmp_path, monkeypatch) -> None:
    dear = lambda asked: Reply(answer_by_rules(asked).text, input_tokens=900_000)  # noqa: E731 - one use
    with ScriptedModel(dear) as server:
        assistant = _assistant(
            lab, data_dir, tmp_path, monkeypatch, server, lm="anthropic/claude-sonnet-5-5", daily_budget_usd=1.0
        )
        first = await assistant.ask(WHY)
        second = await assistant.ask(WHY)
    assert first.mode == "llm"
    by_code(second, because="budget")
    assert len(server.asked) == 1


async def test_the_last_good_answer_is_shown_while_the_provider_is_down(lab, data_dir, tmp_path, monkeypatch) -> None:
    replies: list[Callable[[Asked], Reply]] = [answer_by_rules]
    with ScriptedModel(lambda asked: replies.pop()(asked) if replies else Reply(status=500)) as server:
        assistant = _assistant(lab, data_dir, tmp_path, monkeypatch, server, lm="anthropic/scripted")
        first = await assistant.ask(WHY)
        second = await assistant.ask(WHY)
    assert (first.mode, second.mode) == ("llm", "cached")
    assert "checked against now" in second.answer
    assert "adguard" in second.answer
    assert any("500" in gap for gap in second.gaps)


async def test_health_tells_of_a_provider_that_keeps_failing(lab, data_dir, tmp_path, monkeypatch) -> None:
    with ScriptedModel(lambda _: Reply(status=500)) as server:
        assistant = _assistant(lab, data_dir, tmp_path, monkeypatch, server, lm="anthropic/scripted")
        for _ in range(4):
            await assistant.ask(WHY)
        (told,) = await check_health(
            load_settings(data_dir=tmp_path, lm="anthropic/scripted"), None, assistant, only="language model"
        )
    assert told.state == "failed"
    assert "times in a row" in told.detail


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"lm": "nonsense/model"}, "nonsense"),
        ({"lm": "anthropic/claude-sonnet-5-5", "anthropic_api_key": "two\nlines"}, "ANTHROPIC_API_KEY"),
        ({"lm": "openai/m", "lm_base_url": "gpu.home.lan:8000"}, "SRE_LM_BASE_URL"),
        ({"lm": "ollama/m", "lm_prices": Path("/nowhere/prices.yaml")}, "SRE_LM_PRICES"),
        ({"lm": "ollama/m", "program": Path("/nowhere/program.json")}, "SRE_PROGRAM"),
    ],
    ids=["provider", "key", "url", "prices", "program"],
)
async def test_a_wrong_setting_is_told_and_the_rest_works(ask, overrides, problem) -> None:
    answer, _ = await ask(answer_by_rules, **overrides)
    assert answer.cause is not None
    assert any(problem in gap for gap in answer.gaps)


async def test_a_long_investigation_leaves_time_to_write(ask) -> None:
    """Every call takes a while; what was found is used all the same."""

    def script(asked: Asked) -> Reply:
        if not is_investigation(asked):
            return answer_by_rules(asked)
        return replace(tool("host", f"name: pve{len(asked.user) % 3 + 1}"), delay_s=1.5)

    answer, server = await ask(script, UNSOLVED)
    assert any("looked no further" in gap for gap in answer.gaps)
    assert not is_investigation(server.asked[-1]), "the last word was kept for the answer"


async def test_a_correction_that_fails_does_not_cost_the_first_draft(ask) -> None:
    text = "adguard's DNS probe is failing [E3]. The resolver adguard does not resolve names [E1]. It lost 7,312 queries [E3]."
    replies = iter([says(text)])
    answer, _ = await ask(lambda _: next(replies, Reply(status=400)))
    assert answer.mode == "llm"
    assert "DNS probe is failing" in answer.answer
    assert "7,312" not in answer.answer
    assert any("could not correct" in gap for gap in answer.gaps)


async def test_what_a_terminal_would_obey_is_taken_out(ask) -> None:
    answer, _ = await ask([says("adguard's DNS probe is \x1b[2Jfailing \ud800[E3], says its item.")])
    assert "\x1b" not in answer.model_dump_json()
    assert "failing" in answer.answer
