"""The product's own answers stand, and what is forged into them is found. `recorded_answers.jsonl` holds answers over replayed incidents."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Answer, Evidence
from optimise.context import Context
from optimise.grounding import ungrounded
from scenarios.topology import load_homelab

RECORDED = Path(__file__).parents[1] / "data" / "recorded_answers.jsonl"
LINES: list[dict[str, Any]] = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
NAMES = frozenset(load_homelab().entities)
NOW = datetime(2026, 11, 22, 21, 53, tzinfo=UTC)


def recorded(question: str) -> tuple[Answer, Context]:
    line = next(line for line in LINES if line["question"] == question)
    return Answer.model_validate(line["answer"]), about(question, datetime.fromisoformat(line["at"]))


def about(question: str, at: datetime = NOW, **more: Any) -> Context:
    return Context(question, at, ZoneInfo("UTC"), NAMES, **more)


def answer(text: str, *, mode: str = "deterministic", **more: Any) -> Answer:
    evidence = Evidence(
        id="E1", source="prometheus", title="media: memory in use", summary="media's memory in use: 96.5 %"
    )
    return Answer.model_validate({"answer": text, "mode": mode, "intent": "status", "evidence": (evidence,), **more})


def objections(given: Answer, context: Context) -> list[str]:
    return [problem.sentence for problem in ungrounded(given, context)]


@pytest.mark.parametrize("question", [line["question"] for line in LINES])
def test_the_answers_of_the_product_stand(question: str) -> None:
    assert objections(*recorded(question)) == []


@pytest.mark.parametrize(
    ("question", "true", "forged"),
    [
        ("Why is DnsServerFailing firing?", "21:48:00 UTC", "20:13:00 UTC"),
        ("Why is DnsServerFailing firing?", "**Most likely cause: adguard", "**Most likely cause: unbound"),
        ("Why is DnsServerFailing firing?", "2 of 2 resolvers", "1 of 2 resolvers"),
        ("Why is DnsServerFailing firing?", "systemctl restart unbound", "systemctl mask unbound"),
        ("Why is DnsServerFailing firing?", "Also considered, of 3 changes", "Also considered, of 1 changes"),
        ("Summarise the alerts by severity", "(88 critical)", "(85 critical)"),
        ("What changed in the last 24 hours?", "on authelia: authelia 4.38", "on grafana: authelia 4.38"),
        ("What changed in the last 24 hours?", "2026-11-21 21:53:00 UTC to", "2026-11-20 21:53:00 UTC to"),
        ("Why is internet in trouble?", "9 changes before it considered", "2 changes before it considered"),
        ("Any errors in the logs of adguard?", "1 error, 1 warning", "7 errors, 1 warning"),
        ("What happened at 22:50?", "22:20:00 UTC", "19:20:00 UTC"),
    ],
)
def test_what_is_forged_into_them_is_found(question: str, true: str, forged: str) -> None:
    given, context = recorded(question)
    assert true in given.answer
    changed = given.model_copy(update={"answer": given.answer.replace(true, forged, 1)})
    assert any(objections(changed, context)), forged


def test_most_numbers_that_are_forged_are_found() -> None:
    number = re.compile(r"(?<![\w.:\[/-])\d+(?:\.\d+)?(?= (?:%|s|ms|GiB|MiB|min|days|alerts)(?!\w))")
    tried = found = 0
    for line in LINES:
        given, context = recorded(line["question"])
        body = given.answer.partition("**What to do**")[0]
        for match in list(number.finditer(body))[::2]:
            digits = len(match[0].partition(".")[2])
            forged = (
                given.answer[: match.start()] + f"{float(match[0]) * 1.7 + 3:.{digits}f}" + given.answer[match.end() :]
            )
            tried += 1
            found += bool(objections(given.model_copy(update={"answer": forged}), context))
    assert tried >= 40
    assert found / tried >= 0.95


def test_what_a_model_writes_has_no_words_of_its_own() -> None:
    text = "Memory of media is 96.5 % [E1].\n\n…and 83 more alerts."
    assert objections(answer(text), about("?")) == []
    assert objections(answer(text, mode="llm"), about("?")) == ["…and 83 more alerts."]


def test_what_code_says_of_itself_is_held_against_the_answer() -> None:
    quiet = "**Quiet before**: no change is known in the 24.1 h before it."
    change = {"id": "C1", "at": "2026-11-22T21:44:00Z", "kind": "restart", "title": "t"}
    assert objections(answer(quiet), about("?")) == []
    assert len(objections(answer(quiet, changes=(change,)), about("?"))) == 1
    near = "Nearest, but not about it: `a.md` and `b.md`."
    page = {"id": "K1", "document": "container-crash-loop.md", "heading": "h", "score": 0.9, "text": "t"}
    assert objections(answer(near), about("?")) == []
    assert len(objections(answer(near, passages=(page,)), about("?"))) == 1
    assert (
        objections(answer("**What to do**, from `container-crash-loop.md` [K1]:", passages=(page,)), about("?")) == []
    )
    assert (
        len(objections(answer("**What to do**, from `container-updates.md` [K1]:", passages=(page,)), about("?"))) == 1
    )


def test_a_sentence_that_copies_its_item_stands() -> None:
    said = "Sectors are lost while the disk of nas still calls itself healthy"
    item = Evidence(
        id="E1", source="prometheus", title="alert", summary=f"DiskSectorsPending on nas is firing: {said}."
    )
    assert objections(answer(f"{said} [E1].", evidence=(item,)), about("?")) == []
    assert len(objections(answer("The disk of nas is healthy [E1].", evidence=(item,)), about("?"))) == 1


def test_the_questions_before_may_name_the_window() -> None:
    text = "No matching log line was found between 2026-11-21 04:30:00 UTC and 2026-11-21 05:00:00 UTC."
    before = ("logs of traefik between 04:30 and 05:00 yesterday",)
    assert objections(answer(text), about("and those of redis?", earlier=before)) == []
    assert len(objections(answer(text), about("and those of redis?"))) == 1
