"""Two evaluations case by case: what was won, what was lost, and how sure the difference is.

The interval is a paired bootstrap over clusters (Efron and Tibshirani 1993, chapters 8 and 13; percentiles). Cases over one scenario stand
or fall together, with all their seeds, so scenarios are drawn, not cases.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import InvalidInput
from core.vocabulary import Frozen
from optimise.report import CaseResult, Report
from scenarios.index import Split

DRAWS = 10_000
SEED = 20_261_123
CELLS = 2_000_000
"""Numbers held at once while drawing."""
Key = tuple[str, int]


class Turned(Frozen):
    """A case that passes on one side alone. `reason` is the first check that failed on the other."""

    id: str
    seed: int
    kind: str
    split: Split
    won: bool
    reason: str


class KindChange(Frozen):
    """Of the pairs of a kind, how many pass before and after."""

    before: int
    after: int
    total: int


class Comparison(Frozen):
    """`difference` is the share of pairs that pass after, less the share before; `low` to `high` its 95 % interval.

    `clusters` are the scenarios (a case without one counts as one) that the interval is drawn from: with few of them it is too narrow,
    with a single one it says nothing, and reaches from -1 to 1. `only_before` and `only_after` name what has no partner: "id seed 0".
    """

    before: str
    after: str
    pairs: int
    passed_before: int
    passed_after: int
    difference: float
    low: float
    high: float
    clusters: int
    turned: tuple[Turned, ...]
    kinds: dict[str, KindChange]
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    same_data: bool = True

    @property
    def won(self) -> tuple[Turned, ...]:
        return tuple(each for each in self.turned if each.won)

    @property
    def lost(self) -> tuple[Turned, ...]:
        return tuple(each for each in self.turned if not each.won)

    @property
    def same(self) -> int:
        """Pairs with the same verdict on both sides."""
        return self.pairs - len(self.turned)

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.passed_before} of {self.pairs} pass with {self.before}, {self.passed_after} with {self.after}: "
            f"{self.difference:+.3f} (95 % interval {self.low:+.3f} to {self.high:+.3f} over {self.clusters} scenarios); "
            f"{len(self.won)} won, {len(self.lost)} lost, {self.same} the same"
        )

    def metrics(self) -> dict[str, float]:
        """As MLflow keeps them."""
        found = {"difference": self.difference, "low": self.low, "high": self.high}
        found |= {"won": float(len(self.won)), "lost": float(len(self.lost)), "same": float(self.same)}
        return found | {f"kind/{name}": (each.after - each.before) / each.total for name, each in self.kinds.items()}

    def table(self) -> dict[str, list[str]]:
        """Columns of what was won and lost; lost first, which is what one looks for."""
        rows = [*self.lost, *self.won]
        return {
            "case": [each.id for each in rows],
            "seed": [str(each.seed) for each in rows],
            "kind": [each.kind for each in rows],
            "verdict": ["won" if each.won else "lost" for each in rows],
            "reason": [each.reason for each in rows],
        }


def compare(before: Report, after: Report, *, draws: int = DRAWS) -> Comparison:
    """Cases are paired by id and seed. Raises InvalidInput when none is in both, or one is twice in the same report."""
    a, b = _by_key(before, "before"), _by_key(after, "after")
    pairs = [(a[key], b[key]) for key in a if key in b]
    if not pairs:
        raise InvalidInput("compare: the two reports have no case and seed in common; evaluate both on the same set")
    low, high, clusters = _interval(pairs, draws)
    was, now = sum(one.passed for one, _ in pairs), sum(other.passed for _, other in pairs)
    return Comparison(
        before=before.program,
        after=after.program,
        pairs=len(pairs),
        passed_before=was,
        passed_after=now,
        difference=(now - was) / len(pairs),
        low=low,
        high=high,
        clusters=clusters,
        turned=tuple(_turned(one, other) for one, other in pairs if one.passed != other.passed),
        kinds=_kinds(pairs),
        only_before=_without_partner(a, b),
        only_after=_without_partner(b, a),
        same_data=before.data_hash == after.data_hash,
    )


def _by_key(report: Report, side: str) -> dict[Key, CaseResult]:
    found: dict[Key, CaseResult] = {}
    for case in report.cases:
        if found.setdefault((case.id, case.seed), case) is not case:
            raise InvalidInput(f"compare: {case.id} seed {case.seed} is twice in the report {side}; evaluate anew")
    return found


def _without_partner(these: dict[Key, CaseResult], those: dict[Key, CaseResult]) -> tuple[str, ...]:
    return tuple(f"{name} seed {seed}" for name, seed in sorted(these.keys() - those.keys()))


def _turned(before: CaseResult, after: CaseResult) -> Turned:
    failed = before if after.passed else after
    return Turned(
        id=after.id, seed=after.seed, kind=after.kind, split=after.split, won=after.passed, reason=failed.failed_checks[0]
    )  # fmt: skip


def _kinds(pairs: Sequence[tuple[CaseResult, CaseResult]]) -> dict[str, KindChange]:
    found: dict[str, KindChange] = {}
    for name in sorted({after.kind for _, after in pairs}):
        own = [(one, other) for one, other in pairs if other.kind == name]
        was, now = sum(one.passed for one, _ in own), sum(other.passed for _, other in own)
        found[name] = KindChange(before=was, after=now, total=len(own))
    return found


def _interval(pairs: Sequence[tuple[CaseResult, CaseResult]], draws: int) -> tuple[float, float, int]:
    """The 2.5th and 97.5th percentile of the difference, and over how many clusters."""
    import numpy as np

    sums: dict[tuple[str, str], list[int]] = {}
    for before, after in pairs:
        cluster = ("scenario", after.scenario) if after.scenario else ("case", after.id)
        own = sums.setdefault(cluster, [0, 0])
        own[0] += int(after.passed) - int(before.passed)
        own[1] += 1
    if len(sums) < 2:
        return -1.0, 1.0, len(sums)
    table = np.array([sums[cluster] for cluster in sorted(sums)], dtype=np.float64)
    rng = np.random.default_rng(SEED)
    rows = max(1, CELLS // len(table))
    found = []
    for start in range(0, draws, rows):
        size = min(rows, draws - start)
        drawn = table[rng.integers(len(table), size=(size, len(table)))].sum(axis=1)
        found.append(drawn[:, 0] / drawn[:, 1])
    low, high = np.percentile(np.concatenate(found), [2.5, 97.5])
    return float(low), float(high), len(sums)
