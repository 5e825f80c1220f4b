"""What log lines add to a symptom: who upstream reports errors, of what kind they are, and that the world outside is gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Entity, Window
from pipeline.brief import Brief, Finding, Movement, Question
from pipeline.cause import Step, conclude
from pipeline.log_cause import ERRORS_OF_THE_CAUSE, with_log_cause
from pipeline.narrate import sections
from pipeline.rank import RankedEntity, Shift
from tests.pipeline.conftest import NOW
from tools.inventory import Inventory
from tools.logs import LogLine

ONSET = NOW - timedelta(minutes=8)


def line(entity: str, text: str, *, after_s: float = 10, level: str = "error") -> LogLine:
    return LogLine(at=ONSET + timedelta(seconds=after_s), entity=entity, level=level, text=text)


@pytest.fixture
def services() -> Inventory:
    """Two pages whose database the inventory does not know to be theirs, and the database."""
    found = [Entity(name="vm", kind="guest")]
    found += [Entity(name=name, kind="service", host="vm", depends_on=("vm",)) for name in ("shop", "wiki", "postgres")]
    return Inventory({entity.name: entity for entity in found})


def brief_of(inventory: Inventory, findings: list[Finding]) -> tuple[Brief, Movement]:
    """The first finding is what the rules named as the cause; all of them moved."""
    question = Question("why?", "explain_alert", NOW, Window(start=NOW - timedelta(hours=1), end=NOW))
    numbered = [replace(f, evidence_id=f"E{place}") for place, f in enumerate(findings, start=1)]
    cause = conclude([Step(numbered[0])], ())
    shifts = [Shift(f"{f.entity}:{f.signal.name}", 30, "up", ONSET, 0.0, 1.0) for f in numbered]
    moved = Movement(ONSET, tuple(shifts), tuple(RankedEntity(f.entity, 1.0, ONSET, (s,), ()) for f, s in zip(numbered, shifts, strict=True)))  # fmt: skip
    return Brief(question, inventory, ZoneInfo("UTC"), chain=(numbered[0],), cause=cause), moved


def test_errors_that_others_repeat_name_who_reported_them(services, finding) -> None:
    brief, moved = brief_of(
        services, [finding("http_errors", "shop", 0.5, 0.0), finding("http_errors", "wiki", 0.4, 0.0)]
    )
    found = with_log_cause(
        brief,
        moved,
        [
            line("postgres", "FATAL: sorry, too many clients already: connection slots are used up"),
            line("shop", "pq: sorry, too many clients already", after_s=20),
            line("wiki", "cannot connect to database, giving up", after_s=25),
        ],
    )
    assert found.cause is not None
    assert (found.cause.entity, found.cause.kind) == ("postgres", "connection_exhaustion")
    assert brief.cause is not None
    assert found.cause.alternatives[0].startswith(brief.cause.statement)


def test_the_cause_cites_the_lines_that_name_it(services, finding) -> None:
    brief, moved = brief_of(
        services, [finding("http_errors", "shop", 0.5, 0.0), finding("http_errors", "wiki", 0.4, 0.0)]
    )
    lines = [line("postgres", "FATAL: too many clients already, no slots")]
    lines += [line(name, "error: too many clients already", after_s=15) for name in ("shop", "wiki")]
    found = with_log_cause(brief, moved, lines)
    (item,) = [item for item in found.evidence if item.title == ERRORS_OF_THE_CAUSE]
    assert "too many clients already, no slots" in item.summary
    assert f"[{item.id}]" in sections.cause(found)


def test_what_a_database_says_of_one_clients_request_is_not_its_fault(services, finding) -> None:
    brief, moved = brief_of(services, [finding("http_errors", "shop", 0.5, 0.0)])
    lines = [
        line("postgres", "ERROR: column indexVersion does not exist"),
        line("shop", "P2022: the column indexVersion does not exist in the database", after_s=12),
    ]
    found = with_log_cause(brief, moved, lines)
    assert found.cause is not None
    assert found.cause.entity == "shop"


def test_many_that_newly_miss_the_world_outside_have_lost_it(services, finding) -> None:
    brief, moved = brief_of(services, [finding("dns", "shop", 0.0, 1.0)])
    lines = [
        line("cloudflared", "failed to dial a quic connection: timeout"),
        line("ddns", "no internet: cannot get the public address", level="warning"),
    ]
    found = with_log_cause(brief, moved, lines)
    assert found.cause is not None
    assert (found.cause.entity, found.cause.kind) == (None, "upstream_outage")
    assert "Most likely cause: outside (upstream outage)" in sections.cause(found)


def test_who_always_complains_about_the_outside_says_nothing_new(services, finding) -> None:
    brief, moved = brief_of(services, [finding("dns", "shop", 0.0, 1.0)])
    lines = [line("cloudflared", "failed to dial a quic connection: timeout", after_s=s) for s in (-500, 10)] + [
        line("ddns", "no internet: cannot get the public address")
    ]
    assert with_log_cause(brief, moved, lines).cause == brief.cause


def test_where_the_measurements_say_why_the_logs_do_not_overrule_them(services, finding) -> None:
    brief, moved = brief_of(services, [finding("memory_used", "vm", 0.97, 0.4)])
    lines = [line("postgres", "FATAL: out of memory"), line("shop", "error: postgres is gone")]
    assert with_log_cause(brief, moved, lines).cause == brief.cause


def test_without_lines_nothing_changes(services, finding) -> None:
    brief, moved = brief_of(services, [finding("probe", "shop", 0.0, 1.0)])
    assert with_log_cause(brief, moved, []).cause == brief.cause
