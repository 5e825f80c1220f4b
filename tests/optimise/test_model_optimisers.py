"""Each optimiser against a scripted model over real HTTP: whether it runs, stops at the cap and pays for nothing twice, not how well."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from app.cli.optimise_prompts import optimise_prompts
from app.evaluation import EvaluationBench
from app.wiring import build_assistant
from bench.scripted_model import Asked, Reply, ScriptedModel
from core.costs import load_prices
from core.errors import ConfigurationError, InvalidInput, ModelRefused
from core.settings import Settings, load_settings
from optimise.cases import LoadedCase, load_cases
from optimise.evaluate import Run
from optimise.model_optimisers import Method, chosen, improve_prompt
from optimise.paid_responses import PaidResponses
from optimise.prompt_student import Desk, feedback, worth
from optimise.rehearsed import Rehearsed, rehearsed
from optimise.report import CaseResult, TurnResult
from optimise.spending import Spending
from pipeline.language_model import build_models
from pipeline.program_state import load_state, read_program

pytestmark = pytest.mark.xdist_group("model_optimisers")

CASES = [
    ("t1", "train", "how do I free disk space?", {"facts": ["docker"]}),
    ("t2", "train", "what are the steps for a dead disk in the nas?", {}),
    ("t3", "train", "which playbook sets up traefik?", {}),
    ("d1", "dev", "how do I renew a certificate?", {}),
    ("d2", "dev", "what do I do when a host is down?", {"facts": ["never said"]}),
]
PROPOSED = "Answer the question from the brief alone, and be brief."
BOOTSTRAP_CALLS = 7
"""Dev before and after, and train until two of its answers are examples: the first of the three is answered wrong."""
FIELD = re.compile(r"\[\[ ## (\w+) ## \]\]")


def scripted(asked: Asked) -> Reply:
    """An answer in the student's form; to an optimiser's own questions whatever fields they ask for."""
    if "[[ ## brief ## ]]" in asked.user:
        return Reply("[[ ## cause ## ]]\nnone\n\n[[ ## answer ## ]]\nFollow the page [K1].\n\n[[ ## completed ## ]]", input_tokens=1000, output_tokens=100)  # fmt: skip
    if "JSON object" in asked.user:  # DSPy asks so where a model may answer in a given schema
        names = re.findall(r"`(\w+)`", asked.user.rpartition("JSON object")[2])
        return Reply(json.dumps(dict.fromkeys(names, PROPOSED)), input_tokens=1000, output_tokens=100)
    wanted = [name for name in dict.fromkeys(FIELD.findall(asked.user)) if name != "completed"]
    fields = "\n\n".join(f"[[ ## {name} ## ]]\n{PROPOSED}" for name in wanted)
    return Reply(f"{fields}\n\n[[ ## completed ## ]]", input_tokens=1000, output_tokens=100)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sets") / "cases.yaml"
    path.write_text(
        yaml.safe_dump(
            [
                {"id": number, "kind": number, "split": split, "turns": [{"question": question, "expect": expect}]}
                for number, split, question, expect in CASES
            ]
        )
    )
    return path


def settings_of(data_dir: Path, url: str, **others: object) -> Settings:
    own = {"lm": "anthropic/claude-sonnet-5-5", "lm_api_key": "none", "lm_base_url": url}
    return load_settings(**{"data_dir": data_dir, **own, **others})


@pytest.fixture(scope="module")
def staged(sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The quiet homelab, once for all optimisers."""
    data_dir = tmp_path_factory.mktemp("data")
    cases = load_cases([sets])
    settings = settings_of(data_dir, "http://127.0.0.1:9")
    with (
        EvaluationBench(settings) as bench,
        rehearsed(cases, bench, end=datetime.now(UTC).replace(microsecond=0)) as run,
    ):
        yield SimpleNamespace(run=run, cases=cases, data_dir=data_dir)


def improved(staged: SimpleNamespace, server: ScriptedModel, method: Method, paid: Path, cap: float = 10.0):
    settings = settings_of(staged.data_dir, server.url)
    spending = Spending(load_prices(settings.lm_prices), cap)
    kept = PaidResponses(paid)
    models = build_models(settings, on_call=spending.record, refuse=spending.refuse, around=kept.around)
    assert models is not None
    by_id: dict[str, LoadedCase] = {case.case.id: case for case in staged.cases}
    run: Run = staged.run
    with EvaluationBench(settings, models=models) as bench, asyncio.Runner() as runner:
        desk = Desk(Rehearsed(run, bench), by_id, spending, runner)
        try:
            return improve_prompt(
                desk, ["t1", "t2", "t3"], ["d1", "d2"], method=method, lm=models.lm("synthesise"), calls=12
            ), kept.reused  # fmt: skip
        finally:
            kept.close()


