"""Queries that people and programs get wrong."""

from __future__ import annotations

import threading

import promql_parser
import pytest

from core.errors import InvalidQuery
from tools import promql

NAMES = [
    "node_cpu_seconds_total",
    "node_filesystem_avail_bytes",
    "node_memory_MemAvailable_bytes",
    "container_cpu_usage_seconds_total",
    "up",
]


@pytest.mark.parametrize(
    "query",
    [
        'sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) > bool 0.9',
        'up{instance=~"media:\\\\d+"} @ end() offset -5m',
        "1 - node_filesystem_avail_bytes / on (instance) group_left node_filesystem_size_bytes # used",
        "max_over_time(rate(node_cpu_seconds_total[1m])[1h:5m])",
        "42",
        'up{job="#\\"("}',
        "(" * 60 + "up" + ")" * 60,
    ],
)
def test_sound_queries_pass(query: str) -> None:
    assert isinstance(promql.parse_instant(query), promql_parser.Expr)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sum(rate(node_cpu[5m])", "unclosed left parenthesis in 'sum(rate(node_cpu[5m])'"),
        ("", "no expression found"),
        ("rate(up)", "expected type matrix"),
        ("{}", "at least one non-empty matcher"),
        ("why is the cpu high?", "PromQL: "),
        ("nosuch(up)", "unknown function with name 'nosuch'"),
        ("up[5m]", "a range of samples, not a value; wrap it"),
        ("(up[5m:1m])", "a range of samples"),
        ('"up"', "is a string"),
        ("a" * 100_000, "100000 characters"),
    ],
)
def test_the_parser_says_what_is_wrong(query: str, says: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        promql.parse_instant(query)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "query",
    [
        "(" * 9000 + "1" + ")" * 9000,
        "1" + "+1" * 9000,
        "1" + " or 1" * 3000,
        "-" * 9000 + "1",
        "# it's a trap\n" + "(" * 9000 + "1" + ")" * 9000 + " # isn't it",
        "[" * 9000,
    ],
)
def test_nesting_that_would_overflow_the_parser_is_refused_first(query: str) -> None:
    with pytest.raises(InvalidQuery, match="at most"):
        promql.parse(query)


def test_the_deepest_accepted_query_fits_a_small_stack() -> None:
    """macOS gives a thread 512 kB."""
    query = "(" * promql.MAX_NESTING + "1" + "+1" * promql.MAX_OPERATORS + ")" * promql.MAX_NESTING
    parsed: list[promql_parser.Expr] = []
    previous = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: parsed.append(promql.parse(query)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(previous)
    assert len(parsed) == 1


def test_a_selector_is_nothing_else() -> None:
    assert promql.parse_selector('up{job="node"}')
    for query in ("sum(up)", "up[5m]", "1"):
        with pytest.raises(InvalidQuery, match="is not a selector"):
            promql.parse_selector(query)


def test_the_metrics_of_a_query_are_found_wherever_they_stand() -> None:
    tree = promql.parse(
        'sum(rate(a[5m])) / on() b{c="d"} + {__name__="e"} + {__name__=~"f.*"} + a + max_over_time(g[1h:5m])'
    )
    assert promql.metrics_in(tree) == ["a", "b", "e", "g"]


def test_likely_metrics_of_a_broken_query_leave_out_labels_functions_and_words() -> None:
    query = 'sum by (instance, mode) (rate(node_cpu_total{mode="idle", x="y_z"}[5m]) or on (job) up offset 5m'
    assert promql.likely_metrics_in(query) == ["node_cpu_total", "up"]


def test_near_names_come_best_first_and_not_at_any_price() -> None:
    assert promql.near_names("node_cpu_second_total", NAMES)[0] == "node_cpu_seconds_total"
    assert promql.near_names("node_memory_available", NAMES)[0] == "node_memory_MemAvailable_bytes"
    assert promql.near_names("qqq", NAMES) == []


def test_did_you_mean_speaks_only_of_what_is_missing() -> None:
    assert promql.did_you_mean(["up"], NAMES) is None
    hint = promql.did_you_mean(["up", "node_cpu_second_total", "qqq"], NAMES)
    assert hint is not None
    assert hint.startswith("no metric is called node_cpu_second_total; did you mean node_cpu_seconds_total")
    assert hint.endswith("no metric is called qqq")
