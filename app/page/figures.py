"""Plots, as Plotly figures (JSON, https://plotly.com/javascript/reference): a series with what is normal for it, and a timeline.

Times on the axes are the reader's; each point tells UTC on hover. Colours are those of Okabe and Ito, which colour-blind readers
can tell apart; every kind has a shape of its own, too. Text from outside is escaped: Plotly reads some HTML in it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from core.vocabulary import AnsweredChange, Event, Evidence, SeriesSummary, Timeline

BLUE, ORANGE, GREEN, VERMILLION, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
BAND = "rgba(0, 158, 115, 0.22)"
MISSING_STEPS = 2.5
"""A line is broken where so many steps are missing."""
MAX_TITLE = 110
MAX_HOVER = 160
_SCALES = {"ratio": (100.0, " %"), "celsius": (1.0, " °C"), "seconds": (1.0, " s"), "days": (1.0, " days"), "per_second": (1.0, "/s")}  # fmt: skip
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
KINDS = {
    "alert": ("alert fires", VERMILLION, "triangle-up"),
    "resolved": ("alert resolved", GREEN, "triangle-down"),
    "change": ("change", PURPLE, "diamond"),
    "shift": ("left its normal", BLUE, "circle"),
    "log": ("log lines", ORANGE, "square"),
}


def evidence_figure(item: Evidence, changes: Sequence[AnsweredChange], zone: ZoneInfo) -> dict[str, Any] | None:
    """The first series of an item: its course, the band that is normal, the onset, and the changes of its window. None without one."""
    series = next((each for each in item.series or () if len(each.points) > 1), None)
    if series is None:
        return None
    factor, suffix = _scale(series)
    times, values = _with_breaks(series.points, factor)
    traces = [*_band(series, factor, suffix, zone)]
    line = {"color": BLUE, "width": 2}
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "measured",
            "line": line,
            "connectgaps": False,
            "x": _local(times, zone),
            "y": values,
            "customdata": _utc(times),
            "hovertemplate": f"%{{y:.4~g}}{suffix}<br>%{{x|%H:%M:%S}} (%{{customdata}} UTC)<extra></extra>",
        }
    )
    inside = [change for change in changes if item.window and item.window.start <= _effect(change) <= item.window.end]
    if inside:
        traces.append(_markers(inside, zone))
    layout = _layout(f"{item.id} · {item.title}", 260)
    layout["yaxis"] |= {"ticksuffix": suffix, "rangemode": "tozero" if series.unit == "ratio" else "normal"}
    _dated(layout, item.window.end if item.window else datetime.fromtimestamp(times[-1], UTC), zone)
    layout["yaxis2"] = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    if series.onset is not None:
        layout |= _onset(series.onset, zone)
    return {"data": traces, "layout": layout}


def timeline_figure(timeline: Timeline, zone: ZoneInfo, entity: str | None = None) -> dict[str, Any]:
    """A lane for each host or service, an event where it happened; the wheel and dragging zoom the time axis."""
    events = [event for event in timeline.events if entity is None or event.entity == entity]
    lanes = list(dict.fromkeys(_lane(event) for event in reversed(events)))
    traces = [
        _events([event for event in events if event.kind == kind], *look, zone)
        for kind, look in KINDS.items()
        if any(event.kind == kind for event in events)
    ]
    layout = _layout("", max(260, 160 + 24 * len(lanes)))
    layout["yaxis"] |= {"type": "category", "categoryorder": "array", "categoryarray": lanes, "automargin": True}
    layout["yaxis"]["range"] = [-0.6, len(lanes) - 0.4]
    layout["xaxis"]["range"] = _local([timeline.window.start.timestamp(), timeline.window.end.timestamp()], zone)
    # It may be taller than a screen: time and legend stand above it. On a phone ticks stand upright, where they do not fit.
    layout["xaxis"] |= {"side": "top", "tickangle": "auto", "tickformat": "%H:%M\n%Y-%m-%d"}
    layout["legend"] |= {"xref": "container", "yref": "container", "y": 1}
    layout |= {"dragmode": "zoom", "hovermode": "closest", "margin": {"l": 56, "r": 16, "t": 130, "b": 28}}
    if timeline.onset is not None:
        layout |= _onset(timeline.onset, zone, below=True)
    return {"data": traces, "layout": layout, "config": {"scrollZoom": True, "displaylogo": False}}


def _scale(series: SeriesSummary) -> tuple[float, str]:
    """What values are multiplied by, and the unit behind them."""
    if series.unit.startswith("bytes"):
        power, largest = 0, max(abs(value) for _, value in series.points)
        while largest >= 1024 and power < len(_SIZES) - 1:
            largest, power = largest / 1024, power + 1
        return 1 / 1024**power, f" {_SIZES[power]}{'/s' if series.unit == 'bytes_per_second' else ''}"
    return _SCALES.get(series.unit, (1.0, ""))


def _with_breaks(points: Sequence[tuple[float, float]], factor: float) -> tuple[list[float], list[float | None]]:
    """Times and values with an empty point wherever some are missing."""
    step = median(after - before for (before, _), (after, _) in itertools.pairwise(points))
    times: list[float] = []
    values: list[float | None] = []
    for at, value in points:
        if times and at - times[-1] > MISSING_STEPS * step:
            times.append((at + times[-1]) / 2)
            values.append(None)
        times.append(at)
        values.append(value * factor)
    return times, values


def _band(series: SeriesSummary, factor: float, suffix: str, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Two invisible lines with the room between them filled."""
    if not series.usual:
        return []
    x = _local([at for at, _, _ in series.usual], zone)
    edge = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "x": x}
    name = escape(f"normal ({series.usual_from})")
    told = f"%{{y:.4~g}}{suffix}<extra>{name}</extra>"
    low = {**edge, "y": [low * factor for _, low, _ in series.usual], "showlegend": False, "hovertemplate": told}
    high = {**edge, "y": [high * factor for _, _, high in series.usual], "name": name, "hovertemplate": told}
    if all(low == high for _, low, high in series.usual):  # a band without height would not be seen
        return [{**high, "line": {"width": 6, "color": BAND}}]
    return [low, {**high, "fill": "tonexty", "fillcolor": BAND}]


