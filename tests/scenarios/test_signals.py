import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.shapes import SHAPES, Course, Modulation, Shape
from scenarios.signals import Signal, SignalTable

ORIGIN = 1_795_000_000.0
LIVELY = Signal("lively", "things", daily=0.3, weekly=0.05, noise=0.3)


def table(seed=0):
    return SignalTable(LIVELY, {"a": 2.0, "b": 5.0}, seed=seed, origin=ORIGIN)


def course(name, **lengths):
    return Course.of(Shape(name, **lengths), duration=None)


@pytest.mark.parametrize(
    ("shape", "at", "expected"),
    [
        (Shape("step", delay=10), [0, 9, 10, 99], [0, 0, 1, 1]),
        (Shape("ramp", length=10), [0, 5, 10, 50], [0, 0.5, 1, 1]),
        (Shape("spike", length=10), [0, 5, 10, 20], [0, 1, 0, 0]),
        (Shape("sawtooth", length=10, hold=5), [5, 12, 15, 20], [0.5, 1, 0, 0.5]),
        (Shape("cycle", hold=10, pause=5), [0, 9, 10, 14, 15], [1, 1, 0, 0, 1]),
    ],
)
def test_shapes(shape, at, expected):
    assert Course.of(shape, duration=None).at(np.array(at, dtype=float)) == pytest.approx(expected)


def test_a_duration_ends_any_shape():
    for name in SHAPES:
        found = Course.of(Shape(name, length=60, hold=30, pause=10), duration=100)
        assert found.at(np.array([100.0, 150.0, 1e6])) == pytest.approx([0, 0, 0])


def test_the_speedup_shortens_everything_after_the_onset():
    placed = course("ramp", length=600, delay=60).placed(ORIGIN, 10)
    assert placed.at(ORIGIN + np.array([0, 6, 36, 66])) == pytest.approx([0, 0, 0.5, 1])


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(SHAPES),
    lengths=st.tuples(st.floats(10, 4000), st.floats(30, 900), st.floats(10, 3000)),
    effect=st.tuples(st.floats(-1, 4), st.floats(0, 20)),
    seed=st.integers(0, 1000),
)
def test_the_integral_is_that_of_the_signal(name, lengths, effect, seed):
    length, hold, second = lengths
    signal = table(seed)
    first = course(name, length=length, hold=hold, pause=hold).placed(ORIGIN + 500, 1.0)
    modulation = Modulation.none().then(first, scale=effect[0], offset=effect[1])
    signal.modulate("a", modulation.then(course("ramp", length=second).placed(ORIGIN + 900, 1.0), scale=-0.5, offset=1))
    times = np.linspace(ORIGIN, ORIGIN + 6000, 12_001)
    values = signal.values(times)[0]
    areas = np.diff(signal.integrals(times)[0])
    trapezoids = (values[1:] + values[:-1]) / 2 * np.diff(times)
    # Where the signal jumps between two samples, the area lies anywhere between those of its two levels; and a peak between
    # two equal samples is seen from the steps before and after it.
    steps = np.pad(np.abs(np.diff(values)), 1)
    around = np.maximum(np.maximum(steps[:-2], steps[2:]), steps[1:-1])
    assert (np.abs(areas - trapezoids) <= 0.01 + 0.26 * around).all()
    assert np.median(np.abs(areas - trapezoids)) < 1e-3
    assert (values >= -1e-9).all()
    assert np.array_equal(signal.integral("a", times[::500]), signal.integrals(times[::500])[0])


def test_the_other_rows_know_nothing_of_a_modulation():
    plain, changed = table(), table()
    changed.modulate("a", Modulation.none().then(course("step").placed(ORIGIN, 1), scale=1, offset=0))
    times = ORIGIN + np.arange(100.0)
    assert np.array_equal(plain.values(times)[1], changed.values(times)[1])
    assert np.allclose(changed.values(times)[0], 2 * plain.values(times)[0])


def test_values_do_not_depend_on_what_else_is_asked():
    noisy = SignalTable(Signal("n", "x", noise=0.1, jitter=0.2), {"a": 1.0, "b": 3.0}, seed=4, origin=ORIGIN)
    times = ORIGIN + np.array([5.0, -7000.0, 81.25])
    together = noisy.values(times)
    for column, moment in enumerate(times):
        assert np.array_equal(noisy.values(np.array([moment]))[:, 0], together[:, column])
    assert np.ptp(noisy.values(ORIGIN + np.arange(50.0))[0]) > 0.1


def test_adding_an_entity_leaves_the_others_as_they_were():
    more = SignalTable(LIVELY, {"new": 1.0, "a": 2.0, "b": 5.0}, seed=0, origin=ORIGIN)
    times = ORIGIN + np.arange(10.0)
    assert np.array_equal(more.values(times)[1:], table().values(times))
