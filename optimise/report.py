"""What an evaluation found: a verdict for each case, and the shares that are told of many."""

from __future__ import annotations

from collections.abc import Sequence

from core.vocabulary import Frozen
from scenarios.index import Split

SURE = 0.7
"""A cause told with so much confidence, and wrong, is confidently wrong."""


class TurnResult(Frozen):
    """One answer, judged. `failed` says in words what did not hold; `sure` whether it names a cause with confidence."""

    question: str
    answer: str
    failed: tuple[str, ...] = ()
    grounded: bool = True
    confidently_wrong: bool = False
    mode: str = "deterministic"
    gaps: tuple[str, ...] = ()
    llm_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    latency_s: float = 0.0
    judged: float | None = None
    """What a model as judge says, 0..1; told beside the verdict, never part of it."""


class CaseResult(Frozen):
    """A case, asked with one seed. It passes when nothing failed in any turn."""

    id: str
    kind: str
    split: Split
    scenario: str | None = None
    seed: int = 0
    adversarial: bool = False
    turns: tuple[TurnResult, ...]
    seconds: float = 0.0

    @property
    def failed_checks(self) -> tuple[str, ...]:
        return tuple(check for turn in self.turns for check in turn.failed)

    @property
    def passed(self) -> bool:
        return not self.failed_checks


class Report(Frozen):
    """All cases of an evaluation. `program` is the version that answered, `data_hash` stands for the cases and scenarios."""

    program: str
    program_source: str
    data_hash: str
    git_revision: str
    seconds: float
    cases: tuple[CaseResult, ...]

    def share(self, cases: Sequence[CaseResult] | None = None) -> float:
        """How many of them pass, 0..1."""
        cases = self.cases if cases is None else cases
        return sum(case.passed for case in cases) / len(cases) if cases else 0.0

    def kinds(self) -> dict[str, tuple[int, int]]:
        """Of each kind how many passed, and how many there are."""
        names = sorted({case.kind for case in self.cases})
        return {
            name: (sum(c.passed for c in self.cases if c.kind == name), sum(c.kind == name for c in self.cases))
            for name in names
        }

    @property
    def gap(self) -> float | None:
        """The share of everyday cases that pass less that of adversarial ones; None without either."""
        plain = [case for case in self.cases if not case.adversarial]
        made = [case for case in self.cases if case.adversarial]
        return self.share(plain) - self.share(made) if plain and made else None

    def turns(self) -> list[TurnResult]:
        return [turn for case in self.cases for turn in case.turns]

    @property
    def confidently_wrong(self) -> float:
        """The share of answers that name a wrong cause with confidence."""
        return _mean([turn.confidently_wrong for turn in self.turns()])

    @property
    def grounded(self) -> float:
        """The share of answers whose every claim stands in what they cite."""
        return _mean([turn.grounded for turn in self.turns()])

    def contract(self) -> dict[str, object]:
        """The form of `sre eval --json`."""
        return {
            "passed": sum(case.passed for case in self.cases),
            "total": len(self.cases),
            "by_kind": {kind: {"passed": passed, "total": total} for kind, (passed, total) in self.kinds().items()},
            "cases": [
                {
                    "id": case.id,
                    "kind": case.kind,
                    "split": case.split,
                    "passed": case.passed,
                    "failed_checks": list(case.failed_checks),
                    "seed": case.seed,
                    "seconds": round(case.seconds, 3),
                }
                for case in self.cases
            ],
            "confidently_wrong": self.confidently_wrong,
            "grounded": self.grounded,
            "easy_minus_adversarial": self.gap,
            "program": {"version": self.program, "source": self.program_source},
            "data_hash": self.data_hash,
            "git_revision": self.git_revision,
            "seconds": round(self.seconds, 1),
        }


def _mean(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 1.0
