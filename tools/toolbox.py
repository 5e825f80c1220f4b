"""What a language model may look up for itself: a few read-only tools, all about the question's moment.

A docstring of a tool is its prompt. No exception reaches the model: what goes wrong is one plain line that says how to ask better.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from rapidfuzz import process

from core.errors import InvalidInput, SreError
from core.redact import redact
from core.vocabulary import Alert, Evidence, Passage, SeriesSummary, Window
from tools.inventory import Inventory
from tools.logs import LogSource
from tools.prometheus import Prometheus
from tools.toolbox_arguments import lines_of, minutes_of, read_arguments

NAMES = ("query", "range", "metrics", "logs", "alerts", "docs", "page", "host")
"""The tools, in the order in which they are described."""
MAX_CHARACTERS = 1_200
"""Of one result; about 300 tokens."""
MAX_ROWS = 12
MAX_METRICS = 25
MAX_LINE = 200
PASSAGES = 3
MAX_SECTIONS = 4

History = Callable[[Window], Awaitable[Sequence[Alert] | None]]
"""The alerts that fired in a window; None when nobody could be asked."""


class Documents(Protocol):
    """The search over runbooks; its methods block."""

    def search(self, query: str, k: int = 3) -> list[Passage]: ...

    def sections(self, document: str) -> list[Passage]: ...


@dataclass(frozen=True)
class Found:
    """What a tool says. `evidence` and `passages` carry no numbers yet; `text` is what the model reads of them."""

    text: str
    evidence: tuple[Evidence, ...] = ()
    passages: tuple[Passage, ...] = ()
    gaps: tuple[str, ...] = ()


class Toolbox:
    """The tools of one question. All of them look at `at` or at what lies before it."""

    def __init__(
        self,
        inventory: Inventory,
        at: datetime,
        zone: ZoneInfo,
        *,
        prometheus: Prometheus | None = None,
        logs: LogSource | None = None,
        documents: Documents | None = None,
        history: History | None = None,
    ) -> None:
        self._inventory = inventory
        self._at = at
        self._zone = zone
        self._prometheus = prometheus
        self._logs = logs
        self._documents = documents
        self._history = history

    async def call(self, name: str, arguments: str) -> Found:
        """Run one tool. `arguments` are `name: value` lines, a JSON object, or the bare value of the first argument."""
        tool = self.tools().get(name.strip().strip("`\"'").partition("(")[0].lower())
        if tool is None:
            return Found(f"There is no tool {name.strip()[:40]!r}. The tools are {', '.join(self.tools())}.")
        names = list(inspect.signature(tool).parameters)
        values = read_arguments(arguments, names)
        missing = [
            p.name
            for p in inspect.signature(tool).parameters.values()
            if p.default is p.empty and not values.get(p.name)
        ]
        if missing:
            return Found(f"{name}: {', '.join(missing)} is missing. Write one line for each argument: {names[0]}: …")
        try:
            found = await tool(**{key: value for key, value in values.items() if value})
        except SreError as error:
            said = redact(f"{name}: {error}")[:MAX_CHARACTERS]
            return Found(said, gaps=() if isinstance(error, InvalidInput) else (redact(str(error)),))
        return replace(found, text=_cut(redact(found.text)))

    def tools(self) -> Mapping[str, Callable[..., Awaitable[Found]]]:
        """By name, in the order in which they are described."""
        return {name: getattr(self, name) for name in NAMES}

    async def query(self, promql: str) -> Found:
        """The value of a PromQL expression now"""
        if self._prometheus is None:
            return Found("query: no Prometheus is configured")
        samples = await self._prometheus.instant(promql, self._at)
        if not samples:
            return Found(await self._nothing(promql))
        ordered = sorted(samples, key=lambda sample: -abs(sample.value))
        rows = [f"{_labels(sample.labels)} = {_number(sample.value)}" for sample in ordered]
        return self._measured(promql, rows, Window(start=self._at, end=self._at))

    async def range(self, promql: str, minutes: str = "60") -> Found:
        """How a PromQL expression went over the last minutes"""
        if self._prometheus is None:
            return Found("range: no Prometheus is configured")
        window = self._window(minutes)
        result = await self._prometheus.range(promql, window, max_series=MAX_ROWS)
        if not result.series:
            return Found(await self._nothing(promql))
        rows = [self._course(series) for series in result.series]
        return self._measured(promql, rows, window, result.series, result.available)

    async def metrics(self, words: str) -> Found:
        """Names of metrics that contain all the words"""
        if self._prometheus is None:
            return Found("metrics: no Prometheus is configured")
        wanted = words.lower().replace("_", " ").split()
        names = [name for name in await self._prometheus.metric_names() if all(word in name.lower() for word in wanted)]
        if not names:
            return Found(f"No metric's name contains {' and '.join(wanted)!r}; try fewer or other words.")
        more = f" and {len(names) - MAX_METRICS} more" if len(names) > MAX_METRICS else ""
        return Found(", ".join(names[:MAX_METRICS]) + more)

    async def logs(self, name: str, minutes: str = "30", contains: str = "") -> Found:
        """Log lines of a service or host"""
        if self._logs is None:
            return Found("logs: no log source is configured")
        entity = self._known(name)
        if entity is None:
            return self._unknown(name)
        window = self._window(minutes)
        result = await self._logs.query(window, entities=[entity], contains=contains or None, limit=MAX_ROWS)
        rows = [
            f"{self._clock(line.at)} {line.level}: {' '.join(line.text.split())[:MAX_LINE]}" for line in result.lines
        ]
        said = "; ".join(result.gaps)
        if not rows:
            return Found(f"No line of {entity} in the last {minutes} minutes{f' ({said})' if said else ''}.")
        summary = _rows(rows, result.available)
        item = Evidence(
            id="", source="logs", title=f"log lines of {entity}", query=f"entities={entity} contains={contains}",
            window=window, summary=_cut(redact(summary)), returned=len(rows), available=result.available,
        )  # fmt: skip
        return Found(summary, (item,), gaps=tuple(result.gaps))

    async def alerts(self, hours: str = "24") -> Found:
        """Alerts that fired in the last hours"""
        window = self._window(str(minutes_of(hours, default=24) * 60))
        fired = await self._history(window) if self._history else None
        if fired is None:
            return Found("alerts: their history cannot be read")
        rows = [
            f"{alert.name} on {self._inventory.entity_of(alert.labels) or alert.labels.get('instance', '?')} "
            f"from {self._clock(alert.starts_at)} to {self._clock(alert.ends_at) if alert.ends_at else 'now'}: {alert.summary}"
            for alert in reversed(fired)
        ]
        summary = _rows(rows, len(rows)) if rows else "no alert fired"
        item = Evidence(
            id="", source="alerts", title="alerts that fired", query='ALERTS{alertstate="firing"}', window=window,
            summary=_cut(redact(summary)), returned=min(len(rows), MAX_ROWS), available=len(rows),
        )  # fmt: skip
        return Found(summary, (item,))

    async def docs(self, words: str) -> Found:
        """Search the runbooks and the Ansible tree"""
        if self._documents is None:
            return Found("docs: no documents are indexed")
        passages = await asyncio.to_thread(self._documents.search, words, PASSAGES)
        if not passages:
            return Found("No page answers that.")
        return Found(_told(passages), passages=tuple(passages))

    async def page(self, document: str) -> Found:
        """Read a document that docs found"""
        if self._documents is None:
            return Found("page: no documents are indexed")
        sections = await asyncio.to_thread(self._documents.sections, document.strip("`"))
        if not sections:
            return Found(f"There is no document {document[:80]!r}; docs finds their names.")
        return Found(_told(sections[:MAX_SECTIONS]), passages=tuple(sections[:MAX_SECTIONS]))

    async def host(self, name: str) -> Found:
        """What the inventory knows of a host or service"""
        known = self._known(name)
        if known is None:
            return self._unknown(name)
        entity = self._inventory.entities[known]
        carried = [other.name for other in self._inventory.entities.values() if other.host == known]
        parts = [f"{known} is a {entity.kind}"]
        parts += [f"on {entity.host}"] if entity.host else []
        parts += [f"needs {', '.join(self._inventory.upstream(known, 1))}"] if entity.depends_on else []
        parts += [f"carries {', '.join(carried[:MAX_METRICS])}"] if carried else []
        summary = "; ".join(parts)
        item = Evidence(
            id="", source="inventory", title=f"inventory: {known}", summary=summary, returned=1, available=1
        )
        return Found(summary, (item,))

    def _measured(
        self,
        promql: str,
        rows: Sequence[str],
        window: Window,
        series: tuple[SeriesSummary, ...] = (),
        available: int | None = None,
    ) -> Found:
        assert self._prometheus is not None  # noqa: S101 - only the tools that ask it come here
        summary = _cut(redact(_rows(rows, available or len(rows))))
        item = Evidence(
            id="", source="prometheus", title=f"query {promql[:MAX_LINE]}", query=promql, window=window, summary=summary,
            series=series or None, link=self._prometheus.link(promql, window),
            returned=min(len(rows), MAX_ROWS), available=available or len(rows),
        )  # fmt: skip
        return Found(summary, (item,))

    def _course(self, series: SeriesSummary) -> str:
        course = f"last {_number(series.last)}, min {_number(series.minimum)}, mean {_number(series.mean)}, max {_number(series.maximum)}"
        if series.onset and series.before is not None and series.after is not None:
            course += f", moved from {_number(series.before)} to {_number(series.after)} at {self._clock(series.onset)}"
        return f"{_labels(series.labels)}: {course}"

    async def _nothing(self, promql: str) -> str:
        assert self._prometheus is not None  # noqa: S101 - only the tools that ask it come here
        hint = await self._prometheus.suggest(promql)
        return f"No data for that expression at {self._clock(self._at)}{f': {hint}' if hint else ''}."

    def _window(self, minutes: str) -> Window:
        return Window(start=self._at - timedelta(minutes=minutes_of(minutes, default=60)), end=self._at)

    def _clock(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        same_day = local.date() == self._at.astimezone(self._zone).date()
        return local.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")

    def _known(self, name: str) -> str | None:
        return name if name in self._inventory.entities else next(iter(self._inventory.resolve(name).subjects), None)

    def _unknown(self, name: str) -> Found:
        near = [each for each, _, _ in process.extract(name, list(self._inventory.entities), limit=3, score_cutoff=70)]
        hint = f"; near: {', '.join(near)}" if near else ""
        return Found(f"The inventory knows no {name[:40]!r}{hint}.")


def describe(toolbox: type[Toolbox] = Toolbox) -> str:
    """One line a tool: its arguments, and what it gives. The same text for every question."""
    lines = []
    for name in NAMES:
        method = getattr(toolbox, name)
        arguments = [
            p.name if p.default is p.empty else f"{p.name}={p.default}"
            for p in inspect.signature(method).parameters.values()
            if p.name != "self"
        ]
        lines.append(f"{name}({', '.join(arguments)}): {method.__doc__}")
    return "\n".join(lines)


def _told(passages: Sequence[Passage]) -> str:
    return "\n\n".join(f"{p.document} › {p.heading}:\n{p.text}" for p in passages)


def _rows(rows: Sequence[str], available: int) -> str:
    more = [f"… {available - MAX_ROWS} more, not shown"] if available > MAX_ROWS else []
    return "\n".join([*rows[:MAX_ROWS], *more])


def _cut(text: str) -> str:
    return lines_of(text, MAX_CHARACTERS)


def _labels(labels: Mapping[str, str]) -> str:
    shown = {name: value for name, value in labels.items() if name not in {"__name__", "job"} and value}
    named = ", ".join(f'{name}="{value}"' for name, value in sorted(shown.items())[:6])
    return f"{labels.get('__name__', '')}{{{named}}}"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100_000 else f"{value:.4g}"
