"""Measures the program around a scripted model: calls and tokens over the lab's faults, our own time, calls in flight.

The model follows fixed rules (`bench.rule_model`), so nothing here says how good a real model's answers are.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import app.environment  # noqa: F401  first, before any library that it quiets
from app.cli.screen import say
from app.knowledge import build_index, index_directory
from app.wiring import build_assistant
from bench.figures import Figure, Part, load_average
from bench.replays import serving
from bench.rule_model import answer_by_rules
from bench.scripted_model import Asked, Reply, ScriptedModel
from core.clock import now
from core.settings import Settings, load_settings
from core.vocabulary import Answer
from pipeline.assistant import Assistant
from scenarios.replay_plan import COARSE_STEP_S, lay_out
from scenarios.schema import load_scenario, scenario_names
from scenarios.topology import load_homelab

AFTER_ALERT = timedelta(minutes=2)
RUNS = 15
TOGETHER = 50
MODEL_S = 2.0


def measure_models() -> Part:
    """All faults in one replay, each asked about two minutes after its alert."""
    before = load_average()
    names = scenario_names()
    plan = lay_out(
        [load_scenario(n) for n in names], load_homelab(), end=now(), days=0.4 * len(names), step_s=COARSE_STEP_S
    )
    with tempfile.TemporaryDirectory(prefix="sre-bench-") as data, serving(plan, Path(data)) as incidents:
        settings = _ingested()
        questions = [Asking.about(each) for each in incidents if each["alert_at"]]
        answers = [_explained(settings, asking, f"{n}/{len(questions)}") for n, asking in enumerate(questions, start=1)]
        own = asyncio.run(_own_time(settings, questions[0]))
        together = asyncio.run(_together(settings, questions[-1]))
    usages, modes = [answer.usage for answer in answers], [answer.mode for answer in answers]
    explained = [
        Figure("model calls of an alert explanation", "calls", 2, [usage.llm_calls for usage in usages]),
        Figure("its input tokens", "tokens", 6000, [usage.input_tokens for usage in usages]),
        Figure("faults answered in the model's words", f"of {len(questions)}", None, [modes.count("llm")]),
    ]
    about = f"With a scripted model that follows fixed rules, over {len(questions)} replayed faults. It measures the program, not a model."
    return Part(about, [*explained, *own, *together], before, load_average())


@dataclass(frozen=True)
class Asking:
    """A question about an incident of a replay."""

    question: str
    at: datetime

    @classmethod
    def about(cls, incident: Mapping[str, str]) -> Self:
        alert = load_scenario(incident["name"]).expect.alert
        return cls(f"Why is {alert} firing?", datetime.fromisoformat(incident["alert_at"]) + AFTER_ALERT)


def _explained(settings: Settings, asking: Asking, place: str) -> Answer:
    with ScriptedModel(answer_by_rules) as server:
        answer = asyncio.run(_ask(settings, server, asking))
    say(f"{place} {asking.question}: {answer.mode}, {answer.usage.llm_calls} calls, {answer.usage.input_tokens} tokens")
    return answer


def _ingested() -> Settings:
    settings = load_settings()
    index = build_index(index_directory(settings), settings.data_dir)
    index.ingest(list(settings.documents))
    index.close()
    return settings


def _assistant(settings: Settings, server: ScriptedModel | None) -> Assistant:
    if server is None:
        return build_assistant(settings)
    model = {"lm": "anthropic/claude-sonnet-5-5", "lm_base_url": server.url, "anthropic_api_key": "sk-ant-scripted"}
    return build_assistant(load_settings(**model))


async def _ask(settings: Settings, server: ScriptedModel, asking: Asking) -> Answer:
    async with _assistant(settings, server) as assistant:
        return await assistant.ask(asking.question, at=asking.at)


async def _own_time(settings: Settings, asking: Asking) -> list[Figure]:
    """The same question in turn without a model and with one that takes no time, in one process that has answered before."""
    alone: list[float] = []
    modelled: list[float] = []
    with ScriptedModel(answer_by_rules) as server:
        async with _assistant(settings, None) as by_code, _assistant(settings, server) as by_model:
            for run in range(RUNS + 1):
                say(f"explanation {run}/{RUNS}")
                seconds = [
                    (await each.ask(asking.question, at=asking.at)).usage.latency_s.total
                    for each in (by_code, by_model)
                ]
                if run:  # the first loads what the others use
                    alone.append(seconds[0])
                    modelled.append(seconds[1])
    allowed = 1.2 * statistics.median(alone) + 0.1
    return [
        Figure("explanation by code, total", "s", None, alone),
        Figure("explanation with a model that takes no time, total", "s", round(allowed, 3), modelled),
    ]


async def _together(settings: Settings, asking: Asking) -> list[Figure]:
    """Calls in flight while many people ask the same at once, and while they ask different things about one moment."""
    about = itertools.islice(load_homelab().services, TOGETHER)
    same = [asking.question] * TOGETHER
    different = [f"Why is {name} slow?" for name in about]
    name = f"calls in flight, {{}} asked {TOGETHER} times at once, {MODEL_S:g} s a call"
    return [
        Figure(
            name.format("the same"), "calls", 40, [await _in_flight(settings, same, asking.at)], more_is_better=True
        ),
        Figure(name.format("different things"), "calls", None, [await _in_flight(settings, different, asking.at)]),
    ]


async def _in_flight(settings: Settings, questions: Sequence[str], at: datetime) -> int:
    def slow(asked: Asked) -> Reply:
        return replace(answer_by_rules(asked), delay_s=MODEL_S)

    with ScriptedModel(slow) as server:
        os.environ["SRE_QUESTION_DEADLINE_S"] = "60"  # gathering fifty times over takes this machine a while
        async with _assistant(settings, server) as assistant:
            await asyncio.gather(*(assistant.ask(question, at=at) for question in questions))
        del os.environ["SRE_QUESTION_DEADLINE_S"]
    return server.max_in_flight


if __name__ == "__main__":
    print("\n".join(measure_models().lines()))
