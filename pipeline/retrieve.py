"""Find the pages that help with what was found: search words are made from the alert, the cause and the question."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from core.errors import SreError
from core.telemetry import busy
from core.vocabulary import Passage
from pipeline.brief import Brief, Gaps
from pipeline.sources import Knowledge

PASSAGES = 3
DO_HEADINGS = ("mitigation", "steps", "fix", "resolution", "remediation", "procedure")
LOOKUPS = frozenset({"runbook_lookup", "playbook_lookup"})
WITHOUT_PAGES = frozenset({"out_of_scope", "self_status", "report", "follow_up", "what_changed", "log_question"})


async def retrieve(brief: Brief, knowledge: Knowledge | None, gaps: Gaps) -> Brief:
    """The brief with up to three passages, the one that says what to do first."""
    if brief.question.intent in WITHOUT_PAGES or not (brief.question.intent in LOOKUPS or brief.cause or brief.alerts):
        return brief
    if knowledge is None:
        gaps.add("runbooks: none are indexed (run: sre ingest)")
        return brief
    with busy("retrieval"):
        try:
            passages = await asyncio.to_thread(_search, knowledge, brief)
        except SreError as error:
            gaps.add(f"runbooks: {error}")
            return brief
    numbered = tuple(p.model_copy(update={"id": f"K{n}"}) for n, p in enumerate(passages, start=1))
    return replace(brief, passages=numbered)


def search_words(brief: Brief) -> str:
    """What to look for: the question itself for a look-up, else the alert and the cause."""
    if brief.question.intent in LOOKUPS:
        return brief.question.text
    cited = {item.title.removeprefix("alert ") for item in brief.evidence if item.title.startswith("alert ")}
    alerts = [alert for alert in brief.alerts if alert.name in cited]
    words = [f"{alert.name} {alert.summary}" for alert in alerts[:1]]
    if brief.cause:
        words.append(f"{brief.cause.entity} {brief.cause.kind.replace('_', ' ')}")
    return ". ".join(words) or brief.question.text


def _search(knowledge: Knowledge, brief: Brief) -> list[Passage]:
    found = knowledge.search(search_words(brief), k=PASSAGES)
    if not found:
        return []
    sections = knowledge.sections(found[0].document)
    wanted = next((p for p in sections if any(h in p.heading.lower() for h in DO_HEADINGS)), None)
    if wanted is not None:
        found[0] = wanted.model_copy(update={"score": found[0].score})
    return found
