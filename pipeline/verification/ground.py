"""What stands behind a claim: the cited items taken together, with their numbers, times, names and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Literal
from urllib.parse import unquote

from core.vocabulary import SeriesSummary
from pipeline.verification.quantities import Quantity
from pipeline.verification.reading import TOKEN, trimmed

Role = Literal[
    "",
    "now",
    "yesterday",
    "last week",
    "hour ago",
    "ago",
    "before",
    "minimum",
    "mean",
    "maximum",
    "trend",
    "count",
    "threshold",
]
PARTED = re.compile(r"\b(?P<part>\d{1,9})\s(?:(?:out )?of|/)\s(?:the\s|all\s)?(?P<all>\d{1,9})\b(?!\s?[%.\d])")
RANKED = 3
"""An item that tells of so many ranks them."""
MAX_EVENTS = 16
"""Times of the cited items that are set against each other."""
CAMEL = re.compile(r"\b(?![KMGTP]i[Bb]\b)[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]*)+\b")
"""How alerts are called."""
REFERENCES: frozenset[Role] = frozenset({"yesterday", "last week", "hour ago", "before"})
_PARTS = re.compile(r"[\s:=@,;\"'“”(){}\[\]|<>`]+")


_BEHIND = re.compile(r"(?:\s(?!\d|and\b|of\b|or\b)[A-Za-z-]+){1,4}")
STATES = frozenset(
    {"firing", "suppressed", "pending", "critical", "warning", "error", "ended", "down", "failing", "quoted"}
)
SUBSETS = STATES - {"firing", "down", "failing", "quoted"}
"""States that only some of those in another state have: of four that fire, one is critical."""
WHOLE_LIST = "all of a list"
"""What "a, b and 84 more" come to, whatever they are."""
_COUNTED = re.compile(
    r"\b(firing|suppressed|pending|critical|warning|error|ended|down|failing|quoted|node|guest|host|service|line|resolver)s?\b"
)


@dataclass(frozen=True)
class Figure:
    """A number of an item: whose it is, and whether it is of now or of an earlier time."""

    quantity: Quantity
    item: str
    role: Role = ""
    owner: str = ""
    counts: frozenset[str] = frozenset()
    """Of a count, what it is the number of: firing, critical, errors, down …"""


@dataclass(frozen=True)
class Part:
    """What stands between two semicolons of an item: `names` are the hosts, services and alerts in it, in lower case."""

    names: frozenset[str]
    events: tuple[datetime, ...]
    text: str


@dataclass(frozen=True)
class Item:
    """One numbered item read once. `events` are times at which something happened, `bounds` those of the window that was looked at."""

    id: str
    text: str
    figures: tuple[Figure, ...]
    events: tuple[datetime, ...]
    bounds: tuple[datetime, ...]
    days: frozenset[date]
    series: tuple[SeriesSummary, ...] = ()
    links: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    source: str = ""
    replaced: tuple[tuple[Quantity, Quantity], ...] = ()
    """Of a change, the numbers that it replaced with what it put there."""
    score: float = 0.0
    """Of a change, how well it explains the incident (0..1); 0 when nobody ranked it."""
    raw: str = ""
    """The text with its markup, out of which commands are copied."""

    @cached_property
    def tokens(self) -> frozenset[str]:
        return frozenset(tokens_of(self.text))

    @cached_property
    def squeezed(self) -> str:
        """Lower case, every run of white space one space: what is quoted must stand in it."""
        return " ".join(f"{self.text}\n{self.raw}".lower().split())


@dataclass(frozen=True)
class Ground:
    """The items that a claim cites."""

    items: tuple[Item, ...]

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(figure for item in self.items for figure in item.figures)

    @cached_property
    def events(self) -> tuple[datetime, ...]:
        return tuple(dict.fromkeys(event for item in self.items for event in item.events))

    @cached_property
    def bounds(self) -> tuple[datetime, ...]:
        return tuple(dict.fromkeys(bound for item in self.items for bound in item.bounds))

    @cached_property
    def tokens(self) -> frozenset[str]:
        return frozenset().union(*(item.tokens for item in self.items))

    @cached_property
    def days(self) -> frozenset[date]:
        return frozenset().union(*(item.days for item in self.items))

    @cached_property
    def sources(self) -> frozenset[str]:
        return frozenset(item.source for item in self.items if item.source)

    @cached_property
    def parted(self) -> frozenset[tuple[int, int]]:
        """Every "174 of 935" of the items."""
        return frozenset((int(m["part"]), int(m["all"])) for item in self.items for m in PARTED.finditer(item.text))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return tuple(part for item in self.items for part in item.parts)

    @cached_property
    def replaced(self) -> tuple[tuple[Quantity, Quantity], ...]:
        return tuple(pair for item in self.items for pair in item.replaced)

    @property
    def listed(self) -> str:
        return ", ".join(item.id for item in self.items) or "no item"

    def says(self, text: str) -> bool:
        """Whether one of the items has these very words."""
        wanted = " ".join(text.lower().split())
        return any(wanted in item.squeezed for item in self.items)


def ranked(item: Item) -> list[Figure]:
    """The numbers of the kind that most of the item's have, each of somebody."""
    owned = [
        f for f in item.figures if f.owner and f.role == "" and f.quantity.written and f.quantity.dimension != "count"
    ]
    if not owned:
        return []
    kinds = [figure.quantity.dimension for figure in owned]
    usual = max(set(kinds), key=kinds.count)
    return [figure for figure in owned if figure.quantity.dimension == usual]


def counted(text: str, end: int) -> frozenset[str]:
    """What the words behind a number, up to the next number or stop, say that it counts."""
    words = _BEHIND.match(text, end)
    return frozenset(_COUNTED.findall(words[0].lower())) if words else frozenset()


def same_link(link: str) -> str:
    """What two spellings of one address have in common."""
    return unquote(link).rstrip("/.,;").lower()


def tokens_of(text: str) -> Iterator[str]:
    """Every word, name, path and address in lower case, whole and in its parts: "media:9100" is of media."""
    for match in TOKEN.finditer(text.lower()):
        whole = trimmed(match[0])
        yield whole
        for part in _PARTS.split(whole.replace("/", " ")):
            yield trimmed(part)
            if "." in part:
                yield part.split(".", 1)[0]
                yield part.rpartition(".")[2]
