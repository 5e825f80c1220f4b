"""Why an alert fires, or why a host or service is not well."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Action
from pipeline.alert_evidence import alerts_near
from pipeline.brief import Brief
from pipeline.narrate import changes, pages, sections
from pipeline.narrate.metrics import compare_subjects, rankings, unknown_names
from pipeline.wording import bounds, listed, plain, plural


def explain_alert(brief: Brief, actions: Sequence[Action]) -> str:
    """What fires, what is measured and what is normal, the cause, what to do, where to look."""
    if not brief.explained and not brief.chain:
        return _nothing_fires(brief, actions)
    shown = brief.chain or tuple(f for f in brief.findings if f.evidence_id)
    return sections.join(
        unknown_names(brief),
        sections.what_fires(brief),
        _further(brief),
        sections.cannot_be_told(brief),
        f"**Measured**\n{sections.measured(brief, shown)}" if shown else "",
        _rules(brief),
        sections.cause(brief) or _no_cause(brief),
        changes.suspects(brief),
        rankings(brief),
        sections.logs(brief),
        pages.to_do(brief, actions),
        sections.links(brief),
    )


def _further(brief: Brief) -> str:
    """How many more fire than are explained; nothing when the question names what it is about."""
    if not brief.explained or brief.question.subjects or brief.question.alert_names:
        return ""
    active = sum(alert.state in {"firing", "suppressed"} for alert in brief.alerts)
    rest = active - len(brief.explained)
    return f"…and {plural(rest, 'more alert')}." if rest > 0 else ""


def _rules(brief: Brief) -> str:
    items = [item for item in brief.evidence if item.title.startswith("rule ")]
    return "\n".join(f"**Its rule**: {plain(item.summary)} [{item.id}]." for item in items)


def _no_cause(brief: Brief) -> str:
    if not brief.measured:
        return f"**No confident cause**: {sections.unmeasured(brief)}."
    return "**No confident cause**: nothing that is measured left its normal together with this alert."


def _nothing_fires(brief: Brief, actions: Sequence[Action]) -> str:
    question = brief.question
    return sections.join(
        unknown_names(brief),
        "" if question.unknown else _nothing(brief),
        _rules(brief),
        compare_subjects(brief) if brief.measured else "",
        sections.logs(brief),
        f"**Changed there in the last day**\n{changes.timeline(brief)}" if brief.changed else "",
        pages.to_do(brief, actions),
    )


def _nothing(brief: Brief) -> str:
    """That no alert fires and nothing is out of the ordinary, each only as far as it could be read."""
    question = brief.question
    about = listed([plain(name) for name in question.subjects or question.alert_names]) if _is_named(brief) else "this"
    fires = "fires"
    if question.named_window:
        start, end = bounds(question.window, brief.zone, now=question.today)
        about, fires = f"{about} between {start} and {end}", "fired"
    open_ = sections.cannot_be_told(brief)
    if brief.alerts_read and not _fires(brief):
        open_ = f"No alert {fires} about {about}. {open_}".strip()
    if brief.measured:
        odd = any(f.abnormal and f.entity in question.subjects for f in brief.findings)
        open_ += (
            " Nothing that was measured explains it." if odd else " Nothing that was measured is out of the ordinary."
        )
    return f"{open_} No confident cause.".strip()


def _is_named(brief: Brief) -> bool:
    return bool(brief.question.subjects or brief.question.alert_names)


def _fires(brief: Brief) -> bool:
    """Whether one of the alerts at hand is about what the question names."""
    names = brief.question.alert_names
    near = alerts_near(brief, brief.alerts)
    return any(alert.state in {"firing", "suppressed"} and (not names or alert.name in names) for alert in near)
