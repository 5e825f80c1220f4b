"""The router's part of compiling: what it makes of the questions of the cases, and which of them it should know as examples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.vocabulary import Intent
from optimise.cases import LoadedCase
from pipeline.parameters import Parameters
from pipeline.router import Embed, Examples, decided, without_names

UNDECIDED = 0.5
"""What leaving a question to the rules is worth, beside reading it right (1) and wrong (0)."""
_ALERT_NAME = re.compile(r"\b[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]*)+\b")


@dataclass(frozen=True)
class Asked:
    """The first question of a case as the router sees it, and what it may be taken for."""

    case: str
    text: str
    wanted: tuple[Intent, ...]


@dataclass(frozen=True)
class QuestionStep:
    """`nearest` is the cosine of the nearest example of each intent, its own words left out."""

    scenario: str
    wanted: tuple[Intent, ...]
    nearest: Mapping[Intent, float]

    def judged(self, parameters: Parameters) -> float:
        found = decided(self.nearest, parameters.router)
        return UNDECIDED if found is None else float(found in self.wanted)


def asked_in(cases: Sequence[LoadedCase], names: Iterable[str]) -> list[Asked]:
    """Of the cases that say what their first question is after."""
    known = {name.lower() for name in names}
    found = []
    for each in cases:
        turn = each.case.turns[0]
        wanted = turn.expect.intent
        if wanted is not None:
            alerts = _ALERT_NAME.findall(turn.question)
            text = without_names(turn.question, alerts, lambda word: word.lower() in known)
            found.append(Asked(each.case.id, text, (wanted,) if isinstance(wanted, str) else wanted))
    return found


def question_steps(asked: Sequence[Asked], examples: Examples, embed: Embed) -> list[QuestionStep]:
    """How near the examples are to each question; one in the very same words is not looked at."""
    listed = [(intent, text) for intent, texts in examples.items() for text in texts]
    if not asked or not listed:
        return []
    cosines = embed([each.text for each in asked]) @ embed([text for _, text in listed]).T
    steps = []
    for each, row in zip(asked, cosines.tolist(), strict=True):
        nearest: dict[Intent, float] = {}
        for (intent, text), cosine in zip(listed, row, strict=True):
            if text != each.text:
                nearest[intent] = max(nearest.get(intent, -1.0), cosine)
        steps.append(QuestionStep(each.case, each.wanted, nearest))
    return steps


def with_asked(start: Parameters, asked: Sequence[Asked], held: Sequence[Asked], embed: Embed) -> Parameters:
    """The start with those questions among its examples that the others do not tell; as it is where that does worse on `held`."""
    found = _with_untold(start, asked, embed)
    before, after = (routing_score(question_steps(held, each.router_examples, embed), each) for each in (start, found))
    return found if after >= before else start


def _with_untold(start: Parameters, asked: Sequence[Asked], embed: Embed) -> Parameters:
    """Question after question: what was added before tells those that are like it."""
    if not asked:
        return start
    found = {intent: list(texts) for intent, texts in start.router_examples.items()}
    nearest = [dict(step.nearest) for step in question_steps(asked, found, embed)]
    alike = embed([each.text for each in asked])
    for place, each in enumerate(asked):
        step = QuestionStep(each.case, each.wanted, nearest[place])
        if step.judged(start) == 1 or any(each.text in texts for texts in found.values()):
            continue
        intent = each.wanted[0]
        found.setdefault(intent, []).append(each.text)
        for other, own in enumerate(nearest):
            own[intent] = max(own.get(intent, -1.0), float(alike[other] @ alike[place]))
    return start.model_copy(update={"router_examples": {intent: tuple(texts) for intent, texts in found.items()}})


def routing_score(steps: Sequence[QuestionStep], parameters: Parameters) -> float:
    """The mean, 0..1; UNDECIDED where nothing is asked."""
    return float(np.mean([step.judged(parameters) for step in steps])) if steps else UNDECIDED
