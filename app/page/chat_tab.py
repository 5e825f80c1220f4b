"""The chat: ask, watch the evidence come in, read the answer, look behind it, say whether it helped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.page.answer_html import progress_html
from app.page.backing import Backing
from app.page.conversation import messages
from app.session_ids import new_session_id
from core.errors import SreError
from pipeline.conversation import cut

MAX_TITLE = 60
ASK = "Ask about alerts, hosts, services, logs, runbooks …"


@dataclass(frozen=True)
class ChatTab:
    """Its components. `seen` is what this tab shows of the conversation, `plotted` whose older plots it does."""

    conversation: gr.Chatbot
    working: gr.HTML
    box: gr.Textbox
    ask: gr.Button
    stop: gr.Button
    new: gr.Button
    others: gr.Dropdown
    suggestions: gr.HTML
    session: gr.BrowserState
    seen: gr.State
    plotted: gr.State


def chat_tab() -> ChatTab:
    """Put the components where they are called."""
    # Not a secret: what is kept in the browser is the name of a conversation.
    session = gr.BrowserState("", storage_key="sre-session", secret="sre-session")  # noqa: S106
    seen, plotted = gr.State(""), gr.State([])
    with gr.Row():
        others = gr.Dropdown(
            [], label="Conversation", show_label=False, container=False, scale=4, min_width=160, filterable=False
        )
        new = gr.Button("New conversation", size="md", scale=1, min_width=120)
    conversation = gr.Chatbot(
        show_label=False, label="Conversation", height="max(320px, calc(100vh - 24rem))", layout="panel", autoscroll=False, buttons=[], feedback_options=None,
        placeholder="Ask a question, or take one of those below.", elem_id="conversation",
    )  # fmt: skip
    working = gr.HTML("", elem_id="working")
    suggestions = gr.HTML("", elem_id="suggestions")
    with gr.Row():
        box = gr.Textbox(
            placeholder=ASK, show_label=False, label="Question", lines=1, max_lines=6, scale=6, min_width=160,
            elem_id="question",
        )  # fmt: skip
        ask = gr.Button("Ask", variant="primary", scale=1, min_width=80)
        stop = gr.Button("Stop", scale=1, min_width=80)
    return ChatTab(conversation, working, box, ask, stop, new, others, suggestions, session, seen, plotted)


class Chatting:
    """What happens when something is done in the chat. Each method gives new values of components."""

    def __init__(self, backing: Backing, tab: ChatTab) -> None:
        self._backing = backing
        self._tab = tab

    async def ask(self, text: str, session_id: str) -> AsyncGenerator[Mapping[Any, Any]]:
        """The conversation with one question more; what is found on the way; the conversation with its answer."""
        tab = self._tab
        if not text.strip():
            gr.Info("Write a question first.", duration=3)
            yield {tab.box: gr.skip()}
            return
        session_id = session_id or new_session_id()
        running = await self._plainly(self._backing.asking.ask(session_id, text))
        yield {tab.session: session_id, tab.box: "", **await self._now(session_id)}
        async for _ in running.changes():
            yield {tab.working: self._progress(session_id)}
        now = await self._now(session_id)
        yield {**now, tab.working: self._progress(session_id), tab.others: await self._titles(session_id)}

    async def opened(self, session_id: str) -> Mapping[Any, Any]:
        """What a page shows first. Without a conversation nothing is touched: a question may have been asked meanwhile."""
        if not session_id:
            return {self._tab.others: await self._titles(session_id)}
        return await self.shown(session_id)

    async def shown(self, session_id: str) -> Mapping[Any, Any]:
        """The conversation as it is: after a reload, or when another one was picked."""
        tab = self._tab
        return {
            **await self._now(session_id),
            tab.session: session_id,
            tab.working: self._progress(session_id),
            tab.others: await self._titles(session_id),
            tab.plotted: [],
        }

    async def refreshed(self, session_id: str, seen: str, plotted: list[int]) -> Mapping[Any, Any]:
        """What another tab, or a question that goes on from before a reload, has changed; nothing where nothing has."""
        changed: dict[Any, Any] = {self._tab.working: self._progress(session_id)}
        if await self._state(session_id) != seen:
            changed |= await self._now(session_id, plotted)
        return changed

    async def began(self) -> Mapping[Any, Any]:
        """An empty conversation; it is kept from its first question on."""
        return {**await self.shown(""), self._tab.session: new_session_id(), self._tab.box: ""}

    async def stopped(self, session_id: str) -> Mapping[Any, Any]:
        await self._backing.asking.stop(session_id)
        return await self.shown(session_id)

    async def judged(self, row: str, verdict: str, comment: str) -> None:
        if not row.isdigit() or verdict not in {"up", "down"}:
            return
        judge: Callable[..., None] = self._backing.transcript.judge
        await self._plainly(asyncio.to_thread(judge, int(row), verdict, comment))
        gr.Info("Comment kept, thank you." if comment else "Kept, thank you. You may add a comment.", duration=5)

    async def with_plots(self, session_id: str, row: str, plotted: list[int]) -> Mapping[Any, Any]:
        wanted = [*plotted, int(row)] if row.isdigit() else plotted
        return {**await self._now(session_id, wanted), self._tab.plotted: wanted}

    async def _now(self, session_id: str, plotted: Sequence[int] = ()) -> dict[Any, Any]:
        """The conversation, and what tells it from a later one."""
        state = await self._state(session_id)  # before it is read: what comes between is shown again, and not lost
        said = await self._plainly(asyncio.to_thread(self._backing.transcript.of, session_id))
        return {self._tab.conversation: messages(self._backing, said, plotted), self._tab.seen: state}

    async def _state(self, session_id: str) -> str:
        return str(await self._plainly(asyncio.to_thread(self._backing.transcript.state, session_id)))

    def _progress(self, session_id: str) -> str:
        """Of the question that is being answered."""
        running = self._backing.asking.of(session_id)
        return progress_html(running.events, self._backing.hosts) if running is not None and not running.done else ""

    async def _titles(self, session_id: str) -> gr.Dropdown:
        talked = await self._plainly(asyncio.to_thread(self._backing.transcript.conversations))
        choices = [(cut(each.question, MAX_TITLE), each.session_id) for each in talked]
        known = any(each.session_id == session_id for each in talked)
        return gr.Dropdown(choices=choices, value=session_id if known else None)

    async def _plainly(self, work: Any) -> Any:
        """An error of ours becomes a message on the page."""
        try:
            return await work
        except SreError as error:
            raise gr.Error(str(error), print_exception=False) from None
