"""`POST /ask/stream` over real sockets: what is told and in which order, and that whoever leaves costs nothing more."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_served import api_served

from app.api import build_api
from app.knowledge import build_index, index_directory
from bench.rule_model import answer_by_rules
from bench.scripted_model import Reply, Script, ScriptedModel
from core.settings import Settings, load_settings
from core.vocabulary import Answer

pytestmark = pytest.mark.xdist_group("lab-streamed")
WHY = "Why is DnsServerFailing firing?"
ENDED = 2.0
"""Seconds after which a client that left must not be worked for any more."""

Event = tuple[str, dict[str, Any]]
Serve = Callable[..., Any]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("indexed")
    settings = Settings(_env_file=None, data_dir=directory)
    index = build_index(index_directory(settings), directory)
    index.ingest(list(settings.runbooks))
    index.close()
    return directory


@pytest.fixture
def serve(lab, indexed, tmp_path, monkeypatch) -> Serve:
    """The API over the lab, with a model of this script where there is one; yields its URL and the model."""

    @contextmanager
    def served(script: Script | None = None, **overrides: object) -> Iterator[tuple[str, ScriptedModel]]:
        for name, value in lab.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)  # no .env of the developer's
        for name in ("index", "models"):
            (tmp_path / name).symlink_to(indexed / name)
        with ScriptedModel(script or []) as model:
            own = {"lm": "anthropic/scripted", "lm_base_url": model.url, "anthropic_api_key": "sk-ant-test-1234567890"}
            given = {
                "data_dir": tmp_path,
                "question_deadline_s": 20,
                "lm_timeout_s": 10,
                **(own if script else {}),
                **overrides,
            }
            with api_served(build_api(load_settings(**given))) as url:
                yield url, model

    return served


@contextmanager
def posted(url: str, path: str, **body: object) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    try:
        connection.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        yield connection.getresponse()
    finally:
        connection.close()


def each(response: http.client.HTTPResponse) -> Iterator[Event]:
    """The events of a stream, as they come."""
    fields: dict[str, str] = {}
    for raw in response:
        line = raw.decode().rstrip("\r\n")
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields.keys() - {""}:  # a comment has no name
            yield fields["event"], json.loads(fields["data"])
            fields = {}


def streamed(url: str, question: str = WHY, **body: object) -> list[Event]:
    with posted(url, "/ask/stream", question=question, **body) as response:
        assert response.status == 200
        assert response.headers.get_content_type() == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
        return list(each(response))


def names(events: list[Event]) -> list[str]:
    """In order, what comes several times in a row once."""
    told = [name for name, _ in events]
    return [name for place, name in enumerate(told) if not place or told[place - 1] != name]


def drafts(events: list[Event]) -> dict[int, str]:
    """The text of each draft, by its number."""
    texts: dict[int, str] = {}
    for name, data in events:
        if name == "token":
            texts[data["draft"]] = texts.get(data["draft"], "") + data["text"]
    return texts


def shown(events: list[Event]) -> str:
    """What a reader has before him in the end."""
    texts = drafts(events)
    return texts[max(texts)]


def said(text: str) -> Reply:
    return Reply(f"[[ ## cause ## ]]\nH1\n\n[[ ## answer ## ]]\n{text}\n\n[[ ## completed ## ]]")


def until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def test_what_leads_to_an_answer_is_told_in_order(serve) -> None:
    with serve() as (url, _):
        events = streamed(url, session_id="night")
    order = names(events)
    assert order[0] == "plan"
    assert order[-1] == "answer"
    assert order.count("answer") == order.count("plan") == order.count("understood") == 1
    assert order.index("understood") < order.index("passages") < order.index("verification") < order.index("token")
    plan, understood = events[0][1], dict(events)["understood"]
    assert (plan["question"], plan["model"], plan["deadline_s"], plan["session_id"]) == (WHY, None, 20.0, "night")
    assert {"prometheus", "alertmanager"} <= set(plan["sources"])
    assert understood["intent"] == "explain_alert"
    assert understood["alert_names"] == ["DnsServerFailing"]
    read = {data["source"] for name, data in events if name == "source"}
    assert {"inventory", "prometheus"} <= read
    assert all(data["ok"] and data["finding"] and data["seconds"] >= 0 for name, data in events if name == "source")


def test_events_are_numbered_from_nought(serve) -> None:
    with serve() as (url, _), posted(url, "/ask/stream", question="tell me a joke") as response:
        lines = response.read().decode().splitlines()
    numbers = [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 3


@pytest.mark.parametrize("script", [None, answer_by_rules], ids=["by code", "by a model"])
def test_the_last_event_is_what_ask_answers(serve, script) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 5))
    with serve(script) as (url, _):
        events = streamed(url, at=at, session_id="streamed")
        with posted(url, "/ask", question=WHY, at=at, session_id="asked") as response:
            asked = json.loads(response.read())
    name, answer = events[-1]
    assert name == "answer"
    assert Answer.model_validate(answer).mode == ("llm" if script else "deterministic")
    differing = {"usage", "session_id"}
    assert answer.keys() == asked.keys()
    assert {k: v for k, v in answer.items() if k not in differing} == {
        k: v for k, v in asked.items() if k not in differing
    }
    assert (answer["session_id"], asked["session_id"]) == ("streamed", "asked")
    assert answer["usage"]["llm_calls"] == asked["usage"]["llm_calls"] == (1 if script else 0)


def test_what_code_writes_is_told_whole_and_unchecked(serve) -> None:
    with serve() as (url, _):
        events = streamed(url)
    assert list(drafts(events).values()) == [events[-1][1]["answer"]]
    assert dict(events)["verification"] == {"checked": False, "kept": 1.0, "cut": []}


@pytest.mark.parametrize("lm", ["anthropic/scripted", "openai/scripted"])
def test_the_models_words_come_while_it_still_writes(serve, lm) -> None:
    """It stops in the middle of its answer; what it wrote until then is seen before it is given up."""
    half = "The DNS probe of adguard is failing [E3], " + "which is why names do not resolve, " * 20
    with (
        serve([replace(said(half), stall="middle")], lm=lm, lm_timeout_s=3) as (url, model),
        posted(url, "/ask/stream", question=WHY) as response,
    ):
        events: list[Event] = []
        for event in each(response):
            events.append(event)
            if event[0] == "token" and "do not resolve" in shown(events):
                break
        assert model.in_flight == 1
    assert names(events)[-1] == "token"
    assert half.startswith(shown(events))


def test_the_words_of_the_highest_draft_are_the_answer(serve) -> None:
    with serve(answer_by_rules) as (url, model):
        events = streamed(url)
        assert len(model.asked) == 1
        assert model.asked[0].body["stream"] is True
    answer = events[-1][1]
    assert answer["mode"] == "llm"
    assert list(drafts(events).values()) == [answer["answer"]], "no draft was begun anew"
    assert sum(name == "token" for name, _ in events) > 2
    assert names(events)[-3:] == ["token", "verification", "answer"]
    assert dict(events)["verification"] == {"checked": True, "kept": 1.0, "cut": []}
    assert dict(events)["plan"]["model"] == "anthropic/scripted"


def test_who_asks_for_no_stream_gets_none_from_the_model(serve) -> None:
    with serve(answer_by_rules) as (url, model):
        with posted(url, "/ask", question=WHY) as response:
            assert json.loads(response.read())["mode"] == "llm"
        assert not model.asked[0].body.get("stream")


def test_a_sentence_that_does_not_stand_is_told_and_cut(serve) -> None:
    invented = "It lost 41 % of 7,312 queries and 12 disks are full [E3]."
    with serve([said(f"The DNS probe of adguard is failing [E3]. {invented}")]) as (url, model):
        events = streamed(url)
        assert len(model.asked) == 2, "what does not stand is told back once"
    checks = [data for name, data in events if name == "verification"]
    assert len(checks) == 2
    for check in checks:
        (cut,) = check["cut"]
        assert cut["sentence"] == invented
        assert "7,312" in cut["why"]
        assert check["checked"]
        assert 0 < check["kept"] < 1
    answer = events[-1][1]
    assert answer["mode"] == "llm"
    assert "7,312" not in answer["answer"]
    assert sorted(drafts(events)) == [1, 2, 3]
    assert [invented in text for text in drafts(events).values()] == [True, True, False]
    assert shown(events) == answer["answer"]


@pytest.mark.parametrize(
    "failing",
    [{"cut": True}, {"stall": "middle"}, {"stop_reason": "refusal"}, {"stop_reason": "max_tokens"}],
    ids=["hung up", "stalled", "declined", "too long"],
)
def test_a_model_that_fails_in_the_middle_leaves_a_new_draft_to_code(serve, failing) -> None:
    half = "The DNS probe of adguard is failing [E3], " + "which is why names do not resolve, " * 20
    with serve([replace(said(half), **failing)], lm_timeout_s=2) as (url, _):
        events = streamed(url)
    answer = events[-1][1]
    assert answer["mode"] == "deterministic"
    assert any(gap.startswith("model: ") for gap in answer["gaps"])
    texts = drafts(events)
    assert len(texts) >= 2
    assert "names do not resolve" in texts[min(texts)]
    assert shown(events) == answer["answer"]
    assert "which is why names do not resolve, which" not in shown(events)
    assert names(events)[-3:] == ["verification", "token", "answer"]
    assert dict(events)["verification"]["checked"] is False


def test_a_secret_that_the_model_writes_is_never_told(serve) -> None:
    text = "The DNS probe of adguard is failing [E3], and its password=hunter2longer is the one of last year [E3]."
    with serve([said(text)]) as (url, _), posted(url, "/ask/stream", question=WHY) as response:
        stream = response.read().decode()
    assert "password=" in stream
    assert "hunter2" not in stream


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"question": ""}, "question: "),
        ({"question": " \n"}, "question: "),
        ({"question": "x" * 9_000}, "question: "),
        ({"question": "why?", "at": "2999-01-01T00:00:00Z"}, "at: "),
        ({"question": "why?", "at": "soon"}, "at: "),
        ({"question": "why?", "colour": "red"}, "colour: "),
        ({"question": "why?", "session_id": "two\nlines"}, "session_id: "),
        ({"question": 7}, "question: "),
        ({}, "question: "),
    ],
)
def test_bad_input_is_a_422_and_no_stream(url, body, named) -> None:
    with posted(url, "/ask/stream", **body) as response:
        assert response.status == 422
        assert response.headers.get_content_type() == "application/json"
        problem = json.loads(response.read())
    assert problem["error"].startswith(named)


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    """The API without any source."""
    with api_served(build_api(Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("alone")))) as base:
        yield base


def test_without_a_source_there_is_a_stream_all_the_same(url) -> None:
    events = streamed(url, "is anything wrong?")
    assert names(events)[0] == "plan"
    assert events[0][1]["sources"] == ["runbooks"]
    assert names(events)[-1] == "answer"
    assert events[-1][1]["gaps"]


def test_a_secret_in_the_question_is_not_told_again(url) -> None:
    with posted(url, "/ask/stream", question="does password=hunter2Hunter2 still open jellyfin?") as response:
        assert b"hunter2" not in response.read()


def test_two_streams_at_once_do_not_mix(url) -> None:
    questions = ["tell me a joke", "weekly report", "how are you?"] * 4
    found: dict[int, list[Event]] = {}
    threads = [
        threading.Thread(target=lambda n=number, text=text: found.update({n: streamed(url, text, session_id=str(n))}))
        for number, text in enumerate(questions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for number, text in enumerate(questions):
        events = found[number]
        assert [data["question"] for name, data in events if name == "plan"] == [text]
        assert events[-1][1]["session_id"] == str(number)
        assert shown(events) == events[-1][1]["answer"]


# --- a client that leaves


@pytest.mark.parametrize("stall", [True, "middle"], ids=["before the first word", "in the middle of its words"])
def test_a_client_that_leaves_ends_the_call_of_the_model(serve, caplog, stall) -> None:
    half = "The DNS probe of adguard is failing [E3], " + "which is why names do not resolve, " * 20
    with serve([replace(said(half), stall=stall)], lm_timeout_s=15) as (url, model), caplog.at_level(logging.WARNING):
        with posted(url, "/ask/stream", question=WHY) as response:
            for name, _ in each(response):
                if name == ("passages" if stall is True else "token"):
                    break
            assert until(lambda: model.in_flight == 1, 10)
            assert model.abandoned == 0
        assert until(lambda: model.abandoned == 1, ENDED)
        assert model.in_flight == 0
        assert len(model.asked) == 1
        assert streamed(url, "tell me a joke")[-1][0] == "answer", "the server goes on"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_client_that_leaves_leaves_no_turn_behind(serve) -> None:
    """What nobody read is not spoken of later."""
    replies = iter([replace(said("never read"), stall=True)])
    with serve(lambda asked: next(replies, answer_by_rules(asked))) as (url, model):
        with posted(url, "/ask/stream", question=WHY, session_id="night") as response:
            assert next(each(response))[0] == "plan"
            assert until(lambda: model.in_flight == 1, 10)
        assert until(lambda: model.abandoned == 1, ENDED)
        again = streamed(url, session_id="night")[-1][1]
    assert again["mode"] == "llm"
    assert "never read" not in model.asked[-1].user
