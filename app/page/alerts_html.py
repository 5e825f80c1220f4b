"""What fires, as the page shows it: grouped by name and severity, silenced and inhibited marked, each explained by one click."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from app.page.safe_html import link, when
from core.vocabulary import Alert
from pipeline.alert_evidence import severity_rank
from pipeline.conversation import cut
from pipeline.wording import plural

MOST_LISTED = 8
"""Of one name; the others are counted."""
MAX_SUMMARY = 300
SUGGESTED = 3
_PORT = re.compile(r"^([^:]+|\[[^]]+\]):\d+$")
"""Behind the name of a host; a URL has colons of its own."""
ALWAYS = ("Is anything wrong?", "What changed in the last 24 hours?", "Is any VM low on disk?")


def alerts_html(
    alerts: Sequence[Alert] | None, gaps: Sequence[str], *, now: datetime, zone: ZoneInfo, hosts: Mapping[str, str]
) -> str:
    """All that fires or would if it were not silenced; what could not be read is said."""
    missing = "".join(f"<li>{escape(gap)}</li>" for gap in gaps)
    said = f'<div class="gaps"><h4>Not seen</h4><ul>{missing}</ul></div>' if gaps else ""
    if alerts is None:
        return f"<p>Nobody could be asked what fires.</p>{said}"
    if not alerts:
        return f"<p>No alert is firing.</p>{said}"
    cards = [_card(group, now, zone, hosts) for group in _groups(alerts)]
    return said + "".join(cards)


def headline(alerts: Sequence[Alert] | None, now: datetime, zone: ZoneInfo) -> str:
    """What is wrong, in one line."""
    if alerts is None:
        return '<span class="bad">It is not known what fires: no source of alerts answers.</span>'
    firing = [alert for alert in alerts if alert.state == "firing"]
    if not firing:
        quiet = f" {plural(len(alerts), 'alert')} silenced, inhibited or pending." if alerts else ""
        return f'<span class="good">No alert is firing.</span>{quiet}'
    worst = min(firing, key=lambda alert: (severity_rank(alert), alert.starts_at))
    others = f", and {plural(len(firing) - 1, 'more alert')}" if len(firing) > 1 else ""
    told = f'<span class="bad">{escape(f"{worst.name} ({worst.severity}): {cut(worst.summary, MAX_SUMMARY)}")}</span>'
    return f"{told}, since {when(worst.starts_at, zone, now=now)}{others}"


def suggestions(alerts: Sequence[Alert] | None) -> str:
    """Questions that what fires now raises, then those that always do."""
    groups = _groups([alert for alert in alerts or () if alert.state == "firing"])
    asked = [_question(group[0], len(group)) for group in groups[:SUGGESTED]]
    buttons = (f'<button data-action="ask" data-question="{escape(q)}">{escape(q)}</button>' for q in (*asked, *ALWAYS))
    return f'<div class="suggestions" aria-label="Suggested questions">{"".join(buttons)}</div>'


def _groups(alerts: Sequence[Alert]) -> list[list[Alert]]:
    """Of one name and severity each, what fires first, the worst first."""
    found: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    for alert in sorted(alerts, key=lambda each: each.starts_at):
        found[alert.name, alert.severity].append(alert)
    return sorted(
        found.values(),
        key=lambda group: (all(a.state != "firing" for a in group), severity_rank(group[0]), group[0].starts_at),
    )


def _card(group: Sequence[Alert], now: datetime, zone: ZoneInfo, hosts: Mapping[str, str]) -> str:
    first = group[0]
    firing = sum(alert.state == "firing" for alert in group)
    kind = "quiet" if not firing else first.severity if first.severity in {"critical", "warning"} else ""
    lines = "".join(f"<li>{_line(alert, now, zone, hosts)}</li>" for alert in group[:MOST_LISTED])
    more = (
        f"<p>and {plural(len(group) - MOST_LISTED, 'more alert')} of this name</p>" if len(group) > MOST_LISTED else ""
    )
    question = escape(_question(first, len(group)))
    return (
        f'<section class="alert {kind}"><h3>{escape(first.name)} <span class="badge">{escape(first.severity)}</span></h3>'
        f"<p>{firing} of {len(group)} firing</p><ul>{lines}</ul>{more}"
        f'<button data-action="ask" data-question="{question}" aria-label="Explain {escape(first.name)}">Explain</button></section>'
    )


def _line(alert: Alert, now: datetime, zone: ZoneInfo, hosts: Mapping[str, str]) -> str:
    marks = [("silenced", alert.silenced_by), ("inhibited", alert.inhibited_by)]
    told = [f'<span class="badge">{mark}</span> ' for mark, by in marks if by]
    if not told and alert.state != "firing":
        told = [f'<span class="badge">{escape(alert.state)}</span> ']
    where = _place(alert)
    opened = link(alert.link, hosts)
    since = f"since {when(alert.starts_at, zone, now=now)}"
    return f"{''.join(told)}<b>{escape(where)}</b>: {escape(cut(alert.summary, MAX_SUMMARY))} · {since} {opened}"


def _place(alert: Alert) -> str:
    named = (alert.labels.get(name) for name in ("service", "name", "host", "instance"))
    return next(filter(None, named), "no host named")


def _question(alert: Alert, count: int) -> str:
    place = _PORT.sub(r"\1", _place(alert))
    return f"Why is {alert.name} firing{f' on {place}' if count == 1 and place != 'no host named' else ''}?"
