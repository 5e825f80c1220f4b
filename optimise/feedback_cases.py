"""Answers that a person judged, as eval cases: what helped is what is expected, what did not is a case without expectations yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import yaml

from core.vocabulary import Answer
from optimise.cases import Case


@dataclass(frozen=True)
class Judged:
    """A question, its answer, and what a person thought of it. `number` names it; `before` are the questions that it follows, oldest first."""

    number: int
    at: datetime
    question: str
    answer: Answer
    verdict: Literal["up", "down"]
    comment: str = ""
    before: tuple[str, ...] = ()


def as_yaml(judged: Sequence[Judged]) -> str:
    """A file for `evalsets/` or `sre eval --set`; each case is one that `optimise.cases` reads."""
    head = (
        "# Cases from feedback. What helped is expected again; for what did not, write down what a good answer holds.\n"
        "# A question about one's own homelab needs a `scenario` that is like it: `sre eval` asks over the simulated one.\n"
    )
    return head + yaml.safe_dump([case_of(each) for each in judged], sort_keys=False, allow_unicode=True, width=120)


def case_of(judged: Judged) -> dict[str, Any]:
    """Only what is told: defaults are left out."""
    expected = _expected(judged.answer) if judged.verdict == "up" else {}
    case = Case.model_validate(
        {
            "id": f"feedback-{judged.at:%Y%m%d}-{judged.number}",
            "kind": "feedback_helped" if judged.verdict == "up" else "feedback_wrong",
            "note": _note(judged),
            "turns": [*({"question": earlier} for earlier in judged.before), {"question": judged.question, "expect": expected}],
        }
    )  # fmt: skip
    found: dict[str, Any] = case.model_dump(mode="json", exclude_unset=True)
    return found


def _note(judged: Judged) -> str:
    asked = f"asked on {judged.at:%Y-%m-%d %H:%M} UTC"
    return f"{asked}; {judged.comment}" if judged.comment else asked


def _expected(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {"intent": answer.intent}
    if answer.subjects:
        told["subjects"] = list(answer.subjects)
    if answer.passages:
        told["runbook"] = answer.passages[0].document
    if answer.cause is not None and answer.cause.entity is not None:
        told |= {"cause_entity": answer.cause.entity, "cause_kind": answer.cause.kind}
    return told
