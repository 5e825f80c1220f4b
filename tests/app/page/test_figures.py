"""Plots as the figures that Plotly is given: what is drawn, where, in whose time, and that titles are no markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from html_found import Found
from hypothesis import given, settings
from hypothesis import strategies as st

from app.page.figures import KINDS, MAX_TITLE, evidence_figure, timeline_figure
from core.vocabulary import AnsweredChange, Event, Evidence, SeriesSummary, Timeline, Window

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 7, 20, 12, 0, tzinfo=UTC)
START = NOON - timedelta(hours=1)
HOSTILE = '<a href="http://evil.example">x</a><img src=x onerror=alert(1)> & "so"'
MINUTES = range(0, 61, 5)


def at(minute: float) -> float:
    return START.timestamp() + 60 * minute


def series(*values: float, minutes=MINUTES, **fields) -> SeriesSummary:
    given = values or [float(number) for number in range(len(minutes))]
    points = tuple(zip(map(at, minutes), given, strict=True))
    return SeriesSummary(last=0, minimum=0, mean=0, maximum=0, points=points, **fields)


def evidence(*of: SeriesSummary, title: str = "memory of media") -> Evidence:
    return Evidence(
        id="E1", source="prometheus", title=title, summary="", window=Window(start=START, end=NOON), series=of
    )


def change(
    minute: float, *, number: int = 1, effective: float | None = None, title: str = "memory limit"
) -> AnsweredChange:
    said = {"effective_at": START + timedelta(minutes=effective)} if effective is not None else {}
    return AnsweredChange(
        id=f"C{number}", at=START + timedelta(minutes=minute), kind="config_commit", title=title, **said
    )


def drawn(*of: SeriesSummary, changes=(), zone: ZoneInfo = AMSTERDAM, title: str = "memory of media") -> dict[str, Any]:
    figure = evidence_figure(evidence(*of, title=title), changes, zone)
    assert figure is not None
    assert json.loads(json.dumps(figure, allow_nan=False)) == figure, "it is JSON"
    return figure


def trace(figure: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in figure["data"] if each.get("name", "").startswith(name))
    return found


def names(figure: dict[str, Any]) -> list[str | None]:
    return [each.get("name") for each in figure["data"]]


@pytest.mark.parametrize("of", [(), (series(1.0, minutes=[0]),), (series(minutes=[]),)])
def test_without_a_course_there_is_no_plot(of) -> None:
    assert evidence_figure(evidence(*of), (), AMSTERDAM) is None
    assert evidence_figure(evidence().model_copy(update={"series": None}), (), AMSTERDAM) is None


def test_the_first_series_that_has_a_course_is_drawn() -> None:
    figure = drawn(series(1.0, minutes=[0]), series(5.0, 6.0, minutes=[0, 5]), series(7.0, 8.0, minutes=[0, 5]))
    assert trace(figure, "measured")["y"] == [5.0, 6.0]


def test_times_are_the_readers_and_each_point_tells_utc() -> None:
    line = trace(drawn(series()), "measured")
    assert (line["x"][0], line["x"][-1]) == ("2026-07-20 13:00:00.000", "2026-07-20 14:00:00.000")
    assert (line["customdata"][0], line["customdata"][-1]) == ("2026-07-20 11:00:00", "2026-07-20 12:00:00")
    assert "%{customdata} UTC" in line["hovertemplate"]


def test_the_axis_says_which_day_and_whose_time() -> None:
    assert drawn(series())["layout"]["xaxis"]["title"]["text"] == "until 2026-07-20 14:00 CEST"
    assert drawn(series(), zone=ZoneInfo("UTC"))["layout"]["xaxis"]["title"]["text"] == "until 2026-07-20 12:00 UTC"


# --- units


@pytest.mark.parametrize(
    ("unit", "values", "shown", "suffix"),
    [
        ("ratio", (0.5, 0.97), [50.0, 97.0], " %"),
        ("celsius", (40.0, 71.5), [40.0, 71.5], " °C"),
        ("seconds", (0.1, 2.0), [0.1, 2.0], " s"),
        ("per_second", (3.0, 4.0), [3.0, 4.0], "/s"),
        ("bytes", (1024.0, 1536.0), [1.0, 1.5], " KiB"),
        ("bytes", (1.0, 1023.0), [1.0, 1023.0], " B"),
        ("bytes", (2.0**30, 2.0**31), [1.0, 2.0], " GiB"),
        ("bytes", (-(2.0**31), 2.0**30), [-2.0, 1.0], " GiB"),
        ("bytes", (0.0, 2.0**70), [0.0, 2.0**20], " PiB"),
        ("bytes_per_second", (0.0, 2.0**21), [0.0, 2.0], " MiB/s"),
        ("", (3.0, 4.0), [3.0, 4.0], ""),
        ("no such unit", (3.0, 4.0), [3.0, 4.0], ""),
    ],
)  # fmt: skip
def test_values_are_told_in_a_unit_that_people_read(unit, values, shown, suffix) -> None:
    figure = drawn(series(*values, minutes=[0, 5], unit=unit))
    line = trace(figure, "measured")
    assert line["y"] == pytest.approx(shown)
    assert figure["layout"]["yaxis"]["ticksuffix"] == suffix
    assert f"%{{y:.4~g}}{suffix}<br>" in line["hovertemplate"]
    assert figure["layout"]["yaxis"]["rangemode"] == ("tozero" if unit == "ratio" else "normal")


# --- the band


@pytest.mark.parametrize("origin", ["learnt", "earlier values"])
def test_the_band_that_is_normal_lies_between_two_invisible_lines(origin) -> None:
    usual = tuple((at(minute), 0.2, 0.4) for minute in MINUTES)
    figure = drawn(series(unit="ratio", usual=usual, usual_from=origin))
    low, high = (each for each in figure["data"] if each.get("line", {}).get("width") == 0)
    assert (low["y"], high["y"]) == (pytest.approx([20.0] * 13), pytest.approx([40.0] * 13))
    assert high["fill"] == "tonexty"
    assert figure["data"].index(high) == figure["data"].index(low) + 1, "it is filled up to the one before"
    assert high["name"] == f"normal ({origin})"
    assert low["showlegend"] is False
    assert low["x"] == high["x"] == trace(figure, "measured")["x"]
    assert names(figure)[-1] == "measured", "the course is drawn over the band"


def test_a_band_without_height_is_a_broad_line() -> None:
    usual = tuple((at(minute), 1.0, 1.0) for minute in MINUTES)
    band = trace(drawn(series(usual=usual, usual_from="learnt")), "normal")
    assert band["line"]["width"] > 2
    assert "fill" not in band
    assert set(band["y"]) == {1.0}


def test_without_a_normal_there_is_no_band() -> None:
    assert names(drawn(series())) == ["measured"]


# --- gaps, onset, changes


def test_the_line_is_broken_where_points_are_missing() -> None:
    minutes = [0, 5, 10, 40, 45]
    line = trace(drawn(series(*range(5), minutes=minutes)), "measured")
    assert line["y"] == [0.0, 1.0, 2.0, None, 3.0, 4.0]
    assert line["x"][2:5] == ["2026-07-20 13:10:00.000", "2026-07-20 13:25:00.000", "2026-07-20 13:40:00.000"]
    assert line["connectgaps"] is False
    assert len(line["x"]) == len(line["y"]) == len(line["customdata"])


def test_one_missing_point_does_not_break_it() -> None:
    assert None not in trace(drawn(series(*range(5), minutes=[0, 5, 15, 20, 25])), "measured")["y"]


def test_the_onset_is_a_line_in_the_readers_time() -> None:
    layout = drawn(series(onset=START + timedelta(minutes=20)))["layout"]
    (line,) = layout["shapes"]
    assert line["x0"] == line["x1"] == layout["annotations"][0]["x"] == "2026-07-20 13:20:00.000"
    assert layout["annotations"][0]["text"] == "onset"
    assert "shapes" not in drawn(series())["layout"]


def test_changes_of_the_window_are_marked_by_their_number() -> None:
    changes = [
        change(20, number=1),
        change(0, number=2),
        change(60, number=3),
        change(-1, number=4),
        change(61, number=5),
    ]
    marks = trace(drawn(series(), changes=changes), "change")
    assert marks["text"] == ["C1", "C2", "C3"]
    assert marks["x"][0] == "2026-07-20 13:20:00.000"
    assert marks["customdata"][0] == ["config commit: memory limit", "2026-07-20 11:20:00"]


def test_a_change_is_marked_when_it_took_effect() -> None:
    changes = [change(-30, number=1, effective=20), change(30, number=2, effective=90)]
    marks = trace(drawn(series(), changes=changes), "change")
    assert (marks["text"], marks["x"]) == (["C1"], ["2026-07-20 13:20:00.000"])


def test_without_a_change_in_the_window_nothing_is_marked() -> None:
    assert names(drawn(series(), changes=[change(-1), change(61)])) == ["measured"]


# --- the timeline


def event(minute: float, kind: str = "alert", entity: str | None = "media", text: str = "it fires", **fields) -> Event:
    return Event(at=START + timedelta(minutes=minute), kind=kind, entity=entity, text=text, **fields)


def timeline(*events: Event, onset: datetime | None = None) -> Timeline:
    return Timeline(window=Window(start=START, end=NOON), onset=onset, statement="", events=events)


def test_each_host_or_service_has_a_lane_the_one_heard_of_last_at_the_bottom() -> None:
    figure = timeline_figure(
        timeline(event(1, entity="nas"), event(2, entity="media"), event(3, entity=None), event(4, entity="nas")),
        AMSTERDAM,
    )
    from_below = figure["layout"]["yaxis"]["categoryarray"]
    assert from_below == ["nas", "(no host or service)", "media"]
    assert figure["data"][0]["y"] == ["nas", "media", "(no host or service)", "nas"]
    assert json.loads(json.dumps(figure, allow_nan=False)) == figure


def test_each_kind_has_its_own_name_colour_and_shape() -> None:
    figure = timeline_figure(timeline(*(event(n, kind) for n, kind in enumerate(KINDS))), AMSTERDAM)
    looks = {(each["name"], each["marker"]["color"], each["marker"]["symbol"]) for each in figure["data"]}
    assert looks == set(KINDS.values())
    for position in range(3):
        assert len({look[position] for look in looks}) == len(KINDS)


def test_events_are_told_in_the_readers_time_with_utc_on_hover() -> None:
    figure = timeline_figure(timeline(event(20), onset=START + timedelta(minutes=10)), AMSTERDAM)
    (alerts,) = figure["data"]
    assert alerts["x"] == ["2026-07-20 13:20:00.000"]
    assert alerts["customdata"] == [["it fires", "2026-07-20 11:20:00"]]
    assert figure["layout"]["xaxis"]["range"] == ["2026-07-20 13:00:00.000", "2026-07-20 14:00:00.000"]
    assert figure["layout"]["shapes"][0]["x0"] == "2026-07-20 13:10:00.000"


def test_one_entity_alone_is_shown_where_somebody_picks_it() -> None:
    events = timeline(event(1, entity="nas"), event(2, "change", entity="media"), event(3, entity=None))
    figure = timeline_figure(events, AMSTERDAM, entity="media")
    assert names(figure) == ["change"]
    assert figure["layout"]["yaxis"]["categoryarray"] == ["media"]
    assert timeline_figure(events, AMSTERDAM, entity="nobody")["data"] == []


def test_a_suspected_change_is_larger_framed_and_called_so() -> None:
    figure = timeline_figure(timeline(event(1, "change"), event(2, "change", suspected=True)), AMSTERDAM)
    marker, told = figure["data"][0]["marker"], figure["data"][0]["customdata"]
    assert marker["size"][1] > marker["size"][0]
    assert marker["line"]["width"][1] > marker["line"]["width"][0] == 0
    assert [text for text, _ in told] == ["it fires", "suspected cause: it fires"]


def test_more_lanes_take_more_room() -> None:
    few = timeline_figure(timeline(event(1)), AMSTERDAM)["layout"]["height"]
    many = timeline_figure(timeline(*(event(n, entity=f"vm{n}") for n in range(40))), AMSTERDAM)["layout"]["height"]
    assert many > few > 0


# --- markup


def texts(figure: Any) -> list[str]:
    """Every string of a figure but the hover templates, which are our own markup."""
    if isinstance(figure, dict):
        return [text for name, value in figure.items() if name != "hovertemplate" for text in texts(value)]
    if isinstance(figure, list | tuple):
        return [text for value in figure for text in texts(value)]
    return [figure] if isinstance(figure, str) else []


def everything(text: str) -> list[str]:
    usual = tuple((at(minute), 0.0, 1.0) for minute in MINUTES)
    shown = drawn(
        series(usual=usual, usual_from=text, unit=text),
        changes=[change(20, title=text).model_copy(update={"id": text})],
        title=text,
    )
    lanes = timeline_figure(timeline(*(event(n, kind, text, text) for n, kind in enumerate(KINDS))), AMSTERDAM)
    templates = [each.get("hovertemplate", "") for each in (*shown["data"], *lanes["data"])]
    assert all({tag.name for tag in Found(each).tags} <= {"br", "extra"} for each in templates)
    return texts(shown) + texts(lanes)


def test_markup_in_any_text_is_shown_and_not_obeyed() -> None:
    found = [Found(text) for text in everything(HOSTILE)]
    assert not any(each.tags for each in found)
    assert sum("onerror" in each.text for each in found) >= 4


@settings(deadline=None, max_examples=60)
@given(
    st.text(max_size=40),
    st.sampled_from(["<b>", "</i>", "<a href='x'>", "<br/>", "<!-- ", "<?x", "&lt;b&gt;", ""]),
    st.text(max_size=40),
)
def test_no_text_becomes_a_tag(before, tag, after) -> None:
    text = before + tag + after
    assert not any(Found(each).tags or Found(each).others for each in everything(text))


def test_a_title_that_is_too_long_is_cut_and_never_within_an_escape() -> None:
    title = drawn(series(), title="&" * 500)["layout"]["title"]["text"]
    shown = Found(title).text
    assert len(shown) == MAX_TITLE
    assert shown.endswith("&…")
    assert title.count("&amp;") == shown.count("&")
