"""Each optimiser against a scripted model over real HTTP: whether it runs, stops at the cap and pays for nothing twice, not how well."""

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import dspy
import pytest
import yaml

from app.cli.optimise_prompts import optimise_prompts
from app.evaluation import EvaluationBench
from app.wiring import build_assistant
from bench.scripted_model import Asked, Reply, ScriptedModel
from core.costs import load_prices
from core.errors import ConfigurationError, InvalidInput, ModelRefused
from core.settings import Settings, load_settings
from optimise.cases import load_cases
from optimise.evaluate import Run
from optimise.model_optimisers import Improved, Method, chosen, improve_prompt
from optimise.paid_responses import PaidResponses
from optimise.prompt_student import Desk, feedback, worth
from optimise.rehearsed import Rehearsed, rehearsed
from optimise.report import CaseResult, TurnResult
from optimise.spending import Spending, StoppedError
from pipeline.language_model import build_models
from pipeline.program_state import load_state, read_program
from signatures.synthesise import Synthesise

pytestmark = pytest.mark.xdist_group("model_optimisers")

MODEL = "anthropic/claude-sonnet-5-5"
CASES = [
    ("t1", "train", "how do I free disk space?", {"facts": ["docker"]}),
    ("t2", "train", "what are the steps for a dead disk in the nas?", {}),
    ("t3", "train", "which playbook sets up traefik?", {}),
    ("d1", "dev", "how do I renew a certificate?", {}),
    ("d2", "dev", "what do I do when a host is down?", {"facts": ["never said"]}),
]
TALK = ("talk", "train", "how do I free disk space?", "and on the nas?")
PROPOSED = "Answer the question from the brief alone, and be brief."
BOOTSTRAP_CALLS = 7
"""Dev before and after, and train until two of its answers are examples: the first of the three is answered wrong."""
EACH_USD = (1000 * 2 + 100 * 10) * 1e-6
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


def written(path: Path, *cases: dict[str, object]) -> Path:
    path.write_text(yaml.safe_dump(list(cases)))
    return path


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(
        tmp_path_factory.mktemp("sets") / "cases.yaml",
        *(
            {"id": number, "kind": number, "split": split, "turns": [{"question": question, "expect": expect}]}
            for number, split, question, expect in CASES
        ),
    )


def settings_of(data_dir: Path, url: str, **others: object) -> Settings:
    own = {"lm": MODEL, "lm_api_key": "none", "lm_base_url": url}
    return load_settings(**{"data_dir": data_dir, **own, **others})


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all: the pages are indexed once."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def staged(sets: Path, data_dir: Path) -> Iterator[SimpleNamespace]:
    """The quiet homelab, once for all optimisers."""
    number, split, *questions = TALK
    turns = [{"question": question, "expect": {}} for question in questions]
    talk = written(sets.with_name("talk.yaml"), {"id": number, "kind": number, "split": split, "turns": turns})
    cases = {case.case.id: case for case in load_cases([sets, talk])}
    with (
        EvaluationBench(settings_of(data_dir, "http://127.0.0.1:9")) as bench,
        rehearsed(list(cases.values()), bench, end=datetime.now(UTC).replace(microsecond=0)) as run,
    ):
        yield SimpleNamespace(run=run, cases=cases, data_dir=data_dir)


def improved(
    staged: SimpleNamespace, server: ScriptedModel, method: Method, paid: Path, cap: float = 10.0, **others: object
) -> tuple[Improved, Spending, int]:
    """What came of it, what it cost, and how many responses were there already."""
    settings = settings_of(staged.data_dir, server.url, **others)
    spending = Spending(load_prices(settings.lm_prices), [MODEL], cap)
    kept = PaidResponses(paid)
    models = build_models(
        settings, on_call=spending.record, around=lambda upstream: kept.around(spending.around(upstream))
    )
    assert models is not None
    run: Run = staged.run
    with EvaluationBench(settings, models=models) as bench, asyncio.Runner() as runner:
        desk = Desk(Rehearsed(run, bench), staged.cases, spending, runner, models.unavailable)
        train, dev = (tuple(number for number, split, *_ in CASES if split == wanted) for wanted in ("train", "dev"))
        try:
            found = improve_prompt(desk, train, dev, method=method, lm=models.lm("synthesise"), calls=12)
        finally:
            kept.close()
    return found, spending, kept.reused


