"""Numbers are read in their units and compared as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.verification.numbers import within
from pipeline.verification.quantities import read_quantities
from pipeline.wording import percent, size


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("96.3 %", "ratio", 0.963),
        ("96.3%", "ratio", 0.963),
        ("12 percent", "ratio", 0.12),
        ("55 percentage points", "points", 0.55),
        ("9.0 GiB", "bytes", 9 * 2**30),
        ("9663676416 bytes", "bytes", 9 * 2**30),
        ("9,663,676,416 bytes", "bytes", 9 * 2**30),
        ("2 GB", "bytes", 2e9),
        ("3 kB", "bytes", 3000),
        ("1.5 MiB/s", "bytes/s", 1.5 * 2**20),
        ("300 Mbit/s", "bytes/s", 37.5e6),
        ("340 ms", "seconds", 0.34),
        ("15 min", "seconds", 900),
        ("15-minute", "seconds", 900),
        ("1 h 30 min", "seconds", 5400),
        ("1h30m", "seconds", 5400),
        ("half an hour", "seconds", 1800),
        ("fifteen minutes", "seconds", 900),
        ("6 and a half days", "seconds", 6.5 * 86_400),
        ("3.1 days", "seconds", 3.1 * 86_400),
        ("71 °C", "celsius", 71),
        ("2.4 times", "times", 2.4),
        ("×3", "times", 3),
        ("3×", "times", 3),
        ("120 requests/s", "count/s", 120),
        ("7200 errors per hour", "count/s", 2),
        ("36 %/h", "ratio/s", 0.0001),
        ("seven", "count", 7),
        ("-3 days", "seconds", -3 * 86_400),
    ],
)
def test_a_number_is_read_in_one_unit(text: str, dimension: str, value: float) -> None:
    (found,) = read_quantities(f"It is {text}.")
    assert (found.dimension, found.value) == (dimension, pytest.approx(value))
    assert found.written == text


@pytest.mark.parametrize(
    "text", ["from 41.0 to 96.3 %", "41.0–96.3 %", "41.0-96.3 %", "96.3 % instead of 41.0", "41.0 of the 96.3 %"]
)
def test_a_number_beside_one_with_a_unit_has_it_too(text: str) -> None:
    assert sorted(quantity.value for quantity in read_quantities(text)) == [pytest.approx(0.41), pytest.approx(0.963)]


def test_an_hour_ago_is_no_rate() -> None:
    assert [quantity.dimension for quantity in read_quantities("41 % an hour ago")] == ["ratio", "seconds"]


@pytest.mark.parametrize(
    "text", ["pve1", "h264", "10.0.20.11:53", "version 1.2.3", "v2", "qemu/104", "5xx", "sdc-part1"]
)
def test_digits_in_a_name_are_no_number(text: str) -> None:
    assert read_quantities(text) == []


@pytest.mark.parametrize(
    ("claimed", "known", "stands"),
    [
        ("97 %", "97.2 %", True),
        ("about 97 %", "97.2 %", True),
        ("97.2 %", "97 %", False),
        ("97 %", "97.6 %", False),
        ("9.7 GB", "9.0 GiB", True),
        ("9.0 GB", "9.0 GiB", False),
        ("9216 MiB", "9.0 GiB", True),
        ("150 min", "2.5 h", True),
        ("over 90 %", "96.3 %", True),
        ("over 80 %", "96.3 %", False),
        ("over 97 %", "96.3 %", False),
        ("nearly 100 %", "96.3 %", True),
        ("nearly 90 %", "96.3 %", False),
        ("about 100 %", "96.3 %", False),
    ],
)
def test_a_number_stands_within_its_own_rounding(claimed: str, known: str, stands: bool) -> None:
    assert within(read_quantities(claimed)[0], read_quantities(known)[0]) is stands


@given(st.floats(min_value=0, max_value=1, allow_nan=False))
def test_every_ratio_stands_as_this_project_words_it(ratio: float) -> None:
    (written,) = read_quantities(percent(ratio))
    assert abs(written.value - ratio) <= 0.0005 + 1e-9


@given(st.floats(min_value=0, max_value=2**55, allow_nan=False))
def test_every_size_stands_as_this_project_words_it(size_in_bytes: float) -> None:
    (written,) = read_quantities(size(size_in_bytes))
    assert abs(written.value - size_in_bytes) <= written.step / 2 * (1 + 1e-9)


@given(st.integers(min_value=1, max_value=9999), st.integers(min_value=1, max_value=9999))
def test_no_whole_number_stands_for_another(one: int, other: int) -> None:
    (claimed,), (known,) = read_quantities(f"{one} lines"), read_quantities(f"{other} lines")
    assert within(claimed, known) is (one == other)
