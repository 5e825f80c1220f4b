"""One question from words to answer: classify → gather → retrieve → explain."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from core import clock
from core.telemetry import GAPS, QUESTION_SECONDS, QUESTIONS, Meter, metered
from core.vocabulary import Answer, Usage
from pipeline.brief import Brief, Gaps
from pipeline.classify import check_question, classify
from pipeline.explain import explain
from pipeline.firing import current_alerts
from pipeline.gather import Gatherer
from pipeline.moment import when_to_look
from pipeline.retrieve import retrieve
from pipeline.sources import Sources
from tools.inventory import Inventory, inventory_from_alerts

LOG = logging.getLogger(__name__)


class Assistant:
    """Answers questions over the sources it was given. Safe to use for many questions at once."""

    def __init__(self, sources: Sources, *, zone: ZoneInfo, deadline_s: float) -> None:
        self._sources = sources
        self._zone = zone
        self._deadline_s = deadline_s
        self._gatherer = Gatherer(sources, zone)

    async def ask(self, text: str, *, at: datetime | None = None, session_id: str | None = None) -> Answer:
        """The answer, at the latest when the deadline ends; what was not read by then is a gap.

        `at` re-asks a past moment. Raises InvalidInput for a question that cannot be read or a time in the future.
        """
        text = check_question(text)
        asked_at = clock.refuse_future(at, field="at") if at else clock.now()
        with metered() as meter:
            gaps = Gaps()
            brief = await self._brief(text, asked_at, live=at is None, session_id=session_id, gaps=gaps)
            answer = explain(replace(brief, gaps=tuple(gaps.lines)))
        return _with_usage(answer, meter)

    async def _brief(self, text: str, asked_at: datetime, *, live: bool, session_id: str | None, gaps: Gaps) -> Brief:
        latest: Brief | None = None
        try:
            async with asyncio.timeout(self._deadline_s):
                inventory = await self._sources.inventory(None if live else asked_at, gaps)
                alerts = await current_alerts(self._sources, asked_at, clock.now(), gaps)
                if alerts and not (inventory.entities and inventory.complete):
                    inventory = inventory_from_alerts(alerts, await self._sources.read_ansible(gaps))
                    for line in inventory.gaps:
                        gaps.add(line)
                question = classify(
                    text, inventory=inventory, alerts=alerts or (), now=asked_at, zone=self._zone, session_id=session_id
                )
                latest = Brief(question, inventory, self._zone, alerts=alerts or (), alerts_read=False, measured=False)
                question, alerts = await when_to_look(question, alerts, inventory, self._sources, gaps)
                async with aclosing(self._gatherer.gather(question, inventory, alerts, gaps)) as briefs:
                    async for brief in briefs:
                        latest = brief
                latest = await retrieve(latest, self._sources.knowledge, gaps)
        except TimeoutError:
            gaps.add(f"deadline: not everything was read within {self._deadline_s:g} s (SRE_QUESTION_DEADLINE_S)")
        if latest is not None:
            return latest
        nothing = Inventory(entities={})
        question = classify(text, inventory=nothing, alerts=(), now=asked_at, zone=self._zone, session_id=session_id)
        return Brief(question, nothing, self._zone, alerts_read=False, history_read=False, measured=False)


def _with_usage(answer: Answer, meter: Meter) -> Answer:
    usage = Usage(tool_calls=meter.tool_calls, latency_s=meter.latency())
    QUESTIONS.labels(answer.intent, answer.mode).inc()
    QUESTION_SECONDS.labels(answer.intent).observe(usage.latency_s.total)
    if answer.gaps:
        GAPS.inc()
    told = {"intent": answer.intent, "mode": answer.mode, "subjects": answer.subjects, "gaps": answer.gaps}
    LOG.info("answered", extra={**told, "seconds": usage.latency_s.total, "tool_calls": usage.tool_calls})
    return answer.model_copy(update={"usage": usage})
