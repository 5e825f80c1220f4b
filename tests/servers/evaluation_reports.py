"""Small evaluation reports for tests."""

from __future__ import annotations

from optimise.report import CaseResult, Report, TurnResult


def case(name: str, passes: bool = True, **fields: object) -> CaseResult:
    """A case of one turn, of the split dev and the kind high_cpu if nothing else is said."""
    turn = TurnResult(question=f"{name}?", answer="so", failed=() if passes else (f"facts: {name}",), latency_s=0.5)
    return CaseResult.model_validate({"id": name, "kind": "high_cpu", "split": "dev", "turns": (turn,), **fields})


def report(*cases: CaseResult, program: str = "0.1.0+aaa", **fields: object) -> Report:
    told = {"program_source": "shipped", "data_hash": "d1", "git_revision": "abc123", "seconds": 2.5}
    return Report.model_validate({"program": program, "cases": cases, **told, **fields})
