"""What is usual at each hour of the week: learnt from a real Prometheus, kept in a real SQLite file."""

from __future__ import annotations

import io
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from backfilled_series import prometheus_of
from weekly_rhythm import BERLIN, INCIDENT, NOW, latest, rhythm

from core.errors import SourceError, SourceUnavailable
from core.store import Store
from core.vocabulary import Evidence, Window
from pipeline.baseline_learning import LOOKBACK, SAMPLES_PER_PIECE, STEP_S, Learner, pieces_of
from pipeline.baseline_store import BaselineStore
from pipeline.baselines import Bands, Baseline, hours_of_week, learn_bands, series_key
from pipeline.brief import Brief, Gaps, Question, Usual
from pipeline.learnt import GOOD_FOR, STALE, Baselines
from pipeline.measure import Courses, Measurer
from pipeline.movement import beyond_usual
from pipeline.narrate.metrics import metric_question
from pipeline.rank import Shift
from pipeline.signals import load_domain
from pipeline.verify import facts_of, verify
from pipeline.wording import compared, summary_of
from tools.http import Source
from tools.prometheus import ALLOWED, Prometheus

MEMORY = load_domain().signals["memory_used"]
CONNECTIONS = load_domain().signals["tcp_connections"]
NAS = {"job": "node", "instance": "nas:9100"}
SUNDAY, TUESDAY = latest(6, 2, 30), latest(1, 2, 30)


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory):
    with prometheus_of(tmp_path_factory.mktemp("rhythm"), rhythm()) as url:
        yield url


@pytest.fixture
def prometheus(prometheus_url) -> Prometheus:
    return Prometheus(Source("prometheus", prometheus_url, allowed=ALLOWED, timeout_s=30))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "assistant.db"


def opened(path, zone: ZoneInfo = BERLIN, source: str = "http://prometheus:9090") -> Baselines:
    """As another process would open it."""
    return Baselines(BaselineStore(Store(path), source), zone)


@pytest.fixture
def learnt(prometheus, path):
    async def learn(*signals) -> Baselines:
        baselines = opened(path)
        await Learner(prometheus, baselines).learn(NOW, list(signals or (MEMORY,)))
        return baselines

    return learn


async def usual(baselines: Baselines, at: datetime, labels=NAS) -> Usual | None:
    gaps = Gaps()
    found = await baselines.of([MEMORY], at, gaps)
    assert gaps.lines == []
    return found[MEMORY.name].usual(labels, at) if found else None


async def test_what_is_usual_differs_by_the_hour_of_the_week(learnt) -> None:
    baselines = await learnt()
    sunday, tuesday = await usual(baselines, SUNDAY), await usual(baselines, TUESDAY)
    assert sunday.weekly
    assert sunday.seen >= 3
    assert 0.79 < sunday.low <= sunday.middle <= sunday.high < 0.81
    assert 0.44 < tuesday.low <= tuesday.middle <= tuesday.high < 0.46
    assert await usual(baselines, NOW, {"instance": "nobody:9100"}) is None


async def test_it_is_the_same_after_a_restart(learnt, path) -> None:
    first = await usual(await learnt(), SUNDAY)
    assert await usual(opened(path), SUNDAY) == first is not None


async def test_a_value_is_normal_at_one_hour_and_not_at_another(learnt, prometheus, homelab) -> None:
    """The Sunday backup is normal although it was none yesterday; the same much on a Wednesday is not."""
    baselines = await learnt()

    async def of(entity: str, at: datetime, baselines: Baselines | None):
        measurer = Measurer(prometheus, homelab, Gaps(), at, zone=BERLIN, baselines=baselines)
        return next(f for f in await measurer.measure([MEMORY]) if f.entity == entity)

    backup = await of("nas", SUNDAY, baselines)
    assert backup.value > 0.79
    assert not backup.abnormal
    assert (await of("nas", SUNDAY, None)).severity > 3
    stuck = await of("media", INCIDENT + timedelta(hours=1), baselines)
    assert stuck.abnormal
    assert stuck.normal == pytest.approx(0.45, abs=0.01)