def _markers(changes: Sequence[AnsweredChange], zone: ZoneInfo) -> dict[str, Any]:
    """Changes along the time axis, each with its number."""
    times = [_effect(change).timestamp() for change in changes]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "change",
        "yaxis": "y2",
        "x": _local(times, zone),
        "y": [0.04] * len(times),
        "text": [escape(change.id) for change in changes],
        "textposition": "top center",
        "marker": {"symbol": "diamond", "size": 11, "color": PURPLE},
        "customdata": [
            [_short(f"{change.kind.replace('_', ' ')}: {change.title}"), utc]
            for change, utc in zip(changes, _utc(times), strict=True)
        ],
        "hovertemplate": "%{text}: %{customdata[0]}<br>%{x|%H:%M:%S} (%{customdata[1]} UTC)<extra></extra>",
    }


def _events(events: Sequence[Event], name: str, colour: str, symbol: str, zone: ZoneInfo) -> dict[str, Any]:
    times = [event.at.timestamp() for event in events]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": _local(times, zone),
        "y": [_lane(event) for event in events],
        "marker": {
            "symbol": symbol,
            "color": colour,
            "size": [17 if event.suspected else 11 for event in events],
            "line": {"width": [2 if event.suspected else 0 for event in events], "color": "#000000"},
        },
        "customdata": [
            [("suspected cause: " if event.suspected else "") + _short(event.text), utc]
            for event, utc in zip(events, _utc(times), strict=True)
        ],
        "hovertemplate": "%{customdata[0]}<br>%{x|%H:%M:%S} (%{customdata[1]} UTC)<extra></extra>",
    }


def _onset(at: datetime, zone: ZoneInfo, *, below: bool = False) -> dict[str, Any]:
    place = {"y": 0, "yanchor": "top"} if below else {"y": 1, "yanchor": "bottom"}
    x = _local([at.timestamp()], zone)[0]
    line = {"color": VERMILLION, "width": 2, "dash": "dash"}
    return {
        "shapes": [{"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}],
        "annotations": [{"x": x, "yref": "paper", **place, "text": "onset", "showarrow": False, "font": {"size": 12}}],
    }


def _layout(title: str, height: int) -> dict[str, Any]:
    """Without a background and with no colours of text: the page's own style gives them, light and dark."""
    axis = {"gridcolor": "rgba(128, 128, 128, 0.25)", "zeroline": False}
    return {
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 56 if title else 28, "b": 48},
        "title": {"text": _short(title, MAX_TITLE), "font": {"size": 14}, "x": 0, "xanchor": "left"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": True,
        "legend": {"orientation": "h", "y": -0.32, "yanchor": "top", "x": 0},
        "hovermode": "x",
        "xaxis": {
            **axis,
            "type": "date",
            "fixedrange": False,
            "nticks": 6,
            "tickangle": 0,
            "title": {"standoff": 4, "font": {"size": 12}},
        },
        "yaxis": {**axis, "fixedrange": True},
    }


def _dated(layout: dict[str, Any], end: datetime, zone: ZoneInfo) -> None:
    """Which day and whose time the axis tells: ticks have the time of day alone, until one zooms out."""
    layout["xaxis"]["title"]["text"] = escape(f"{end.astimezone(zone):until %Y-%m-%d %H:%M %Z}")
    layout["xaxis"]["tickformatstops"] = [
        {"dtickrange": [None, 60_000], "value": "%H:%M:%S"},
        {"dtickrange": [60_000, 86_400_000], "value": "%H:%M"},
        {"dtickrange": [86_400_000, None], "value": "%m-%d"},
    ]


def _effect(change: AnsweredChange) -> datetime:
    return change.effective_at or change.at


def _lane(event: Event) -> str:
    return _short(event.entity or "(no host or service)", 40)


def _short(text: str, characters: int = MAX_HOVER) -> str:
    line = " ".join(text.split())
    return escape(line if len(line) <= characters else f"{line[: characters - 1]}…")


def _local(times: Sequence[float], zone: ZoneInfo) -> list[str]:
    """As Plotly reads them: without a zone, which it shows as they stand."""
    return [datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] for at in times]


def _utc(times: Sequence[float]) -> list[str]:
    return [datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") for at in times]
