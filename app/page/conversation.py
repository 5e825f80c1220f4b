"""A conversation as messages of Gradio's Chatbot: questions, answers with their plots, and what is still being worked on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from typing import Any

import gradio as gr
from gradio.components.plot import PlotData

from app.page.answer_html import behind_html, problem_html, progress_html, question_html, text_html
from app.page.asking import Running
from app.page.backing import Backing
from app.page.figures import evidence_figure
from app.transcript import Said
from core.vocabulary import Answer

Message = dict[str, Any]
PLOTTED = 4
"""Of so many last answers the plots are drawn at once; of older ones when somebody wants them."""


async def read(backing: Backing, session_id: str) -> Sequence[Said]:
    """What was said. Raises StoreError."""
    return await asyncio.to_thread(backing.transcript.of, session_id) if session_id else []


def messages(backing: Backing, said: Sequence[Said], plotted: Collection[int] = ()) -> list[Message]:
    """Two for each question; `plotted` are the numbers of older ones whose plots are wanted."""
    shown: list[Message] = []
    for place, each in enumerate(said):
        shown.append({"role": "user", "content": [gr.HTML(question_html(each))]})
        running = backing.asking.find(each.session_id, each.id)
        plots = place >= len(said) - PLOTTED or each.id in plotted
        shown.append({"role": "assistant", "content": _reply(backing, each, running, plots=plots)})
    return shown


def signature(said: Sequence[Said]) -> str:
    """Changes whenever the conversation does, whoever changed it."""
    return ",".join(f"{each.id}{'' if each.answer is None and each.problem is None else '!'}" for each in said)


def _reply(backing: Backing, said: Said, running: Running | None, *, plots: bool) -> list[Any]:
    if said.answer is not None:
        return _answer(backing, said, said.answer, plots=plots)
    if running is not None and said.problem is None:
        return [gr.HTML(progress_html(running.events, backing.hosts))]
    return [gr.HTML(problem_html(said))]


def _answer(backing: Backing, said: Said, answer: Answer, *, plots: bool) -> list[Any]:
    figures = [evidence_figure(item, answer.changes, backing.zone) for item in answer.evidence]
    figures = [figure for figure in figures if figure is not None]
    parts: list[Any] = [gr.HTML(text_html(said, answer, backing.hosts, backing.zone))]
    if plots:
        parts += [gr.Plot(PlotData(type="plotly", plot=json.dumps(figure)), show_label=False) for figure in figures]
    elif figures:
        button = f'<button data-action="plots" data-row="{said.id}">Show its {len(figures)} plots</button>'
        parts.append(gr.HTML(button))
    return [*parts, gr.HTML(behind_html(said, answer, backing.hosts, backing.zone))]
