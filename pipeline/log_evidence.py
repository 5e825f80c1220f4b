"""What the logs say about a question: kinds of lines, counted, what is new or comes far more often than before, and one line of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from core.vocabulary import Evidence, Window
from pipeline.brief import Brief, Gaps
from pipeline.orders import gives_orders
from pipeline.progress import reading
from pipeline.sources import guarded
from pipeline.wording import listed, moment, plural
from tools.log_templates import SPIKE_LINES, MinedLogs, Template, mine
from tools.logs import LogLine, LogSource

LINES_QUOTED = 3
LINES_LISTED = 12
ERRORS_WANTED = r"\b(errors?|warnings?|exceptions?|stack ?traces?|failures?)\b"
LINE_CHARACTERS = 240
LOOKBACK = timedelta(minutes=30)
BEFORE_ONSET, AFTER_ONSET = timedelta(minutes=10), timedelta(hours=1)
"""Around the onset of what is explained, the lines that may tell of it."""
DEADLINE_S, ASKED_DEADLINE_S = 4.0, 9.0
"""Of a question's time, what counting may take: beside measurements, and by itself."""
ENTITIES_NAMED, OTHERS_NAMED = 4, 2


async def with_logs(brief: Brief, logs: LogSource | None, gaps: Gaps, *, deadline_s: float = float("inf")) -> Brief:
    """The brief with one numbered item about the lines of the cause and what it depends on, else of the subjects, when there are any.

    Its summary has a line that counts, and one for each kind that is told; `log_lines` are the first lines of these, oldest first.
    Takes `deadline_s` seconds at most, and no more than counting is worth.
    """
    question = brief.question
    asked = question.intent == "log_question"
    if logs is None:
        if asked:
            gaps.add("logs: no log source is configured (SRE_LOKI_URL or SRE_LOG_FILES)")
        return brief
    entities = list(question.subjects) if asked else _concerned(brief)
    if not entities and not asked:
        return brief
    levels = () if asked and entities and not re.search(ERRORS_WANTED, question.text.lower()) else ("error", "warning")
    deadline_s = min(deadline_s, ASKED_DEADLINE_S if asked else DEADLINE_S)
    mining = mine(logs, _window(brief, asked=asked), entities=entities, levels=levels, deadline_s=deadline_s)
    with reading("logs") as read:
        mined = await guarded(gaps, "logs", mining)
        if mined is None:
            read.failed()
        else:
            read.found(f"{plural(mined.lines, 'line')} of {plural(len(mined.templates), 'kind')}")
    for line in mined.gaps if mined else ():
        gaps.add_of("logs", line)
    mined = _without_orders(mined, gaps) if mined else None
    if mined is None or not mined.templates:
        return brief
    told = _oldest_first(mined.templates[:LINES_LISTED]) if asked else _telling(mined.templates, _suspect(brief))
    item = Evidence(
        id="",
        source="logs",
        title=f"log lines of {listed(entities, limit=ENTITIES_NAMED) if entities else 'all services'}",
        query=f"entities={','.join(entities) or 'all'} levels={','.join(levels) or 'all'}",
        window=mined.window,
        summary=summary(mined, told, brief.zone, question.at),
        returned=len(told),
        available=mined.lines,
    )
    return replace(brief, log_lines=tuple(each.sample for each in told)).with_evidence(item)[0]


def _without_orders(mined: MinedLogs, gaps: Gaps) -> MinedLogs:
    """Who can make a service log a line of his choice must not speak through it."""
    kept = tuple(each for each in mined.templates if not gives_orders(each.sample.text))
    if len(kept) < len(mined.templates):
        gaps.add(
            f"logs: {plural(len(mined.templates) - len(kept), 'line')} that gives orders to an assistant not shown"
        )
    return replace(mined, templates=kept)


def _suspect(brief: Brief) -> str | None:
    return brief.cause.entity if brief.cause else None


def _concerned(brief: Brief) -> list[str]:
    """The cause, what leads from it to the symptom, and what it depends on; without a cause, the subjects or what alerts."""
    chain = [finding.entity for finding in reversed(brief.chain)]
    suspect = _suspect(brief)
    found = [suspect, *chain] if suspect else [*chain, *brief.question.subjects]
    found = found or [name for alert, _ in brief.explained if (name := brief.inventory.entity_of(alert.labels))]
    needed = brief.inventory.upstream(found[0], 1) if found else []
    return list(dict.fromkeys((*found, *needed)))


