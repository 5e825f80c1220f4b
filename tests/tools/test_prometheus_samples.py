"""Answers that a real Prometheus gives seldom, or never."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import BadResponse
from tools.prometheus_response import Body, open_body, read_rules, read_version
from tools.prometheus_samples import read_matrix, read_vector

PATH = "/api/v1/query"


def matrix(*series: dict[str, Any]) -> Body:
    return Body({"resultType": "matrix", "result": list(series)}, ("remote read failed",))


def a_series(name: str, size: int) -> dict[str, Any]:
    return {"metric": {"name": name}, "values": [[1000 + step, "1.5"] for step in range(size)]}


def test_warnings_of_the_server_are_kept() -> None:
    answer = {"status": "success", "data": {"resultType": "vector", "result": []}, "warnings": ["remote read failed"]}
    assert read_vector("prometheus", PATH, open_body("prometheus", PATH, answer)).warnings == ("remote read failed",)


def test_native_histograms_are_counted_not_read() -> None:
    histogram = {"metric": {"name": "latency"}, "histogram": [1000, {"count": "3"}], "histograms": [[1000, {}]]}
    vector = read_vector("prometheus", PATH, Body({"resultType": "vector", "result": [histogram]}))
    assert list(vector) == []
    assert vector.warnings == ("1 native histograms left out",)
    read = read_matrix("prometheus", PATH, matrix(histogram, a_series("up", 2)), step_s=1)
    assert [series.labels["name"] for series in read.series] == ["up"]
    assert read.warnings == ("remote read failed", "1 native histograms left out")


def test_a_matrix_is_cut_at_whole_series_and_says_so() -> None:
    read = read_matrix("prometheus", PATH, matrix(*(a_series(str(n), 10) for n in range(5))), step_s=1, max_samples=25)
    assert [series.labels["name"] for series in read.series] == ["0", "1"]
    assert read.available == 5
    assert read.warnings == ("remote read failed", "the first 2 of 5 series were read")


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"status": "error", "error": "no"}, {"status": "success"}, {"data": {}}, "success"]
)
def test_an_envelope_that_is_none_is_refused(answer: Any) -> None:
    with pytest.raises(BadResponse, match="/api/v1/query"):
        open_body("prometheus", PATH, answer)


@pytest.mark.parametrize(
    "result", [None, [7], [{"value": [1, "2"]}], [{"metric": {}, "value": [1]}], [{"metric": {}, "value": [1, "many"]}]]
)
def test_a_vector_that_is_none_is_refused(result: Any) -> None:
    with pytest.raises(BadResponse, match="not as documented"):
        read_vector("prometheus", PATH, Body({"resultType": "vector", "result": result}))


@pytest.mark.parametrize("values", [7, [[1]], [[1, "many"]], [[1, "2", "3"], [2, "2", "3"]], {"1": "2"}])
def test_a_matrix_that_is_none_is_refused(values: Any) -> None:
    with pytest.raises(BadResponse, match="not as documented"):
        read_matrix("prometheus", PATH, matrix({"metric": {}, "values": values}), step_s=1)


def test_a_wrong_field_of_a_rule_is_named() -> None:
    body = Body({"groups": [{"name": "hosts", "rules": [{"name": "HostDown", "type": "alerting"}]}]})
    with pytest.raises(BadResponse, match=r"groups\[0\].rules\[0\].query"):
        read_rules("prometheus", "/api/v1/rules", body)


def test_a_server_that_hides_its_version_is_still_ready() -> None:
    assert read_version("prometheus", PATH, Body({"version": ""})) == "unknown version"
