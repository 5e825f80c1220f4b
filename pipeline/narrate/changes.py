"""What changed: a list over a stretch of time, or the suspects before a symptom with the reasons for and against."""

from __future__ import annotations

from core.vocabulary import AnsweredChange
from pipeline.brief import Brief
from pipeline.narrate import sections
from pipeline.wording import duration, moment, plain, plural

MAX_DIFF_LINES = 12
MAX_DIFF_CHARACTERS = 160
NOT_CONFIGURED = "Changes are not read: no source of them is configured (see `sre doctor`)."


def suspects(brief: Brief) -> str:
    """The change that explains the symptom, or that none does; then the others that were considered."""
    changed = brief.changed
    if changed is None:
        return ""
    over = duration(changed.window.length.total_seconds())
    if not brief.changes:
        return f"**Quiet before**: no change is known in the {over} before it{_as_far_as_read(brief)}."
    accused = next((change for change in brief.changes if change.origin == changed.accused), None)
    if not changed.cleared:
        head = f"**No change explains it**: {plural(changed.available, 'change')} before it considered{_as_far_as_read(brief)}. Nearest:"
        nearest = [change for change in brief.changes[:3] if change is not accused]
        return sections.join(
            _acquitted(brief, accused), head, sections.bullets(line(brief, change, why=True) for change in nearest)
        )
    first, rest = brief.changes[0], [change for change in brief.changes[1:4] if change is not accused]
    head = f"**Most likely brought about by** {line(brief, first, why=True)}"
    others = f"Also considered, of {plural(changed.available, 'change')}:" if rest else ""
    return sections.join(
        f"{head}\n{_diff(first)}",
        _acquitted(brief, accused),
        others,
        sections.bullets(line(brief, change, why=True) for change in rest),
    )


def what_ails(brief: Brief) -> str:
    """What fires about the subject of a question, its cause, and what brought it about."""
    considered = brief.changed is not None and brief.changed.considered is not None
    return sections.join(sections.what_fires(brief), sections.cause(brief), suspects(brief) if considered else "")


def _diff(change: AnsweredChange) -> str:
    """The lines that it took away and put there, as a block of code; empty where its source has none, or they are many."""
    lines = [line for line in change.diff.splitlines() if line.startswith(("-", "+")) and line.strip("+- ")]
    lines = [line for line in lines if not line.startswith(("--- ", "+++ "))]
    if len(lines) > MAX_DIFF_LINES or any(len(line) > MAX_DIFF_CHARACTERS or "```" in line for line in lines):
        return ""
    return "\n".join(["```diff", *lines, "```"]) if lines else ""


def _acquitted(brief: Brief, accused: AnsweredChange | None) -> str:
    """What the question blames does not explain it."""
    return f"**Probably not what you suspect**: {line(brief, accused, why=True)}" if accused else ""


def timeline(brief: Brief) -> str:
    """Every change of the window, oldest first."""
    changed = brief.changed
    if changed is None:
        return NOT_CONFIGURED
    if not brief.changes:
        return f"No change is known in this time{_as_far_as_read(brief)}."
    in_order = sorted(brief.changes, key=lambda change: change.effective_at or change.at)
    return sections.bullets(line(brief, change) for change in in_order)


def line(brief: Brief, change: AnsweredChange, *, why: bool = False) -> str:
    """When, what, where, by whom, with its number."""
    at = moment(change.effective_at or change.at, brief.zone, now=brief.question.today)
    where = f" on {plain(change.entity)}" if change.entity else ""
    who = f" by {plain(change.actor)}" if change.actor else ""
    text = f"{at}, {change.kind.replace('_', ' ')}{where}: {plain(change.title)}{who} ({plain(change.source) or 'source unknown'}) [{change.id}]"
    return f"{text}: {plain('; '.join(change.reasons))}" if why and change.reasons else text


def _as_far_as_read(brief: Brief) -> str:
    return "" if brief.changed and brief.changed.complete else ", as far as the sources could be read (see the gaps)"
