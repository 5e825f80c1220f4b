"""The chat: ask, watch the evidence come in, read the answer, look behind it, say whether it helped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.page.backing import Backing
from app.page.conversation import Message, messages, read, signature
from app.session_ids import new_session_id
from core.errors import InvalidInput, SreError
from pipeline.conversation import check_session_id, cut

MAX_TITLE = 60
ASK = "Ask about alerts, hosts, services, logs, runbooks …"


@dataclass(frozen=True)
class ChatTab:
    """Its components. `seen` is what this tab shows of the conversation, `plotted` whose older plots it does."""

    conversation: gr.Chatbot
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
        others = gr.Dropdown([], label="Conversation", scale=4, min_width=160, filterable=False)
        new = gr.Button("New conversation", scale=1, min_width=120)
    conversation = gr.Chatbot(
        show_label=False, label="Conversation", height="max(320px, calc(100vh - 27rem))", layout="panel", autoscroll=False, buttons=[], feedback_options=None,
        placeholder="Ask a question, or take one of those below.", elem_id="conversation",
    )  # fmt: skip
    suggestions = gr.HTML("", elem_id="suggestions")
    with gr.Row():
        box = gr.Textbox(
            placeholder=ASK, show_label=False, label="Question", lines=1, max_lines=6, scale=6, min_width=160,
            elem_id="question", autofocus=True,
        )  # fmt: skip
        ask = gr.Button("Ask", variant="primary", scale=1, min_width=80)
        stop = gr.Button("Stop", scale=1, min_width=80)
    return ChatTab(conversation, box, ask, stop, new, others, suggestions, session, seen, plotted)


class Chatting:
    """What happens when something is done in the chat. Each method gives new values of components."""

    def __init__(self, backing: Backing, tab: ChatTab) -> None:
        self._backing = backing
        self._tab = tab

    async def ask(self, text: str, session_id: str) -> AsyncGenerator[Mapping[Any, Any]]:
        """The conversation with one question more, again and again until it is answered."""
        tab = self._tab
        if not text.strip():
            gr.Info("Write a question first.")
            yield {tab.box: gr.skip()}
            return
        session_id = session_id or new_session_id()
        running = await self._plainly(self._backing.asking.ask(session_id, text))
        said = await self._read(session_id)
        before = messages(self._backing, said)
        yield {tab.session: session_id, tab.box: "", tab.seen: signature(said), tab.conversation: before}
        async for _ in running.changes():
            newest = [each for each in said if each.id == running.row]
            yield {tab.conversation: [*before[:-2], *messages(self._backing, newest)] if newest else before}
        said = await self._read(session_id)
        yield {
            tab.conversation: messages(self._backing, said),
            tab.seen: signature(said),
            tab.others: await self._titles(session_id),
        }

    async def shown(self, session_id: str) -> Mapping[Any, Any]:
        """The conversation as it is: after a reload, or when another one was picked."""
        said = await self._read(session_id)
        tab = self._tab
        return {
            tab.conversation: messages(self._backing, said),
            tab.seen: signature(said),
            tab.session: session_id,
            tab.others: await self._titles(session_id),
            tab.plotted: [],
        }

    async def refreshed(self, session_id: str, seen: str, plotted: list[int]) -> tuple[list[Message] | Any, Any]:
        """What another tab, or a question that goes on from before a reload, has changed; nothing where nothing has."""
        said = await self._read(session_id)
        under_way = self._backing.asking.of(session_id)
        now = signature(said) + (f"+{len(under_way.events)}" if under_way else "")
        if now == seen or signature(said) == seen:
            return gr.skip(), gr.skip()
        return messages(self._backing, said, plotted), now

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
        gr.Info("Comment kept, thank you." if comment else "Kept, thank you. You may add a comment.", duration=3)

    async def with_plots(self, session_id: str, row: str, plotted: list[int]) -> Mapping[Any, Any]:
        wanted = [*plotted, int(row)] if row.isdigit() else plotted
        said = await self._read(session_id)
        return {
            self._tab.conversation: messages(self._backing, said, wanted),
            self._tab.plotted: wanted,
        }

    async def _titles(self, session_id: str) -> gr.Dropdown:
        talked = await self._plainly(asyncio.to_thread(self._backing.transcript.conversations))
        choices = [(cut(each.question, MAX_TITLE), each.session_id) for each in talked]
        known = any(each.session_id == session_id for each in talked)
        return gr.Dropdown(choices=choices, value=session_id if known else None)

    async def _read(self, session_id: str) -> Any:
        try:
            session_id = check_session_id(session_id) if session_id else ""
        except InvalidInput:
            session_id = ""
        return await self._plainly(read(self._backing, session_id))

    async def _plainly(self, work: Any) -> Any:
        """An error of ours becomes a message on the page."""
        try:
            return await work
        except SreError as error:
            raise gr.Error(str(error), print_exception=False) from None
