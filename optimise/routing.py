"""The router's part of compiling: what it makes of the questions of the cases, and which of them it should know as examples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.vocabulary import Intent
from optimise.cases import LoadedCase
from pipeline.parameters import Parameters
from pipeline.router import Embed, decided, fit, without_names

UNDECIDED = 0.5
"""What leaving a question to the rules is worth, beside reading it right (1) and wrong (0)."""
FOLDS = 8
_ALERT_NAME = re.compile(r"\b[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]*)+\b")


@dataclass(frozen=True)
class Asked:
    """The first question of a case as the router sees it, and what it may be taken for."""

    case: str
    text: str
    wanted: tuple[Intent, ...]


@dataclass(frozen=True)
class QuestionStep:
    """`scores` of each intent, by examples of which none has the question's own words."""

    scenario: str
    wanted: tuple[Intent, ...]
    scores: Mapping[Intent, float]

    def judged(self, parameters: Parameters) -> float:
        found = decided(self.scores, parameters.router)
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


def question_steps(asked: Sequence[Asked], start: Parameters, embed: Embed) -> list[QuestionStep]:
    """What the start's examples make of each question; those in its own words, and in the words of some others, are left out."""
    listed = [(intent, text) for intent, texts in start.router_examples.items() for text in texts]
    if not asked or not listed:
        return []
    vectors, questions = embed([text for _, text in listed]), embed([each.text for each in asked])
    steps: list[QuestionStep | None] = [None] * len(asked)
    for fold in range(min(FOLDS, len(asked))):
        own = range(fold, len(asked), FOLDS)
        left_out = {asked[place].text for place in own}
        kept = [place for place, (_, text) in enumerate(listed) if text not in left_out]
        fitted = fit(vectors[kept], [listed[place][0] for place in kept], start.router.ridge)
        for place, scores in zip(own, fitted.scores(questions[list(own)]), strict=True):
            steps[place] = QuestionStep(asked[place].case, asked[place].wanted, scores)
    return [each for each in steps if each is not None]


def with_asked(start: Parameters, asked: Sequence[Asked], held: Sequence[Asked], embed: Embed) -> Parameters:
    """The start with the questions among its examples; as it is where that does worse on `held`."""
    known = {text for texts in start.router_examples.values() for text in texts}
    added = {intent: list(texts) for intent, texts in start.router_examples.items()}
    for each in asked:
        if each.text not in known:
            added.setdefault(each.wanted[0], []).append(each.text)
            known.add(each.text)
    found = start.model_copy(update={"router_examples": {intent: tuple(texts) for intent, texts in added.items()}})
    before, after = (routing_score(question_steps(held, each, embed), each) for each in (start, found))
    return found if after >= before else start


def routing_score(steps: Sequence[QuestionStep], parameters: Parameters) -> float:
    """The mean, 0..1; UNDECIDED where nothing is asked."""
    return float(np.mean([step.judged(parameters) for step in steps])) if steps else UNDECIDED
