"""The HTTP API: `POST /ask`, `POST /ask/stream`, `POST /rca`, `GET /alerts`, `GET /timeline`, `GET /health`, `GET /metrics`; its documentation is at `/docs`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import Body, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Route

from app.access import Doorkeeper, bearer_required, build_login, names_served
from app.baseline_refresh import build_learner, kept_fresh
from app.health import check_health, overall
from app.page.asking import Asking
from app.page.backing import Backing
from app.page.safe_html import hosts_of
from app.streaming import EVENTS, STREAMED, as_events, begun
from app.transcript import Transcript
from app.warm_up import warmed_up
from app.wiring import build_assistant, build_sources, build_timeline
from core.clock import now, parse_at
from core.errors import InvalidInput, SreError
from core.settings import Settings
from core.store import FILE_NAME, Store
from core.telemetry import REGISTRY
from core.vocabulary import Alert, Answer, Timeline
from optimise.answer_traces import AnswerTraces
from pipeline.brief import Gaps
from pipeline.firing import current_alerts
from pipeline.rca import question_about
from pipeline.sources import Sources
from pipeline.time_lengths import parse_length

EXAMPLES = {
    "explain": {"summary": "Why an alert fires", "value": {"question": "Why is HostHighMemory firing on media?"}},
    "metric": {"summary": "A measurement over all hosts", "value": {"question": "Is any VM low on disk?"}},
    "past": {
        "summary": "A past moment",
        "value": {"question": "What was wrong?", "at": "2026-11-20T03:10:00Z", "session_id": "night-shift"},
    },
}


class AskBody(BaseModel):
    """A question, optionally about a past moment (`at`, ISO 8601 with a zone)."""

    model_config = ConfigDict(extra="forbid")

    question: str
    session_id: str | None = Field(default=None, max_length=200)
    at: str | None = None


class RcaBody(BaseModel):
    """What the root cause analysis is about: a host, service or alert (without one, what fires), and a moment of the incident."""

    model_config = ConfigDict(extra="forbid")

    subject: str | None = None
    session_id: str | None = Field(default=None, max_length=200)
    at: str | None = None


class Problem(BaseModel):
    """One line that names the field or source, and says what to do."""

    error: str


class FiringAlerts(BaseModel):
    """What fires now, and what could not be read."""

    alerts: list[Alert]
    gaps: list[str]


def build_api(settings: Settings, *, page: bool = False) -> FastAPI:
    """The application over the given settings, with the web page where it is wanted."""
    sources = build_sources(settings)
    assistant = build_assistant(settings, sources)
    assistant.lasting = True
    learner = build_learner(settings, sources.baselines) if sources.baselines else None

    traces = AnswerTraces(settings.mlflow_tracking_uri, settings.data_dir, on=settings.mlflow_traces)

    asking = Asking(assistant, Transcript(Store(settings.data_dir / FILE_NAME)), on_answer=traces.recorded)

    @asynccontextmanager
    async def closing(_: FastAPI) -> AsyncIterator[None]:
        async with assistant, kept_fresh(sources.baselines, learner), warmed_up(sources):
            yield
            await asking.aclose()
        await asyncio.to_thread(traces.close)

    # Dependencies do not reach the documentation, so a server with a token has none; the same is in the repository (docs/openapi.json).
    new_api = partial(FastAPI, openapi_url=None) if settings.api_token else partial(FastAPIOffline, redoc_url=None)
    api = new_api(
        title="Homelab SRE assistant",
        summary="Explains what is wrong in a homelab, from evidence. It advises and never acts.",
        version="0.1.0",
        responses={401: {"model": Problem}, 422: {"model": Problem}},
        dependencies=[Depends(bearer_required(settings))],
        lifespan=closing,
    )
    api.add_middleware(Doorkeeper, names=names_served(settings))
    _say_problems(api)

    @api.post("/ask")
    async def ask(body: Annotated[AskBody, Body(openapi_examples=EXAMPLES)]) -> Answer:
        """Answer one question with cited evidence."""
        at = parse_at(body.at, field="at") if body.at is not None else None
        return traces.recorded(body.question, await assistant.ask(body.question, at=at, session_id=body.session_id))

    @api.post("/ask/stream", response_class=StreamingResponse, responses=STREAMED, description=EVENTS)
    async def ask_stream(body: Annotated[AskBody, Body(openapi_examples=EXAMPLES)]) -> StreamingResponse:
        """The same answer as a stream of server-sent events, what leads to it first."""
        at = parse_at(body.at, field="at") if body.at is not None else None
        progress = assistant.stream(body.question, at=at, session_id=body.session_id)
        events = as_events(progress, on_answer=lambda answer: traces.recorded(body.question, answer))
        return StreamingResponse(
            await begun(events), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    @api.post("/rca")
    async def rca(body: RcaBody) -> Answer:
        """Draft a root cause analysis: timeline, evidence, cause, impact, follow-ups."""
        at = parse_at(body.at, field="at") if body.at is not None else None
        question = question_about(body.subject)
        return traces.recorded(question, await assistant.ask(question, at=at, session_id=body.session_id))

    @api.get("/alerts")
    async def alerts() -> FiringAlerts:
        """What fires now, from Alertmanager and Grafana."""
        gaps = Gaps()
        moment = now()
        found = await current_alerts(sources, moment, moment, gaps)
        return FiringAlerts(alerts=list(found or ()), gaps=gaps.lines)

    @api.get("/timeline")
    async def timeline(at: str | None = None, around: str = "2h") -> Timeline:
        """Alerts, changes, shifts and log lines around a moment (ISO 8601 with a zone; now if left out), in the order of time."""
        moment = parse_at(at, field="at") if at is not None else None
        return await _timeline(settings, sources, moment, parse_length(around, field="around"))

    @api.get("/health")
    async def health() -> JSONResponse:
        """The state of every component; 503 when nothing that measures or alerts can be read."""
        components = await check_health(settings, sources, assistant)
        status = overall(components)
        body = {"status": status, "components": [asdict(component) for component in components]}
        return JSONResponse(body, 503 if status == "failed" else 200)

    @api.get("/metrics")
    async def metrics() -> Response:
        """The assistant's own metrics, for Prometheus."""
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    if page:
        _show_page(api, settings, sources, asking)
    return api