@pytest.mark.parametrize("method", ["gepa", "mipro", "bootstrap"])
def test_each_optimiser_runs_and_a_resumed_run_sends_nothing(
    staged: SimpleNamespace, method: Method, tmp_path: Path
) -> None:
    with ScriptedModel(scripted) as server:
        found, reused = improved(staged, server, method, tmp_path / "paid.db")
        sent = len(server.asked)
        again, reused_again = improved(staged, server, method, tmp_path / "paid.db")
        assert len(server.asked) == sent
    assert sent >= BOOTSTRAP_CALLS
    assert (reused, reused_again) == (0, sent)
    assert again == found
    assert set(found.history) == {"start", method}
    assert found.prompt["lm"] is None
    assert json.dumps(found.prompt)
    if method != "bootstrap":
        assert any(PROPOSED in str(asked.user) + str(asked.system) for asked in server.asked), "its proposal was tried"


def test_the_cap_ends_a_run_and_a_resumed_one_goes_on(sets: Path, tmp_path: Path) -> None:
    with ScriptedModel(scripted) as server:
        settings = settings_of(tmp_path, server.url)
        price = load_prices(settings.lm_prices).of("anthropic/claude-sonnet-5-5")
        assert price is not None
        each = (1000 * price.input + 100 * price.output) * 1e-6
        how = {"calls": 12, "seed": 0, "dry_run": False}
        with pytest.raises(ModelRefused, match=r"cap of .* --resume .*higher --cap") as stopped:
            optimise_prompts(settings, [sets], "bootstrap", cap_usd=3.5 * each, resume=None, **how)
        assert len(server.asked) == 3
        directory = Path(re.findall(r"--resume (\S+)", str(stopped.value))[0])
        path = optimise_prompts(settings, [sets], "bootstrap", cap_usd=10, resume=directory, **how)
        assert len(server.asked) == BOOTSTRAP_CALLS, "what the first run had paid for was not asked again"
        with pytest.raises(InvalidInput, match="was begun with method bootstrap"):
            optimise_prompts(settings, [sets], "gepa", cap_usd=10, resume=directory, **how)
    assert path is not None
    program = read_program(path)
    assert program.made_by.models == ("anthropic/claude-sonnet-5-5",)
    assert set(program.made_by.scores) == {"start", "bootstrap"}
    load_state(build_assistant(settings), path)


def test_a_dry_run_sends_nothing(sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedModel(scripted) as server:
        settings = settings_of(tmp_path, server.url)
        none = optimise_prompts(settings, [sets], "gepa", cap_usd=None, calls=100, seed=0, dry_run=True, resume=None)
        assert (none, server.asked) == (None, [])
    assert re.search(r"about 110 times, [\d,]{3,} tokens each: about 0\.\d+ USD", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("others", "cap", "error", "told"),
    [
        ({"lm": None}, 1.0, ConfigurationError, "SRE_LM"),
        ({"lm": "openai/unheard-of"}, 1.0, ConfigurationError, "no price of openai/unheard-of.*no cap can hold"),
        ({}, None, InvalidInput, "--cap"),
    ],
)
def test_what_is_missing_is_said_before_any_work(sets: Path, tmp_path: Path, others, cap, error, told) -> None:  # noqa: PLR0917
    settings = settings_of(tmp_path, "http://127.0.0.1:9", **others)
    with pytest.raises(error, match=told):
        optimise_prompts(settings, [sets], "gepa", cap_usd=cap, calls=20, seed=0, dry_run=False, resume=None)
    assert not (tmp_path / "optimise").exists()


def result(*turns: TurnResult) -> CaseResult:
    return CaseResult(id="a", kind="k", split="train", turns=turns)


def test_what_an_answer_is_worth() -> None:
    good = TurnResult(question="q", answer="a", mode="llm")
    bad = TurnResult(
        question="q", answer="a", mode="llm", failed=("facts: x",), gaps=("model: a sentence was cut", "ara: no")
    )
    degraded = TurnResult(question="q", answer="a", mode="deterministic")
    assert [worth(result(*turns)) for turns in ([good], [good, bad], [degraded])] == [1.0, 0.4, 0.0]
    assert feedback(result(bad)) == "What was wrong:\n- facts: x\n- model: a sentence was cut"
    assert "code had to answer" in feedback(result(degraded))
    assert feedback(result(good)) == "All that was checked holds."


def test_cases_are_chosen_of_each_kind() -> None:
    cases = [(f"a{number}", "a") for number in range(5)] + [("b0", "b"), ("c0", "c")]
    first = chosen(cases, 4, seed=1)
    assert {number[0] for number in first} == {"a", "b", "c"}
    assert len(first) == 4
    assert first == chosen(list(reversed(cases)), 4, seed=1)
