"""Answers as traces, in a real MLflow over SQLite."""

import logging
from pathlib import Path

import pytest

from core.vocabulary import Answer, Cause, Evidence, Passage
from optimise.answer_traces import EXPERIMENT, AnswerTraces
from optimise.mlflow_client import connect

ANSWER = Answer(
    answer="adguard is down [E1].",
    intent="explain_alert",
    cause=Cause(statement="adguard: DNS is failing", entity="adguard", confidence=0.7),
    evidence=(Evidence(id="E1", source="prometheus", title="adguard: DNS", summary="failing"),),
    passages=(Passage(id="K1", document="dns-stack.md", heading="Restart", score=0.9, text="Restart it."),),
    gaps=("logs: not read",),
)


def test_an_answer_becomes_a_trace_with_what_it_stands_on(tmp_path: Path) -> None:
    traces = AnswerTraces(None, tmp_path)
    assert traces.recorded("why is DNS down?", ANSWER) is ANSWER
    traces.recorded("and now?", ANSWER)
    traces.close()
    client = connect(None, tmp_path)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    found = client.search_traces(locations=[experiment.experiment_id])
    assert sorted(trace.data.spans[0].inputs["question"] for trace in found) == ["and now?", "why is DNS down?"]
    (trace,) = [trace for trace in found if trace.data.spans[0].inputs["question"] == "why is DNS down?"]
    assert trace.info.tags["mode"] == "deterministic"
    spans = {span.name: span for span in trace.data.spans}
    assert spans["ask"].outputs == {"answer": "adguard is down [E1].", "cause": "adguard: DNS is failing"}
    assert spans["ask"].attributes["gaps"] == "logs: not read"
    assert spans["evidence"].outputs == {"E1": "adguard: DNS: failing"}
    assert spans["pages"].outputs == {"K1": "dns-stack.md › Restart"}


def test_a_place_that_cannot_be_used_is_logged_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    traces = AnswerTraces("http://127.0.0.1:9", tmp_path)
    with caplog.at_level(logging.WARNING):
        traces.recorded("why?", ANSWER)
        traces.close()
    assert any("an answer was not written" in record.message for record in caplog.records)


def test_where_it_is_off_nothing_is_written(tmp_path: Path) -> None:
    traces = AnswerTraces(None, tmp_path, on=False)
    assert traces.recorded("why?", ANSWER) is ANSWER
    traces.close()
    assert list(tmp_path.iterdir()) == []