def briefs(server: ScriptedModel) -> list[str]:
    """The requests of the program itself."""
    bodies = [json.dumps(asked.body, sort_keys=True) for asked in server.asked if "[[ ## brief ## ]]" in asked.user]
    return [body for body in bodies if "JSON object" not in body]


@pytest.mark.parametrize("method", ["gepa", "mipro", "bootstrap"])
def test_each_optimiser_runs_and_a_resumed_run_sends_nothing(
    staged: SimpleNamespace, method: Method, tmp_path: Path
) -> None:
    with ScriptedModel(scripted) as server:
        found, spending, _ = improved(staged, server, method, tmp_path / "paid.db")
        sent = len(server.asked)
        again, spent_again, reused = improved(staged, server, method, tmp_path / "paid.db")
        assert len(server.asked) == sent, "all was there already"
    assert sent >= BOOTSTRAP_CALLS
    assert len(briefs(server)) == len(set(briefs(server))), "no question of the program was paid for twice"
    assert reused == sent
    assert again == found
    for spent in (spending, spent_again):
        assert (spent.calls, spent.usd) == (sent, pytest.approx(sent * EACH_USD)), (
            "paid earlier counts, given again is free"
        )
    assert set(found.history) == {"start", method}
    assert found.prompt["lm"] is None
    assert json.dumps(found.prompt)
    if method != "bootstrap":
        assert any(PROPOSED in str(asked.user) + str(asked.system) for asked in server.asked), "its proposal was tried"


