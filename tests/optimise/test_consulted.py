"""A source is consulted when the answer shows something of it, or says that there was nothing."""

from __future__ import annotations

from typing import Any

import pytest

from core.vocabulary import Answer
from optimise.consulted import consulted


def answer(text: str = "", *sources: str, title: str = "x", **more: Any) -> Answer:
    evidence = [{"id": f"E{n}", "source": name, "title": title, "summary": "s"} for n, name in enumerate(sources, 1)]
    return Answer.model_validate({"answer": text, "intent": "status", "evidence": evidence, **more})


CHANGE = {"id": "C1", "at": "2026-11-22T21:44:00Z", "kind": "restart", "title": "t"}
PASSAGE = {"id": "K1", "document": "dns-stack.md", "heading": "h", "score": 0.9, "text": "t"}


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("prometheus", answer("", "prometheus")),
        ("logs", answer("", "loki")),
        ("logs", answer("No matching log line was found.")),
        ("alerts", answer("", "alertmanager")),
        ("alerts", answer("", "prometheus", title="alerts that fired")),
        ("alerts", answer("No alert is firing.")),
        ("changes", answer(changes=[CHANGE])),
        ("changes", answer("", "prometheus", title="changes in the last day")),
        ("changes", answer("**No change explains it**: 3 changes before it considered.")),
        ("runbooks", answer(passages=[PASSAGE])),
        ("runbooks", answer("**No runbook found** for this.")),
    ],
)
def test_a_source_that_gave_something_was_consulted(source: str, given: Answer) -> None:
    assert consulted(source, given)


@pytest.mark.parametrize("source", ["prometheus", "logs", "alerts", "changes", "runbooks", "grafana"])
def test_a_source_that_shows_nowhere_was_not(source: str) -> None:
    assert not consulted(source, answer("All is well.", "computed", gaps=("logs: could not be read",)))
