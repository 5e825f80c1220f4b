"""Text from outside as HTML: it can do nothing, leads nowhere else, and still says what it said."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from html_found import Found, harmless
from hypothesis import given, settings
from hypothesis import strategies as st

from app.page.safe_html import hosts_of, link, markdown, may_link, when, with_utc
from core.settings import Settings

HOSTS = {"nas.home.lan:9090": "Prometheus", "grafana.home.lan": "Grafana"}
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "<svg/onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "<iframe src=http://evil.example></iframe>",
    "<!-- --><style>*{display:none}</style>",
    "<details open ontoggle=alert(1)>",
    "![x](http://evil.example/x.png)",
    "![x](x.png 'onerror=alert(1)')",
    "[x](http://evil.example)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](//evil.example/y)",
    "[x](/\\evil.example)",
    "[x](file:///etc/passwd)",
    "[x](http://grafana.home.lan.evil.example/)",
    "[x](http://grafana.home.lan@evil.example/)",
    "[x](http://evil.example/grafana.home.lan)",
    "[x](http://evil.example#@grafana.home.lan/)",
    "[x](http://[grafana.home.lan/)",
    "<http://evil.example>",
    "<javascript:alert(1)>",
    "[x][1]\n\n[1]: http://evil.example 'title'",
    "[`x` **y**](http://evil.example)",
    "[![a](http://evil.example/a.png)](http://evil.example)",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "```[E1]onclick=alert(1)\nx\n```",
    "|a|b|\n|:-|-:|\n|<b onclick=x>|`<i>`|",
    "&lt;script&gt; &#60;script&#62;",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "\u202eevil\u202c \u2067right to left\u2069 מוזר",
    "🔥👩‍👩‍👧‍👦 \ud83d",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("cites", ["", "a1"])
def test_hostile_text_can_do_nothing(text, cites) -> None:
    found = harmless(markdown(f"before {text}\n\n{text}", HOSTS, cites=cites))
    assert found.text.startswith("before")
    assert [url for url in found.links() if not cites or not url.startswith("#a1-")] == []


@settings(deadline=None)
@given(st.text(max_size=200), st.sampled_from(HOSTILE), st.text(max_size=50))
def test_no_text_makes_another_tag(before, text, after) -> None:
    for cites in ("", "a1"):
        harmless(markdown(before + text + after, HOSTS, cites=cites), tuple(HOSTS))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("[the graph](http://nas.home.lan:9090/graph?g0.expr=up&x=1)", "http://nas.home.lan:9090/graph?g0.expr=up&x=1"),
        ("[the graph](https://GRAFANA.home.lan/d/1)", "https://GRAFANA.home.lan/d/1"),
        ("see <https://grafana.home.lan/d/1>", "https://grafana.home.lan/d/1"),
        ("[**the** `graph`](https://grafana.home.lan/d/1 'a \"title\"')", "https://grafana.home.lan/d/1"),
    ],
)
def test_a_link_to_our_own_server_is_kept_and_opens_beside_the_page(text, url) -> None:
    (tag,) = Found(markdown(text, HOSTS)).named("a")
    assert tag.attributes["href"] == url
    assert (tag.attributes["target"], tag.attributes["rel"]) == ("_blank", "noopener noreferrer")


def test_a_link_to_elsewhere_is_its_text() -> None:
    assert (
        markdown("see [the *good* page](http://evil.example) now", HOSTS) == "<p>see the <em>good</em> page now</p>\n"
    )


def test_of_two_links_only_the_foreign_one_is_taken_away() -> None:
    found = Found(markdown("[a](http://evil.example) [b](http://grafana.home.lan/) [c](http://x.example)", HOSTS))
    assert found.links() == ["http://grafana.home.lan/"]
    assert found.text.split() == ["a", "b", "c"]


def test_markdown_is_shown_as_such() -> None:
    found = Found(markdown("# Title\n\n- one\n- **two**\n\n|a|b|\n|-|-|\n|1|2|\n\n`x < y`\nnext", HOSTS))
    assert {tag.name for tag in found.tags} >= {"h1", "ul", "li", "strong", "table", "td", "code", "br"}
    assert "x < y" in found.text


def test_a_text_that_nobody_could_read_is_cut() -> None:
    assert len(Found(markdown("word " * 100_000, HOSTS)).text) < 60_000


# --- citations


def test_a_citation_leads_to_its_item() -> None:
    found = Found(markdown("Full [E1], since [C2, K13].", HOSTS, cites="a7"))
    assert found.links() == ["#a7-E1", "#a7-C2", "#a7-K13"]
    assert found.text.strip() == "Full E1, since C2 K13."
    assert all("target" not in tag.attributes for tag in found.named("a"))


@pytest.mark.parametrize("text", ["[X1]", "[E]", "[E1234]", "[E1 E2]", "[e1]", "[]", "[E1,]"])
def test_what_is_no_citation_stays_text(text) -> None:
    found = Found(markdown(f"said {text} so", HOSTS, cites="a7"))
    assert found.links() == []
    assert text in found.text


def test_without_items_a_citation_stays_text() -> None:
    assert markdown("a log said [E1]", HOSTS) == "<p>a log said [E1]</p>\n"


def test_a_citation_in_an_attribute_of_a_link_breaks_nothing() -> None:
    """A query may hold what looks like one."""
    html = markdown('[graph of [E2]](http://nas.home.lan:9090/g?q=[E1] "as in [E1]") [E1]', HOSTS, cites="a1")
    found = harmless(html, tuple(HOSTS))
    graph, cited = found.named("a")
    assert graph.attributes["title"] == "as in [E1]"
    assert cited.attributes["href"] == "#a1-E1"
    assert found.text.strip() == "graph of [E2] E1"


# --- where links may lead


def test_links_may_lead_to_what_is_configured() -> None:
    configured = Settings(
        _env_file=None,
        prometheus_url="http://127.0.0.1:9090",
        prometheus_external_url="https://prometheus.home.lan/sub",
        grafana_url="http://me:secret@Grafana.home.lan:3000",
        alertmanager_url="http://nas:9093",
    )
    hosts = hosts_of(configured)
    assert {
        "prometheus.home.lan": "Prometheus",
        "grafana.home.lan:3000": "Grafana",
        "nas:9093": "Alertmanager",
    }.items() <= hosts.items()
    assert "127.0.0.1:9090" not in hosts


def test_a_tracking_store_that_is_a_file_is_no_host() -> None:
    hosts = hosts_of(Settings(_env_file=None, mlflow_tracking_uri="sqlite:////var/lib/mlflow.db"))
    assert "MLflow" not in hosts.values()
    assert "" not in hosts


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://grafana.home.lan/d/1", True),
        ("https://grafana.home.lan", True),
        ("http://grafana.home.lan:3000/d/1", False),
        ("http://nas.home.lan:9090", True),
        ("http://nas.home.lan", False),
        ("http://grafana.home.lan@evil.example/", False),
        ("http://evil.example\\@grafana.home.lan/", False),
        ("http://evil.example/\\@grafana.home.lan", False),
        ("javascript://grafana.home.lan/%0aalert(1)", False),
        ("HTTP://grafana.home.lan", False),
        ("//grafana.home.lan", False),
        ("grafana.home.lan", False),
        ("http://", False),
        ("http://[::1", False),
        ("", False),
        (None, False),
    ],
)
def test_only_http_to_a_host_and_port_that_are_known(url, allowed) -> None:
    assert may_link(url, HOSTS) == allowed
    assert bool(link(url, HOSTS)) == allowed


def test_a_link_is_named_after_its_server_and_quotes_do_not_leave_the_attribute() -> None:
    html = link('http://grafana.home.lan/"onmouseover="alert(1)', {"grafana.home.lan": "<i>Grafana</i>"})
    (tag,) = harmless(html, ("grafana.home.lan",)).tags
    assert set(tag.attributes) == {"href", "target", "rel"}
    assert Found(html).text == "open in <i>Grafana</i>"


# --- times

NOON = datetime(2026, 7, 20, 12, 0, tzinfo=UTC)


def test_a_time_is_the_readers_with_utc_on_hover() -> None:
    (tag,) = Found(when(NOON, AMSTERDAM)).tags
    assert Found(when(NOON, AMSTERDAM)).text == "2026-07-20 14:00:00"
    assert tag.attributes["title"] == "2026-07-20 12:00:00 UTC"
    assert tag.attributes["datetime"] == "2026-07-20T12:00:00+00:00"


def test_the_date_of_today_is_left_out_and_today_is_the_readers() -> None:
    late = datetime(2026, 7, 20, 22, 30, tzinfo=UTC)
    assert Found(when(late, AMSTERDAM, now=datetime(2026, 7, 20, 23, 0, tzinfo=UTC))).text == "00:30:00"
    assert Found(when(late, AMSTERDAM, now=NOON)).text == "2026-07-21 00:30:00"


def hovers(text: str, at: datetime, zone: ZoneInfo = AMSTERDAM) -> list[tuple[str, str]]:
    """Each marked time, and what it says on hover."""
    found = Found(with_utc(text, at, zone))
    return [(tag.name, tag.attributes["title"]) for tag in found.tags]


def test_clock_times_in_a_text_have_utc_on_hover() -> None:
    text = "It began at 21:17:49 CEST, or at 2026-07-19 08:00 CEST."
    assert hovers(text, NOON) == [("abbr", "2026-07-20 19:17:49 UTC"), ("abbr", "2026-07-19 06:00:00 UTC")]
    assert Found(with_utc(text, NOON, AMSTERDAM)).text == text


def test_a_time_after_midnight_is_of_the_day_before_in_utc() -> None:
    assert hovers("at 00:30 CEST", NOON) == [("abbr", "2026-07-19 22:30:00 UTC")]


@pytest.mark.parametrize(
    "text", ["at 25:99 CEST", "at 12:00", "at 12:00 UTC", "at 2026-13-45 12:00 CEST", "x12:00 CESTY"]
)
def test_what_is_no_time_of_the_zone_stays_as_it_is(text) -> None:
    assert with_utc(text, NOON, AMSTERDAM) == text


@pytest.mark.parametrize("zone", ["UTC", "Africa/Abidjan"])
def test_where_local_time_is_utc_there_is_nothing_to_tell(zone) -> None:
    assert with_utc("at 12:00 UTC and 12:00 GMT", NOON, ZoneInfo(zone)) == "at 12:00 UTC and 12:00 GMT"


def test_a_zone_whose_name_is_a_number_is_found() -> None:
    assert hovers("at 12:00 +0545", NOON, ZoneInfo("Asia/Kathmandu")) == [("abbr", "2026-07-20 06:15:00 UTC")]


def test_a_time_in_an_attribute_of_a_link_breaks_nothing() -> None:
    html = markdown('[graph](http://grafana.home.lan/ "since 12:00 CEST") at 12:00 CEST', HOSTS)
    found = harmless(with_utc(html, NOON, AMSTERDAM), tuple(HOSTS))
    assert [tag.attributes.get("title") for tag in found.tags] == [None, "since 12:00 CEST", "2026-07-20 10:00:00 UTC"]


def test_a_time_under_a_name_that_the_zone_does_not_have_then_is_left_alone() -> None:
    assert hovers("at 12:00 CET", NOON) == []
    assert hovers("at 2026-01-20 12:00 CET", NOON) == [("abbr", "2026-01-20 11:00:00 UTC")]


SPRING = datetime(2026, 3, 29, 9, 0, tzinfo=UTC)
"""Eight hours after clocks went from 02:00 CET to 03:00 CEST."""
AUTUMN = datetime(2026, 10, 25, 9, 0, tzinfo=UTC)
"""Eight hours after clocks went from 03:00 CEST to 02:00 CET."""


@pytest.mark.parametrize(
    ("at", "text", "utc"),
    [
        (SPRING, "01:59:59 CET", "2026-03-29 00:59:59 UTC"),
        (SPRING, "03:00:00 CEST", "2026-03-29 01:00:00 UTC"),
        (SPRING, "2026-03-28 23:00 CET", "2026-03-28 22:00:00 UTC"),
        (AUTUMN, "02:30:00 CEST", "2026-10-25 00:30:00 UTC"),
        (AUTUMN, "02:30:00 CET", "2026-10-25 01:30:00 UTC"),
        (AUTUMN, "2026-10-24 23:00 CEST", "2026-10-24 21:00:00 UTC"),
    ],
)
def test_a_time_on_either_side_of_a_change_of_clocks_has_its_own_utc(at, text, utc) -> None:
    assert hovers(f"at {text}.", at) == [("abbr", utc)]
