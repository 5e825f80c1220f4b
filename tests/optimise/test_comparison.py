"""What was won and lost between two evaluations, and the interval of the difference."""

from __future__ import annotations

import pytest
from evaluation_reports import case, report

from core.errors import InvalidInput
from optimise.comparison import Comparison, KindChange, compare
from optimise.report import TurnResult


def test_pairs_are_won_lost_or_the_same_with_the_first_reason() -> None:
    turn = TurnResult(question="?", answer="", failed=("facts: 12 %", "forbidden: moon"))
    before = report(case("a"), case("b", False, split="train"), case("c"), case("d", False))
    after = report(
        case("a", turns=(turn,), kind="dns"), case("b", split="train"), case("c"), case("d", False), program="0.1.0+bbb"
    )
    found = compare(before, after)
    assert [(each.id, each.kind, each.reason) for each in found.lost] == [("a", "dns", "facts: 12 %")]
    assert [(each.id, each.split, each.reason) for each in found.won] == [("b", "train", "facts: b")]
    assert (found.pairs, found.same, found.passed_before, found.passed_after) == (4, 2, 2, 2)
    assert found.kinds == {
        "dns": KindChange(before=1, after=0, total=1),
        "high_cpu": KindChange(before=1, after=2, total=3),
    }
    assert (found.before, found.after) == ("0.1.0+aaa", "0.1.0+bbb")


def test_seeds_of_a_case_are_pairs_of_their_own() -> None:
    found = compare(report(case("a"), case("a", seed=1)), report(case("a"), case("a", False, seed=1)))
    assert [(each.id, each.seed) for each in found.lost] == [("a", 1)]
    assert found.same == 1


def test_cases_without_a_partner_are_named_and_not_counted() -> None:
    found = compare(report(case("a"), case("gone", False)), report(case("a"), case("new", seed=2)))
    assert (found.only_before, found.only_after) == (("gone seed 0",), ("new seed 2",))
    assert (found.pairs, found.difference) == (1, 0.0)


def test_other_cases_under_the_same_ids_are_told() -> None:
    assert compare(report(case("a")), report(case("a"))).same_data
    assert not compare(report(case("a")), report(case("a"), data_hash="d2")).same_data


def test_nothing_in_common_or_a_case_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no case and seed in common"):
        compare(report(case("a")), report(case("b")))
    with pytest.raises(InvalidInput, match="a seed 0 is twice in the report after"):
        compare(report(case("a")), report(case("a"), case("a")))


def won(number: int, of: int, *, scenarios: int | None = None) -> Comparison:
    """The first `number` cases of `of` are won, in as many scenarios if told so, else each on its own."""
    names = [f"s{index % scenarios}" if scenarios else None for index in range(of)]
    before = [case(f"c{index}", False, scenario=name) for index, name in enumerate(names)]
    after = [case(f"c{index}", index < number, scenario=name) for index, name in enumerate(names)]
    return compare(report(*before), report(*after))


def test_the_interval_is_that_of_the_binomial_when_each_case_stands_alone() -> None:
    """Resampling 200 independent cases of which 60 are won: 0.3 ± 1.96 · sqrt(0.3 · 0.7 / 200)."""
    found = won(60, 200)
    assert found.difference == pytest.approx(0.3)
    assert (found.low, found.high) == (pytest.approx(0.2365, abs=0.008), pytest.approx(0.3635, abs=0.008))
    assert found.clusters == 200


def test_cases_over_one_scenario_count_as_one() -> None:
    """100 cases in 10 scenarios of which 3 are wholly won are as unsure as 10 cases."""
    before = [case(f"c{index}", False, scenario=f"s{index % 10}") for index in range(100)]
    after = [case(f"c{index}", index % 10 < 3, scenario=f"s{index % 10}") for index in range(100)]
    clustered, alone = compare(report(*before), report(*after)), won(3, 10)
    assert clustered.clusters == 10
    assert clustered.difference == pytest.approx(alone.difference)
    assert (clustered.low, clustered.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert clustered.high - clustered.low > 2 * (won(30, 100).high - won(30, 100).low)


def test_seeds_of_a_case_without_a_scenario_are_one_cluster() -> None:
    cases = [case(name, seed=seed) for name in ("a", "b") for seed in range(5)]
    assert compare(report(*cases), report(*cases)).clusters == 2


def test_the_same_reports_give_the_same_interval() -> None:
    assert won(7, 40) == won(7, 40)


def test_no_change_has_no_width_and_a_single_scenario_says_nothing() -> None:
    assert (won(0, 20).low, won(0, 20).high) == (0.0, 0.0)
    one = won(5, 20, scenarios=1)
    assert (one.low, one.high, one.clusters) == (-1.0, 1.0, 1)


def test_many_cases_are_drawn_in_bounded_pieces() -> None:
    found = won(1500, 3000)
    assert found.low < found.difference < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / 3000**0.5, rel=0.1)


def test_table_and_summary_tell_the_lost_first() -> None:
    found = compare(report(case("a", False), case("b")), report(case("a"), case("b", False), program="0.1.0+bbb"))
    assert found.table() == {
        "case": ["b", "a"],
        "seed": ["0", "0"],
        "kind": ["high_cpu", "high_cpu"],
        "verdict": ["lost", "won"],
        "reason": ["facts: b", "facts: a"],
    }
    assert found.summary().startswith("1 of 2 pass with 0.1.0+aaa, 1 with 0.1.0+bbb: +0.000 (95 % interval ")
    assert found.summary().endswith("1 won, 1 lost, 0 the same")
    assert Comparison.model_validate_json(found.model_dump_json()) == found
