"""Find the pages that help with what was found: search words are made from the alert, the cause and the question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from core import clock
from core.errors import SreError
from core.telemetry import busy
from core.vocabulary import Alert, Passage
from pipeline.brief import Brief, Gaps
from pipeline.freshness import freshness_note, unknown_names
from pipeline.orders import without_orders
from pipeline.progress import Found, PassagesFound, reading, tell
from pipeline.signals import load_domain
from pipeline.sources import Knowledge
from pipeline.wording import plural
from tools.sharing import Sharing

PASSAGES = 3
DO_HEADINGS = ("mitigation", "steps", "fix", "resolution", "remediation", "procedure")
NEW_VERSIONS = frozenset({"image_update", "version", "package_update"})
WAY_BACK = "roll back an update to the version before"
LOOKUPS = frozenset({"runbook_lookup", "playbook_lookup"})
WITHOUT_PAGES = frozenset({"out_of_scope", "self_status", "report", "follow_up", "what_changed", "log_question"})


async def retrieve(
    brief: Brief, knowledge: Knowledge | None, gaps: Gaps, *, words: str | None = None, sharing: Sharing | None = None
) -> Brief:
    """The brief with up to three passages, the one that says what to do first; with the nearest pages when none answers.

    `words` are what to look for, if not those of the question, the alert and the cause. Questions at once that look for the same
    share one search by way of `sharing`.
    """
    if not _needs_pages(brief):
        return brief
    if knowledge is None:
        gaps.add("runbooks: none are indexed (run: sre ingest)")
        return brief
    with busy("retrieval"), reading("runbooks") as read:
        try:
            wanted = words or search_words(brief)
            # All that the result depends on, and the event loop that waits for it.
            key = (
                asyncio.get_running_loop(),
                wanted,
                brief.question.intent,
                _annotated_page(brief),
                brief.cause.change_id if brief.cause else None,
                id(brief.inventory),
            )
            search = partial(asyncio.to_thread, _search, knowledge, brief, wanted)
            passages, nearest = await (sharing or Sharing()).once(key, search)
        except SreError as error:
            read.failed()
            gaps.add(f"runbooks: {error}")
            return brief
        read.found(
            f"the best of {plural(len(passages), 'passage')}: {passages[0].document}" if passages else "no page answers"
        )
    numbered = tuple(_as_data(p, gaps).model_copy(update={"id": f"K{n}"}) for n, p in enumerate(passages, start=1))
    if numbered:
        tell(PassagesFound(passages=tuple(_without_text(passage) for passage in numbered)))
    return replace(brief, passages=numbered, nearest_pages=tuple(nearest))


def _without_text(passage: Passage) -> Found:
    return Found(id=passage.id, document=passage.document, heading=passage.heading, score=passage.score)


def _as_data(passage: Passage, gaps: Gaps) -> Passage:
    """The passage without what it says to an assistant."""
    text, left_out = without_orders(passage.text)
    if not left_out:
        return passage
    gaps.add(f"runbooks: {passage.document} gives orders to an assistant; {left_out} of its paragraphs are not shown")
    return passage.model_copy(update={"text": text})


def _needs_pages(brief: Brief) -> bool:
    """A look-up always; other questions when something is wrong that they are about."""
    intent = brief.question.intent
    if intent in WITHOUT_PAGES:
        return False
    if intent == "metric_question":
        return bool(brief.chain) or any(ranking.rows[0].breached for ranking in brief.rankings[:1])
    if intent in {"explain_alert", "rca_draft"}:
        return bool(brief.cause or brief.explained or brief.question.alert_names)
    return intent in LOOKUPS or brief.cause is not None or bool(brief.alerts)


def search_words(brief: Brief) -> str:
    """What to look for: the question itself for a look-up, else the alert and the cause."""
    if brief.question.intent in LOOKUPS:
        return brief.question.text
    alert = central_alert(brief)
    words = [f"{alert.name} {alert.summary}"] if alert else []
    if brief.cause:
        words.append(f"{brief.cause.entity} {brief.cause.kind.replace('_', ' ')}")
    return ". ".join(words) or brief.question.text


def central_alert(brief: Brief) -> Alert | None:
    """The alert whose page helps most: the one asked about, else one about the cause and what it measures."""
    active = [alert for alert in brief.alerts if alert.state != "resolved"]
    if named := [alert for alert in active if alert.name in brief.question.alert_names]:
        return named[0]
    on_the_way = [finding.entity for finding in reversed(brief.chain)]

    def nearness(alert: Alert) -> tuple[int, bool]:
        entity = brief.inventory.entity_of(alert.labels)
        place = on_the_way.index(entity) if entity in on_the_way else len(on_the_way)
        signals = {name for family in load_domain().families_of(alert.name) for name in family.signals[:1]}
        return place, brief.chain[-1].signal.name not in signals if brief.chain else True

    return min(active, key=nearness) if active and brief.chain else None


def _search(knowledge: Knowledge, brief: Brief, words: str) -> tuple[list[Passage], list[str]]:
    """The passages; when no page answers, none, and the names of the nearest pages."""
    found = _with_annotated_page(knowledge.search(words, k=PASSAGES), knowledge, brief)
    found = _with_way_back(found, knowledge, brief)
    if not found:
        return [], [passage.document for passage in knowledge.nearest(words, k=PASSAGES)]
    if found[0].kind != "playbook":
        sections = knowledge.sections(found[0].document)
        wanted = next((p for p in sections if any(h in p.heading.lower() for h in DO_HEADINGS)), None)
        if wanted is not None:
            found[0] = wanted.model_copy(update={"score": found[0].score})
    return [_with_freshness(passage, knowledge, brief) for passage in found], []


def _with_freshness(passage: Passage, knowledge: Knowledge, brief: Brief) -> Passage:
    """The passage with a word on its age. An incident names what is gone by its nature, and Ansible what it brings about."""
    unknown: Sequence[str] = ()
    if passage.kind == "runbook":
        page = "\n\n".join(section.text for section in knowledge.sections(passage.document))
        unknown = unknown_names(page, brief.inventory)
    note = freshness_note(passage.changed_at, unknown, clock.now(), brief.zone)
    return passage.model_copy(update={"freshness": note})


def _with_way_back(found: list[Passage], knowledge: Knowledge, brief: Brief) -> list[Passage]:
    """Where a new version is blamed, the page that says how to go back to the one before is among those shown."""
    blamed = next((c for c in brief.changes if brief.cause and c.id == brief.cause.change_id), None)
    if blamed is None or blamed.kind not in NEW_VERSIONS or not found or brief.question.intent in LOOKUPS:
        return found
    pages = knowledge.search(WAY_BACK, k=1)
    if not pages or any(passage.document == pages[0].document for passage in found):
        return found
    return [*found[: PASSAGES - 1], pages[0]]


def _annotated_page(brief: Brief) -> str:
    """The name of the page that the alert's own annotation gives; empty when it gives none."""
    alert = central_alert(brief)
    annotations = alert.annotations if alert and brief.question.intent not in LOOKUPS else {}
    return (annotations.get("runbook") or annotations.get("runbook_url") or "").rpartition("/")[2]


def _with_annotated_page(found: list[Passage], knowledge: Knowledge, brief: Brief) -> list[Passage]:
    """The operator's own word counts: the page that the alert's `runbook` annotation names is among those shown."""
    page = _annotated_page(brief)
    if not page or any(passage.document.rpartition("/")[2] == page for passage in found):
        return found
    sections = knowledge.sections(page)
    score = found[-1].score if found else 1.0
    return [*found[: PASSAGES - 1], sections[0].model_copy(update={"score": score})] if sections else found
