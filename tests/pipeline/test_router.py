"""Questions that no rule knows, with the real embedding model."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ConfigurationError, KnowledgeError
from core.vocabulary import Entity
from pipeline.brief import Gaps, Question
from pipeline.classify import classify
from pipeline.router import Examples, Router, RouterWeights, impersonal, load_examples, routed
from pipeline.sources import Sources
from tools.inventory import Inventory
from tools.knowledge.embedding import Embedder

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
INVENTORY = Inventory({"jellyfin": Entity(name="jellyfin", kind="service"), "nas": Entity(name="nas", kind="guest")})


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Router:
    return Router(Embedder(tmp_path_factory.mktemp("models")).embed)


def understood(text: str) -> Question:
    return classify(text, inventory=INVENTORY, alerts=(), now=NOW, zone=ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("list whatever was deployed overnight", "what_changed"),
        ("worst alerts first please", "alert_summary"),
        ("can I sleep tonight?", "status"),
        ("my wife says nothing works", "clarify"),
        ("which vm is hogging the memory", "metric_question"),
        ("how do I bake a cake", "out_of_scope"),
        ("do we have notes on replacing a dead drive", "runbook_lookup"),
    ],
)
def test_words_of_no_rule(router: Router, text: str, intent: str) -> None:
    assert router.intent(text, RouterWeights()) == intent


def test_nothing_is_near(router: Router) -> None:
    assert router.intent("qwzx 8831 ffff", RouterWeights()) is None
    assert router.intent("what did I do last night?", RouterWeights(threshold=5)) is None


def test_what_a_rule_said_decides_between_two_that_are_alike(tmp_path: Path) -> None:
    same = Router(Embedder(tmp_path).embed)
    examples: Examples = {"status": ["is it up"], "clarify": ["is it up"], "report": ["sing a song"]}
    assert same.intent("is it up", RouterWeights(), examples, rule="clarify") == "clarify"
    assert same.intent("is it up", RouterWeights(), examples, rule="status", weak=True) == "status"


def test_examples_outvote_a_rule_that_is_easily_mistaken(router: Router) -> None:
    assert (
        router.intent("which alerts fire, worst first", RouterWeights(), rule="metric_question", weak=True)
        == "alert_summary"
    )


def test_names_read_as_the_examples_do() -> None:
    question = understood("did nas eat JellyfinDown, or jellyfin?")
    assert impersonal(question, INVENTORY) == "did it eat the alert, or it?"


async def test_what_a_rule_knows_for_certain_is_not_asked() -> None:
    def refuse(_: Sequence[str]) -> NDArray[np.float32]:
        raise AssertionError

    gaps = Gaps()
    certain = understood("which playbook installs jellyfin?")
    assert await routed(certain, INVENTORY, Sources(router=Router(refuse)), gaps) is None


async def test_without_the_model_rules_decide_and_it_is_told() -> None:
    def missing(_: Sequence[str]) -> NDArray[np.float32]:
        raise KnowledgeError("embedding model: the package is not installed")

    gaps = Gaps()
    assert await routed(understood("any fires?"), INVENTORY, Sources(router=Router(missing)), gaps) is None
    assert any("router" in line and "not installed" in line for line in gaps.lines)


def test_a_wrong_intent_in_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "examples.yaml"
    file.write_text("guess: [what]\n")
    with pytest.raises(ConfigurationError, match=r"examples\.yaml: guess"):
        load_examples(file)


def test_examples_stand_under_one_intent_only() -> None:
    told = [text for texts in load_examples().values() for text in texts]
    assert len(told) == len(set(told))
    assert len(told) > 150