def _show_page(api: FastAPI, settings: Settings, sources: Sources, asking: Asking) -> None:
    from app.page.build import PATH, mount_page  # four seconds

    see = partial(_timeline, settings, sources)
    backing = Backing(settings, sources, asking, asking.transcript, hosts_of(settings), see)
    mount_page(api, backing, login=build_login(settings))

    async def front(_: Request) -> Response:
        return RedirectResponse(f"{PATH}/")

    async def no_icon(_: Request) -> Response:
        return Response(status_code=204)

    # Not routes of the API: whoever opens the page has no token, but the page has its own login.
    api.router.routes[:0] = [Route("/", front), Route("/favicon.ico", no_icon)]


async def _timeline(settings: Settings, sources: Sources, at: datetime | None, around: timedelta) -> Timeline:
    return await build_timeline(settings, sources, at=at, around=around)


def _say_problems(api: FastAPI) -> None:
    """Every error is one line of JSON that names what is wrong."""

    @api.exception_handler(SreError)
    async def say_problem(_: Request, error: SreError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422 if isinstance(error, InvalidInput) else 502)

    @api.exception_handler(HTTPException)
    async def say_refused(_: Request, error: HTTPException) -> JSONResponse:
        what = {401: "Authorization", 404: "path", 405: "path"}.get(error.status_code, "body")
        return JSONResponse({"error": f"{what}: {error.detail}"}, error.status_code, error.headers)

    @api.exception_handler(Exception)
    async def say_failed(_: Request, error: Exception) -> JSONResponse:
        """Starlette raises `error` again behind this answer, so the server logs it with its traceback."""
        return JSONResponse({"error": f"internal error: {type(error).__name__}; see the log of the server"}, 500)

    @api.exception_handler(RequestValidationError)
    async def say_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
        if first["type"] == "json_invalid":  # its place is an offset, not a field
            field, first = "body", {"msg": "it is not JSON"}
        return JSONResponse({"error": f"{field}: {first['msg']}"}, 422)
