"""The whole homelab at a glance: alert summary, status, and the sweep that answers a vague question."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from core.vocabulary import Action, Alert
from pipeline.alert_evidence import (
    FIRED,
    FIRING_NOW,
    MAX_NAMES,
    AlertGroup,
    alerts_near,
    grouped,
    severity_rank,
    since,
)
from pipeline.brief import Brief, Finding
from pipeline.extent import EXTENT
from pipeline.narrate import changes, pages, sections
from pipeline.narrate.metrics import one_line, unknown_names
from pipeline.wording import bounds, listed, plain, plural

MAX_NOTABLE = 6
UNTOLD = f"**It cannot be told** which alerts fire: {sections.UNREAD_ALERTS}."


def alert_summary(brief: Brief, actions: Sequence[Action]) -> str:
    """Alerts by severity, then by name; and the cause that most of them share, if one is found."""
    if not brief.alerts_read:
        return sections.join(unknown_names(brief), UNTOLD, _ended(brief))
    alerts = alerts_near(brief, brief.alerts)
    number = brief.number_of(FIRING_NOW)
    if not alerts:
        return sections.join(unknown_names(brief), f"No alert is firing{number}.", _ended(brief))
    groups = grouped(alerts, brief.inventory)
    told: dict[str, list[AlertGroup]] = defaultdict(list)
    for group in groups[:MAX_NAMES]:
        state = "silenced or inhibited" if group.first.state == "suppressed" else group.first.state
        told[group.first.severity if state == "firing" else state].append(group)
    firing = [alert for alert in alerts if alert.state == "firing"]
    by_severity = Counter(alert.severity for alert in sorted(firing, key=severity_rank))
    counts = ", ".join(f"{count} {plain(severity)}" for severity, count in by_severity.items())
    rest = len(groups) - MAX_NAMES
    return sections.join(
        unknown_names(brief),
        f"**{plural(len(firing), 'alert')} firing** ({counts}){number}."
        if firing
        else f"**No alert is firing**{number}.",
        *(f"{plain(title).capitalize()}\n{_lines(brief, members)}" for title, members in told.items()),
        f"…and {rest} more alert names{number}." if rest > 0 else "",
        f"**What they have in common**\n{sections.cause(brief)}" if brief.cause and firing else "",
        pages.to_do(brief, actions) if brief.cause else "",
    )


def _lines(brief: Brief, groups: Sequence[AlertGroup]) -> str:
    number = brief.number_of(FIRING_NOW)
    return sections.bullets(
        f"**{plain(g.first.name)}**{g.times} on {plain(g.where)}, {since(g, brief)}{number}" for g in groups
    )


def _ended(brief: Brief) -> str:
    """What fired before, when nothing fires now."""
    if not brief.history_read or not brief.number_of(FIRED):
        return "" if brief.history_read else "What fired before could not be read (see the gaps)."
    ended = sum(alert.ends_at is not None for alert in brief.history)
    when = _between(brief) if brief.question.named_window else "In the last day"
    return f"{when} {plural(ended, 'alert')} fired and ended{brief.number_of(FIRED)}." if ended else ""


def status(brief: Brief, actions: Sequence[Action]) -> str:
    """Is anything wrong? Alerts, then what is out of the ordinary although no alert says so."""
    subjects = brief.question.subjects
    firing = [alert for alert in alerts_near(brief, brief.alerts) if alert.state == "firing"]
    odd = [f for f in brief.findings if f.abnormal and (not subjects or f.entity in subjects)]
    if not firing and not odd:
        return sections.join(unknown_names(brief), fired_in_window(brief), _all_well(brief), _own_values(brief))
    return sections.join(
        unknown_names(brief),
        _firing(brief, firing) if brief.alerts_read else "",
        sections.cannot_be_told(brief),
        fired_in_window(brief),
        _notable(brief, odd),
        sections.cause(brief) or sections.extent(brief),
        changes.suspects(brief) if brief.cause else "",
        pages.to_do(brief, actions) if brief.cause else "",
    )


def _all_well(brief: Brief) -> str:
    """That nothing is wrong; or what cannot be told, and the half that can."""
    fires, extent = brief.number_of(FIRING_NOW), brief.number_of(EXTENT)
    open_ = sections.cannot_be_told(brief)
    if open_:
        known = f" No alert fires{fires}." if brief.alerts_read else ""
        return open_ + known + (f" Nothing that was measured is out of its ordinary{extent}." if brief.measured else "")
    about = f" with {plain(listed(list(brief.question.subjects)))}" if brief.question.subjects else ""
    verdict = (
        f"**Nothing is wrong**{about} as far as can be seen: no alert fires{fires}, nothing is out of its ordinary"
    )
    return sections.join(f"{verdict}{extent}.", sections.extent(brief))


def _firing(brief: Brief, firing: Sequence[Alert]) -> str:
    number = brief.number_of(FIRING_NOW)
    if not firing:
        return f"**No alert fires**{number}."
    groups = grouped(firing, brief.inventory)
    told = listed([plain(f"{g.first.name}{g.times} on {g.where}") for g in groups])
    return f"**{plural(len(firing), 'alert')} firing**: {told}{number}."


def _notable(brief: Brief, odd: Sequence[Finding]) -> str:
    shown = [f for f in odd if f.evidence_id][:MAX_NOTABLE]
    if not shown:
        return ""
    rest = len(odd) - len(shown)
    lines = [*map(one_line, shown), *([f"…and {rest} more{brief.number_of(EXTENT)}"] if rest else [])]
    return f"**Out of the ordinary**\n{sections.bullets(lines)}"


def _own_values(brief: Brief) -> str:
    """The measurements of the named hosts and services, ordinary as they are."""
    own = [f for f in brief.findings if f.evidence_id and f.entity in brief.question.subjects]
    return sections.measured(brief, own)


def fired_in_window(brief: Brief) -> str:
    """What fired in the stretch of time that the question names."""
    if not brief.question.named_window:
        return ""
    number = brief.number_of(FIRED)
    if not brief.history_read or not number:
        return f"{_between(brief)}: what fired could not be read (see the gaps)."
    names = Counter(alert.name for alert in brief.history)
    if not names:
        return f"{_between(brief)} no alert fired{number}."
    told = plain(listed([f"{name} × {count}" for name, count in names.most_common()]))
    return f"{_between(brief)} {plural(len(brief.history), 'alert')} fired ({told}){number}."


def _between(brief: Brief) -> str:
    start, end = bounds(brief.question.window, brief.zone, now=brief.question.today)
    return f"Between {start} and {end}"


def clarify(brief: Brief, actions: Sequence[Action]) -> str:
    """A vague question: the sweep first, then the one question whose answer narrows it down most."""
    return sections.join(status(brief, actions), f"**To narrow it down**: {_question_back(brief)}")


def _question_back(brief: Brief) -> str:
    if brief.cause and brief.cause.entity and brief.chain:
        return f"is what you notice about {plain(brief.cause.entity)}{sections.borne_out_by(brief)}, or about something else?"
    return "which service or device do you notice it on, and since when?"
