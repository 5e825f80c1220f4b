"""Errors and warnings that are new, or come far more often than before, as events of a timeline."""

from __future__ import annotations

from collections.abc import Collection

from core.vocabulary import Event, Window
from pipeline.brief import Gaps
from pipeline.log_evidence import is_new
from pipeline.wording import plural
from tools.log_templates import Template, mine
from tools.logs import LogSource

MAX_EVENTS = 20
LINE_CHARACTERS = 200
BAD = ("error", "warning")


async def log_spikes(
    logs: LogSource | None, window: Window, gaps: Gaps, *, entities: Collection[str] = (), deadline_s: float = 4.0
) -> list[Event]:
    """One event for each kind of line, where it came up; the MAX_EVENTS most telling ones, in the order of time."""
    if logs is None:
        return []
    mined = await mine(logs, window, entities=entities, levels=BAD, deadline_s=deadline_s)
    for line in mined.gaps:
        gaps.add_of("logs", line)
    news = [template for template in mined.templates if is_new(template) or template.spiking]
    if len(news) > MAX_EVENTS:
        gaps.add(
            f"logs: the {MAX_EVENTS} most telling of {len(news)} kinds of line that are new or more frequent are shown"
        )
    return sorted((_event(template) for template in news[:MAX_EVENTS]), key=lambda event: event.at)


def _event(template: Template) -> Event:
    said = " ".join(template.sample.text.split())[:LINE_CHARACTERS]
    how = "new" if template.new else f"{template.before} in the hour before"
    return Event(
        at=template.since,
        kind="log",
        entity=template.sample.entity,
        text=f"{plural(template.count, 'line')}, {how}: {said}",
        source=template.sample.path,
    )
