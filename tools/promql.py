"""PromQL from outside is parsed before it is sent, and a misspelt metric gets its near names."""

from __future__ import annotations

import re
from collections.abc import Iterable

import promql_parser

from core.errors import InvalidQuery

MAX_CHARS = 20_000
MAX_NESTING = 64
MAX_OPERATORS = 150
"""The parser is recursive and native: far more than these ends the process instead of raising (tested on 512 kB stacks)."""

# One pattern for both: a quote in a comment opens no string, and a # in a string no comment.
_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|#[^\n]*')
_MATCHERS = re.compile(r"\{[^{}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)", re.IGNORECASE)
_OPERATOR = re.compile(r"[-+*/%^]|[=!<>]=?|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])")
_KEYWORDS = frozenset(
    {"and", "or", "unless", "atan2", "by", "without", "on", "ignoring", "group_left", "group_right"}
    | {"bool", "offset", "start", "end", "inf", "nan"}
)


def parse(query: str) -> promql_parser.Expr:
    """The query as a tree. Raises InvalidQuery with the parser's own message."""
    if len(query) > MAX_CHARS:
        raise InvalidQuery(f"PromQL: the query has {len(query)} characters; at most {MAX_CHARS} are accepted")
    _refuse_too_deep(query)
    try:
        return promql_parser.parse(query)
    except ValueError as error:
        raise InvalidQuery(f"PromQL: {error} in {_shortened(query)!r}") from None


def parse_instant(query: str) -> promql_parser.Expr:
    """The same for a query that has one value per series at one moment: no bare `up[5m]`, no string."""
    tree = parse(query)
    inner = tree
    while isinstance(inner, promql_parser.ParenExpr):
        inner = inner.expr
    if isinstance(inner, promql_parser.MatrixSelector | promql_parser.SubqueryExpr):
        raise InvalidQuery(
            f"PromQL: {_shortened(query)!r} is a range of samples, not a value; wrap it, for instance in rate(...)"
        )
    if isinstance(inner, promql_parser.StringLiteral):
        raise InvalidQuery(f"PromQL: {_shortened(query)!r} is a string; a metric or a number is needed")
    return tree


def parse_selector(selector: str) -> promql_parser.Expr:
    """The same for a plain selector, `up{job="node"}`."""
    tree = parse(selector)
    if not isinstance(tree, promql_parser.VectorSelector):
        raise InvalidQuery(f'PromQL: {_shortened(selector)!r} is not a selector like up{{job="node"}}')
    return tree


def metrics_in(tree: promql_parser.Expr) -> list[str]:
    """The metric names that a query reads, each once, in order. Names matched by a regular expression are not listed."""
    found: dict[str, None] = {}

    def visit(node: promql_parser.Expr) -> None:
        if not isinstance(node, promql_parser.VectorSelector):
            return
        if node.name:
            found[node.name] = None
        for matcher in node.matchers.matchers:
            if matcher.name == "__name__" and matcher.op == promql_parser.MatchOp.Equal:
                found[matcher.value] = None

    promql_parser.walk(tree, visit)
    return list(found)


def likely_metrics_in(query: str) -> list[str]:
    """What looks like a metric name in a query that does not parse."""
    bare = _GROUPING.sub(" ", _RANGE.sub(" ", _MATCHERS.sub(" ", _without_text(query))))
    return list(dict.fromkeys(name for name in _NAME.findall(bare) if name.lower() not in _KEYWORDS))


def near_names(name: str, names: Iterable[str], *, limit: int = 3) -> list[str]:
    """The existing metric names most like `name`, best first; empty when none is."""
    from rapidfuzz import fuzz, process, utils  # only needed when something is misspelt

    matches = process.extract(
        name, list(names), scorer=fuzz.WRatio, processor=utils.default_process, limit=limit, score_cutoff=75
    )
    return [match[0] for match in matches]


def did_you_mean(wanted: Iterable[str], names: Iterable[str]) -> str | None:
    """One clause for each of the `wanted` metrics that is not among `names`; None when all are."""
    known = set(names)
    clauses = []
    for name in wanted:
        if name not in known:
            near = near_names(name, sorted(known))
            clauses.append(f"no metric is called {name}" + (f"; did you mean {', '.join(near)}?" if near else ""))
    return "; ".join(clauses) or None


def _refuse_too_deep(query: str) -> None:
    text = _without_text(query)
    depth = deepest = 0
    for mark in re.findall(r"[(\[{)\]}]", text):
        depth += 1 if mark in "([{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise InvalidQuery(f"PromQL: brackets nest {deepest} deep; at most {MAX_NESTING} levels are accepted")
    operators = len(_OPERATOR.findall(_MATCHERS.sub(" ", text)))
    if operators > MAX_OPERATORS:
        raise InvalidQuery(f"PromQL: the query has {operators} operators; at most {MAX_OPERATORS} are accepted")


def _without_text(query: str) -> str:
    """The query without its strings and comments."""
    return _STRING_OR_COMMENT.sub(" ", query)


def _shortened(query: str) -> str:
    return query if len(query) <= 200 else query[:199] + "…"