async def test_courses_carry_the_ends_of_what_is_usual(learnt, prometheus, homelab) -> None:
    measurer = Measurer(prometheus, homelab, Gaps(), SUNDAY, zone=BERLIN, baselines=await learnt())
    window = Window(start=SUNDAY - timedelta(hours=2), end=SUNDAY)
    courses = await measurer.courses([MEMORY], window, step_s=STEP_S)
    row = courses.names.index("nas:memory_used")
    assert courses.high.shape == courses.values.shape
    assert courses.high[row, 0] < 0.46
    assert courses.low[row, -1] > 0.79


async def test_a_prometheus_that_is_down_leaves_what_was_learnt(learnt, path) -> None:
    baselines = await learnt()
    before = baselines.status()
    gone = Prometheus(Source("prometheus", "http://127.0.0.1:9", allowed=ALLOWED))
    with pytest.raises(SourceUnavailable):
        await Learner(gone, baselines).learn(NOW + STALE)
    assert opened(path).status() == before
    assert await usual(opened(path), SUNDAY) is not None


async def test_a_prometheus_that_lost_its_past_leaves_what_was_learnt(learnt, path, tmp_path) -> None:
    baselines = await learnt()
    before = baselines.status()
    old = ("up", NAS, [((NOW - LOOKBACK - timedelta(days=2)).timestamp(), 1.0)])
    with prometheus_of(tmp_path, [old]) as url:
        emptied = Prometheus(Source("prometheus", url, allowed=ALLOWED))
        with pytest.raises(SourceError, match="nothing of the last weeks"):
            await Learner(emptied, baselines).learn(NOW, [MEMORY])
    assert opened(path).status() == before


async def test_too_many_series_are_a_problem_and_the_rest_is_learnt(prometheus, path) -> None:
    baselines = opened(path)
    seen = []
    done = await Learner(prometheus, baselines).learn(
        NOW, [CONNECTIONS, MEMORY], lambda *progress: seen.append(progress)
    )
    assert done.signals == 1
    assert "1001 series" in done.problems[0]
    assert "tcp_connections" in done.problems[0]
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert CONNECTIONS in baselines.due(NOW)
    assert MEMORY not in baselines.due(NOW)


