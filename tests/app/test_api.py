"""The HTTP API over real sockets."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.api import build_api
from app.server import in_background
from core.errors import ConfigurationError
from core.settings import Settings
from scenarios.processes import choose_ports

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API with a Prometheus and an Alertmanager that are down."""
    directory: Path = tmp_path_factory.mktemp("api")
    settings = Settings(
        _env_file=None,
        prometheus_url=NOBODY,
        alertmanager_url=NOBODY,
        data_dir=directory,
        port=choose_ports(None, ["API"])[0],
        log_level="WARNING",
    )
    with in_background(settings) as base:
        yield base


def call(url: str, body: bytes | None = None, *, host: str | None = None) -> tuple[int, bytes]:
    headers = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def ask(url: str, **body: object) -> tuple[int, dict]:
    status, text = call(f"{url}/ask", json.dumps(body).encode())
    return status, json.loads(text)


def test_an_answer_has_every_field_of_the_contract(url) -> None:
    status, answer = ask(url, question="is anything wrong?", session_id="s1")
    assert status == 200
    assert set(answer) == {
        "answer", "mode", "intent", "subjects", "cause", "actions", "evidence", "passages", "changes", "gaps", "program", "usage", "session_id",
    }  # fmt: skip
    assert answer["session_id"] == "s1"
    assert answer["usage"]["llm_calls"] == answer["usage"]["input_tokens"] == 0
    assert answer["gaps"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"question": ""}, "question"),
        ({"question": "x" * 9_000}, "question"),
        ({"question": "a\u0000b"}, "question"),
        ({}, "question"),
        ({"question": "why?", "at": "soon"}, "at"),
        ({"question": "why?", "at": "2999-01-01T00:00:00Z"}, "at"),
        ({"question": "why?", "colour": "red"}, "colour"),
        ({"question": 7}, "question"),
    ],
)
def test_bad_input_is_a_422_that_names_the_field(url, body, named) -> None:
    status, problem = ask(url, **body)
    assert status == 422
    assert problem["error"].startswith(named)


def test_a_body_that_is_not_json_or_too_large_is_refused(url) -> None:
    status, text = call(f"{url}/ask", b"\xff\xfe\x00binary")
    assert status == 400
    assert "error" in json.loads(text)
    assert call(f"{url}/ask", json.dumps({"question": "x" * 100_000}).encode())[0] == 413


@pytest.mark.parametrize("body", [b"{broken", b"\xff\xfe\x00binary", b"[]", b"7"])
def test_a_bad_body_is_named_as_the_body(url, body) -> None:
    status, text = call(f"{url}/ask", body)
    assert 400 <= status < 500
    assert json.loads(text)["error"].startswith("body: ")


@pytest.mark.parametrize(("path", "expected"), [("nowhere", 404), ("ask", 405)])
def test_a_wrong_path_or_method_is_named_as_the_path(url, path, expected) -> None:
    status, text = call(f"{url}/{path}")
    assert status == expected
    assert json.loads(text)["error"].startswith("path: ")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", 200), ("localhost:8080", 200), ("[::1]:8080", 200), ("evil.example", 400), ("127.0.0.1.evil.example", 400)],
)  # fmt: skip
def test_only_loopback_names_are_served(url, host, expected) -> None:
    assert call(f"{url}/metrics", host=host)[0] == expected


def test_what_nobody_expected_is_a_500_without_details(tmp_path) -> None:
    api = build_api(Settings(_env_file=None, data_dir=tmp_path))

    @api.get("/broken")
    async def broken() -> None:
        raise OverflowError("hunter2secret")

    with TestClient(api, base_url="http://localhost", raise_server_exceptions=False) as client:
        response = client.get("/broken")
    assert response.status_code == 500
    assert response.json()["error"].startswith("internal error: OverflowError")
    assert "hunter2secret" not in response.text


def test_health_tells_each_component_and_fails_when_nothing_can_be_read(url) -> None:
    status, text = call(f"{url}/health")
    body = json.loads(text)
    assert status == 503
    assert body["status"] == "failed"
    assert {c["name"] for c in body["components"]} >= {"prometheus", "alertmanager", "grafana", "log files", "runbooks"}


def test_alerts_state_what_could_not_be_read(url) -> None:
    status, text = call(f"{url}/alerts")
    assert status == 200
    assert json.loads(text)["gaps"]


def test_metrics_can_be_scraped_and_count_questions(url) -> None:
    def answered() -> float:
        families = text_string_to_metric_families(call(f"{url}/metrics")[1].decode())
        samples = [s for family in families for s in family.samples if s.name == "sre_questions_total"]
        return sum(s.value for s in samples if s.labels == {"intent": "out_of_scope", "mode": "deterministic"})

    before = answered()
    ask(url, question="tell me a joke")
    assert answered() == before + 1


def test_the_documentation_shows_examples(url) -> None:
    schema = json.loads(call(f"{url}/openapi.json")[1])
    examples = schema["paths"]["/ask"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert {"explain", "metric", "past"} <= set(examples)


def test_an_address_that_others_reach_is_not_served_as_it_is() -> None:
    with pytest.raises(ConfigurationError, match="SRE_HOST"), in_background(Settings(_env_file=None, host="0.0.0.0")):
        pass
