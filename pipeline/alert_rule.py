"""What an alert's own rule measures: its expression without the comparison, and the threshold. Works for any rule of any homelab."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import promql_parser

from core.vocabulary import Evidence, Window
from pipeline.brief import Gaps
from pipeline.sources import guarded
from pipeline.wording import duration, number
from tools.prometheus import Prometheus

COMPARISONS = frozenset({">", ">=", "<", "<=", "==", "!="})


@dataclass(frozen=True)
class Condition:
    """`query` `comparison` `threshold`: what has to hold for the alert."""

    query: str
    comparison: str
    threshold: float


def condition_of(expression: str) -> Condition | None:
    """The comparison with a number that an alert expression makes first; None for one that makes none, like `absent(up)`."""
    try:
        node = promql_parser.parse(expression)
    except ValueError:
        return None
    while True:
        if isinstance(node, promql_parser.ParenExpr):
            node = node.expr
        elif isinstance(node, promql_parser.BinaryExpr) and str(node.op) in {"and", "unless", "or"}:
            node = node.lhs
        else:
            break
    if not isinstance(node, promql_parser.BinaryExpr) or str(node.op) not in COMPARISONS:
        return None
    if not isinstance(node.rhs, promql_parser.NumberLiteral):
        return None
    return Condition(node.lhs.prettify(), str(node.op), float(node.rhs.val))


async def measure_rule(
    prometheus: Prometheus, name: str, labels: Mapping[str, str], window: Window, gaps: Gaps
) -> Evidence | None:
    """The value of an alert's own expression at the window's end, yesterday and last week, beside its threshold; None without such a rule.

    `labels` are those of a firing alert; empty for one that does not fire: then the highest value is told.
    """
    rules = [r for r in await guarded(gaps, "prometheus", prometheus.rules()) or () if r.name == name]
    # One name may stand for a warning and a critical rule; the alert carries the labels of its own.
    rule = next((r for r in rules if r.labels.items() <= labels.items()), rules[0] if rules else None)
    condition = condition_of(rule.query) if rule else None
    if rule is None or condition is None:
        return None
    moments = (window.end, window.end - timedelta(days=1), window.end - timedelta(days=7))
    values = await asyncio.gather(*(_value(prometheus, condition.query, labels, moment, gaps) for moment in moments))
    told = [
        f"{number(value)} {when}"
        for value, when in zip(values, ("now", "at this time yesterday", "at this time last week"), strict=True)
        if value is not None
    ]
    if not told:
        return None
    wait = f" for {duration(rule.duration_s)}" if rule.duration_s else ""
    state = "" if labels else f"{rule.name} is not firing. "
    return Evidence(
        id="",
        source="prometheus",
        title=f"rule {rule.name}",
        query=condition.query,
        window=window,
        summary=f"{state}{rule.name} fires when its expression is {condition.comparison} {number(condition.threshold)}{wait}; "
        f"it is {', '.join(told)}",
        link=prometheus.link(condition.query, window),
        returned=len(told),
        available=len(moments),
    )


async def _value(
    prometheus: Prometheus, query: str, labels: Mapping[str, str], at: datetime, gaps: Gaps
) -> float | None:
    samples = await guarded(gaps, "prometheus", prometheus.instant(query, at)) or ()
    mine = [
        sample.value
        for sample in samples
        if not labels or {n: v for n, v in sample.labels.items() if n != "__name__"}.items() <= labels.items()
    ]
    return max(mine, default=None)