@pytest.mark.parametrize("method", ["gepa", "bootstrap"])
def test_ctrl_c_loses_nothing(
    staged: SimpleNamespace, method: Method, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    # A shell that runs the tests in the background has them ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    def interrupting(asked: Asked) -> Reply:
        if len(server.asked) == 4:
            os.kill(os.getpid(), signal.SIGINT)
            return Reply(stall=True)
        return scripted(asked)

    with ScriptedModel(interrupting) as server, pytest.raises(KeyboardInterrupt):
        improved(staged, server, method, tmp_path / "paid.db", lm_timeout_s=3)
    with ScriptedModel(scripted) as resumed:
        _, _, reused = improved(staged, resumed, method, tmp_path / "paid.db")
    assert reused >= 3
    assert briefs(server)[3] in briefs(resumed), "the one that was broken off was not answered"
    assert not set(briefs(server)[:3]) & set(briefs(resumed))


@pytest.mark.parametrize("method", ["gepa", "mipro", "bootstrap"])
def test_the_cap_holds_for_all_runs_together(staged: SimpleNamespace, method: Method, tmp_path: Path) -> None:
    longest = 2048 * 10e-6  # an answer, in a context of 8,192 tokens
    cap = longest + 0.015
    with ScriptedModel(scripted) as server:
        for _ in range(2):
            with pytest.raises(StoppedError, match=r"the cap of 0\.04 USD is reached.*raise --cap"):
                improved(staged, server, method, tmp_path / "paid.db", cap, lm_context_tokens=8192)
    sent = len(server.asked)
    assert cap - longest - 0.01 < sent * EACH_USD < cap


def test_a_key_that_is_not_accepted_ends_the_run_at_once(staged: SimpleNamespace, tmp_path: Path) -> None:
    with ScriptedModel([Reply("no such key", status=401)]) as server:
        with pytest.raises(StoppedError, match="key was not accepted"):
            improved(staged, server, "gepa", tmp_path / "paid.db")
        assert len(server.asked) == 1


def test_a_model_that_went_away_is_not_taken_for_bad_prompts(staged: SimpleNamespace, tmp_path: Path) -> None:
    def failing(asked: Asked) -> Reply:
        return scripted(asked) if len(server.asked) == 1 else Reply("overloaded", status=529)

    with ScriptedModel(failing) as server, pytest.raises(StoppedError, match="failed 3 times in a row"):
        improved(staged, server, "bootstrap", tmp_path / "paid.db", lm_timeout_s=1)


def test_a_conversation_begins_anew_each_time(staged: SimpleNamespace) -> None:
    with ScriptedModel(scripted) as server, asyncio.Runner() as runner:
        settings = settings_of(staged.data_dir, server.url)
        models = build_models(settings, on_call=lambda _: None)
        assert models is not None
        with EvaluationBench(settings, models=models) as bench:
            asking = Rehearsed(staged.run, bench)
            for _ in range(2):
                result = runner.run(asking.ask(staged.cases["talk"], dspy.Predict(Synthesise)))
                assert (result.id, len(result.turns)) == ("talk", 2)
            runner.run(asking.aclose())
    asked = [each.user for each in server.asked]
    assert asked[: len(asked) // 2] == asked[len(asked) // 2 :]
    assert TALK[2] in asked[-1], "the second question knows of the first"


def test_the_command_stops_at_the_cap_and_goes_on(
    sets: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedModel(scripted) as server:
        settings = settings_of(data_dir, server.url, lm_context_tokens=8192)
        how = {"calls": 12, "seed": 0, "dry_run": False}
        with pytest.raises(ModelRefused, match=r"cap of .* --method bootstrap --set .* --cap MORE goes on") as stopped:
            optimise_prompts(settings, [sets], "bootstrap", cap_usd=0.035, resume=None, **how)
        before = len(server.asked)
        assert 0 < before < BOOTSTRAP_CALLS
        directory = Path(re.findall(r"--resume (\S+)", str(stopped.value))[0])
        capsys.readouterr()
        path = optimise_prompts(settings, [sets], "bootstrap", cap_usd=10, resume=directory, **how)
        assert len(server.asked) == BOOTSTRAP_CALLS, "what the first run had paid for was not asked again"
        for others, method, told in (
            ({}, "gepa", "was begun with method bootstrap"),
            ({"lm": "anthropic/claude-opus-5-5"}, "bootstrap", f"was begun with models {MODEL}, this is anthropic/claude-opus"),
        ):  # fmt: skip
            other = settings_of(data_dir, server.url, **others)
            with pytest.raises(InvalidInput, match=told):
                optimise_prompts(other, [sets], method, cap_usd=10, resume=directory, **how)
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{BOOTSTRAP_CALLS} calls, {BOOTSTRAP_CALLS * EACH_USD:.4f} USD; {before} of them paid before" in err
    assert path is not None
    program = read_program(path)
    assert program.made_by.models == (MODEL,)
    assert set(program.made_by.scores) == {"start", "bootstrap"}
    load_state(build_assistant(settings), path)


def test_a_dry_run_sends_and_writes_nothing(sets: Path, data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((data_dir / "optimise").glob("*"))
    with ScriptedModel(scripted) as server:
        settings = settings_of(data_dir, server.url)
        none = optimise_prompts(settings, [sets], "gepa", cap_usd=None, calls=100, seed=0, dry_run=True, resume=None)
        assert (none, server.asked) == (None, [])
    assert sorted((data_dir / "optimise").glob("*")) == before
    told = r"gepa asks 102 times one of 5 cases and 6 questions of its own: about \d+ calls of \S+, [\d,]{3,} tokens each, about 0\.\d+ USD"
    assert re.search(told, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("others", "cap", "error", "told"),
    [
        ({"lm": None}, 1.0, ConfigurationError, "SRE_LM"),
        ({"lm": "openai/unheard-of"}, 1.0, ConfigurationError, "no price of openai/unheard-of.*no cap can hold"),
        ({"lm_small": "openai/unheard-of"}, 1.0, ConfigurationError, "no price of openai/unheard-of.*no cap can hold"),
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
