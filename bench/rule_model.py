"""A model of fixed rules: it answers from the brief alone, with sentences copied from its items and cited.

It stands in for a model that does what it is asked, so that the program's shape can be measured: calls, tokens, time, and whether
answers agree between modes. It is no measure of any real model.
"""

from __future__ import annotations

import re

from bench.scripted_model import Asked, Reply
from pipeline.tokens import count_tokens

_FIELD = re.compile(r"^\d+\. `(\w+)`", re.MULTILINE)
_ITEM = re.compile(r"^\[([EK]\d+)\] ([^\n]*)", re.MULTILINE)
_STEP = re.compile(r"^\s*(?:\d+\.|-) (.+)$", re.MULTILINE)


def answer_by_rules(asked: Asked) -> Reply:
    """A reply in the layout of the prompt, with whichever fields it asks for."""
    wanted = _FIELD.findall(asked.system.partition("Your output fields are:")[2].partition("All interactions")[0])
    text = "\n\n".join(f"[[ ## {name} ## ]]\n{_value(name, asked.user)}" for name in wanted)
    text += "\n\n[[ ## completed ## ]]"
    prompt = asked.system + asked.user
    return Reply(text, input_tokens=count_tokens(prompt), output_tokens=count_tokens(text))


def _value(field: str, prompt: str) -> str:
    match field:
        case "cause":
            return "H1" if re.search(r"^H1:", prompt, re.MULTILINE) else "none"
        case "answer" | "draft":
            return _from_the_brief(prompt)
        case "tool":
            return "done"
        case "intent":
            return "status"
        case "subjects":
            return "[]"
        case "query":
            return prompt.partition("[[ ## question ## ]]")[2].strip().splitlines()[0]
        case _:
            return "nothing more"


def _from_the_brief(prompt: str) -> str:
    """The candidate cause, the measured items, and the first steps of the first page, each with its citation."""
    brief = prompt.partition("[[ ## brief ## ]]")[2].partition("[[ ## question ## ]]")[0]
    lines = []
    if cause := re.search(r"^H1: (.+?), confidence \d+%: (.+)$", brief, re.MULTILINE):
        lines.append(f"The most likely cause is {cause[1]}: {cause[2]}.")
    measured = [
        (number, said.partition(": ")[2]) for number, said in _ITEM.findall(brief) if said.startswith("prometheus")
    ]
    lines += [f"- {said} [{number}]" for number, said in measured[:3] if said]
    page = re.search(r"^\[(K\d+)\] runbook [^\n]*\n```\n(.*?)^```", brief, re.MULTILINE | re.DOTALL)
    if page:
        lines += [f"- {step} [{page[1]}]" for step in _STEP.findall(page[2])[:2]]
    return "\n".join(lines) or "Nothing in the brief answers this."
