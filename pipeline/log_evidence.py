"""What the logs say about a question: the lines of the cause, else of the subjects, counted and a few of them quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.vocabulary import Evidence, Window
from pipeline.brief import Brief, Gaps
from pipeline.sources import guarded
from pipeline.wording import listed, moment, plural
from tools.logs import LogLine, LogSource

LINES_QUOTED = 3
LINES_LISTED = 12
ERRORS_WANTED = r"\b(errors?|warnings?|exceptions?|stack ?traces?|failures?)\b"
LINE_CHARACTERS = 240
LOOKBACK = timedelta(minutes=30)


async def with_logs(brief: Brief, logs: LogSource | None, gaps: Gaps) -> Brief:
    """The brief with one numbered item of log lines, when there are any."""
    question = brief.question
    asked = question.intent == "log_question"
    entities = [brief.cause.entity] if brief.cause and brief.cause.entity and not asked else list(question.subjects)
    if logs is None:
        if asked:
            gaps.add("logs: no log source is configured (SRE_LOG_FILES)")
        return brief
    if not entities and not asked:
        return brief
    levels = () if asked and entities and not re.search(ERRORS_WANTED, question.text.lower()) else ("error", "warning")
    window = (
        question.window if asked or question.named_window else Window(start=question.at - LOOKBACK, end=question.at)
    )
    result = await guarded(gaps, "logs", logs.query(window, entities=entities, levels=levels))
    if result is None:
        return brief
    for line in result.gaps:
        gaps.add(line)
    if not result.lines:
        return brief
    quoted = most_telling(result.lines, LINES_LISTED if asked else LINES_QUOTED)
    item = Evidence(
        id="",
        source="logs",
        title=f"log lines of {listed(entities) if entities else 'all services'}",
        query=f"entities={','.join(entities) or 'all'} levels={','.join(levels) or 'all'}",
        window=window,
        summary=_summary(result.lines, result.available, quoted, brief.zone, question.at),
        returned=len(quoted),
        available=result.available,
    )
    return replace(brief, log_lines=tuple(quoted)).with_evidence(item)[0]


def most_telling(lines: Sequence[LogLine], limit: int) -> list[LogLine]:
    """The first error and the last ones (lines of any level when there is no error), oldest first; at most `limit`."""
    errors = [line for line in lines if line.level == "error"] or list(lines)
    chosen = [errors[0], *errors[-(limit - 1) :]]
    unique: dict[int, LogLine] = {id(line): line for line in chosen}
    return sorted(unique.values(), key=lambda line: line.at)


def _summary(lines: Sequence[LogLine], available: int, quoted: Sequence[LogLine], zone: ZoneInfo, now: datetime) -> str:
    errors = sum(line.level == "error" for line in lines)
    warnings = sum(line.level == "warning" for line in lines)
    counts = f"{plural(available, 'line')} ({plural(errors, 'error')}, {plural(warnings, 'warning')})"
    return f"{counts}, {len(quoted)} quoted; {'; '.join(quote(line, zone, now) for line in quoted)}"


def quote(line: LogLine, zone: ZoneInfo, now: datetime) -> str:
    """One line, bounded, with its time and who wrote it."""
    return f"{moment(line.at, zone, now=now)} {line.entity or '?'}: “{' '.join(line.text.split())[:LINE_CHARACTERS]}”"
