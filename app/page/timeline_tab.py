"""Alerts, changes, shifts and log lines on one time axis, with a lane for each host or service."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import gradio as gr
from gradio.components.plot import PlotData

from app.page.backing import Backing
from app.page.figures import KINDS, timeline_figure
from app.page.safe_html import when
from core.clock import now
from core.errors import InvalidInput, SreError
from core.vocabulary import Timeline
from pipeline.conversation import cut
from pipeline.time_lengths import parse_length
from pipeline.when import parse_window
from pipeline.wording import plural

LENGTHS = ["30m", "2h", "6h", "24h"]
EVERYTHING = "everything"
MOMENTS = "03:10, last night, monday 18:00 or 2026-11-20T03:10Z"
MAX_MOMENT = 60


@dataclass(frozen=True)
class TimelineTab:
    """Its components."""

    moment: gr.Textbox
    around: gr.Dropdown
    entity: gr.Dropdown
    show: gr.Button
    told: gr.HTML
    plot: gr.Plot
    listing: gr.HTML

    @property
    def inputs(self) -> list[Any]:
        return [self.moment, self.around, self.entity]

    @property
    def outputs(self) -> list[Any]:
        return [self.told, self.plot, self.listing, self.entity]


def timeline_tab() -> TimelineTab:
    with gr.Row():
        around = gr.Dropdown(LENGTHS, value="2h", label="To both sides of", min_width=120, filterable=False)
        moment = gr.Textbox(label="Moment", placeholder="now, 03:10, last night …", min_width=160)
        entity = gr.Dropdown([EVERYTHING], value=EVERYTHING, label="Host or service", min_width=160)
        show = gr.Button("Show", variant="primary", min_width=80)
    told = gr.HTML("")
    plot = gr.Plot(show_label=False, label="Timeline", elem_id="timeline")
    return TimelineTab(moment, around, entity, show, told, plot, gr.HTML(""))


def looking(backing: Backing) -> Callable[[str, str, str], Awaitable[tuple[Any, Any, Any, Any]]]:
    """What the Show button does."""

    async def look(moment: str, around: str, entity: str) -> tuple[Any, Any, Any, Any]:
        try:
            found = await backing.timeline(*_looked_at(moment, parse_length(around, field="around"), backing.zone))
        except SreError as error:
            raise gr.Error(str(error), print_exception=False) from None
        names = sorted({event.entity for event in found.events if event.entity})
        wanted = entity if entity in names else None
        figure = timeline_figure(found, backing.zone, wanted)
        return (
            _told(found),
            PlotData(type="plotly", plot=json.dumps(figure)),
            _listing(found, backing, wanted),
            gr.Dropdown(choices=[EVERYTHING, *names], value=wanted or EVERYTHING),
        )

    return look


def _looked_at(moment: str, around: timedelta, zone: ZoneInfo) -> tuple[datetime | None, timedelta]:
    """The moment that somebody's words name, and how far to look to both sides: a stretch of time is seen whole. Raises InvalidInput."""
    asked = cut(moment.strip(), MAX_MOMENT)
    if asked.lower() in {"", "now"}:
        return None, around
    named = parse_window(asked, now=now(), zone=zone)
    if named is None:
        raise InvalidInput(f"Moment: {asked!r} is no time of the past; write it like {MOMENTS}")
    half = (named.window.end - named.window.start) / 2
    return (named.at, around) if named.at else (named.window.start + half, max(half, around))


def _told(found: Timeline) -> str:
    gaps = "".join(f"<li>{escape(gap)}</li>" for gap in found.gaps)
    said = f'<div class="gaps"><h4>Not seen</h4><ul>{gaps}</ul></div>' if gaps else ""
    return f"<p><b>{escape(found.statement)}</b></p>{said}"


def _listing(found: Timeline, backing: Backing, entity: str | None) -> str:
    """The same as a table, for who reads rather than looks."""
    events = [event for event in found.events if entity is None or event.entity == entity]
    rows = "".join(
        f"<tr><td>{when(event.at, backing.zone)}</td><td>{KINDS[event.kind][0]}</td><td>{escape(event.entity or '')}</td>"
        f"<td>{'<b>suspected cause</b>: ' if event.suspected else ''}{escape(event.text)}</td></tr>"
        for event in events
    )
    head = "<tr><th>when</th><th>what</th><th>where</th><th>event</th></tr>"
    shown = plural(len(events), "event")
    return f'<details><summary>As a table: {shown}</summary><table class="sheet">{head}{rows}</table></details>'
