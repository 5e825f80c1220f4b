"""Measures the program around a scripted model: calls and tokens over the lab's faults, our own time, calls in flight.

The model follows fixed rules (`bench.rule_model`), so nothing here says how good a real model's answers are.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from dataclasses import replace

import app.environment  # noqa: F401  first, before any library that it quiets
from app.cli.lab import running_lab
from app.cli.screen import say
from app.wiring import build_assistant, build_index, index_directory
from bench.figures import Figure, Part, load_average
from bench.rule_model import answer_by_rules
from bench.scripted_model import Asked, Reply, ScriptedModel
from core.settings import Settings, load_settings
from core.vocabulary import Answer, Usage
from pipeline.assistant import Assistant
from scenarios.schema import load_scenario, scenario_names

ALERT_DEADLINE_S = 240
RUNS = 15
TOGETHER = 50
MODEL_S = 2.0


def measure_models() -> Part:
    """One lab after the other; the last one serves for the times as well."""
    before = load_average()
    usages: list[Usage] = []
    modes: list[str] = []
    figures: list[Figure] = []
    names = scenario_names()
    for place, name in enumerate(names, start=1):
        say(f"fault {place}/{len(names)}: {name}")
        alert = load_scenario(name).expect.alert
        with tempfile.TemporaryDirectory(prefix="sre-bench-") as data, running_lab(name) as (running, ready):
            os.environ.update(ready.env, SRE_DATA_DIR=data)
            settings = _ingested()
            running.wait_for_alert(alert, deadline_s=ALERT_DEADLINE_S)
            question = f"Why is {alert} firing?"
            with ScriptedModel(answer_by_rules) as server:
                answer = asyncio.run(_ask(settings, server, question))
            usages.append(answer.usage)
            modes.append(answer.mode)
            say(
                f"{name}: {answer.mode}, {answer.usage.llm_calls} calls, {answer.usage.input_tokens} tokens {answer.gaps}"
            )
            if place == len(names):
                figures = [*asyncio.run(_own_time(settings, question)), asyncio.run(_together(settings, question))]
    explained = [
        Figure("model calls of an alert explanation", "calls", 2, [usage.llm_calls for usage in usages]),
        Figure("its input tokens", "tokens", 6000, [usage.input_tokens for usage in usages]),
        Figure("faults answered in the model's words", f"of {len(names)}", None, [modes.count("llm")]),
    ]
    about = f"With a scripted model that follows fixed rules, over the lab's {len(names)} faults. It measures the program, not a model."
    return Part(about, [*explained, *figures], before, load_average())


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


async def _ask(settings: Settings, server: ScriptedModel, question: str) -> Answer:
    async with _assistant(settings, server) as assistant:
        return await assistant.ask(question)


async def _own_time(settings: Settings, question: str) -> list[Figure]:
    """The same question in turn without a model and with one that takes no time, in one process that has answered before."""
    alone: list[float] = []
    modelled: list[float] = []
    with ScriptedModel(answer_by_rules) as server:
        async with _assistant(settings, None) as by_code, _assistant(settings, server) as by_model:
            for run in range(RUNS + 1):
                say(f"explanation {run}/{RUNS}")
                seconds = [(await each.ask(question)).usage.latency_s.total for each in (by_code, by_model)]
                if run:  # the first loads what the others use
                    alone.append(seconds[0])
                    modelled.append(seconds[1])
    allowed = 1.2 * statistics.median(alone) + 0.1
    return [
        Figure("explanation by code, total", "s", None, alone),
        Figure("explanation with a model that takes no time, total", "s", round(allowed, 3), modelled),
    ]


async def _together(settings: Settings, question: str) -> Figure:
    """Calls in flight at once while many questions are asked of a model that takes its time."""

    def slow(asked: Asked) -> Reply:
        return replace(answer_by_rules(asked), delay_s=MODEL_S)

    with ScriptedModel(slow) as server:
        os.environ["SRE_QUESTION_DEADLINE_S"] = "60"  # gathering fifty times over takes this machine a while
        async with _assistant(settings, server) as assistant:
            await asyncio.gather(*(assistant.ask(question) for _ in range(TOGETHER)))
        del os.environ["SRE_QUESTION_DEADLINE_S"]
    name = f"calls in flight, {TOGETHER} questions at once, {MODEL_S:g} s a call"
    return Figure(name, "calls", 40, [server.max_in_flight], more_is_better=True)


if __name__ == "__main__":
    print("\n".join(measure_models().lines()))
