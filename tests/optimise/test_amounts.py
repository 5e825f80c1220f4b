"""Numbers in another unit, rounded or derived are the same number; others are not."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from optimise.amounts import alike, amounts, parts, tells_amount, tells_part, tells_rest
from pipeline.verification.quantities import UNITS, Quantity

SIZES = ("MB", "GB", "TB", "MiB", "GiB", "TiB")
LENGTHS = {"s": 1, "min": 60, "h": 3600, "days": 86_400}


def one(text: str) -> Quantity:
    (found,) = amounts(text)
    return found


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("9.0 GiB", "it uses 9.66 GB"),
        ("9.0 GiB", "about 9.7 GB"),
        ("1.8 TiB", "2.0 TB"),
        ("2 TB", "1.82 TiB"),
        ("20,992 GiB", "20.5 TiB"),
        ("9.04 GiB", "9 GiB"),
        ("9 GiB", "9.04 GiB"),
        ("100 Mbit/s", "12.5 MB/s"),
        ("3 min", "180 s"),
        ("90 s", "1 min 30 s"),
        ("1.5 h", "90 minutes"),
        ("2.6 min", "3 min"),
        ("91.2 %", "91 %"),
        ("91.2 %", "over 90 %"),
        ("91.2 %", "about 90 %"),
        ("over 85 %", "91 %"),
        ("under 15 %", "9 %"),
        ("35 %", "0.35 of its cores"),
        ("1196 services", "about 1,200"),
        ("1196 services", "1,200 services"),
        ("3 restarts", "three restarts"),
        ("50 %", "1 of 2 resolvers"),
        ("80 %", "1.6 of 2.0 TB"),
        ("2x", "2 times"),
    ],
)
def test_what_is_said_of_an_amount(wanted: str, said: str) -> None:
    assert tells_amount(one(wanted), said)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("9.0 GiB", "9.0 GB"),
        ("9.0 GiB", "9.0 MiB"),
        ("9.0 GiB", "9.0 GiB/s"),
        ("1.5 TB", "2 TB"),
        ("3 min", "3 s"),
        ("3 min", "4 min"),
        ("91.2 %", "90 %"),
        ("91.2 %", "92 %"),
        ("0.4 %", "0 %"),
        ("over 85 %", "71 %"),
        ("88 alerts", "87 alerts"),
        ("1196 services", "1,100 services"),
        ("35 %", "35 GiB"),
        ("-5 °C", "+5 °C"),
        ("50 %", "1 of 3 resolvers"),
        ("80 %", "1.6 of 3.0 TB"),
        ("53 queries", "10.0.20.11:53"),
        ("21 alerts", "since 21:46:00 UTC"),
    ],
)
def test_what_is_said_of_another_amount(wanted: str, said: str) -> None:
    assert not tells_amount(one(wanted), said)


@given(st.floats(1, 900), st.sampled_from(SIZES), st.sampled_from(SIZES))
def test_a_size_is_the_same_in_every_unit(value: float, wanted: str, said: str) -> None:
    written = f"{value:.3f}"  # what is cut off here would be another size
    converted = float(written) * UNITS[wanted][1] / UNITS[said][1]
    assume(0.01 <= converted < 1e9)
    assert alike(one(f"{written} {wanted}"), one(f"{converted:.4f} {said}"))


@given(st.floats(1, 900), st.sampled_from(SIZES), st.sampled_from(SIZES), st.floats(0.25, 4))
def test_a_size_that_is_a_fifth_off_is_another(value: float, wanted: str, said: str, factor: float) -> None:
    assume(abs(factor - 1) > 0.21)
    converted = factor * value * UNITS[wanted][1] / UNITS[said][1]
    assume(0.01 <= converted < 1e9)
    assert not alike(one(f"{value:.3f} {wanted}"), one(f"{converted:.6f} {said}"))


@given(st.integers(1, 5000), st.sampled_from(list(LENGTHS)), st.sampled_from(list(LENGTHS)))
def test_a_length_of_time_is_the_same_in_every_unit(value: int, wanted: str, said: str) -> None:
    converted = value * LENGTHS[wanted] / LENGTHS[said]
    assume(0.01 <= converted < 1e9)
    assert alike(one(f"{value} {wanted}"), one(f"{converted:.6f} {said}"))


@given(st.floats(1, 99), st.integers(0, 2))
def test_rounding_is_understood_both_ways(value: float, digits: int) -> None:
    exact, rounded = one(f"{value:.3f} %"), one(f"{value:.{digits}f} %")
    assume(abs(exact.value - rounded.value) <= 0.2 * min(exact.value, rounded.value))
    assert alike(exact, rounded)
    assert alike(rounded, exact)


@given(st.integers(0, 999), st.integers(0, 999))
def test_counts_below_a_thousand_are_exact(wanted: int, said: int) -> None:
    assume(said % 100 or said == 0)
    assert alike(one(f"{wanted} alerts"), one(f"{said} alerts")) == (wanted == said)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2 of 2 resolvers", {(2, 2)}),
        ("two out of three", {(2, 3)}),
        ("1/2", {(1, 2)}),
        ("both resolvers", {(2, 2)}),
        ("all three nodes", {(3, 3)}),
        ("none of the 4", {(0, 4)}),
        ("neither", {(0, 2)}),
        ("174 of 1196 measurements", {(174, 1196)}),
        ("3 of 4.5 GB", set()),
        ("12 of 20 %", set()),
    ],
)
def test_so_many_of_so_many(text: str, found: set[tuple[int, int]]) -> None:
    assert parts(text) == found


def test_a_part_is_told_as_all_none_or_a_share() -> None:
    assert tells_part((2, 2), "every resolver is down")
    assert tells_part((0, 2), "no resolver answers")
    assert tells_part((1, 4), "25 % of the disks")
    assert not tells_part((1, 4), "20 % of the disks")
    assert not tells_part((1, 2), "2 of 2 resolvers, 1 node")


def test_what_is_left_tells_what_is_used() -> None:
    assert tells_rest(one("12 %"), "88 % full")
    assert tells_rest(one("200 GB"), "1.8 of 2.0 TB")
    assert not tells_rest(one("12 %"), "12 % full")
    assert not tells_rest(one("200 GB"), "1.9 of 2.0 TB")
