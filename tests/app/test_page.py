"""The page in a real Chromium, over the simulated homelab while its DNS is down."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from evaluation_reports import case, report
from page_in_chromium import CHROMIUM, DESK, PHONE, Looked, Served, looking_at
from playwright.sync_api import Route, expect

from app.transcript import Transcript
from core.store import FILE_NAME, Store
from optimise.tracking import Tracking

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt-get install chromium)"),
    pytest.mark.xdist_group("page"),
    pytest.mark.timeout(300),
]
WHY = "Why is DnsServerFailing firing?"
TABS = ("Chat", "Alerts", "Timeline", "Incidents", "Reports", "Reliability", "Evals")


@pytest.fixture(scope="module")
def served(lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page over the lab; the owner lives two hours east of UTC."""
    server = Served(tmp_path_factory.mktemp("page"), {**lab.env, "SRE_TIMEZONE": "Africa/Johannesburg"})
    server.run("ingest")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def look(served: Served) -> Iterator[Looked]:
    """A new browser at the page. Whatever is done there, it asks nobody but the server, and its console stays clean."""
    with looking_at(served.url) as (looked,):
        looked.open()
        yield looked
        assert looked.foreign == []
        assert looked.errors == []


def test_an_alert_is_explained_with_plots_and_what_stands_behind_each_citation(look: Looked, lab) -> None:
    page = look.page
    look.ask(WHY)
    page.locator("#conversation .js-plotly-plot").first.wait_for()
    look.picture("chat")
    text = look.answer(0)
    assert "Most likely cause: adguard" in text
    for cite in page.locator("#conversation .answer a.cite").all():
        assert page.locator(str(cite.get_attribute("href"))).count() == 1
    page.locator("#conversation .answer a.cite", has_text="E3").first.click()
    item = page.locator("#conversation details[open]")
    expect(item).to_contain_text("Query")
    expect(item).to_contain_text("Window")
    assert str(item.get_by_role("link").get_attribute("href")).startswith(lab.env["SRE_PROMETHEUS_URL"])
    page.locator("#conversation details", has_text="dns-stack.md").locator("summary").click()
    expect(page.locator("#conversation details[open] .page")).to_contain_text("AdGuard")
    cost = page.locator("#conversation .cost").inner_text()
    assert "written by code" in cost
    assert "s sources" in cost


def test_a_plot_holds_the_series_its_band_the_onset_and_the_changes(look: Looked) -> None:
    end = time.monotonic() + 90
    for asked in range(30):  # an onset is one when the series has stayed away from its level for a while
        look.ask(WHY, answers=asked + 1)
        plot = look.page.locator("#conversation .js-plotly-plot").last
        plot.wait_for()
        figure = json.loads(plot.evaluate("plot => JSON.stringify({data: plot.data, layout: plot.layout})"))
        if figure["layout"].get("annotations") or time.monotonic() > end:
            break
        time.sleep(10)
    look.page.set_viewport_size({"width": 1100, "height": 1200})
    plot.scroll_into_view_if_needed()
    look.page.wait_for_timeout(1_000)
    look.picture("readme")
    by_name = {trace["name"].split(" (")[0]: trace for trace in figure["data"]}
    assert {"measured", "normal", "change"} <= by_name.keys()
    assert min(by_name["measured"]["y"]) == 0  # the probe fails
    assert by_name["change"]["text"]
    assert any(annotation["text"] == "onset" for annotation in figure["layout"]["annotations"])
    local, utc = by_name["measured"]["x"][-1], by_name["measured"]["customdata"][-1]
    assert (int(local[11:13]) - int(utc[11:13])) % 24 == 2


def test_a_follow_up_knows_the_question_before(look: Looked) -> None:
    look.ask("how much memory is used on media?")
    look.ask("and cpu?", answers=2)
    assert "media" in look.answer(1)


def test_a_reload_finds_the_conversation_and_a_new_one_is_empty(look: Looked) -> None:
    look.ask("is any VM low on disk?")
    look.page.reload()
    assert look.answer(0)
    look.page.get_by_role("button", name="New conversation").click()
    expect(look.page.locator("#conversation .answer")).to_have_count(0)
    look.page.get_by_role("combobox", name="Conversation").click()
    look.page.get_by_role("option", name="is any VM low on disk?").first.click()
    expect(look.page.locator("#conversation .answer")).to_have_count(1)


