"""Kinds of log lines: told apart, counted, compared with the hour before, in bounded memory and time."""

from __future__ import annotations

import itertools
import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Window
from tools.log_kinds import DEPTH, MAX_CACHED, MAX_ENTITIES, MAX_KINDS, Kinds, key_of, words_of
from tools.log_templates import mine
from tools.logfiles import LogFiles
from tools.logs import LogLine, LogResult

START = datetime(2026, 11, 22, 14, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
MILLISECONDS = timedelta(milliseconds=1)
WINDOW = Window(start=START, end=START + HOUR)


def files(directory) -> LogFiles:
    return LogFiles([str(directory / "**" / "*.log")], zone=ZoneInfo("UTC"))


def write(directory, name, lines):
    """`lines` are (time, words), in any order; they join those that are there."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    there = path.read_text().splitlines() if path.exists() else []
    new = [f"{at:%Y-%m-%dT%H:%M:%S.%fZ} {words}" for at, words in lines]
    path.write_text("".join(f"{line}\n" for line in sorted([*there, *new])))


def every(step, words, *, since=START - HOUR, until=START + HOUR):
    """`words` is called with the line's number."""
    return [(since + n * step, words(n)) for n in range(int((until - since) / step))]


def by_text(mined):
    return {template.text: template for template in mined.templates}


# --- what varies


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 3ms", "took 12000ms"),
        ("took 1m30s of 00:10:00", "took 2h5m of 12:00:01.5"),
        ("from 10.0.0.1:4312", "from 192.168.20.14:55"),
        ("from fe80::be24:11ff:fe0a:1 up", "from 2001:db8::1 up"),
        ("container 4f5a9c1be2d0 died", "container a07710ff32bc died"),
        ("job 3fa85f64-5717-4562-b3fc-2c963f66afa6 done", "job bf0e9c11-1111-42ff-9d3c-aaaa3f66afa6 done"),
        ("at 0x7ffdead0 in", "at 0x10 in"),
        ("open /media/films/a.mkv: gone", "open /srv/x/y/z: gone"),
        ('GET "https://git.home.lan/a/b?c=1"', 'GET "https://git.home.lan/"'),
        ("at 2026-11-22 retry=3/5", "at 2025-01-02 retry=11/50"),
        ("87% of 3.4GiB", "3% of 120MiB"),
    ],
)
def test_what_varies_is_masked(one, other):
    assert words_of(key_of(one)) == words_of(key_of(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("disk is full", "disk is busy"),
        ("and/or", "or"),
        ("https://git.home.lan/a", "https://db.home.lan/a"),
        ('"GET / HTTP/1.1" 502 12', '"GET / HTTP/1.1" 200 12'),
        ("facade added", "decade added"),
    ],
)
def test_what_tells_apart_is_not(one, other):
    assert words_of(key_of(one)) != words_of(key_of(other))


def test_only_the_first_line_of_an_entry_tells_its_kind():
    assert key_of("ERROR boom\n  at line 3") == key_of("ERROR boom\n  at line 4\n  and more") == "ERROR boom"


# --- counts


async def test_lines_become_kinds_with_counts_a_sample_and_their_entities(tmp_path):
    opens = every(10 * SECOND, lambda n: f"ERROR cannot open /media/{n}.mkv: Input/output error", since=START + MINUTE)
    write(tmp_path, "media/jellyfin.log", opens)
    write(tmp_path, "media/tdarr.log", [(START + 2 * MINUTE, "ERROR cannot open /media/x.mkv: Input/output error")])
    write(tmp_path, "media/jellyfin.log", every(MINUTE, lambda n: f"INFO cache hit ratio {n % 100}%"))
    mined = await mine(files(tmp_path), WINDOW)
    kinds = by_text(mined)
    assert set(kinds) == {"ERROR cannot open <path>: Input/output error", "INFO cache hit ratio <n>"}
    error, info = mined.templates
    assert (error.count, error.before, info.count, info.before) == (355, 0, 60, 60)
    assert error.entities == ("jellyfin", "tdarr")
    assert (error.first, error.last) == (START + MINUTE, START + HOUR - 10 * SECOND)
    assert error.sample.text == "ERROR cannot open /media/0.mkv: Input/output error"
    assert (error.sample.entity, error.sample.at) == ("jellyfin", error.first)
    assert (mined.lines, mined.levels, mined.gaps) == (415, {"error": 355, "info": 60}, ())
    assert mined.compared_with.end < START


async def test_levels_are_never_of_one_kind(tmp_path):
    write(
        tmp_path, "a.log", every(MINUTE, lambda n: f"{('INFO', 'ERROR')[n % 2]} backup of the nas ended with code {n}")
    )
    mined = await mine(files(tmp_path), WINDOW)
    assert [(each.level, each.count) for each in mined.templates] == [("error", 30), ("info", 30)]


