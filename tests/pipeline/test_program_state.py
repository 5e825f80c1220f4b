"""The program's state as JSON: what travels in it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import dspy
import pytest

from core.errors import ConfigurationError
from pipeline.assistant import Assistant
from pipeline.program_state import MAX_BYTES, load_state, save_state
from pipeline.sources import Sources

STEPS = {
    "investigate.step",
    "recognise.ask",
    "rewrite.rewrite",
    "shorten.summarise",
    "synthesise.draft",
    "synthesise.write",
}


@pytest.fixture
def assistant() -> Assistant:
    return Assistant(Sources(), zone=ZoneInfo("UTC"), deadline_s=1)


def test_the_state_holds_every_prompt_of_the_program(assistant: Assistant) -> None:
    assert set(assistant.dump_state()) == STEPS


def test_instructions_and_examples_travel(assistant: Assistant, tmp_path: Path) -> None:
    write = assistant.synthesise.write
    write.signature = write.signature.with_instructions("Answer in one sentence.")
    write.demos = [
        dspy.Example(brief="[E1] cpu 97 %", conversation="", question="why?", cause="H1", answer="CPU. [E1]")
    ]
    save_state(assistant, tmp_path / "program.json")
    fresh = Assistant(Sources(), zone=ZoneInfo("UTC"), deadline_s=1)
    load_state(fresh, tmp_path / "program.json")
    assert fresh.synthesise.write.signature.instructions == "Answer in one sentence."
    assert fresh.synthesise.write.demos[0]["answer"] == "CPU. [E1]"
    assert "api_key" not in (tmp_path / "program.json").read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: {**content, "version": "0.0.9"}, "was made for homelab-sre 0.0.9"),
        (lambda content: {**content, "program": "another"}, "was made for another"),
        (lambda content: {**content, "state": {"nonsense": {}}}, "does not hold the prompts"),
        (lambda content: {**content, "state": dict.fromkeys(content["state"], 7)}, "cannot be used"),
        (lambda _: ["a list"], "is not a saved program"),
    ],
    ids=["version", "program", "prompts", "values", "list"],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(assistant, tmp_path, change, said) -> None:
    path = tmp_path / "program.json"
    save_state(assistant, path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    before = assistant.dump_state()
    with pytest.raises(ConfigurationError, match="SRE_PROGRAM: ") as refused:
        load_state(assistant, path)
    assert said in str(refused.value)
    assert assistant.dump_state() == before


def test_a_file_that_cannot_be_read_is_named(assistant: Assistant, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "large.json").write_bytes(b" " * (MAX_BYTES + 1))
    for name, said in (("gone.json", "cannot read"), ("broken.json", "not JSON"), ("large.json", "larger than")):
        with pytest.raises(ConfigurationError, match=said):
            load_state(assistant, tmp_path / name)
