"""One question from words to answer: classify → gather → retrieve → investigate → synthesise → verify.

Code classifies, gathers and retrieves, and could answer by itself (`explain`). A language model, where one is configured, looks
further where the brief is not enough and writes the answer, whose every claim is verified. When it fails, the answer steps down:
without what it would have looked up; then its last good answer to the same question, as far as that still stands; then code's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Self
from zoneinfo import ZoneInfo

import dspy

from core import clock
from core.errors import ModelError, ModelUnavailable, SreError
from core.redact import redact
from core.telemetry import DEGRADED, GAPS, QUESTION_SECONDS, QUESTIONS, Meter, metered
from core.vocabulary import Answer, Program
from pipeline.brief import Brief
from pipeline.cached import still_true
from pipeline.classify import check_question, classify
from pipeline.conversation import check_session_id
from pipeline.explain import explain
from pipeline.firing import current_alerts
from pipeline.follow_up import resolve
from pipeline.gather import Gatherer
from pipeline.inquiry import Inquiry
from pipeline.investigate import Investigator, needs_investigation
from pipeline.language_model import Models
from pipeline.last_good import LastGood
from pipeline.memory import Memory
from pipeline.moment import when_to_look
from pipeline.progress import Plan, Progress, Verification, reading, tell, understood, watched
from pipeline.recognise import Recogniser
from pipeline.retrieve import retrieve
from pipeline.rewrite import Rewriter
from pipeline.router import routed
from pipeline.sessions import Sessions
from pipeline.shorten import Shortener
from pipeline.sources import Sources
from pipeline.synthesise import Synthesiser
from tools.inventory import Inventory, inventory_from_alerts
from tools.sharing import Sharing

LOG = logging.getLogger(__name__)

SAID_BY_CODE = frozenset({"out_of_scope", "self_status", "follow_up", "report"})
"""There is nothing in them for a model to reason about."""


class Assistant(dspy.Module):
    """Answers questions over the sources it was given. Safe to use for many questions at once.

    Without `models` code answers alone. `problems` are told with each answer: why there is no model although one is set. `lasting`
    says that its event loop runs on between questions. Its state, the prompts with their examples, is JSON (`pipeline.program_state`).
    """

    def __init__(
        self,
        sources: Sources,
        *,
        zone: ZoneInfo,
        deadline_s: float,
        models: Models | None = None,
        sessions: Sessions | None = None,
        last_good: LastGood | None = None,
    ) -> None:
        super().__init__()
        self._sources = sources
        self._zone = zone
        self.deadline_s = deadline_s
        self._models = models
        self._memory = Memory(sessions, last_good)
        self.program = Program()
        self.problems: tuple[str, ...] = ()
        self.lasting = False
        self._gatherer = Gatherer(sources, zone)
        self._sharing = Sharing()
        self.recognise = Recogniser()
        self.rewrite = Rewriter()
        self.investigate = Investigator()
        self.synthesise = Synthesiser()
        self.shorten = Shortener()

    async def ask(self, text: str, *, at: datetime | None = None, session_id: str | None = None) -> Answer:
        """The answer, at the latest when the deadline ends; what was not read by then is a gap.

        `at` re-asks a past moment; `session_id` names the conversation that the question belongs to. Raises InvalidInput for a
        question or a session that cannot be read, and for a time in the future.
        """
        text = check_question(text)
        session_id = None if session_id is None else check_session_id(session_id)
        # To the second, so that questions asked together read the same moment, and share what they read.
        asked_at = clock.refuse_future(at, field="at") if at else clock.now().replace(microsecond=0)
        inquiry = Inquiry(text, asked_at, live=at is None, session_id=session_id)
        inquiry.ends = asyncio.get_running_loop().time() + self.deadline_s
        tell(
            Plan(
                question=redact(text),
                at=asked_at,
                sources=self._sources.names,
                model=self.model,
                deadline_s=self.deadline_s,
                session_id=session_id,
            )
        )
        with metered() as meter:
            async with AsyncExitStack() as stack:
                talk = await self._memory.talk(inquiry, stack, deadline_s=self.deadline_s)
                answer: Answer = (await self.acall(inquiry=inquiry)).answer
                answer = await self._memory.remember(answer, inquiry, talk)
                if talk is not None and self.lasting and self._models is not None and self._memory.sessions is not None:
                    self.shorten.start(self._memory.sessions, self._models, talk.conversation.session_id)
        return _counted(answer, meter)

    async def stream(
        self, text: str, *, at: datetime | None = None, session_id: str | None = None
    ) -> AsyncGenerator[Progress | Answer]:
        """The same answer as `ask` gives, last, after what its work tells on the way. Closing the generator cancels the work."""
        async with aclosing(watched(self.ask(text, at=at, session_id=session_id))) as events:
            async for event in events:
                yield event

    @property
    def model(self) -> str | None:
        """The name of the model that writes answers; None where code does."""
        return self._models.name if self._models else None

    def model_refusal(self) -> str | None:
        """Why the model would not be asked now: its circuit breaker is open."""
        return self._models.unavailable() if self._models else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close this event loop's connections to the model."""
        self.shorten.stop()
        if self._models is not None:
            await self._models.aclose()

    async def aforward(self, inquiry: Inquiry) -> dspy.Prediction:
        """The steps in their order, each on what the ones before it found."""
        for problem in self.problems:
            inquiry.gaps.add(f"model: {problem}")
        try:
            async with asyncio.timeout_at(inquiry.ends):
                inventory = await self._classify(inquiry)
                await self._gather(inquiry, inventory)
                await self._retrieve(inquiry)
                await self._investigate(inquiry)
                await self._synthesise(inquiry)  # and verify
        except TimeoutError:
            inquiry.gaps.add(
                f"deadline: not everything was done within {self.deadline_s:g} s (SRE_QUESTION_DEADLINE_S)"
            )
        answer = self._answer(inquiry)
        if inquiry.written is None:
            tell(Verification(checked=False))
        if inquiry.written is None or answer.answer != inquiry.shown.told:
            inquiry.shown.tell_whole(answer.answer)
        return dspy.Prediction(answer=answer)

    async def _classify(self, inquiry: Inquiry) -> Inventory:
        """By rules and by what was said before; the model is asked only where they do not know."""
        gaps, now = inquiry.gaps, inquiry.asked_at
        with reading("inventory") as read:
            inventory = await self._sources.inventory(None if inquiry.live else now, gaps)
            read.found(f"{len(inventory.entities)} hosts and services known")
        alerts = await current_alerts(self._sources, now, clock.now(), gaps)
        if alerts and not (inventory.entities and inventory.complete):
            inventory = inventory_from_alerts(alerts, await self._sources.read_ansible(gaps))
            for line in inventory.gaps:
                gaps.add(line)
        firing = alerts or ()
        understand = partial(
            classify, inquiry.text, inventory=inventory, alerts=firing, now=now, zone=self._zone, session_id=inquiry.session_id
        )  # fmt: skip
        question = by_rules = understand()
        intent = await routed(question, inventory, self._sources, gaps)
        if inquiry.conversation is not None and inquiry.conversation.turns:
            stray = not question.sure and intent != "out_of_scope"
            question = resolve(
                question,
                inquiry.conversation,
                inventory=inventory,
                alerts=firing,
                now=now,
                zone=self._zone,
                stray=stray,
            )
        if question is by_rules and intent is not None:
            question = replace(understand(intent=intent), sure=by_rules.sure)  # unsure: a model knows better
        if self._models is not None and not question.sure:
            question = await self.recognise.acall(
                question, inventory, _said(inquiry), self._models, gaps, deadline=inquiry.until
            )
        inquiry.brief = Brief(question, inventory, self._zone, alerts=alerts or (), alerts_read=False, measured=False)
        question, alerts = await when_to_look(question, alerts, inventory, self._sources, gaps)
        inquiry.brief = replace(inquiry.brief, question=question, alerts=alerts or (), alerts_read=alerts is not None)
        tell(understood(question))
        return inventory

    async def _gather(self, inquiry: Inquiry, inventory: Inventory) -> None:
        brief = inquiry.brief
        if brief is None:
            return
        alerts = brief.alerts if brief.alerts_read else None
        async with aclosing(self._gatherer.gather(brief.question, inventory, alerts, inquiry.gaps)) as briefs:
            async for inquiry.brief in briefs:
                pass

    async def _retrieve(self, inquiry: Inquiry) -> None:
        if inquiry.brief is None:
            return
        inquiry.brief = await retrieve(inquiry.brief, self._sources.knowledge, inquiry.gaps, sharing=self._sharing)
        if self._models is not None:
            inquiry.brief = await self.rewrite.acall(
                inquiry.brief, self._sources.knowledge, self._models, inquiry.gaps, deadline=inquiry.until
            )

    async def _investigate(self, inquiry: Inquiry) -> None:
        """Only where the brief does not answer by itself."""
        if self._models is None or inquiry.brief is None or needs_investigation(inquiry.brief) is None:
            return
        inquiry.brief = await self.investigate.acall(
            inquiry.with_gaps(inquiry.brief), self._sources, self._models, inquiry.gaps, deadline=inquiry.half_time
        )

    async def _synthesise(self, inquiry: Inquiry) -> None:
        brief = inquiry.brief
        if self._models is None or brief is None or brief.question.intent in SAID_BY_CODE:
            return
        if not (brief.evidence or brief.passages or brief.changes):
            return  # nothing to reason about
        try:
            inquiry.written = await self.synthesise.acall(
                inquiry.with_gaps(brief),
                _said(inquiry),
                self._models,
                inquiry.gaps,
                shown=inquiry.shown,
                deadline=inquiry.until,
            )
        except SreError as error:
            DEGRADED.labels("synthesise", error.reason if isinstance(error, ModelError) else "failed").inc()
            inquiry.gaps.add(f"model: {error}; the answer was written by code")
            if isinstance(error, ModelUnavailable):
                await self._memory.recall(inquiry)

    def _answer(self, inquiry: Inquiry) -> Answer:
        """The model's words where they stand, else its older ones, else code's. All else is code's in any case."""
        brief = inquiry.brief
        if brief is None:
            nothing = Inventory(entities={})
            question = classify(
                inquiry.text,
                inventory=nothing,
                alerts=(),
                now=inquiry.asked_at,
                zone=self._zone,
                session_id=inquiry.session_id,
            )
            brief = Brief(question, nothing, self._zone, alerts_read=False, history_read=False, measured=False)
        answer = explain(replace(inquiry.with_gaps(brief), model=self.model))
        answer = answer.model_copy(update={"program": self.program})
        if inquiry.written is not None:
            return answer.model_copy(
                update={"answer": inquiry.written.text, "cause": inquiry.written.cause, "mode": "llm"}
            )
        if inquiry.last_good is not None:
            return still_true(*inquiry.last_good, answer, inquiry.with_gaps(brief)) or answer
        return answer


def _said(inquiry: Inquiry) -> str:
    """What was said before, for a model to read."""
    return inquiry.conversation.as_text() if inquiry.conversation else ""


def _counted(answer: Answer, meter: Meter) -> Answer:
    usage = meter.usage()
    QUESTIONS.labels(answer.intent, answer.mode).inc()
    QUESTION_SECONDS.labels(answer.intent).observe(usage.latency_s.total)
    if answer.gaps:
        GAPS.inc()
    told = {"intent": answer.intent, "mode": answer.mode, "subjects": answer.subjects, "gaps": answer.gaps}
    cost = {"seconds": usage.latency_s.total, "tool_calls": usage.tool_calls, "llm_calls": usage.llm_calls}
    LOG.info("answered", extra={**told, **cost, "cost_usd": usage.cost_usd})
    return answer.model_copy(update={"usage": usage})