def test_what_fires_is_told_at_once_and_explained_by_one_click(look: Looked) -> None:
    expect(look.page.locator("#now")).to_contain_text("DnsServerFailing")
    expect(look.page.locator("#suggestions button").first).to_contain_text("DnsServerFailing")
    look.tab("Alerts")
    look.picture("alerts")
    look.page.get_by_role("button", name="Explain DnsServerFailing").click()
    assert "Most likely cause" in look.answer(0)
    expect(look.page.get_by_role("tab", name="Chat")).to_have_attribute("aria-selected", "true")


def test_the_timeline_shows_alerts_changes_and_the_suspect_of_one_entity(look: Looked) -> None:
    look.tab("Timeline")
    plot = look.page.locator("#timeline .js-plotly-plot")
    plot.wait_for(timeout=40_000)
    look.picture("timeline")
    names = plot.evaluate("plot => plot.data.map(trace => trace.name)")
    assert {"alert fires", "change"} <= set(names)
    assert "adguard" in plot.evaluate("plot => plot.data.flatMap(trace => trace.y)")
    look.page.get_by_text("As a table").click()
    expect(look.page.locator("table.sheet", has_text="suspected cause").first).to_be_visible()
    look.page.get_by_role("combobox", name="Host or service").click()
    look.page.get_by_role("option", name="adguard", exact=True).click()
    look.page.get_by_role("button", name="Show", exact=True).click()
    expect(look.page.locator("#timeline .ytick")).to_have_count(1, timeout=40_000)


def test_the_documentation_of_the_api_needs_no_other_server(served: Served) -> None:
    with looking_at(served.url) as (look,):
        look.page.goto(f"{served.url}/docs")
        expect(look.page.get_by_text("/ask/stream").first).to_be_visible()
        assert look.foreign == []
        assert look.errors == []


def test_feedback_is_kept_and_exported_as_a_case(look: Looked, served: Served) -> None:
    look.ask("Is there a runbook for restarting the DNS stack?")
    look.page.get_by_role("button", name="This answer helped").click()
    look.page.get_by_role("textbox", name="Comment").fill("found it at once")
    look.page.keyboard.press("Enter")
    expect(look.page.get_by_text("Comment kept")).to_be_visible()
    kept = Transcript(Store(served.data_dir / FILE_NAME)).judged()
    assert [(said.verdict, said.comment) for said in kept] == [("up", "found it at once")]
    exported = served.run("feedback")
    assert "found it at once" in exported
    assert "runbook: dns-stack.md" in exported
    look.page.reload()
    expect(look.page.get_by_role("button", name="This answer helped")).to_have_attribute("aria-pressed", "true")


def test_evaluations_are_listed_and_compared_case_by_case(look: Looked, served: Served) -> None:
    look.tab("Evals")
    look.page.get_by_role("tabpanel").get_by_text("make eval").wait_for()
    tracking = Tracking(None, served.data_dir)
    tracking.log_evaluation(report(case("turned", passes=False), case("same")), None, "before")
    tracking.log_evaluation(report(case("turned"), case("same")), None, "after")
    look.page.reload()
    look.tab("Evals")
    expect(look.page.locator("table.sheet").first).to_contain_text("50.0%", timeout=40_000)
    look.page.get_by_role("button", name="Compare").click()
    expect(look.page.locator("table.sheet", has_text="won")).to_contain_text("turned", timeout=40_000)
    look.picture("evals")


@pytest.mark.parametrize("name", ["Incidents", "Reports", "Reliability"])
def test_a_tab_that_is_empty_says_what_will_fill_it(look: Looked, name: str) -> None:
    look.tab(name)
    hint = look.page.get_by_role("tabpanel").locator(".hint:visible").first
    hint.wait_for()
    assert len(hint.inner_text()) > 30
    look.picture(name.lower())


def test_the_keyboard_is_enough(look: Looked) -> None:
    page = look.page
    page.locator("#suggestions button").first.wait_for()
    look.box.focus()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.dataset.action") == "ask"
    page.keyboard.press("Enter")
    look.answer(0)
    page.locator("#conversation a.cite").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert page.locator("#conversation details[open]").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_every_tab_without_scrolling_sideways(served: Served, scheme: str) -> None:
    with looking_at(served.url, size=PHONE, color_scheme=scheme) as (look,):
        look.open()
        assert look.page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
        look.ask(WHY)
        look.page.locator("#conversation .js-plotly-plot").first.wait_for()
        for name in TABS:
            look.tab(name)
            if name == "Timeline":
                look.page.locator("#timeline .js-plotly-plot").wait_for(timeout=40_000)
            look.picture(f"phone-{scheme}-{name.lower()}")
            assert look.too_wide <= 0, name
        assert look.errors == []


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_nothing_moves_from_under_a_click_when_what_fires_comes_in(served: Served, size: dict[str, int]) -> None:
    with looking_at(served.url, size=size) as (look,):
        held: list[Route] = []
        released = False

        def hold(route: Route) -> None:
            route.continue_() if released else held.append(route)

        look.page.route("**/queue/join*", hold)
        look.page.goto(look.url)
        tab = look.page.get_by_role("tab", name="Reliability", exact=True)
        for each in (look.box, tab):
            each.wait_for()
        look.page.wait_for_timeout(2_000)  # as long as a font or a style may take
        before = [each.bounding_box() for each in (look.box, tab)]
        assert held
        released = True
        for route in held:
            route.continue_()
        expect(look.page.locator("#now")).to_contain_text("DnsServerFailing")
        look.page.locator("#suggestions button", has_text="DnsServerFailing").wait_for()
        look.page.wait_for_timeout(500)
        assert [each.bounding_box() for each in (look.box, tab)] == before


