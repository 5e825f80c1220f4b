"""Why an alert fires, or why a host or service is not well."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action, Alert
from pipeline.brief import Brief
from pipeline.narrate import sections
from pipeline.narrate.metrics import compare_subjects, rankings, unknown_names
from pipeline.wording import ago, listed, moment, plural


def explain_alert(brief: Brief, actions: Sequence[Action]) -> str:
    """What fires, what is measured and what is normal, the cause, what to do, where to look."""
    alerts = _explained(brief)
    if not alerts and not brief.chain:
        return _nothing_fires(brief, actions)
    shown = brief.chain or tuple(f for f in brief.findings if f.evidence_id)
    affected = f"**Affected**: {listed(list(brief.affected), limit=10)}." if brief.affected else ""
    no_cause = (
        ""
        if brief.cause
        else "**No confident cause**: nothing that is measured left its normal together with this alert."
    )
    return sections.join(
        unknown_names(brief),
        "\n\n".join(_headline(brief, alert) for alert in alerts[:5]),
        f"…and {plural(len(alerts) - 5, 'more alert')} with it." if len(alerts) > 5 else "",
        f"**Measured**\n{sections.measured(brief, shown)}" if shown else "",
        "\n".join(
            f"**Its rule**: {item.summary} [{item.id}]." for item in brief.evidence if item.title.startswith("rule ")
        ),
        sections.cause(brief),
        no_cause,
        affected,
        rankings(brief),
        sections.logs(brief),
        sections.to_do(brief, actions),
        sections.links(brief),
    )


def _explained(brief: Brief) -> list[Alert]:
    cited = [item.title.removeprefix("alert ") for item in brief.evidence if item.title.startswith("alert ")]
    explained = [alert for alert in brief.alerts if alert.name in cited]
    if brief.question.subjects:
        mine = [a for a in explained if brief.inventory.entity_of(a.labels) in brief.question.subjects]
        explained = mine or explained
    return sorted(explained, key=lambda alert: (sections.severity_rank(alert), alert.starts_at))


def _headline(brief: Brief, alert: Alert) -> str:
    entity = brief.inventory.entity_of(alert.labels) or alert.labels.get("instance", "")
    number = next(
        (i.id for i in brief.evidence if i.title == f"alert {alert.name}" and alert.summary in i.summary), None
    )
    since = moment(alert.starts_at, brief.zone, now=brief.question.at)
    state = f"is {alert.state}" if alert.state != "suppressed" else "fires but is silenced or inhibited"
    return (
        f"**{alert.name}** on **{entity}** ({alert.severity}) {state} since {since}, {ago(alert.starts_at, brief.question.at)}: "
        f"{alert.summary.rstrip('.')}.{f' [{number}]' if number else ''}"
    )


def _nothing_fires(brief: Brief, actions: Sequence[Action]) -> str:
    question = brief.question
    about = listed(list(question.subjects)) if question.subjects else "this"
    fires = "fires"
    if question.named_window:
        start, end = (moment(t, brief.zone, now=question.at) for t in (question.window.start, question.window.end))
        about, fires = f"{about} between {start} and {end}", "fired"
    nothing = f"No alert {fires} about {about}, and nothing that was measured there is out of the ordinary. No confident cause."
    return sections.join(
        unknown_names(brief),
        nothing if not question.unknown else "",
        compare_subjects(brief),
        sections.logs(brief),
        sections.to_do(brief, actions) if brief.passages else "",
    )