def pickled() -> bytes:
    body = io.BytesIO()
    np.savez(body, keys=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return body.getvalue()


def misshapen() -> bytes:
    body = io.BytesIO()
    keys = np.frombuffer(b'["{}"]', dtype=np.uint8)
    np.savez(body, keys=keys, quantiles=np.zeros((2, 3)), seen=np.zeros(1), weekly=np.zeros(1))
    return body.getvalue()


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04 and no more", b"\x93NUMPY", pickled(), misshapen()])
async def test_a_damaged_row_is_a_gap_and_learnt_anew(learnt, path, body) -> None:
    await learnt()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE baselines SET body = ?", [body])
    connection.close()
    baselines, gaps = opened(path), Gaps()
    assert await baselines.of([MEMORY], SUNDAY, gaps) == {}
    assert "memory_used is damaged" in gaps.lines[0]
    assert MEMORY in baselines.due(NOW)
    await learnt()
    assert await usual(baselines, SUNDAY) is not None


async def test_a_store_that_cannot_be_read_is_a_gap(tmp_path) -> None:
    (tmp_path / "assistant.db").write_text("no database")
    gaps = Gaps()
    assert await opened(tmp_path / "assistant.db").of([MEMORY], NOW, gaps) == {}
    assert gaps.lines[0].startswith("baselines: store: ")


async def test_what_is_older_than_a_day_is_due(learnt) -> None:
    baselines = await learnt()
    assert MEMORY not in baselines.due(NOW + STALE - timedelta(seconds=1))
    assert MEMORY in baselines.due(NOW + STALE)


async def test_a_baseline_is_gone_by_for_some_weeks_only(learnt) -> None:
    baselines, gaps = await learnt(), Gaps()
    assert await baselines.of([MEMORY], NOW + GOOD_FOR, gaps)
    assert gaps.lines == []
    assert not await baselines.of([MEMORY], NOW + GOOD_FOR + timedelta(minutes=1), gaps)
    assert "memory in use is older than 28 days" in gaps.lines[0]


async def test_a_moment_before_everything_that_was_learnt_has_no_baseline(learnt) -> None:
    baselines = await learnt()
    assert await usual(baselines, NOW - LOOKBACK + timedelta(hours=1)) is not None
    assert await usual(baselines, NOW - LOOKBACK - timedelta(hours=1)) is None


async def test_another_zone_or_prometheus_has_baselines_of_its_own(learnt, path) -> None:
    await learnt()
    for other in (opened(path, ZoneInfo("Asia/Tokyo")), opened(path, source="http://lab:9090")):
        assert await usual(other, SUNDAY) is None
        assert MEMORY in other.due(NOW)


def grid(start: datetime, days: float) -> np.ndarray:
    return start.timestamp() + np.arange(0, days * 86_400, STEP_S)


@pytest.mark.parametrize("start", [datetime(2026, 3, 9, tzinfo=BERLIN), datetime(2026, 10, 5, tzinfo=BERLIN)])
def test_a_nightly_job_keeps_its_hour_when_the_clocks_change(start) -> None:
    """Backups at 04:00 by the clock on the wall, two weeks before and two after the change."""
    times = grid(start, 28)
    busy = hours_of_week(times, BERLIN) % 24 == 4
    bands = learn_bands(times, np.where(busy, 0.9, 0.2)[None, :], MEMORY, BERLIN)
    middles = bands.quantiles[0, :, 1].reshape(7, 24)
    assert np.allclose(middles[:, 4], 0.9)
    assert np.allclose(np.delete(middles, 4, axis=1), 0.2)
    assert (bands.quantiles[0, :, 2].reshape(7, 24)[:, [3, 5]] < 0.3).all()


def test_an_hour_that_the_clock_repeats_or_skips_is_learnt_all_the_same() -> None:
    times = grid(datetime(2026, 10, 5, tzinfo=BERLIN), 28)
    repeated = np.unique(hours_of_week(times, BERLIN), return_counts=True)[1]
    assert repeated.max() > repeated.min()
    bands = learn_bands(times, np.full((1, len(times)), 0.3), MEMORY, BERLIN)
    assert np.allclose(bands.quantiles, 0.3)


def learnt_from(values: np.ndarray, times: np.ndarray) -> Baseline:
    bands = learn_bands(times, values[None, :], MEMORY, ZoneInfo("UTC"))
    window = Window(start=datetime.fromtimestamp(times[0], UTC), end=datetime.fromtimestamp(times[-1], UTC))
    return Baseline(MEMORY.name, (series_key(NAS),), bands, window, ZoneInfo("UTC"))


MONDAY = datetime(2026, 11, 2, tzinfo=UTC)


def test_one_bad_week_of_three_makes_no_normal() -> None:
    times = grid(MONDAY, 21)
    bad = (times >= (MONDAY + timedelta(days=9, hours=14)).timestamp()) & (
        times < (MONDAY + timedelta(days=9, hours=18)).timestamp()
    )
    found = learnt_from(np.where(bad, 0.95, 0.4), times).usual(NAS, MONDAY + timedelta(days=9, hours=15))
    assert found.high < 0.45


@pytest.mark.parametrize(("weeks", "expected"), [(1, 0.4), (2, 0.8)])
def test_two_weeks_that_agree_make_a_weekly_rhythm_and_one_does_not(weeks, expected) -> None:
    times = grid(MONDAY, 7 * weeks)
    found = learnt_from(np.where(hours_of_week(times, ZoneInfo("UTC")) == 50, 0.8, 0.4), times)
    wednesday = found.usual(NAS, MONDAY + timedelta(hours=50))
    assert wednesday.middle == pytest.approx(expected)
    assert wednesday.weekly == (weeks == 2)


def test_two_weeks_that_do_not_agree_take_the_hour_of_the_day() -> None:
    times = grid(MONDAY, 14)
    once = (times >= (MONDAY + timedelta(hours=50)).timestamp()) & (times < (MONDAY + timedelta(hours=51)).timestamp())
    found = learnt_from(np.where(once, 0.8, 0.4), times).usual(NAS, MONDAY + timedelta(hours=50))
    assert not found.weekly
    assert found.high == pytest.approx(0.4)


def test_days_of_two_kinds_are_both_usual() -> None:
    """A job every second day: neither kind stands apart, and the last week is no new level."""
    times = grid(MONDAY, 28)
    odd_days = (times // 86_400) % 2 == 0
    found = learnt_from(np.where(odd_days, 0.8, 0.4), times).usual(NAS, MONDAY)
    assert (found.low, found.high) == (pytest.approx(0.4), pytest.approx(0.8))


def test_a_new_level_of_a_week_is_the_normal_one() -> None:
    times = grid(MONDAY, 28)
    new = times >= (MONDAY + timedelta(days=21)).timestamp()
    found = learnt_from(np.where(new, 0.7, 0.4), times).usual(NAS, MONDAY + timedelta(days=30))
    assert (found.low, found.high) == (pytest.approx(0.7), pytest.approx(0.7))


def test_two_days_are_too_few() -> None:
    times = grid(MONDAY, 2)
    assert learnt_from(np.full(len(times), 0.4), times).usual(NAS, MONDAY) is None


def test_gaps_in_the_past_are_no_values() -> None:
    times = grid(MONDAY, 28)
    values = np.where(np.arange(len(times)) % 3 == 0, np.nan, 0.4)
    found = learnt_from(values, times)
    assert np.allclose(found.bands.quantiles, 0.4)
    assert np.isnan(learnt_from(np.full(len(times), np.nan), times).bands.quantiles).all()


@pytest.mark.parametrize("series", [1, 60, 1_000])
def test_no_piece_asks_for_too_much_and_together_they_ask_for_everything(series) -> None:
    window = Window(start=NOW - LOOKBACK, end=NOW)
    pieces = pieces_of(window, np.full(28 * 24 + 1, float(series)))
    points = [int(piece.length.total_seconds() / STEP_S) + 1 for piece in pieces]
    assert max(points) * series <= SAMPLES_PER_PIECE
    assert sum(points) == LOOKBACK.total_seconds() / STEP_S
    assert len(pieces) <= 170


def test_nothing_is_asked_of_days_without_samples() -> None:
    window = Window(start=NOW - LOOKBACK, end=NOW)
    counts = np.zeros(28 * 24 + 1)
    assert pieces_of(window, counts) == []
    counts[-24:] = 5
    assert all(piece.end > NOW - timedelta(days=4) for piece in pieces_of(window, counts))


def courses(values: list[float], low: list[float], high: list[float]) -> Courses:
    times = MONDAY.timestamp() + 600 * np.arange(len(values))
    return Courses(("nas:cpu_used",), times, *(np.array([each], dtype=float) for each in (values, low, high)))


RISEN = Shift("nas:cpu_used", 40.0, "up", MONDAY + timedelta(seconds=1200), 0.2, 0.8)
VALUES = [0.2, 0.2, 0.7, 0.8, 0.8]


def test_a_rhythm_is_no_shift() -> None:
    assert beyond_usual([RISEN], courses(VALUES, [0.1, 0.1, 0.6, 0.6, 0.6], [0.3, 0.3, 0.9, 0.9, 0.9])) == []


def test_a_shift_at_an_hour_when_little_is_usual_counts_as_before() -> None:
    (left,) = beyond_usual([RISEN], courses(VALUES, [0.1] * 5, [0.2] * 5))
    assert left == RISEN


def test_what_goes_beyond_the_rhythm_counts_by_how_far_and_from_when() -> None:
    (left,) = beyond_usual([RISEN], courses(VALUES, [0.1, 0.1, 0.6, 0.6, 0.6], [0.3, 0.3, 0.7, 0.7, 0.7]))
    assert left.score == pytest.approx(40 * (0.8 - 0.7) / (0.8 - 0.2), abs=0.01)
    assert left.at == MONDAY + timedelta(seconds=1800)


def test_a_shift_of_what_was_not_learnt_counts_as_before() -> None:
    nothing = [np.nan] * 5
    assert beyond_usual([RISEN], courses(VALUES, nothing, nothing)) == [RISEN]


def test_a_course_that_was_read_as_a_counter_counts_as_before() -> None:
    rates = replace(RISEN, before=0.0001, after=0.001)
    assert beyond_usual([rates], courses(VALUES, [0.1] * 5, [0.9] * 5)) == [rates]


def test_a_fall_below_the_usual_is_a_shift() -> None:
    fallen = replace(RISEN, direction="down", before=0.8, after=0.2)
    values = [0.8, 0.8, 0.3, 0.2, 0.2]
    assert beyond_usual([fallen], courses(values, [0.7] * 5, [0.9] * 5))[0].score > 30
    assert beyond_usual([fallen], courses(values, [0.1] * 5, [0.9] * 5)) == []


@pytest.fixture
def told(finding, homelab):
    """The answer to a question about nas' memory, which is usually 80 % to 88 %."""

    def tell(text: str, value: float, usual: Usual | None) -> tuple[str, Brief]:
        window = Window(start=NOW - timedelta(hours=1), end=NOW)
        question = Question(
            text, "metric_question", NOW, window, subjects=("nas",), families=tuple(load_domain().families_of(text))
        )
        memory = replace(finding("memory_used", "nas", value, 0.82, **NAS), usual=usual, evidence_id="E1")
        brief = Brief(question, homelab, BERLIN, findings=(memory,))
        item = Evidence(id="", source="prometheus", title="nas: memory", summary=summary_of(memory, NOW, BERLIN))
        brief, _ = brief.with_evidence(item)
        return metric_question(brief, ()), brief

    return tell


BAND = Usual(0.80, 0.84, 0.88, 4)


@pytest.mark.parametrize(
    ("text", "value", "lines"),
    [
        (
            "Is 85 % memory normal for nas?",
            0.85,
            ["85 % would be **normal** for nas's memory in use", "is 85 %, **normal**: usually 84 %, between 80 % and 88 %"],
        ),
        ("Is 95 percent memory too much for nas?", 0.85, ["95 percent would be **a little above what is normal**"]),
        ("Is 30% of memory unusual for nas?", 0.85, ["30% would be **below what is normal**"]),
        ("is the memory of nas normal?", 0.99, ["nas's memory in use is 99 %, **above what is normal**"]),
        ("is the memory of nas normal?", 0.885, ["is 88.5 %, **normal**, and beyond its threshold all the same"]),
    ],
)  # fmt: skip
def test_the_answer_says_whether_it_is_normal(told, text, value, lines) -> None:
    answer, brief = told(text, value, BAND)
    assert [line for line in lines if line not in answer] == []
    assert "at this hour of the week, as learnt from 4 weeks" in answer
    verdict = verify(answer, facts_of(brief))
    assert verdict.problems == ()


def test_nothing_is_said_of_the_usual_where_it_was_not_learnt_or_not_asked(told) -> None:
    assert "would be" not in told("Is 85 % memory normal for nas?", 0.85, None)[0]
    assert "**normal**" not in told("How much memory does nas use?", 0.85, BAND)[0]


def test_a_finding_within_the_usual_is_not_abnormal(finding) -> None:
    high = finding("memory_used", "nas", 0.95, 0.4)
    assert high.abnormal
    assert not replace(high, usual=Usual(0.8, 0.9, 0.96, 4)).abnormal
    assert replace(high, usual=Usual(0.3, 0.4, 0.5, 4)).abnormal
    assert "usually 40 %, between 30 % and 50 %" in compared(replace(high, usual=Usual(0.3, 0.4, 0.5, 4)))


def test_a_state_is_bad_whatever_is_usual(finding) -> None:
    assert replace(finding("probe", "jellyfin", 0, 0), usual=Usual(0, 0, 0, 4)).abnormal


def test_bands_of_no_series_fit_the_store(path) -> None:
    baselines = opened(path)
    none = Bands(np.empty((0, 168, 3), np.float32), np.empty((0, 168), np.uint8), np.empty((0, 168), np.bool_))
    baselines.keep(MEMORY, Baseline(MEMORY.name, (), none, Window(start=NOW - LOOKBACK, end=NOW), BERLIN), NOW)
    assert MEMORY not in opened(path).due(NOW)


def test_a_weekend_in_a_single_week_is_part_of_the_usual_and_a_single_day_is_not() -> None:
    times = grid(MONDAY, 7)
    days = hours_of_week(times, ZoneInfo("UTC")) // 24
    for busy, high in ((days >= 5, 0.8), (days == 5, 0.4)):
        found = learnt_from(np.where(busy, 0.8, 0.4), times).usual(NAS, MONDAY)
        assert found.high == pytest.approx(high)
