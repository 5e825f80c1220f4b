"""Sentences that stand pass, those that do not are cut, and what is left is Markdown; all deterministic answers pass."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from test_grounded import build, measurer  # noqa: F401  fixtures: a brief for every intent

from core.vocabulary import INTENTS, Alert, AnsweredChange, Cause, Evidence, Passage
from pipeline.explain import explain
from pipeline.verify import MAX_ANSWER, Facts, facts_of, verify

SENTENCES: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("verify_sentences.yaml").read_text(encoding="utf-8")
)


def facts_from(told: dict[str, Any]) -> Facts:
    return Facts(
        evidence=tuple(Evidence.model_validate(item) for item in told["evidence"]),
        passages=tuple(Passage.model_validate(item) for item in told["passages"]),
        changes=tuple(AnsweredChange.model_validate(item) for item in told["changes"]),
        names=frozenset(told["names"]),
        alerts=tuple(Alert.model_validate(item) for item in told["alerts"]),
        question=told["question"],
        now=datetime.fromisoformat(told["now"]),
        zone=ZoneInfo(told["zone"]),
    )


FACTS = {name: facts_from(incident["facts"]) for name, incident in SENTENCES.items()}
MEMORY = FACTS["memory"]
JELLYFIN = Cause(statement="jellyfin leaks", entity="jellyfin", kind="memory_leak", confidence=0.75)


RECORDED: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("verify_recorded.yaml").read_text(encoding="utf-8"))
SENTENCES |= RECORDED
_FACTS = Path(__file__).parents[2] / "evalsets" / "verification" / "facts.json"
FACTS |= {name: facts_from(told) for name, told in json.loads(_FACTS.read_text(encoding="utf-8")).items()}


def listed(kind: str) -> list[tuple[str, str]]:
    return [(name, sentence) for name, incident in SENTENCES.items() for sentence in incident[kind]]


@pytest.mark.parametrize(("incident", "sentence"), listed("stands"))
def test_a_sentence_that_stands_in_what_it_cites_passes(incident: str, sentence: str) -> None:
    verdict = verify(sentence, FACTS[incident])
    assert [problem.what for problem in verdict.problems] == []
    assert verdict.text == sentence


@pytest.mark.parametrize(("incident", "sentence"), listed("does_not"))
def test_a_sentence_that_does_not_stand_is_cut_and_told(incident: str, sentence: str) -> None:
    verdict = verify(sentence, FACTS[incident])
    assert len(verdict.problems) == 1
    assert verdict.problems[0].sentence in sentence
    assert verdict.problems[0].what
    assert verdict.text == ""
    assert verdict.core_lost


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("subjects", [(), ("media",)])
@pytest.mark.parametrize("intent", INTENTS)
def test_every_deterministic_answer_passes_as_it_is(build, intent, subjects, named) -> None:  # noqa: F811  the fixture
    brief = build(intent, subjects, "memory", named=named)
    answer = explain(brief).answer
    verdict = verify(answer, facts_of(brief), cause=brief.cause)
    assert [(problem.sentence, problem.what) for problem in verdict.problems] == []
    assert verdict.text == answer


@pytest.mark.parametrize("forged", ["96.4 %", "games", "03:00:01 UTC", "`rm -rf /srv`", "http://elsewhere/graph"])
def test_what_is_forged_into_a_deterministic_answer_is_found(build, forged: str) -> None:  # noqa: F811  the fixture
    brief = build("explain_alert", ("media",))
    answer = explain(brief).answer.replace("**Extent**: ", f"**Extent**: {forged} and ")
    problems = verify(answer, facts_of(brief), cause=brief.cause).problems
    assert len(problems) == 1
    assert forged.removesuffix(" UTC").strip("`") in problems[0].what


def test_a_problem_names_the_piece_and_where_it_was_looked_for() -> None:
    (problem,) = verify("Memory of media is 93.6 % [E2][E3].", MEMORY).problems
    assert problem.what == "“93.6 %” stands in none of E2, E3"
    (problem,) = verify("Memory of media is 93.6 % [E2].", MEMORY).problems
    assert problem.what == "“93.6 %” stands in no part of E2"
    (problem,) = verify("Memory of media is 96.3 % [E77].", MEMORY).problems
    assert problem.what.startswith("there is no E77 (there is E1, E2")


ANSWER = """# Why media is short of memory

**HostHighMemory** on **media** fires since 04:00:00 CET, 10 min ago [E1].