def test_times_tell_utc_on_hover(look: Looked) -> None:
    look.ask(WHY)
    spoken = look.page.locator("#conversation .answer abbr").first
    local, utc = spoken.inner_text(), str(spoken.get_attribute("title"))
    assert local.endswith("SAST")
    assert utc.endswith("UTC")
    assert (int(local[-13:-11]) - int(utc[11:13])) % 24 == 2


@pytest.mark.parametrize(
    "question", ["😀 is everything fine? 🏠", "هل كل شيء على ما يرام؟ is anything wrong?", "x" * 100_000]
)
def test_odd_messages_get_a_plain_answer_and_the_page_goes_on(look: Looked, question: str) -> None:
    look.box.fill(question)
    look.box.press("Enter")
    look.page.locator("#conversation .answer, #conversation .problem").first.wait_for(timeout=40_000)
    if len(question) > 1000:
        expect(look.page.locator("#conversation .problem")).to_contain_text("question:")
    look.box.fill("is anything wrong?")
    look.box.press("Enter")
    expect(look.page.locator("#conversation .asked")).to_have_count(2)
    look.page.locator("#conversation .answer").last.wait_for(timeout=40_000)


def test_two_tabs_on_one_conversation_see_the_same(served: Served) -> None:
    with looking_at(served.url, tabs=2) as (first, second):
        first.open()
        first.ask("is any VM low on disk?")
        second.open()
        assert second.answer(0)
        second.ask("summarize alerts", answers=2)
        assert first.answer(1)
        assert first.errors == second.errors == []


def test_who_leaves_a_conversation_in_mid_answer_finds_the_answer_there_and_nowhere_else(look: Looked) -> None:
    look.box.fill(WHY)
    look.box.press("Enter")
    look.page.locator("#working .progress li").first.wait_for()
    look.page.get_by_role("button", name="New conversation").click()
    expect(look.page.locator("#conversation .asked")).to_have_count(0)
    look.page.wait_for_timeout(6_000)
    expect(look.page.locator("#conversation .asked")).to_have_count(0)
    look.page.get_by_role("combobox", name="Conversation").click()
    look.page.get_by_role("option", name=WHY).first.click()
    assert "Most likely cause" in look.answer(0)


def test_a_reload_in_mid_answer_loses_nothing(look: Looked) -> None:
    look.box.fill(WHY)
    look.box.press("Enter")
    look.page.locator("#working .progress li").first.wait_for()
    look.page.reload()
    look.errors.clear()  # Gradio tells of the request that was cut off
    assert "Most likely cause" in look.answer(0)


def test_a_restart_in_mid_answer_leaves_the_page_usable(served: Served) -> None:
    with looking_at(served.url) as (look,):
        look.open()
        look.ask("is any VM low on disk?")
        look.box.fill(WHY)
        look.box.press("Enter")
        look.page.locator("#working .progress li").first.wait_for()
        served.stop(kill=True)
        expect(look.page.get_by_text("Connection to the server was lost")).to_be_visible()
        served.start()
        expect(look.page.locator("#conversation .asked")).to_have_count(2, timeout=60_000)
        again = look.page.locator("#conversation .problem, #conversation .answer").nth(1)
        expect(again).to_be_visible()
        if look.page.locator("#conversation .problem").count():
            expect(again).to_contain_text("interrupted")
            look.page.get_by_role("button", name="Ask again").click()
            look.answer(1)
        look.box.wait_for()
        look.box.fill("summarize alerts")
        look.box.press("Enter")
        expect(look.page.locator("#conversation .asked").last).to_contain_text("summarize alerts")
        expect(look.page.locator("#conversation .answer").last).to_contain_text("firing", timeout=40_000)
        time.sleep(0.5)
        assert look.foreign == []
