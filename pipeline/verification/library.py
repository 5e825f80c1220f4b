"""Reads the numbered items of an answer: their numbers in one unit, their times, names and parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from core.vocabulary import Alert, AnsweredChange, Evidence, Passage, SeriesSummary
from pipeline.verification.counting import LISTED
from pipeline.verification.diffs import replaced, settings_in, without_hunks
from pipeline.verification.facts import Facts
from pipeline.verification.ground import (
    CAMEL,
    WHOLE_LIST,
    Figure,
    Ground,
    Item,
    Part,
    Role,
    counted,
    same_link,
    tokens_of,
)
from pipeline.verification.quantities import Quantity, read_quantities
from pipeline.verification.reading import TOKEN, numbers_only, plain_words, trimmed
from pipeline.verification.times import dates, read_moments, real_times

MAX_ITEM = 20_000
"""Characters of one item that are read."""
MAX_PARTS = 200
_ROLE = re.compile(r"[\s,]{0,2}(?:at this time )?(?P<role>yesterday|last week|(?:an|one) hour ago|ago)\b")
_PLACED = re.compile(r"\b(?:on|of|behind|among|from|by|at|for)\s+$")
_LIMIT = re.compile(r"\b(?:threshold|limit) of $|\bexpression is \S{1,2} $")
_TIMESPAN = re.compile(r"(?<![\d:])(\d{1,3}):(\d\d):(\d\d\.\d{1,7})(?![\d:])")
""" "0:00:04.1", as logs write how long something took."""
_DAY = 86_400.0


class Library:
    """The items of an answer by their ids, each read when it is first cited."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        sources: list[Evidence | Passage | AnsweredChange] = [*facts.evidence, *facts.passages, *facts.changes]
        self._sources = {source.id: source for source in sources}
        self._read: dict[str, Item] = {}
        self._told = frozenset(name.lower() for name in (*facts.names, *(alert.name for alert in facts.alerts)))
        self._names = {name.lower() for name in facts.names}

    def __contains__(self, number: str) -> bool:
        return number in self._sources

    def linked(self, links: Iterable[str]) -> tuple[str, ...]:
        """The items that have one of these links: a link under an item's title cites it."""
        known = {same_link(item.link): item.id for item in self.facts.evidence if item.link}
        return tuple(known[same_link(link)] for link in links if same_link(link) in known)

    @property
    def numbers(self) -> tuple[str, ...]:
        return tuple(self._sources)

    def ground(self, numbers: Iterable[str]) -> Ground:
        return Ground(tuple(self.item(number) for number in dict.fromkeys(numbers) if number in self))

    @cached_property
    def everything(self) -> Ground:
        return self.ground(self._sources)

    @cached_property
    def background(self) -> Ground:
        """What needs no citation: the question and what code itself says."""
        facts = self.facts
        text = "\n".join((facts.question, *facts.background))
        bounds = (facts.window.start, facts.window.end) if facts.window else ()
        return Ground((self._item("the question", text, bounds=(*bounds, facts.now)),))

    def item(self, number: str) -> Item:
        if number not in self._read:
            source = self._sources[number]
            if isinstance(source, Evidence):
                self._read[number] = self._evidence(source)
            elif isinstance(source, Passage):
                self._read[number] = self._passage(source)
            else:
                self._read[number] = self._change(source)
        return self._read[number]

    def _evidence(self, item: Evidence) -> Item:
        said = f"{item.title}: {item.summary}"
        labels = " ".join(f"{name}={value}" for one in item.series or () for name, value in one.labels.items())
        told = [alert for alert in self.facts.alerts if self._tells_of(said, alert)]
        events = [one.onset for one in item.series or () if one.onset]
        read = self._item(
            item.id,
            said,
            more=f"{item.query}\n{labels}\n{' '.join(map(_labels, told))}",
            events=(*events, *(at for alert in told for at in (alert.starts_at, alert.ends_at) if at)),
            bounds=(item.window.start, item.window.end) if item.window else (),
            links=tuple(link for link in (item.link, *(alert.link for alert in told)) if link),
            series=item.series or (),
        )
        read = replace(read, source=item.source)
        counts = (item.returned, item.available, item.available - item.returned, len(item.series or ()))
        figures = [Figure(_count(value), item.id, "count") for value in counts if value > 0]
        owner = next((name for name in (self._owner(one) for one in item.series or ()) if name), "")
        for one in item.series or ():
            figures += self._course(one, item.id, read.figures, owner)
        return replace(read, figures=(*read.figures, *figures))

    def _tells_of(self, said: str, alert: Alert) -> bool:
        """An item tells of an alert that it names together with its place, when the place is known."""
        if alert.name not in said:
            return False
        places = {part for value in alert.labels.values() for part in tokens_of(value)} & self._names
        return not places or bool(places & set(tokens_of(said)))

    def _passage(self, passage: Passage) -> Item:
        said = f"{passage.heading}\n{passage.text}\n{passage.document} {passage.freshness}"
        events = (passage.changed_at,) if passage.changed_at else ()
        read = self._item(passage.id, said, more=passage.kind, events=events)
        counts = [passage.line] if passage.line else []
        numbered = len(re.findall(r"^\s*\d+[.)]\s", passage.text, re.MULTILINE))
        counts += [len(passage.text.splitlines()), *range(1, numbered + 1)]
        return replace(read, figures=(*read.figures, *(Figure(_count(value), passage.id, "count") for value in counts)))

    def _change(self, change: AnsweredChange) -> Item:
        said = f"{change.title}\n{change.entity or ''}\n{change.detail}\n{'; '.join(change.reasons)}"
        more = f"{change.kind.replace('_', ' ')} {change.source} {change.actor or ''}\n{' '.join(change.files)}\n{without_hunks(change.diff)}"
        events = tuple(at for at in (change.at, change.effective_at) if at)
        read = self._item(change.id, said, more=more, events=events)
        moved = replaced(f"{change.title}\n{without_hunks(change.diff)}"[:MAX_ITEM])
        return replace(read, replaced=tuple(moved), score=change.score)

    def _item(
        self,
        number: str,
        said: str,
        *,
        more: str = "",
        events: tuple[datetime, ...] = (),
        bounds: tuple[datetime, ...] = (),
        links: tuple[str, ...] = (),
        series: tuple[SeriesSummary, ...] = (),
    ) -> Item:
        """`more` counts for names, quotes and numbers, but tells of nobody in particular."""
        facts, said, more = self.facts, said[:MAX_ITEM], more[:MAX_ITEM]
        written = tuple(real_times(said + "\n" + more, facts.now, facts.zone))
        days = {at.astimezone(facts.zone).date() for at in (*events, *written, *bounds)}
        spoken = {m.first.date() for m in read_moments(said, facts.now, facts.zone) if m.first}
        text = plain_words_by_line(f"{said}\n{more}")
        found = [Figure(quantity, number) for quantity in settings_in(f"{said}\n{more}")]
        found += [
            Figure(_count(m[1].count(",") + 1 + int(m[2])), number, counts=frozenset({WHOLE_LIST}))
            for m in LISTED.finditer(said)
        ]
        found += [
            Figure(Quantity(60 * (60 * int(m[1]) + int(m[2])) + float(m[3]), "seconds", 0.1), number)
            for m in _TIMESPAN.finditer(said)
        ]
        found += [*self._figures(number, said), *(Figure(q, number) for q in read_quantities(numbers_only(more)))]
        return Item(
            number,
            text,
            tuple(found),
            tuple(dict.fromkeys((*events, *written))),
            bounds,
            frozenset({*days, *dates(said, facts.now, facts.zone), *spoken}),
            series,
            (*links, *(link.rstrip(".,;:") for link in re.findall(r"https?://[^\s<>()\[\]`\"”]+", text))),
            tuple(self._parts(said)),
            raw=f"{said}\n{more}",
        )

    def _parts(self, said: str) -> Iterator[Part]:
        for text in re.split(r";\s|\n", said)[:MAX_PARTS]:
            events = tuple(real_times(text, self.facts.now, self.facts.zone))
            alerts = frozenset(name.lower() for name in CAMEL.findall(text))
            yield Part(frozenset(tokens_of(text)) & self._told | alerts, events, text.lower())

    def _figures(self, number: str, said: str) -> Iterator[Figure]:
        """The numbers of a text with whose they are: of the name before them in their part of it, else of the first."""
        plain = numbers_only(said)
        owners = [(m.start(), trimmed(m[0]).lower()) for m in TOKEN.finditer(said)]
        owners = [(start, name) for start, name in owners if name in self._names]
        first = owners[0][1] if owners else ""
        for quantity in read_quantities(plain):
            begin = max(said.rfind(";", 0, quantity.start), said.rfind("\n", 0, quantity.start), 0)
            near = [(at, name) for at, name in owners if begin <= at < quantity.start]
            plainly = [name for at, name in near if not _PLACED.search(said[max(0, at - 8) : at])]
            owner = plainly[-1] if plainly else near[-1][1] if near else first
            limit = _LIMIT.search(said[max(0, quantity.start - 30) : quantity.start])
            owner = "" if limit else owner
            role = _ROLE.match(plain, quantity.end)
            counts = counted(said, quantity.end) if quantity.dimension == "count" else frozenset()
            yield Figure(quantity, number, "threshold" if limit else _role(role["role"]) if role else "", owner, counts)

    def _owner(self, series: SeriesSummary) -> str:
        values = [part for value in series.labels.values() for part in tokens_of(value)]
        return next((value for value in values if value in self._names), "")

    def _course(self, series: SeriesSummary, number: str, told: tuple[Figure, ...], owner: str) -> Iterator[Figure]:
        """The numbers of a series in the units in which its item's text tells them."""
        values: list[tuple[Role, float | None]] = [
            ("now", series.last), ("before", series.before), ("now", series.after),
            ("minimum", series.minimum), ("mean", series.mean), ("maximum", series.maximum),
        ]  # fmt: skip
        owner = self._owner(series) or owner or next((figure.owner for figure in told if figure.owner), "")
        for dimension, factor in _units(series, told):
            for role, value in values:
                if value is not None:
                    yield Figure(Quantity(value * factor, dimension, 0.0), number, role, owner)
            if series.trend_per_hour:
                rate = Quantity(series.trend_per_hour * factor / 3600, f"{dimension}/s", 0.0)
                yield Figure(rate, number, "trend", owner)
        if series.gaps:
            yield Figure(_count(series.gaps), number, "count")
        yield Figure(_count(series.samples), number, "count")