async def test_words_that_vary_become_one_kind(tmp_path):
    write(
        tmp_path, "a.log", every(MINUTE, lambda n: f"WARN login of user {('anna', 'ben', 'carl')[n % 3]} was refused")
    )
    [template] = (await mine(files(tmp_path), WINDOW)).templates
    assert template.text == "WARN login of user <*> was refused"
    assert template.count == 60


async def test_entities_and_levels_narrow_what_is_counted(tmp_path):
    write(tmp_path, "media/jellyfin.log", [(START, "ERROR boom"), (START, "INFO fine")])
    write(tmp_path, "media/sonarr.log", [(START, "ERROR bang")])
    mined = await mine(files(tmp_path), WINDOW, entities=["jellyfin"], levels=["error"])
    assert [each.text for each in mined.templates] == ["ERROR boom"]


# --- the hour before


async def test_new_and_spiking_kinds_stand_first(tmp_path):
    write(tmp_path, "a.log", every(5 * SECOND, lambda n: f"INFO request {n} served"))
    write(tmp_path, "a.log", every(10 * SECOND, lambda n: f"ERROR plugin number {n} has no manifest"))
    write(tmp_path, "a.log", every(20 * MINUTE, lambda n: f"ERROR upstream connection {n} reset"))
    burst = every(
        SECOND, lambda n: f"ERROR upstream connection {n} reset", since=START + 40 * MINUTE, until=START + 41 * MINUTE
    )
    write(tmp_path, "a.log", burst)
    write(tmp_path, "a.log", [(START + 39 * MINUTE, "ERROR database is locked")])
    write(tmp_path, "a.log", [(START + 38 * MINUTE, "WARN slow disk on the nas")])
    mined = await mine(files(tmp_path), WINDOW)
    assert [each.text for each in mined.templates] == [
        "ERROR database is locked",
        "ERROR upstream connection <n> reset",
        "WARN slow disk on the nas",
        "ERROR plugin number <n> has no manifest",
        "INFO request <n> served",
    ]
    assert [each.new for each in mined.templates] == [True, False, True, False, False]
    assert [each.spiking for each in mined.templates] == [False, True, False, False, False]
    spike = mined.templates[1]
    assert (spike.count, spike.before, spike.first) == (63, 3, START)
    assert spike.since == START + 40 * MINUTE, "and not when its first line came"


async def test_the_hour_before_is_scaled_to_the_window(tmp_path):
    write(tmp_path, "a.log", every(MINUTE, lambda n: f"ERROR try {n} failed", until=START + 4 * HOUR))
    long = await mine(files(tmp_path), Window(start=START, end=START + 4 * HOUR))
    short = await mine(files(tmp_path), Window(start=START, end=START + 15 * MINUTE))
    assert [(each.before, round(each.expected)) for each in (*long.templates, *short.templates)] == [
        (60, 240),
        (60, 15),
    ]
    assert not any(each.spiking for each in (*long.templates, *short.templates))


async def test_a_few_lines_more_are_no_spike(tmp_path):
    write(tmp_path, "a.log", [(START - MINUTE, "ERROR odd"), *[(START + n * MINUTE, "ERROR odd") for n in range(4)]])
    [template] = (await mine(files(tmp_path), WINDOW)).templates
    assert (template.count, template.before, template.spiking) == (4, 1, False)


async def test_where_nothing_was_written_before_nothing_is_called_new(tmp_path):
    write(tmp_path, "a.log", every(MINUTE, lambda n: f"INFO tick {n}", since=START))
    mined = await mine(files(tmp_path), WINDOW)
    assert mined.compared_with is None
    assert [(each.count, each.new, each.spiking) for each in mined.templates] == [(60, False, False)]


# --- secrets


async def test_no_secret_leaves(tmp_path):
    write(tmp_path, "a.log", every(MINUTE, lambda n: f"ERROR login with password=hunterX{n} token=abcXsecret refused"))
    at = START.isoformat()
    (tmp_path / "b.log").write_text(
        f'{{"ts": "{at}", "level": "error", "msg": "no db at postgres://u:hunterX@db/x"}}\n'
    )
    mined = await mine(files(tmp_path), WINDOW)
    everything = repr(mined)
    assert len(mined.templates) == 2
    assert "hunterX" not in everything
    assert "abcXsecret" not in everything
    assert "[redacted]" in next(text for text in by_text(mined) if "login" in text)


# --- bounds


