"""What fires, as HTML: grouped, marked, each explained by one click, and harmless whatever its labels say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from html_found import Found, harmless
from hypothesis import given, settings
from hypothesis import strategies as st

from app.page.alerts_html import ALWAYS, MOST_LISTED, SUGGESTED, alerts_html, headline, suggestions
from core.vocabulary import Alert

HOSTS = {"nas:9093": "Alertmanager"}
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 7, 20, 12, 0, tzinfo=UTC)
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>' onclick='x [x](http://evil.example) [E1] \u202e🔥"


def alert(name: str = "HostDown", host: str = "media", *, ago: int = 5, **fields) -> Alert:
    given = {
        "state": "firing",
        "severity": "warning",
        "labels": {"host": host},
        "annotations": {"summary": f"{host} is down"},
    }
    return Alert(name=name, starts_at=NOON - timedelta(minutes=ago), **{**given, **fields})


def shown(*alerts: Alert, gaps=()) -> Found:
    return harmless(alerts_html(alerts, gaps, now=NOON, zone=AMSTERDAM, hosts=HOSTS), ("nas:9093",))


def questions(html: str) -> list[str]:
    return [tag.attributes["data-question"] for tag in harmless(html).named("button")]


def everything(text: str) -> str:
    """This text in every field that holds any."""
    hostile = [
        alert(text, text, severity=text, annotations={"summary": text}, link=text, silenced_by=by, state=state)
        for by, state in (((), "firing"), ((text,), "suppressed"), ((), "pending"))
    ]
    whole = alerts_html(hostile, [text], now=NOON, zone=AMSTERDAM, hosts=HOSTS)
    return whole + headline(hostile, NOON, AMSTERDAM) + suggestions(hostile)


def test_hostile_text_in_every_field_can_do_nothing() -> None:
    found = harmless(everything(HOSTILE))
    assert "<script>alert(1)</script>" in found.text
    asked = [tag.attributes["data-question"] for tag in found.named("button")]
    assert f"Why is {HOSTILE} firing?" in asked


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=100) | st.text(alphabet="<>\"'&[]()E1`:/= \n", max_size=60))
def test_no_text_in_any_field_makes_another_tag(text) -> None:
    harmless(everything(text), ("nas:9093",))


def test_silenced_and_inhibited_are_marked() -> None:
    alerts = (
        alert(host="loud"),
        alert(host="hushed", state="suppressed", silenced_by=("s1",)),
        alert(host="follows", state="suppressed", inhibited_by=("i1",)),
        alert(host="both", state="suppressed", silenced_by=("s1",), inhibited_by=("i1",)),
        alert(host="soon", state="pending"),
    )
    html = alerts_html(alerts, [], now=NOON, zone=AMSTERDAM, hosts=HOSTS)
    lines = [[text for text in Found(line).texts if text.strip()] for line in html.split("<li>")[1:]]
    found = {}
    for texts in lines:
        *marks, host = texts[: next(place for place, text in enumerate(texts) if text.startswith(": "))]
        found[host] = tuple(marks)
    assert found == {
        "loud": (),
        "hushed": ("silenced",),
        "follows": ("inhibited",),
        "both": ("silenced", "inhibited"),
        "soon": ("pending",),
    }
    assert "1 of 5 firing" in html


def test_alerts_of_one_name_and_severity_stand_together_the_worst_first() -> None:
    found = shown(
        alert("Slow", severity="info", ago=60),
        alert("Down", "a", severity="critical", ago=1),
        alert("Full", severity="warning", ago=30),
        alert("Quiet", severity="critical", state="suppressed", silenced_by=("s",), ago=90),
        alert("Down", "b", severity="critical", ago=2),
    )
    headings = [tag.attributes["class"].split() for tag in found.named("section")]
    assert headings == [["alert", "critical"], ["alert", "warning"], ["alert"], ["alert", "quiet"]]
    order = [found.text.index(name) for name in ("Down", "Full", "Slow", "Quiet")]
    assert order == sorted(order)
    assert "2 of 2 firing" in found.text


def test_of_very_many_the_rest_is_counted() -> None:
    found = shown(*(alert(host=f"vm{number}") for number in range(MOST_LISTED + 3)))
    assert len(found.named("li")) == MOST_LISTED
    assert "and 3 more alerts of this name" in found.text


def test_a_link_leads_to_our_own_servers_alone() -> None:
    found = shown(alert(link="http://nas:9093/#/alerts"), alert(host="x", link="http://evil.example/#/alerts"))
    assert found.links() == ["http://nas:9093/#/alerts"]


def test_since_when_is_the_readers_time() -> None:
    (tag,) = shown(alert()).named("time")
    assert tag.attributes["title"] == "2026-07-20 11:55:00 UTC"
    assert "since 13:55:00" in shown(alert()).text


def test_nothing_firing_is_not_nothing_known() -> None:
    assert shown().text == "No alert is firing."
    unknown = Found(alerts_html(None, ["alertmanager: no answer"], now=NOON, zone=AMSTERDAM, hosts=HOSTS))
    assert "Nobody could be asked" in unknown.text
    assert "alertmanager: no answer" in unknown.text
    assert "grafana: no answer" in shown(alert(), gaps=["grafana: no answer"]).text


@pytest.mark.parametrize(
    ("labels", "question"),
    [
        ({"host": "media"}, "Why is HostDown firing on media?"),
        ({"instance": "media:9100"}, "Why is HostDown firing on media?"),
        ({"instance": "[fd00::5]:9100"}, "Why is HostDown firing on [fd00::5]?"),
        ({"instance": "https://jellyfin.home.lan"}, "Why is HostDown firing on https://jellyfin.home.lan?"),
        ({"instance": "media:9100", "service": "jellyfin"}, "Why is HostDown firing on jellyfin?"),
        ({"instance": "media:9100", "name": "tdarr"}, "Why is HostDown firing on tdarr?"),
        ({"severity": "x"}, "Why is HostDown firing?"),
    ],
)
def test_an_alert_is_asked_about_by_its_place(labels, question) -> None:
    html = alerts_html([alert(labels=labels)], [], now=NOON, zone=AMSTERDAM, hosts=HOSTS)
    assert questions(html) == [question]


def test_several_of_a_name_are_asked_about_together() -> None:
    html = alerts_html([alert(host="a"), alert(host="b")], [], now=NOON, zone=AMSTERDAM, hosts=HOSTS)
    assert questions(html) == ["Why is HostDown firing?"]


# --- the line above, and what is suggested


def test_the_headline_names_the_worst_and_counts_the_others() -> None:
    html = headline(
        [alert("Slow", severity="info"), alert("Down", severity="critical", ago=1), alert("Full")], NOON, AMSTERDAM
    )
    assert harmless(html).text == "Down (critical): media is down, since 13:59:00, and 2 more alerts"


def test_the_headline_where_nothing_fires() -> None:
    assert Found(headline([], NOON, AMSTERDAM)).text == "No alert is firing."
    silenced = alert(state="suppressed", silenced_by=("s",))
    assert Found(headline([silenced], NOON, AMSTERDAM)).text.endswith("1 alert silenced, inhibited or pending.")
    assert "not known" in Found(headline(None, NOON, AMSTERDAM)).text


def test_what_fires_is_suggested_first_then_what_always_is() -> None:
    firing = [alert(f"Alert{number}", ago=number) for number in range(1, SUGGESTED + 3)]
    asked = questions(suggestions([*firing, alert("Hushed", state="suppressed", silenced_by=("s",))]))
    assert len(asked) == SUGGESTED + len(ALWAYS)
    assert all("firing on media" in question for question in asked[:SUGGESTED])
    assert tuple(asked[SUGGESTED:]) == ALWAYS
    assert tuple(questions(suggestions(None))) == tuple(questions(suggestions([]))) == ALWAYS
