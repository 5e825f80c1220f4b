"""Looks further where the brief is not enough: the model picks a read-only tool, reads what it says, and picks again or stops.

Written out rather than taken from `dspy.ReAct`: that one ends on an invalid tool name, shows the model tracebacks, repeats calls
without end, and spends one more call on its conclusion. Here every result becomes a numbered item that an answer can cite.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import dspy

from core.errors import ModelError
from core.telemetry import DEGRADED
from pipeline.brief import Brief, Gaps
from pipeline.conversation import cut
from pipeline.firing import alert_history
from pipeline.language_model import Models
from pipeline.progress import reading
from pipeline.render import fenced, render
from pipeline.sources import Sources
from signatures.investigate import Investigate
from tools.toolbox import MAX_CHARACTERS, Found, Toolbox, describe

STEPS = 6
DONE = frozenset({"done", "finish", "none", "conclude", "answer", "stop"})
REMEMBERED_CHARACTERS = 4_000
"""Of what the steps so far gave, newest last; about 1,000 tokens."""
MAX_BRIEF_TOKENS = 2_000
MAX_PASSAGES = 5
SHOWN = 120
"""Characters of what a tool said, for whoever watches."""
CONFIDENT = 0.5
"""A cause of at least this confidence is not looked into further."""
ANSWERED_BY_CODE = frozenset(
    {"alert_summary", "status", "runbook_lookup", "playbook_lookup", "clarify", "out_of_scope", "self_status", "report"}
)


def needs_investigation(brief: Brief) -> str | None:
    """Why the brief is not enough for its question; None when it is."""
    question = brief.question
    if question.intent in ANSWERED_BY_CODE or question.unknown or not (brief.alerts_read or brief.measured):
        return None
    if question.intent in {"explain_alert", "rca_draft"}:
        if brief.cause is None:
            fine = not brief.explained and not any(f.abnormal for f in brief.findings if f.entity in question.subjects)
            return None if fine else "no cause was found"
        return f"the cause is uncertain ({brief.cause.confidence:.0%})" if brief.cause.confidence < CONFIDENT else None
    if question.intent == "metric_question":
        return (
            None
            if brief.rankings or any(f.evidence_id for f in brief.findings)
            else "nothing was measured of what is asked"
        )
    if question.intent == "log_question":
        return None if brief.log_lines else "no log line was found"
    return None


@dataclass
class _Trail:
    """What was tried and what it said, as the model reads it."""

    entries: list[str] = field(default_factory=list)
    asked: set[tuple[str, str]] = field(default_factory=set)

    def add(self, call: str, result: str) -> None:
        self.entries.append(f"{call}\n{result}")

    def text(self) -> str:
        kept: list[str] = []
        size = 0
        for entry in reversed(self.entries):
            size += len(entry)
            if kept and size > REMEMBERED_CHARACTERS:
                kept.append(f"({len(self.entries) - len(kept)} earlier steps are left out)")
                break
            kept.append(entry)
        return "\n\n".join(reversed(kept)) or "none yet"


class Investigator(dspy.Module):
    """At most STEPS tool calls. What it finds joins the brief; a model that fails in between loses nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.step = dspy.Predict(Investigate)

    async def aforward(
        self, brief: Brief, sources: Sources, models: Models, gaps: Gaps, *, deadline: float | None = None
    ) -> Brief:
        """The brief with the items that were found."""
        toolbox = _toolbox(brief, sources, gaps)
        trail = _Trail()
        rendered = render(brief, budget_tokens=min(MAX_BRIEF_TOKENS, models.context_tokens // 3)).text
        for left in range(STEPS, 0, -1):
            try:
                with models.step("investigate", deadline=deadline):
                    choice = await self.step.acall(
                        tools=describe(),
                        brief=rendered,
                        question=brief.question.text,
                        steps_so_far=trail.text(),
                        steps_left=left,
                    )
            except ModelError as error:
                DEGRADED.labels("investigate", error.reason).inc()
                gaps.add(f"model: looked no further after {STEPS - left} of {STEPS} steps ({error})")
                return brief
            tool, arguments = (choice.tool or "").strip(), (choice.arguments or "").strip()
            if tool.strip("`\"'.").lower() in DONE or not tool:
                return brief
            call = f"{tool}({' '.join(arguments.split())[:300]})"
            key = (tool.lower(), " ".join(arguments.split()).lower())
            if key in trail.asked:
                trail.add(
                    call,
                    "You have made this very call already; its result is above. Ask something else, or write done.",
                )
                continue
            trail.asked.add(key)
            try:
                with reading(f"model: {tool}") as read:
                    async with asyncio.timeout_at(deadline):
                        found = await toolbox.call(tool, arguments)
                    read.found(cut(" ".join(found.text.split()), SHOWN))
            except TimeoutError:
                gaps.add(f"model: looked no further after {STEPS - left + 1} of {STEPS} steps ({tool} took too long)")
                return brief
            brief, numbers = _joined(brief, found)
            for line in found.gaps:
                gaps.add(line)
            trail.add(call, f"{numbers}\n{fenced(found.text, MAX_CHARACTERS * 2)}")
        gaps.add(f"model: the investigation ended after {STEPS} steps without a conclusion of its own")
        return brief


def _toolbox(brief: Brief, sources: Sources, gaps: Gaps) -> Toolbox:
    return Toolbox(
        brief.inventory,
        brief.question.at,
        brief.zone,
        prometheus=sources.prometheus,
        logs=sources.logs,
        documents=sources.knowledge,
        history=lambda window: alert_history(sources, window, gaps),
    )


def _joined(brief: Brief, found: Found) -> tuple[Brief, str]:
    """The brief with what was found, and its numbers; a passage that stands in the brief already keeps its number."""
    numbers: list[str] = []
    for item in found.evidence:
        brief, number = brief.with_evidence(item)
        numbers.append(number)
    for passage in found.passages:
        known = next((p for p in brief.passages if p.key == passage.key and p.key), None)
        if known is None and len(brief.passages) < MAX_PASSAGES:
            known = passage.model_copy(update={"id": f"K{len(brief.passages) + 1}"})
            brief = replace(brief, passages=(*brief.passages, known))
        numbers += [known.id] if known else []
    return brief, _citation(numbers)


def _citation(numbers: Sequence[str]) -> str:
    return "".join(f"[{number}] " for number in numbers)
