"""A conversation as messages of Gradio's Chatbot: questions, and answers with their plots."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

import gradio as gr
from gradio.components.plot import PlotData

from app.page.answer_html import behind_html, problem_html, question_html, text_html
from app.page.backing import Backing
from app.page.figures import evidence_figure
from app.transcript import Said
from core.vocabulary import Answer

Message = dict[str, Any]
PLOTTED = 4
"""Of so many last answers the plots are drawn at once; of older ones when somebody wants them."""


def messages(backing: Backing, said: Sequence[Said], plotted: Collection[int] = ()) -> list[Message]:
    """Two for each question, one for what is still being answered; `plotted` are the older ones whose plots are wanted."""
    shown: list[Message] = []
    for place, each in enumerate(said):
        shown.append({"role": "user", "content": [gr.HTML(question_html(each))]})
        plots = place >= len(said) - PLOTTED or each.id in plotted
        if each.answer is not None:
            shown.append({"role": "assistant", "content": _answer(backing, each, each.answer, plots=plots)})
        elif each.problem is not None or backing.asking.find(each.session_id, each.id) is None:
            shown.append({"role": "assistant", "content": [gr.HTML(problem_html(each))]})
    return shown


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
