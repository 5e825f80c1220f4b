"""What an alert's own rule measures: its expression without the comparison, and the threshold. Works for any rule of any homelab."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import promql_parser

from core.vocabulary import Alert, Evidence, Window
from pipeline.brief import Gaps
from pipeline.sources import guarded
from pipeline.wording import duration, number
from tools.alerts import AlertRule
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


async def rule_of(prometheus: Prometheus, alert: Alert, gaps: Gaps) -> AlertRule | None:
    """The alerting rule with the alert's name."""
    rules = await guarded(gaps, "prometheus", prometheus.rules())
    return next((rule for rule in rules or () if rule.name == alert.name), None)


async def measure_rule(
    prometheus: Prometheus, alert: Alert, at: datetime, window: Window, gaps: Gaps
) -> Evidence | None:
    """The value of the alert's own expression at `at`, yesterday and last week, beside its threshold; None without a rule."""
    rule = await rule_of(prometheus, alert, gaps)
    condition = condition_of(rule.query) if rule else None
    if rule is None or condition is None:
        return None
    moments = (at, at - timedelta(days=1), at - timedelta(days=7))
    values = await asyncio.gather(*(_value(prometheus, condition.query, alert, moment, gaps) for moment in moments))
    told = [
        f"{number(value)} {when}"
        for value, when in zip(values, ("now", "at this time yesterday", "at this time last week"), strict=True)
        if value is not None
    ]
    if not told:
        return None
    wait = f" for {duration(rule.duration_s)}" if rule.duration_s else ""
    return Evidence(
        id="",
        source="prometheus",
        title=f"rule {rule.name}",
        query=condition.query,
        window=window,
        summary=f"{rule.name} fires when its expression is {condition.comparison} {number(condition.threshold)}{wait}; "
        f"it is {', '.join(told)}",
        link=prometheus.link(condition.query, window),
        returned=len(told),
        available=len(moments),
    )


async def _value(prometheus: Prometheus, query: str, alert: Alert, at: datetime, gaps: Gaps) -> float | None:
    samples = await guarded(gaps, "prometheus", prometheus.instant(query, at)) or ()
    for sample in samples:
        labels = {name: value for name, value in sample.labels.items() if name != "__name__"}
        if labels.items() <= alert.labels.items():
            return sample.value
    return None