def _units(series: SeriesSummary, told: tuple[Figure, ...]) -> list[tuple[str, float]]:
    """Dimension and factor to its base unit: those in which the text writes one of the series' values, else any that it writes."""
    values = [v for v in (series.last, series.after, series.before, series.maximum, series.mean) if v is not None]
    found = {
        (figure.quantity.dimension, factor)
        for figure in told
        for factor in (1.0, _DAY)
        for value in values
        if (factor == 1.0 or figure.quantity.dimension == "seconds")
        and abs(value * factor - figure.quantity.value) <= figure.quantity.step / 2 * 1.02
    }
    if not found:
        found = {(figure.quantity.dimension, 1.0) for figure in told if figure.quantity.dimension != "seconds"}
    return sorted(found) or [(dimension, 1.0) for dimension in ("count", "ratio", "bytes", "seconds")]


def _role(said: str) -> Role:
    if said.endswith("hour ago"):
        return "hour ago"
    return said  # type: ignore[return-value]  # the pattern has only roles


def _count(value: int) -> Quantity:
    return Quantity(float(value), "count", 1.0, written=str(value))


def _labels(alert: Alert) -> str:
    """An alert's labels and annotations, and its state."""
    said = (*alert.labels.values(), *alert.annotations.values())
    return f"{alert.name} {alert.state} {alert.severity} {' '.join(said)}"


def plain_words_by_line(text: str) -> str:
    return "\n".join(plain_words(line) for line in text.split("\n"))