**Measured**
- media: memory **96.3 %**, yesterday 41.0 % [E2]. It has been rising for 3 hours.
- nas: memory 12 % [E2]
- jellyfin: 9.0 GiB [E3]

**Most likely cause**: jellyfin leaks memory since its update 20 minutes ago (confidence 75 %) [C1][E3].

## What to do

Steps from `host-memory.md` [K1]:

1. Restart jellyfin; its memory must drop within a minute.

   ```bash
   ssh docs docker restart open-webui
   ```
2. Wipe the disk.

   ```bash
   rm -rf /
   ```

## More

- The NAS is on fire.

| host | memory |
|---|---|
| games | 99 % [E2] |

See [the graph](http://elsewhere/).
"""
KEPT = """# Why media is short of memory

**HostHighMemory** on **media** fires since 04:00:00 CET, 10 min ago [E1].

**Measured**
- media: memory **96.3 %**, yesterday 41.0 % [E2].
- jellyfin: 9.0 GiB [E3]

**Most likely cause**: jellyfin leaks memory since its update 20 minutes ago (confidence 75 %) [C1][E3].

## What to do

Steps from `host-memory.md` [K1]:

1. Restart jellyfin; its memory must drop within a minute.

   ```bash
   ssh docs docker restart open-webui
   ```"""


def test_what_is_left_of_an_answer_is_whole_markdown() -> None:
    verdict = verify(ANSWER, MEMORY, cause=JELLYFIN)
    assert verdict.text == KEPT
    assert len(verdict.problems) == 7
    assert not verdict.core_lost
    assert verify(verdict.text, MEMORY, cause=JELLYFIN).problems == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Memory is fine everywhere.",
        "jellyfin leaks memory. The cause is jellyfin's update. Memory of media is 96.3 % [E2].",
        "Memory of media is 96.3 % [E2]. It was 12 % [E2]. It was 13 % [E2]. It was 14 % [E2].",
        "**Most likely cause**: jellyfin leaks memory [K1].\n\nMemory of media is 96.3 % [E2]. The alert fires [E1].",
    ],
)
def test_the_core_is_lost_with_the_cause_or_the_measurements_or_half_of_the_text(text: str) -> None:
    assert verify(text, MEMORY).core_lost


def test_the_core_is_lost_when_nothing_names_the_cause_any_more() -> None:
    text = "Memory of media is 96.3 % [E2]. It rises [E2]. tdarr uses 1.3 GiB [E4]. jellyfin uses 12 GiB [E3]."
    assert not verify(text, MEMORY).core_lost
    assert verify(text, MEMORY, cause=JELLYFIN).core_lost


def test_a_confidence_is_the_one_that_code_decided() -> None:
    sentence = "The likely cause is jellyfin's update, confidence 75 % [C1]."
    assert verify(sentence, MEMORY, cause=JELLYFIN).problems == ()
    assert verify(sentence.replace("75", "95"), MEMORY, cause=JELLYFIN).problems
    assert verify(sentence, MEMORY).problems


def test_a_step_may_be_for_what_the_cause_is_about() -> None:
    assert verify("Restart jellyfin [K1].", MEMORY, cause=JELLYFIN).problems == ()
    assert verify("Restart jellyfin [K1].", MEMORY).problems
    assert verify("Restart tdarr [K1].", MEMORY, cause=JELLYFIN).problems


def test_an_answer_beyond_all_measure_is_cut_at_a_sentence() -> None:
    text = "Memory of media is 96.3 % [E2]. " * (MAX_ANSWER // 30)
    verdict = verify(text, MEMORY)
    assert verdict.problems == ()
    assert len(verdict.text) <= MAX_ANSWER
    assert verdict.text.endswith("[E2].")


def test_a_sentence_that_nobody_reads_is_cut() -> None:
    (problem,) = verify("media " * 400 + "[E2].", MEMORY).problems
    assert problem.what == "it is too long to be checked"


PIECES = st.sampled_from(
    [
        "media",
        "96.3 %",
        "[E2]",
        "**",
        "`",
        "```",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "|",
        "# ",
        "> ",
        "[",
        "](",
        "(",
        ")",
        "“",
        ". ",
        " ",
        "E9",
        "[E1]",
        "03:55",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=200))
def test_whatever_a_model_writes_is_judged(text: str) -> None:
    """No text makes it fail; what it keeps is no longer than what came in, and nothing is cut without a reason."""
    verdict = verify(text, MEMORY)
    assert 0 <= verdict.kept <= 1
    assert len(verdict.text) <= len(text)
    assert verdict.problems or verdict.text.split() == text.split()
