"""A model of fixed rules: it answers from the brief alone, with sentences copied from its items and cited.

It stands in for a model that does what it is asked, so that the program's shape can be measured: calls, tokens, time, and whether
answers agree between modes. It is no measure of any real model.
"""

from __future__ import annotations

import json
import re

from bench.scripted_model import Asked, Reply
from pipeline.tokens import count_tokens

MAX_SUMMARY = 120
"""Words."""
_FIELD = re.compile(r"^\d+\. `(\w+)`", re.MULTILINE)
_CAUSE = re.compile(r"^H1: (.+?), confidence \d+%: (.+)$", re.MULTILINE)
_ITEM = re.compile(r"^\[([EK]\d+)\] ([^\n]*)", re.MULTILINE)
_PAGE = re.compile(r"^\[(K\d+)\] runbook [^\n]*\n```\n(.*?)^```", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\s*(?:\d+\.|-) (.+)$", re.MULTILINE)
_END = re.compile(r"^(?:\[\[ ## |Respond with the corresponding output fields)", re.MULTILINE)
_NAME = re.compile(r"[\w.-]+")


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
            return "H1" if _CAUSE.search(_given("brief", prompt)) else "none"
        case "answer":
            return _answer(_given("brief", prompt))
        case "draft":
            return _draft(_given("brief", prompt))
        case "tool":
            return "done"
        case "intent":
            return "status"
        case "subjects":
            known = set(_NAME.findall(_given("known_names", prompt)))
            return json.dumps([name for name in _NAME.findall(_given("question", prompt)) if name in known])
        case "query":
            return _given("question", prompt).splitlines()[0]
        case "summary":
            return " ".join(_given("turns", prompt).split()[:MAX_SUMMARY])
        case _:
            return "nothing more"


def _given(field: str, prompt: str) -> str:
    """What the prompt gives in this field, up to the next one or to what the answer's form must be."""
    after = prompt.partition(f"[[ ## {field} ## ]]\n")[2]
    return _END.split(after, maxsplit=1)[0].strip()


def _answer(brief: str) -> str:
    """The candidate cause, the measured items, and the first steps of the first page, each with its citation."""
    return "\n".join([*_cause(brief), *_measured(brief), *_steps(brief)]) or "Nothing in the brief answers this."


def _draft(brief: str) -> str:
    known = {
        "Summary": _cause(brief),
        "Evidence": _measured(brief),
        "Root cause": _cause(brief),
        "Follow-ups": _steps(brief),
    }
    headings = ("Summary", "Impact", "Timeline", "Evidence", "Root cause", "Contributing factors", "Follow-ups")
    return "\n\n".join("\n".join([f"## {name}", *(known.get(name) or ["Not known."])]) for name in headings)


def _cause(brief: str) -> list[str]:
    cause = _CAUSE.search(brief)
    return [f"The most likely cause is {cause[1]}: {cause[2]}."] if cause else []


def _measured(brief: str) -> list[str]:
    items = [
        (number, said.partition(": ")[2]) for number, said in _ITEM.findall(brief) if said.startswith("prometheus")
    ]
    return [f"- {said} [{number}]" for number, said in items[:3] if said]


def _steps(brief: str) -> list[str]:
    page = _PAGE.search(brief)
    return [f"- {step} [{page[1]}]" for step in _STEP.findall(page[2])[:2]] if page else []
