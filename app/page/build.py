"""Puts the page together and mounts it on the API. Gradio takes four seconds to import, so only a server that shows the page does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from html import escape
from pathlib import Path
from typing import Any, cast

import gradio as gr
from fastapi import FastAPI

from app.access import LOGIN_MESSAGE, Login
from app.page.alerts_html import alerts_html, headline, suggestions
from app.page.backing import Backing
from app.page.chat_tab import Chatting, chat_tab
from app.page.evals_tab import comparing, evals_tab, listing
from app.page.reliability_html import reliability_html
from app.page.timeline_tab import looking, timeline_tab
from core.clock import now
from pipeline.brief import Gaps
from pipeline.firing import current_alerts

PATH = "/page"
INCIDENTS = "No incident is kept yet. This tab will list them with their root cause analyses; until then, ask “draft a root cause analysis”, or POST /rca."
REPORTS = "No report is written yet. This tab will show the weekly reliability report once it is built."
LOOKING = '<span class="hint">Looking at what fires …</span>'
LIVE_S = 5.0
"""How often what fires, and what another tab said, is looked at."""
HERE = Path(__file__).parent
PRIVATE: Any = {"api_visibility": "private"}
QUIET: Any = {"show_progress": "hidden", **PRIVATE}


def mount_page(api: FastAPI, backing: Backing, *, login: Login | None = None) -> None:
    """Serve the page at PATH of the API. With `login` nobody sees it who was not let in."""
    gr.mount_gradio_app(
        api,
        build_page(backing),
        path=PATH,
        auth=login,
        auth_message=LOGIN_MESSAGE if login else None,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        show_error=False,
        css_paths=[HERE / "page.css"],
        theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
    )


def build_page(backing: Backing) -> gr.Blocks:
    with gr.Blocks(title="Homelab SRE assistant", analytics_enabled=False) as page:
        live = gr.HTML(LOOKING, elem_id="now")
        with gr.Tabs(selected="chat") as tabs:
            with gr.Tab("Chat", id="chat"):
                chat = chat_tab()
            with gr.Tab("Alerts", id="alerts"):
                firing = gr.HTML("", elem_id="alerts")
            with gr.Tab("Timeline", id="timeline") as of_timeline:
                timeline = timeline_tab()
            with gr.Tab("Incidents", id="incidents"):
                gr.HTML(_empty(INCIDENTS))
            with gr.Tab("Reports", id="reports"):
                gr.HTML(_empty(REPORTS))
            with gr.Tab("Reliability", id="reliability") as of_reliability:
                reliability = gr.HTML("")
            with gr.Tab("Evals", id="evals") as of_evals:
                evals = evals_tab()
        # Without a handler of its own for clicks: what the script sends is all that it tells.
        buttons = gr.HTML("", js_on_load=(HERE / "page.js").read_text(encoding="utf-8"), elem_id="buttons")
        timer = gr.Timer(LIVE_S)

        chatting = Chatting(backing, chat)
        shown = [chat.conversation, chat.working, chat.seen, chat.session, chat.others, chat.plotted]
        asked = [*shown, chat.box]
        kept = [chat.session, chat.plotted]
        # While a question is under way the next one may be asked, and no press is dropped.
        often: Any = {"trigger_mode": "multiple", **QUIET}
        watching: list[Any] = [
            chat.box.submit(chatting.ask, [chat.box, chat.session], asked, **often),
            chat.ask.click(chatting.ask, [chat.box, chat.session], asked, **often),
            buttons.click(_pressed(chatting, tabs), kept, [*asked, tabs], **often),
        ]
        chat.stop.click(chatting.stopped, [chat.session], shown, **QUIET)
        # Whoever leaves a conversation stops watching its question, which goes on all the same.
        chat.new.click(chatting.began, None, asked, cancels=watching, **QUIET)
        chat.others.input(chatting.shown, [chat.others], shown, cancels=watching, **QUIET)

        look = _what_fires(backing)
        page.load(chatting.opened, [chat.session], shown, **QUIET)
        page.load(look, None, [live, firing, chat.suggestions], **QUIET)
        timer.tick(look, None, [live, firing, chat.suggestions], **QUIET)
        follow = [chat.session, chat.seen, chat.plotted]
        timer.tick(chatting.refreshed, follow, shown, **QUIET)
        show = looking(backing)
        timeline.show.click(show, timeline.inputs, timeline.outputs, **PRIVATE)
        of_timeline.select(show, timeline.inputs, timeline.outputs, **PRIVATE)

        async def of_service() -> str:
            return await reliability_html(backing)

        page.load(of_service, None, reliability, **QUIET)
        of_reliability.select(of_service, None, reliability, **PRIVATE)
        of_evals.select(listing(backing), None, [evals.runs, evals.before, evals.after], **PRIVATE)
        evals.compare.click(comparing(backing), [evals.before, evals.after], evals.compared, **PRIVATE)
    page.queue(default_concurrency_limit=None)
    return cast("gr.Blocks", page)


def _pressed(chatting: Chatting, tabs: gr.Tabs) -> Callable[..., AsyncGenerator[Any]]:
    """What a button of an answer, an alert or a suggestion does."""

    async def press(session_id: str, plotted: list[int], event: gr.EventData) -> AsyncGenerator[Any]:
        told = {name: value for name, value in event._data.items() if isinstance(value, str)}  # noqa: SLF001  Gradio has no other way to all of it
        match told.get("action"):
            case "ask":
                first = {tabs: gr.Tabs(selected="chat")}
                async for changed in chatting.ask(told.get("question", ""), session_id):
                    yield {**changed, **first}
                    first = {}
            case "judge":
                await chatting.judged(told.get("row", ""), told.get("verdict", ""), told.get("comment", ""))
                yield {tabs: gr.skip()}
            case "plots":
                yield await chatting.with_plots(session_id, told.get("row", ""), plotted)

    return press


def _what_fires(backing: Backing) -> Callable[[], Any]:
    async def look() -> tuple[str, str, str]:
        gaps, moment = Gaps(), now()
        alerts = await current_alerts(backing.sources, moment, moment, gaps)
        cards = alerts_html(alerts, gaps.lines, now=moment, zone=backing.zone, hosts=backing.hosts)
        return headline(alerts, moment, backing.zone), cards, suggestions(alerts)

    return look


def _empty(what_will_fill_it: str) -> str:
    return f'<p class="hint">{escape(what_will_fill_it)}</p>'
