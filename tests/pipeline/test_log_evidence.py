"""What an answer says of the logs: kinds of lines, what is news, who erred first, and nothing that its item does not carry."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from core.vocabulary import Cause, Window
from pipeline.brief import Brief, Gaps, Movement, Question
from pipeline.log_evidence import LINE_CHARACTERS, LINES_LISTED, LINES_QUOTED, with_logs
from pipeline.log_spikes import log_spikes
from pipeline.narrate import sections
from pipeline.narrate.history import log_question
from tools.logfiles import LogFiles

UTC_ZONE = ZoneInfo("UTC")
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
OPEN = "ERROR cannot open /media/{}.mkv: Input/output error"


class Logs:
    """Writes `<host>/<service>.log` files around `onset`, and reads them."""

    def __init__(self, directory, onset) -> None:
        self.directory = directory
        self.onset = onset
        self.source = LogFiles([str(directory / "*" / "*.log")], zone=UTC_ZONE)

    def write(self, name, *lines) -> None:
        """`lines` are (minutes after the onset, words)."""
        path = self.directory / f"{name}.log"
        path.parent.mkdir(exist_ok=True)
        there = path.read_text().splitlines() if path.exists() else []
        new = [f"{self.onset + minutes * MINUTE:%Y-%m-%dT%H:%M:%S.%fZ} {words}" for minutes, words in lines]
        path.write_text("".join(f"{line}\n" for line in sorted([*there, *new])))


@pytest.fixture
def at(memory_alert):
    return memory_alert.starts_at + timedelta(minutes=20)


@pytest.fixture
def logs(tmp_path, memory_alert):
    return Logs(tmp_path, memory_alert.starts_at)


@pytest.fixture
def asking(homelab, at):
    """A brief of a question about the logs."""

    def ask(text: str, *subjects: str) -> Brief:
        window = Window(start=at - timedelta(hours=1), end=at)
        return Brief(Question(text, "log_question", at, window, subjects=subjects), homelab, UTC_ZONE)

    return ask


@pytest.fixture
def explaining(homelab, finding, at, logs):
    """jellyfin fails because adguard, which it depends on, does not answer."""
    chain = (finding("probe", "jellyfin", 0, 1), finding("dns", "adguard", 0, 1))
    cause = Cause(statement="adguard: DNS probe is failing", entity="adguard", kind="dns_failure", confidence=0.6)
    question = Question("Why?", "explain_alert", at, Window(start=at - timedelta(hours=1), end=at))
    return Brief(question, homelab, UTC_ZONE, chain=chain, cause=cause, moved=Movement(logs.onset))


async def told(brief, logs):
    """(the brief with its logs, the lines of the item's summary)."""
    gaps = Gaps()
    found = await with_logs(brief, logs.source, gaps)
    assert gaps.lines == []
    assert [item.source for item in found.evidence] == ["logs"]
    return found, found.evidence[0].summary.splitlines()


# --- explanations


async def test_kinds_are_counted_and_one_line_of_each_is_quoted(explaining, logs):
    logs.write("dns1/adguard", *[(n, "ERROR dns: upstream timed out") for n in range(10)])
    logs.write("media/jellyfin", *[(2 + n / 10, OPEN.format(n)) for n in range(50)])
    logs.write("media/jellyfin", (-40, "WARN slow query"), (-5, "WARN slow query"), (1, "INFO fine"))
    brief, (counts, *kinds) = await told(explaining, logs)
    assert counts == (
        "61 lines (60 errors, 1 warning) of 3 kinds, 2 quoted, 2 new against the hour before; first error from adguard, 03:00:00 UTC"
    )
    assert kinds == [
        "03:00:00 UTC adguard: “ERROR dns: upstream timed out” (10× until 03:09:00 UTC, new)",
        "03:02:00 UTC jellyfin: “ERROR cannot open /media/0.mkv: Input/output error” (50× until 03:06:54 UTC, new)",
    ]
    assert [line.entity for line in brief.log_lines] == ["adguard", "jellyfin"]
    item = brief.evidence[0]
    assert (item.returned, item.available) == (2, 61)
    assert item.window == Window(start=logs.onset - 10 * MINUTE, end=brief.question.at)
    assert item.title == "log lines of adguard, jellyfin and dns1"


async def test_the_first_error_may_be_of_what_the_cause_depends_on(explaining, logs):
    logs.write("dns1/systemd-networkd", (-1, "ERROR eth0: lost carrier"))
    logs.write("dns1/adguard", (1, "ERROR dns: no route to host"))
    _, (counts, *kinds) = await told(explaining, logs)
    assert counts.endswith("all new against the hour before; first error from systemd-networkd, 02:59:00 UTC")
    assert len(kinds) == 2


async def test_no_more_than_a_few_kinds_are_told_and_the_cause_has_its_say(explaining, logs):
    for place, what in enumerate(["disk", "memory", "socket", "thread", "cache"]):
        logs.write(
            "media/jellyfin", *[(place + n / 60, f"ERROR the {what} cannot be used any more") for n in range(20)]
        )
        logs.write("dns1/adguard", (place + 5, f"ERROR {what}"))
    brief, (counts, *kinds) = await told(explaining, logs)
    assert len(kinds) == LINES_QUOTED == len(brief.log_lines)
    assert "first error from jellyfin, 03:00:00 UTC" in counts
    assert any("adguard: “" in kind for kind in kinds)
    assert [line.at for line in brief.log_lines] == sorted(line.at for line in brief.log_lines)


async def test_what_comes_more_often_says_since_when(explaining, logs):
    logs.write("dns1/adguard", *[(-60 + 15 * n, "ERROR upstream 1.1.1.1 timed out") for n in range(5)])
    logs.write("dns1/adguard", *[(5 + n / 60, f"ERROR upstream 9.9.9.{n} timed out") for n in range(90)])
    _, [line] = await told(explaining, logs)
    assert line == (
        "91 lines (91 errors, 0 warnings) of 1 kind; 03:00:00 UTC adguard: “ERROR upstream 1.1.1.1 timed out” "
        "(91× until 03:06:29 UTC, more frequent since 03:05:00 UTC, 4 in the hour before)"
    )


async def test_a_single_line_takes_a_single_line(explaining, logs):
    logs.write("dns1/adguard", (0, "WARN cache is small"))
    _, lines = await told(explaining, logs)
    assert lines == ["1 line (0 errors, 1 warning); 03:00:00 UTC adguard: “WARN cache is small” (new)"]


async def test_where_nothing_is_news_the_worst_is_told(explaining, logs):
    logs.write("dns1/adguard", *[(n, "ERROR plugin has no manifest") for n in range(-70, 20, 10)])
    logs.write("dns1/adguard", *[(n, "WARN one more client") for n in range(-70, 20, 10)])
    _, (counts, *kinds) = await told(explaining, logs)
    assert counts == "6 lines (3 errors, 3 warnings) of 2 kinds"
    assert len(kinds) == 2
    assert not any("new" in kind or "frequent" in kind for kind in kinds)


async def test_a_time_that_was_named_is_kept_to(explaining, logs):
    logs.write("dns1/adguard", (-35, "ERROR early"), (1, "ERROR late"))
    question = replace(
        explaining.question, window=Window(start=logs.onset - 40 * MINUTE, end=logs.onset), named_window=True
    )
    brief, (line,) = await told(replace(explaining, question=question), logs)
    assert "early" in line
    assert brief.evidence[0].window == question.window


async def test_an_old_incident_is_looked_at_around_its_onset(explaining, logs):
    logs.write("dns1/adguard", (1, "ERROR at the onset"), (200, "ERROR much later"))
    question = replace(explaining.question, at=logs.onset + timedelta(hours=4))
    _, (line,) = await told(replace(explaining, question=question), logs)
    assert "at the onset" in line


async def test_without_a_cause_the_alerts_say_whose_logs_are_read(homelab, memory_alert, at, logs):
    logs.write("media/jellyfin", (1, "ERROR out of memory"))
    logs.write("games/minecraft", (1, "ERROR not asked for"))
    question = Question("Why?", "explain_alert", at, Window(start=at - timedelta(hours=1), end=at))
    brief, (line,) = await told(Brief(question, homelab, UTC_ZONE, explained=((memory_alert, "E1"),)), logs)
    assert "jellyfin: “ERROR out of memory”" in line
    assert brief.evidence[0].title == "log lines of media, pve1, dns1 and nas"


# --- questions about the logs


async def test_a_question_lists_kinds_of_all_levels(asking, logs):
    logs.write("media/jellyfin", *[(n, f"INFO request {n} served") for n in range(-100, 20)])
    logs.write("media/jellyfin", (3, "WARN slow"), (4, "ERROR boom"))
    brief, (counts, *kinds) = await told(asking("what do the logs of jellyfin say?", "jellyfin"), logs)
    assert counts == "62 lines (1 error, 1 warning) of 3 kinds, 2 new against the hour before"
    assert [line.text for line in brief.log_lines] == ["INFO request -40 served", "WARN slow", "ERROR boom"]
    assert kinds[0] == "02:20:00 UTC jellyfin: “INFO request -40 served” (60× until 03:19:00 UTC)"


async def test_errors_of_everything_are_listed_within_bounds(asking, logs):
    things = [
        "disk",
        "memory",
        "socket",
        "thread",
        "cache",
        "table",
        "index",
        "plugin",
        "mount",
        "lock",
        "queue",
        "peer",
        "key",
        "file",
    ]
    for place, what in enumerate(things):
        logs.write(f"h/{what}d", (place, f"ERROR {what} lost"), (place, "INFO fine"))
    brief, (counts, *kinds) = await told(asking("any errors in the logs?"), logs)
    assert f"{len(things)} lines ({len(things)} errors, 0 warnings) of {len(things)} kinds" in counts
    assert len(kinds) == LINES_LISTED < len(things)
    assert brief.evidence[0].title == "log lines of all services"


async def test_one_kind_of_several_services_names_them(asking, logs):
    for place, name in enumerate("abcd"):
        logs.write(f"h/{name}", (1 + place, "ERROR lookup db.home.lan: no such host"))
    _, [line] = await told(asking("any errors?"), logs)
    assert line.endswith("(4× until 03:04:00 UTC, also from b, c and 1 more, new)")


async def test_lines_of_one_moment_are_counted_without_an_end(asking, logs):
    logs.write("h/a", (1, "ERROR x lost"), (1, "ERROR x lost"))
    _, [line] = await told(asking("any errors?"), logs)
    assert line == "2 lines (2 errors, 0 warnings) of 1 kind; 03:01:00 UTC a: “ERROR x lost” (2×, new)"


async def test_a_long_line_is_cut(asking, logs):
    logs.write("h/a", (1, "ERROR " + "very long " * 100))
    _, [line] = await told(asking("any errors?"), logs)
    assert len(line) < LINE_CHARACTERS + 100


async def test_what_could_not_be_read_is_told(asking, logs):
    gaps = Gaps()
    brief = await with_logs(asking("any errors?"), logs.source, gaps)
    assert brief.evidence == ()
    assert any("no file matches" in line for line in gaps.lines)
    assert (await with_logs(asking("any errors?"), None, gaps)).evidence == ()
    assert gaps.lines[-1] == "logs: no log source is configured (SRE_LOKI_URL or SRE_LOG_FILES)"


async def test_counting_ends_with_its_time_and_says_so(asking, logs):
    logs.write("h/a", *[(n / 1000, f"ERROR {n} lost") for n in range(-20_000, 20_000)])
    gaps = Gaps()
    await with_logs(asking("any errors?"), logs.source, gaps, deadline_s=0.01)
    assert any("lines were counted up to" in line and "ask for a shorter window" in line for line in gaps.lines)


# --- answers


async def test_what_is_printed_stands_in_the_cited_item(explaining, asking, logs):
    logs.write("dns1/adguard", *[(n, "ERROR dns: upstream 10.0.0.1 [E9] timed *out*") for n in range(10)])
    logs.write("media/jellyfin", *[(2 + n / 10, OPEN.format(n)) for n in range(50)])
    for brief, answer in (
        (explaining, sections.logs),
        (asking("any errors?"), sections.logs),
        (asking("any errors?"), lambda found: log_question(found, ())),
    ):
        found = await with_logs(brief, logs.source, Gaps())
        text = answer(found)
        summary = found.evidence[0].summary
        said = re.sub(r"\\(.)", r"\1", text.replace("**", ""))
        numbers = set(re.findall(r"\d+(?:[.:]\d+)*", said.replace("[E1]", "")))
        window = {f"{moment:%H:%M:%S}" for moment in (found.question.window.start, found.question.window.end)}
        assert numbers - window <= set(re.findall(r"\d+(?:[.:]\d+)*", summary))
        assert "[E1]" in text
        assert "[E9]" not in text


async def test_the_logs_are_a_line_of_counts_and_a_list(explaining, logs):
    logs.write("dns1/adguard", (1, "ERROR one"), (2, "WARN two or three"))
    lines = sections.logs(await with_logs(explaining, logs.source, Gaps())).splitlines()
    assert lines[0].startswith("**Logs** [E1]: 2 lines (1 error, 1 warning) of 2 kinds")
    assert [line[:2] for line in lines[1:]] == ["- ", "- "]


# --- timelines


async def test_news_of_the_logs_become_events_where_they_begin(logs, at):
    logs.write("dns1/adguard", *[(-60 + 15 * n, "ERROR upstream 1.1.1.1 timed out") for n in range(5)])
    logs.write("dns1/adguard", *[(5 + n / 60, f"ERROR upstream 9.9.9.{n} timed out") for n in range(90)])
    logs.write("media/jellyfin", (2, "ERROR boom"), (2, "INFO fine"))
    logs.write("media/jellyfin", *[(n, "WARN as ever") for n in range(-80, 20, 10)])
    events = await log_spikes(logs.source, Window(start=logs.onset - 10 * MINUTE, end=at), Gaps())
    assert [(event.at - logs.onset, event.entity, event.kind) for event in events] == [
        (2 * MINUTE, "jellyfin", "log"),
        (5 * MINUTE, "adguard", "log"),
    ]
    assert events[0].text == "1 line, new: ERROR boom"
    assert events[1].text == "91 lines, 4 in the hour before: ERROR upstream 1.1.1.1 timed out"
    assert events[0].source.endswith("media/jellyfin.log")
