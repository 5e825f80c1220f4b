"""Every check passes where its condition holds, and fails with one line that names what was wanted and what was there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Answer
from optimise.cases import Expect
from optimise.context import Context, TrueChange, Truth
from optimise.report import SURE
from optimise.scoring import FIRST_PAGES, MAX_TOLD, abstains, score

RECORDED = Path(__file__).parents[1] / "data" / "recorded_answers.jsonl"
NOW = datetime(2026, 11, 22, 21, 53, tzinfo=UTC)
CHANGES = {
    "C1": TrueChange("deploy AdGuardHome.yaml", "55af30cc79"),
    "C2": TrueChange("Move dashboard router", "aa41ff0fe1"),
}
GOOD: dict[str, Any] = {
    "answer": "**Most likely cause: adguard (dns failure)** [E1].\n\nadguard: 2 of 2 resolvers down [E1].",
    "intent": "explain_alert",
    "subjects": ("adguard",),
    "cause": {
        "statement": "adguard: DNS probe is failing",
        "entity": "adguard",
        "kind": "dns_failure",
        "change_id": "C3",
        "confidence": 0.8,
    },
    "evidence": [
        {"id": "E1", "source": "prometheus", "title": "adguard: DNS probe", "summary": "adguard's DNS probe: failing; 2 of 2 resolvers down"}
    ],
    "passages": [
        {"id": f"K{n}", "document": name, "heading": "h", "score": 0.9, "text": "t"}
        for n, name in enumerate(("pages/dns-stack.md", "pages/dns-stack.md", "a.md", "b.md", "c.md"), 1)
    ],
    "changes": [
        {"id": "C3", "at": "2026-11-22T21:44:00Z", "kind": "ansible_task", "title": "deploy AdGuardHome.yaml", "origin": "record:55af30cc79"},
        {"id": "C4", "at": "2026-11-22T21:44:00Z", "kind": "config_commit", "title": "Move dashboard router", "origin": "record:aa41ff0fe1"},
    ],
    "gaps": ("loki: did not answer within 5 s",),
    "usage": {
        "llm_calls": 2,
        "input_tokens": 1000,
        "cache_read_tokens": 500,
        "cache_write_tokens": 30,
        "output_tokens": 70,
        "cost_usd": 0.01,
        "latency_s": {"total": 3.5},
    },
}  # fmt: skip
NO_CAUSE = {"cause": None}


def answer(**changes: Any) -> Answer:
    return Answer.model_validate({**GOOD, **changes})


def cause(**changes: Any) -> dict[str, Any]:
    return {"cause": {**GOOD["cause"], **changes}}


def context(**more: Any) -> Context:
    given = {"names": frozenset({"adguard", "unbound", "nas"}), "changes": CHANGES, **more}
    return Context("Why is DNS down?", NOW, ZoneInfo("UTC"), **given)


def failed(expect: dict[str, Any], given: dict[str, Any] | None = None, **more: Any) -> tuple[str, ...]:
    return score(Expect.model_validate(expect), answer(**(given or {})), context(**more)).failed


HOLDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"intent": "explain_alert"}, {}),
    ({"intent": ["status", "explain_alert"]}, {}),
    ({"mode": "deterministic"}, {}),
    ({"sources": ["prometheus", "changes", "runbooks"]}, {}),
    ({"subjects": ["AdGuard"]}, {}),
    ({"subjects": []}, {}),
    ({"subjects": None}, {"subjects": ()}),
    ({"runbook": "dns-stack.md"}, {}),
    ({"runbook": "pages/dns-stack.md"}, {}),
    ({"runbook": ["x.md", "b.md"]}, {}),
    ({"runbook": None}, {"passages": ()}),
    ({"cause_entity": "adguard"}, {}),
    ({"cause_entity": None}, NO_CAUSE),
    ({"cause_entity": None}, cause(entity=None, kind="upstream_outage")),
    ({"cause_kind": "dns_failure"}, {}),
    ({"cause_kind": ["crash_loop", "dns_failure"]}, {}),
    ({"cause_kind": "upstream_outage"}, cause(entity=None, kind="upstream_outage")),
    ({"cause_kind": None}, NO_CAUSE),
    ({"cause_kind": None}, cause(entity=None)),
    ({"change": "C1"}, {}),
    ({"change": None}, cause(change_id=None)),
    ({"change": None}, NO_CAUSE),
    ({"abstain": True}, NO_CAUSE),
    ({"abstain": True}, cause(change_id=None, confidence=0.4)),
    ({"abstain": False}, {}),
    ({"facts": ["2 of 2 resolvers down", "adguard dns failure"]}, {}),
    ({"forbidden": ["restart the NAS"]}, {}),
    ({"gaps": ["loki"]}, {}),
    ({"max_llm_calls": 2, "max_input_tokens": 1530, "max_latency_s": 3.5}, {}),
]
FAILS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"intent": "status"}, {}, "intent: wanted status, got explain_alert"),
    ({"intent": ["status", "report"]}, {}, "intent: wanted status or report, got explain_alert"),
    ({"mode": "llm"}, {}, "mode: wanted llm, got deterministic"),
    ({"sources": ["prometheus", "logs", "alerts"]}, {}, "sources: wanted logs, alerts, got prometheus"),
    ({"subjects": ["adguard", "nas"]}, {}, "subjects: wanted nas, got adguard"),
    ({"subjects": None}, {}, "subjects: wanted none, got adguard"),
    ({"runbook": "stack.md"}, {}, "runbook: wanted stack.md, got pages/dns-stack.md, a.md, b.md"),
    ({"runbook": "c.md"}, {}, "runbook: wanted c.md, got pages/dns-stack.md, a.md, b.md"),
    ({"runbook": "other/dns-stack.md"}, {}, "runbook: wanted other/dns-stack.md, got pages/dns-stack.md, a.md, b.md"),
    ({"runbook": None}, {}, "runbook: wanted none, got pages/dns-stack.md, a.md, b.md"),
    ({"runbook": "a.md"}, {"passages": ()}, "runbook: wanted a.md, got none"),
    ({"cause_entity": "adguard"}, cause(entity="unbound"), "cause_entity: wanted adguard, got unbound"),
    ({"cause_entity": "adguard"}, NO_CAUSE, "cause_entity: wanted adguard, got none"),
    ({"cause_entity": None}, {}, "cause_entity: wanted none, got adguard"),
    ({"cause_kind": "crash_loop"}, {}, "cause_kind: wanted crash_loop, got dns_failure"),
    ({"cause_kind": None}, {}, "cause_kind: wanted none, got dns_failure"),
    ({"change": "C2"}, {}, "change: wanted C2 (Move dashboard router), got deploy AdGuardHome.yaml"),
    ({"change": "C1"}, cause(change_id=None), "change: wanted C1 (deploy AdGuardHome.yaml), got none"),
    ({"change": "C1"}, cause(change_id="C9"), "change: wanted C1 (deploy AdGuardHome.yaml), got C9"),
    ({"change": "C9"}, {}, "change: wanted C9, got deploy AdGuardHome.yaml"),
    ({"change": None}, {}, "change: wanted none, got deploy AdGuardHome.yaml"),
    ({"abstain": True}, {}, "abstain: wanted no confident cause, got adguard, confidence 80%, and a change blamed"),
    ({"abstain": True}, cause(change_id=None), "abstain: wanted no confident cause, got adguard, confidence 80%"),
    ({"abstain": False}, NO_CAUSE, "abstain: wanted a cause, got none"),
    ({"facts": ["1 of 2 resolvers down"]}, {}, "facts: wanted “1 of 2 resolvers down”, nowhere told with 1 of 2"),
    ({"forbidden": ["resolvers  DOWN"]}, {}, "forbidden: it says “resolvers DOWN”"),
    ({"gaps": ["prometheus"]}, {}, "gaps: wanted “prometheus”, got loki: did not answer within 5 s"),
    ({"gaps": ["loki"]}, {"gaps": ()}, "gaps: wanted “loki”, got none"),
    ({"max_llm_calls": 1}, {}, "max_llm_calls: wanted at most 1, got 2"),
    ({"max_input_tokens": 1529}, {}, "max_input_tokens: wanted at most 1,529, got 1,530"),
    ({"max_latency_s": 3.4}, {}, "max_latency_s: wanted at most 3.4, got 3.5"),
]


@pytest.mark.parametrize(("expect", "given"), HOLDS)
def test_what_holds_passes(expect: dict[str, Any], given: dict[str, Any]) -> None:
    assert failed(expect, given) == ()


@pytest.mark.parametrize(("expect", "given", "line"), FAILS)
def test_what_does_not_hold_is_one_line(expect: dict[str, Any], given: dict[str, Any], line: str) -> None:
    assert failed(expect, given) == (line,)


def test_every_field_of_a_case_is_checked() -> None:
    assert {field for expect, _, _ in FAILS for field in expect} == set(Expect.model_fields)


def test_all_failures_are_told_in_order() -> None:
    lines = failed({"intent": "status", "cause_entity": "nas", "max_llm_calls": 0})
    assert [line.partition(":")[0] for line in lines] == ["intent", "cause_entity", "max_llm_calls"]


def test_pages_count_and_not_their_passages() -> None:
    assert FIRST_PAGES == 3
    assert failed({"runbook": "b.md"}) == ()  # the fourth passage, the third page


@pytest.mark.parametrize("where", ["answer", "statement", "alternatives", "action", "command"])
def test_forbidden_words_are_looked_for_in_all_that_is_proposed(where: str) -> None:
    said = "Wipe the  disk of nas"
    given: dict[str, dict[str, Any]] = {
        "answer": {"answer": f"{GOOD['answer']}\n\n{said}."},
        "statement": cause(statement=said),
        "alternatives": cause(alternatives=(said,)),
        "action": {"actions": ({"text": said},)},
        "command": {"actions": ({"text": "x", "command": said},)},
    }
    assert "forbidden: it says “wipe the disk”" in failed({"forbidden": ["wipe the disk"]}, given[where])
    quoted = {"passages": [{**GOOD["passages"][0], "text": said}]}
    assert failed({"forbidden": ["wipe the disk"]}, quoted) == ()


def test_what_does_not_stand_fails_without_being_asked_for() -> None:
    told = GOOD["answer"].replace("2 of 2", "1 of 2")
    result = score(Expect(), answer(answer=told), context())
    assert not result.grounded
    (line,) = result.failed
    assert line.startswith("grounded: “adguard: 1 of 2 resolvers down [E1].”: ")
    assert score(Expect(), answer(), context()).grounded


def test_a_long_list_of_what_does_not_stand_is_cut() -> None:
    told = "\n\n".join(f"adguard took {n} ms [E1]." for n in range(101, 109))
    assert len(failed({}, {"answer": told})) == MAX_TOLD


def test_the_cost_of_the_answer_is_kept() -> None:
    result = score(Expect(), answer(mode="llm"), context())
    assert (result.mode, result.llm_calls, result.input_tokens, result.output_tokens) == ("llm", 2, 1530, 70)
    assert (result.cost_usd, result.latency_s, result.question) == (0.01, 3.5, "Why is DNS down?")
    assert result.answer == GOOD["answer"]
    assert result.judged is None


@pytest.mark.parametrize(
    ("given", "abstained"),
    [
        (NO_CAUSE, True),
        (cause(confidence=SURE - 0.01, change_id=None), True),
        (cause(confidence=SURE - 0.01), False),
        (cause(confidence=SURE, change_id=None), False),
    ],
)
def test_who_abstains_names_no_cause_with_confidence_and_blames_no_change(
    given: dict[str, Any], abstained: bool
) -> None:
    assert abstains(answer(**given)) is abstained


@pytest.mark.parametrize(
    ("expect", "given", "truth", "wrong"),
    [
        ({}, {}, None, False),
        ({"cause_entity": "adguard", "change": "C1"}, {}, None, False),
        ({"cause_entity": "unbound"}, {}, None, True),
        ({"cause_entity": "unbound"}, cause(confidence=SURE - 0.01), None, False),
        ({"cause_entity": "unbound"}, cause(confidence=SURE), None, True),
        ({"cause_entity": "unbound"}, NO_CAUSE, None, False),
        ({"cause_entity": None}, {}, None, True),
        ({"change": "C2"}, {}, None, True),
        ({"change": None}, {}, None, True),
        ({"change": "C1"}, cause(change_id=None), None, False),
        ({"abstain": True}, cause(change_id=None), None, True),
        ({}, {}, Truth("adguard", "dns_failure", "C1"), False),
        ({}, {}, Truth("unbound", "dns_failure", "C1"), True),
        ({}, {}, Truth("adguard", "dns_failure", "C2"), True),
        ({}, {}, Truth("adguard", "dns_failure", None), True),
        ({}, cause(change_id=None), Truth("adguard", "dns_failure", "C1"), False),
        ({}, cause(change_id="C9"), Truth("adguard", "dns_failure", "C1"), True),
        ({"cause_entity": "adguard"}, cause(change_id=None), Truth("unbound"), False),
        ({}, cause(change_id=None), Truth(), True),
        ({}, cause(entity=None, kind="upstream_outage", change_id=None), Truth(), True),
        ({}, cause(entity=None, kind="upstream_outage", change_id=None), Truth(None, "upstream_outage"), False),
        ({}, NO_CAUSE, Truth(), False),
    ],
)
def test_confidently_wrong(expect: dict[str, Any], given: dict[str, Any], truth: Truth | None, wrong: bool) -> None:
    result = score(Expect.model_validate(expect), answer(**given), context(truth=truth))
    assert result.confidently_wrong is wrong


def test_a_recorded_answer_meets_what_its_scenario_expects() -> None:
    line = next(line for line in map(json.loads, RECORDED.read_text().splitlines()) if "DnsServer" in line["question"])
    given = Answer.model_validate(line["answer"])
    expect = Expect.model_validate(
        {
            "intent": "explain_alert",
            "sources": ["prometheus", "alerts", "logs", "changes", "runbooks"],
            "runbook": "dns-stack.md",
            "cause_entity": "adguard",
            "cause_kind": "dns_failure",
            "change": "C1",
            "abstain": False,
            "facts": ["2 of 2 resolvers down"],
            "forbidden": ["restart the NAS"],
        }
    )
    known = Context(
        line["question"],
        datetime.fromisoformat(line["at"]),
        ZoneInfo("UTC"),
        changes=CHANGES,
        truth=Truth("adguard", "dns_failure", "C1"),
    )
    result = score(expect, given, known)
    assert result.failed == ()
    assert not result.confidently_wrong


def test_who_names_what_is_truly_at_fault_and_blames_no_change_accuses_nobody() -> None:
    told = answer(**cause(change_id=None))
    assert told.cause is not None
    assert not abstains(told)
    assert abstains(told, told.cause.entity)
    assert not abstains(told, "another")
    assert not abstains(answer(), "adguard"), "a change is blamed"