def _window(brief: Brief, *, asked: bool) -> Window:
    """The one that was asked about; of what is explained, around its onset; else the last while."""
    question = brief.question
    if asked or question.named_window:
        return question.window
    if brief.moved is None:
        return Window(start=question.at - LOOKBACK, end=question.at)
    onset = min(brief.moved.onset, question.at)
    return Window(start=onset - BEFORE_ONSET, end=min(question.at, onset + AFTER_ONSET))


def _telling(templates: Sequence[Template], suspect: str | None) -> list[Template]:
    """What explains: the first error, what the suspect says, and the most telling others, of what is news, if anything is."""
    news = [each for each in templates if is_new(each) or each.spiking] or templates
    own = next((each for each in news if suspect in each.entities), None)
    chosen = dict.fromkeys(each for each in (first_error(news), own, *news) if each)
    return _oldest_first(list(chosen)[:LINES_QUOTED])


def _oldest_first(templates: Sequence[Template]) -> list[Template]:
    return sorted(templates, key=lambda each: each.first)


def first_error(templates: Sequence[Template]) -> Template | None:
    """Of the errors that are new or come far more often, the one that came up first: it is nearest to the cause."""
    errors = [each for each in templates if each.level == "error" and (each.new or each.spiking)]
    return min(errors, key=lambda each: each.since, default=None)


def summary(mined: MinedLogs, told: Sequence[Template], zone: ZoneInfo, now: datetime) -> str:
    """A line that counts them all, then one for each kind that is told; one line in all when there is one kind."""
    errors, warnings = (mined.levels.get(level, 0) for level in ("error", "warning"))
    counts = f"{plural(mined.lines, 'line')} ({plural(errors, 'error')}, {plural(warnings, 'warning')})"
    if mined.lines > 1:
        counts += f" of {plural(len(mined.templates), 'kind')}"
    if len(mined.templates) == 1:
        return f"{counts}; {_kind(told[0], zone, now)}"
    if len(told) < len(mined.templates):
        counts += f", {len(told)} quoted"
    counts += _news(mined.templates)
    first = first_error(mined.templates)
    if first and len({name for each in told if each.level == "error" for name in each.entities}) > 1:
        counts += f"; first error from {_who(first.sample)}, {moment(first.since, zone, now=now)}"
    return "\n".join((counts, *(_kind(each, zone, now) for each in told)))


def _news(templates: Sequence[Template]) -> str:
    """ ", 2 new and 1 more frequent against the hour before"; empty when nothing is."""
    new, spiking = sum(map(is_new, templates)), sum(each.spiking for each in templates)
    if new == len(templates):
        return ", all new against the hour before"
    found = [f"{new} new"] * bool(new) + [f"{spiking} more frequent"] * bool(spiking)
    return f", {listed(found)} against the hour before" if found else ""


def is_new(template: Template) -> bool:
    """Whether it is worth saying: of what is no problem, much comes less than once an hour."""
    return template.new and (template.level in {"error", "warning"} or template.count >= SPIKE_LINES)


def _kind(template: Template, zone: ZoneInfo, now: datetime) -> str:
    """Its first line, how often it came and until when, from whom else, and what the hour before says of it."""
    said = []
    first, last = (moment(at, zone, now=now) for at in (template.first, template.last))
    if template.count > 1:
        said.append(f"{template.count}×" + (f" until {last}" if last != first else ""))
    if others := [name for name in template.entities if name != template.sample.entity]:
        said.append(f"also from {listed(others, limit=OTHERS_NAMED)}")
    if is_new(template):
        said.append("new")
    elif template.spiking:
        said.append(
            f"more frequent since {moment(template.since, zone, now=now)}, {template.before} in the hour before"
        )
    return quote(template.sample, zone, now) + (f" ({', '.join(said)})" if said else "")


def quote(line: LogLine, zone: ZoneInfo, now: datetime) -> str:
    """One line, bounded, with its time and who wrote it."""
    return f"{moment(line.at, zone, now=now)} {_who(line)}: “{' '.join(line.text.split())[:LINE_CHARACTERS]}”"


def _who(line: LogLine) -> str:
    return line.entity or "?"