def varied_lines(count):
    """Three of four lines are of eight kinds; every fourth has words that never came before."""
    chance = random.Random(1)
    words = ["".join(chance.choices("bcdghjklmnpqrstvwz", k=6)) for _ in range(3_000)]
    for n in range(count):
        often = f"kind{'abcdefgh'[n % 8]} took {n} ms for {'x' * (n % 8)}"
        text = often if n % 4 else " ".join(chance.choices(words, k=chance.randrange(5, 15)))
        yield LogLine.model_construct(at=START, entity=f"e{n % 100}", level="info", text=text, path="x")


def nodes_of(tree):
    """How many nodes and references to clusters a tree of Drain has."""
    pending, found = [tree.root_node], 0
    while pending:
        node = pending.pop()
        found += 1 + len(node.cluster_ids)
        pending += node.key_to_child_node.values()
    return found


def test_two_hundred_thousand_lines_of_great_variety_are_counted_within_bounds():
    kinds = Kinds(WINDOW, max_kinds=300)
    kinds.count(varied_lines(200_000))
    assert kinds.levels == {"info": 200_000}
    assert kinds.given_up > 30_000
    assert sum(kind.count for kind in kinds) + kinds.forgotten == 200_000, "none is lost, even where its kind is"
    assert sorted(kind.count for kind in kinds)[-6:] == [25_000] * 6, "what comes often is counted exactly"
    assert len(kinds) <= 300
    assert len(kinds._cached) <= MAX_CACHED
    assert sum(len(tree.id_to_cluster) for tree in kinds._trees.values()) <= 300
    assert sum(nodes_of(tree) for tree in kinds._trees.values()) <= 300 * DEPTH
    assert all(len(kind.entities) <= MAX_ENTITIES for kind in kinds)


def test_memory_does_not_grow_with_the_lines():
    kinds = Kinds(WINDOW, max_kinds=100)
    lines = varied_lines(40_000)
    kinds.count(itertools.islice(lines, 10_000))
    tracemalloc.start()
    kinds.count(lines)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 5_000_000


async def test_what_was_given_up_is_stated_and_not_called_new(tmp_path):
    syllables = ["".join(each) for each in itertools.product("bdgklmnprst", "aeiou")]
    names = ["".join(each) for each in itertools.product(syllables, repeat=2)]
    said = [" ".join(names[n::800]) for n in range(800)]
    assert len({len(each.split()) for each in said}) < 3

    def both(words):
        return [(since + n * SECOND, each) for since in (START - HOUR, START) for n, each in enumerate(words)]

    write(tmp_path, "a.log", both([f"INFO {each}" for each in said]))
    kept = await mine(files(tmp_path), WINDOW)
    assert (len(kept.templates), kept.forgotten, kept.gaps) == (800, 0, ())
    write(tmp_path, "a.log", both([f"INFO not {each}" for each in said]))
    crowded = await mine(files(tmp_path), WINDOW)
    assert crowded.lines == 1600
    assert len(crowded.templates) <= MAX_KINDS
    assert not any(each.new for each in crowded.templates), "what was given up may be one that came before"
    [gap] = crowded.gaps
    assert f"logs: {crowded.forgotten} lines of" in gap
    assert sum(each.count for each in crowded.templates) + crowded.forgotten == 1600


async def test_out_of_time_is_stated_with_the_moment_that_was_got_to(tmp_path):
    write(tmp_path, "a.log", every(20 * MILLISECONDS, lambda n: f"INFO request {n} served"))
    mined = await mine(files(tmp_path), WINDOW, deadline_s=2.0)
    before, cut = mined.gaps
    assert before == "logs: the hour before could not be counted in time, so what is new is not known"
    assert "lines were counted up to 2026-11-22T14:" in cut
    assert 0 < mined.lines < 180_000
    assert mined.window.start == START
    assert START < mined.window.end < START + HOUR
    [template] = mined.templates
    assert not template.new
    assert not template.spiking, "with nothing to compare with, nothing is more than usual"
    assert template.last <= mined.window.end


async def test_nothing_to_read_is_nothing_found(tmp_path):
    mined = await mine(files(tmp_path), WINDOW)
    assert (mined.templates, mined.lines) == ((), 0)
    assert "no file matches" in mined.gaps[0]
    assert len(mined.gaps) == 1


async def test_what_could_not_be_compared_is_not_called_new():
    """The hour before cannot be read, the window can: a steady complaint is nothing new."""
    line = LogLine(at=START + timedelta(minutes=5), entity="db", level="error", text="slow disk")

    class HalfReadable:
        async def scan(self, window, *, entities=(), levels=()):
            if window.start < START:
                yield LogResult(gaps=("loki: answers 503",))
            else:
                yield LogResult(lines=(line,) * 30, returned=30, available=30)

    mined = await mine(HalfReadable(), WINDOW, levels=("error",))
    [template] = mined.templates
    assert not template.new
    assert mined.compared_with is None
    assert "loki: answers 503" in mined.gaps
