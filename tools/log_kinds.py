"""Tells kinds of log lines apart and counts them, in bounded memory."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from core.redact import REDACTED
from core.vocabulary import Window
from tools.logs import Level, LogLine, ScannedLine

if TYPE_CHECKING:
    from drain3.drain import Drain, LogCluster  # type: ignore[import-untyped]  # it ships none

MAX_KINDS = 1_000
"""Kept apart; when there are more, the rarer half is given up."""
MAX_CACHED = 20_000
"""Lines remembered with their kind."""
MAX_CHARACTERS, MAX_WORDS = 500, 40
"""Of a line, what tells its kind."""
MAX_ENTITIES = 20
ANY = "<*>"
"""In a template, a word that varies although it looks like none that does."""
WEIGHT: Mapping[Level, int] = {"error": 100, "warning": 10, "info": 1, "unknown": 1, "debug": 1}
"""So many lines of no importance does one line stand for when kinds have to be given up."""
SLOTS = 60
"""The window's parts, for telling when a spike began."""
DEPTH, CHILDREN, SIMILARITY = 5, 50, 0.6
"""Drain's tree: two words deep, so wide, and the share of equal words (what varies does not count) that makes one kind."""
_DIGITS = re.compile(r'(?<!" )(?<!\d)\d+')
"""Runs of digits, but an access log's status: what follows the quoted request."""
_VARIES = re.compile(
    r"(?P<url>\b[a-z][a-z0-9+.-]*://[^\s/\"'<>]+)/[^\s\"'<>]*"
    r"|(?P<path>(?<![\w.<])/[^\s\"',;:)\]}]+)"
    r"|(?P<n>(?<!\w)[-+]?0[\w.:,%/+-]*"
    r"|(?<![\w-])(?=[a-fA-F-]*0)[0a-fA-F-]{5,}(?!\w)"
    r"|(?<![\w:])(?=[a-fA-F:]*0)[0a-fA-F]*(?::[0a-fA-F]*){2,}(?!\w))"
)
"""In text whose digits are all 0: paths, and numbers, times, addresses and identifiers alike."""


def key_of(text: str) -> str:
    """The start of a line's first line, every number in it 0: what many lines of one kind share."""
    return _DIGITS.sub("0", text.partition("\n")[0][:MAX_CHARACTERS])


def words_of(key: str) -> list[str]:
    """The words of a key, what varies masked."""
    return _VARIES.sub(_masked, key).split()[:MAX_WORDS]


def _masked(found: re.Match[str]) -> str:
    return f"{found['url'] or ''}<{'path' if found['url'] else found.lastgroup}>"


class Kind:
    """One kind of line, as counted so far. `sample` is its first line inside the window, `missed` the most that it may have had before.

    `missed` is 0 unless it, or another kind, was given up in between.
    """

    __slots__ = ("before", "cluster", "count", "entities", "first", "last", "level", "missed", "sample", "slots")

    def __init__(self, cluster: LogCluster, level: Level, missed: int) -> None:
        self.cluster = cluster
        self.level: Level = level
        self.missed = missed
        self.before = self.count = 0
        self.entities: dict[str, int] = {}
        self.slots = array("L", [0]) * SLOTS
        self.sample: LogLine | None = None
        self.first = self.last = datetime.max.replace(tzinfo=UTC)

    def template(self) -> str:
        """Its words, `<…>` for what varies. A word that the redacted sample does not say as well is a secret."""
        said = {ANY, *(words_of(key_of(self.sample.text)) if self.sample else ())}
        return " ".join(word if word in said else REDACTED for word in self.cluster.log_template_tokens)


class Kinds:
    """Counts lines of a window and of the time before it. Iterating gives the kinds that came in the window.

    `levels` counts all lines of the window, `before` all before it; `forgotten` are the window's lines of `given_up` kinds.
    """

    def __init__(self, window: Window, *, max_kinds: int = MAX_KINDS) -> None:
        self._max_kinds = max_kinds
        self._start = window.start
        self._slot_s = max(window.length.total_seconds(), 1.0) / SLOTS
        self._trees: dict[Level, Drain] = {}
        self._cached: dict[tuple[Level, str], Kind] = {}
        self._kinds: dict[tuple[Level, int], Kind] = {}
        self._missed = 0
        self.levels: Counter[Level] = Counter()
        self.before = 0
        self.forgotten = 0
        self.given_up = 0

    def __iter__(self) -> Iterator[Kind]:
        return (kind for kind in self._kinds.values() if kind.count)

    def __len__(self) -> int:
        return len(self._kinds)

    @property
    def slot_starts(self) -> list[datetime]:
        return [self._start + timedelta(seconds=place * self._slot_s) for place in range(SLOTS)]

    def count_before(self, lines: Iterable[ScannedLine]) -> None:
        for line in lines:
            self._kind_of(line).before += 1
            self.before += 1

    def count(self, lines: Iterable[ScannedLine]) -> None:
        for line in lines:
            kind, at = self._kind_of(line), line.at
            self.levels[line.level] += 1
            kind.count += 1
            kind.slots[min(max(int((at - self._start).total_seconds() / self._slot_s), 0), SLOTS - 1)] += 1
            if kind.sample is None or at < kind.first:
                kind.sample, kind.first = line.shown(), at
            if kind.count == 1 or at > kind.last:
                kind.last = at
            name = line.entity
            if name is not None and (name in kind.entities or len(kind.entities) < MAX_ENTITIES):
                kind.entities[name] = kind.entities.get(name, 0) + 1

    def _kind_of(self, line: ScannedLine) -> Kind:
        level = line.level
        key = (level, key_of(line.text))
        kind = self._cached.get(key)
        if kind is not None:
            return kind
        cluster, _ = self._tree(level).add_log_message(" ".join(words_of(key[1])))
        kind = self._kinds.get((level, cluster.cluster_id))
        if kind is None:
            if len(self._kinds) >= self._max_kinds:
                self._give_up_the_rarest()
                return self._kind_of(line)
            kind = self._kinds[level, cluster.cluster_id] = Kind(cluster, level, self._missed)
        if len(self._cached) >= MAX_CACHED:
            self._cached.clear()
        self._cached[key] = kind
        return kind

    def _tree(self, level: Level) -> Drain:
        """Lines of different levels are never of one kind."""
        from drain3.drain import Drain  # 0.1 s that a question without logs need not wait for

        if level not in self._trees:
            self._trees[level] = Drain(depth=DEPTH, sim_th=SIMILARITY, max_children=CHILDREN, param_str=ANY)
        return self._trees[level]

    def _give_up_the_rarest(self) -> None:
        """Keeps half of the kinds, in trees without anything else: Drain's own bound leaves branches without leaves behind."""
        ordered = sorted(
            self._kinds.items(), key=lambda each: -WEIGHT[each[1].level] * (each[1].count + each[1].before)
        )
        for _, kind in ordered[self._max_kinds // 2 :]:
            self.forgotten += kind.count
            self.given_up += 1
            self._missed = max(self._missed, kind.before)
        counted = {level: tree.clusters_counter for level, tree in self._trees.items()}
        self._kinds, self._trees, self._cached = dict(ordered[: self._max_kinds // 2]), {}, {}
        for level, count in counted.items():
            self._tree(level).clusters_counter = count  # numbers are never given again
        for (level, number), kind in self._kinds.items():
            tree = self._tree(level)
            tree.id_to_cluster[number] = kind.cluster
            tree.add_seq_to_prefix_tree(tree.root_node, kind.cluster)
