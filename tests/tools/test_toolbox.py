"""What a model may look up, on a real Prometheus, real log files and a small set of documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from backfilled_homelab import AT, backfilled_prometheus

from core.vocabulary import Alert, Passage, Window
from tools.http import Source
from tools.inventory import Inventory, discover
from tools.logfiles import LogFiles
from tools.prometheus import ALLOWED, Prometheus
from tools.toolbox import MAX_CHARACTERS, NAMES, Toolbox, describe
from tools.toolbox_arguments import lines_of, minutes_of, read_arguments

UTC_ZONE = ZoneInfo("UTC")
pytestmark = pytest.mark.xdist_group("toolbox")


class Pages:
    """Two documents, one of them long."""

    pages = (
        Passage(
            id="K1",
            key="a",
            document="dns.md",
            heading="DNS > Steps",
            score=0.9,
            text="Restart it: `systemctl restart unbound`",
        ),
        Passage(id="K1", key="b", document="long.md", heading="Long", score=0.5, text="word\n" * 2_000),
    )

    def search(self, query: str, k: int = 3) -> list[Passage]:
        return [page for page in self.pages if any(word in page.text for word in query.split())][:k]

    def sections(self, document: str) -> list[Passage]:
        return [page for page in self.pages if page.document == document]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with backfilled_prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture
async def toolbox(url: str, tmp_path: Path) -> Toolbox:
    at = AT - timedelta(minutes=1)
    log = tmp_path / "media" / "jellyfin.log"
    log.parent.mkdir()
    log.write_text(f"{at - timedelta(minutes=2):%Y-%m-%dT%H:%M:%SZ} ERROR token=abcdef0123456789abcdef no space left\n")
    prometheus = Prometheus(Source("prometheus", url, allowed=ALLOWED))

    async def history(window: Window) -> Sequence[Alert] | None:
        fired = Alert(
            name="HostDown", state="resolved", labels={"instance": "media:9100"}, starts_at=at - timedelta(minutes=25)
        )
        return [fired] if window.start <= fired.starts_at else []

    return Toolbox(
        await discover(prometheus, at), at, UTC_ZONE,
        prometheus=prometheus, logs=LogFiles([str(tmp_path / "*" / "*.log")], zone=UTC_ZONE), documents=Pages(), history=history,
    )  # fmt: skip


def test_every_tool_is_described_in_one_line() -> None:
    lines = describe().splitlines()
    assert [line.partition("(")[0] for line in lines] == list(NAMES)
    assert "range(promql, minutes=60): How a PromQL expression went over the last minutes" in lines


async def test_a_value_becomes_evidence_that_an_answer_can_cite(toolbox: Toolbox) -> None:
    found = await toolbox.call("query", 'promql: up{instance="pve1:9100"}')
    assert "pve1:9100" in found.text
    assert found.text.endswith("= 1")
    (item,) = found.evidence
    assert (item.query, item.returned, item.available) == ('up{instance="pve1:9100"}', 1, 1)
    assert item.summary == found.text
    assert item.link


async def test_many_series_are_cut_and_counted(toolbox: Toolbox) -> None:
    found = await toolbox.call("query", "up")
    assert "more, not shown" in found.text
    assert found.evidence[0].available > found.evidence[0].returned


async def test_a_course_tells_its_levels(toolbox: Toolbox) -> None:
    found = await toolbox.call("range", 'promql: up{instance="pve1:9100"}\nminutes: 20')
    assert "last 1, min 1, mean 1, max 1" in found.text
    window = found.evidence[0].window
    assert window is not None
    assert window.length == timedelta(minutes=20)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("reboot", "host: media", "There is no tool 'reboot'. The tools are query, range"),
        ("query", "", "promql is missing"),
        ("query", "promql: sum by (", "query: "),
        ("query", "promql: upp", "up"),
        ("metrics", "words: nothing like it", "No metric's name contains"),
        ("host", "name: medai", "media"),
        ("logs", "name: nosuchhost", "The inventory knows no"),
        ("docs", "words: spaceship", "No page answers that."),
        ("page", "document: gone.md", "There is no document"),
    ],
)
async def test_what_goes_wrong_is_one_plain_line(toolbox: Toolbox, tool: str, arguments: str, said: str) -> None:
    found = await toolbox.call(tool, arguments)
    assert said in found.text
    assert "Traceback" not in found.text
    assert not found.evidence


async def test_log_lines_come_redacted_and_from_the_asked_service(toolbox: Toolbox) -> None:
    found = await toolbox.call("logs", "name: jellyfin\nminutes: 10")
    assert "no space left" in found.text
    assert "abcdef0123456789abcdef" not in found.text + found.evidence[0].summary


async def test_the_inventory_says_where_a_service_runs(toolbox: Toolbox) -> None:
    found = await toolbox.call("host", "jellyfin")
    assert "jellyfin is a service; on media" in found.text


async def test_alerts_are_those_of_the_asked_hours(toolbox: Toolbox) -> None:
    assert "HostDown on media" in (await toolbox.call("alerts", "hours: 1")).text


async def test_pages_are_found_read_and_cut(toolbox: Toolbox) -> None:
    found = await toolbox.call("docs", "words: Restart")
    assert "systemctl restart unbound" in found.text
    assert [passage.document for passage in found.passages] == ["dns.md"]
    long = await toolbox.call("page", "document: long.md")
    assert len(long.text) < MAX_CHARACTERS + 60
    assert "more characters, not shown" in long.text


async def test_a_source_that_is_not_configured_says_so() -> None:
    empty = Toolbox(Inventory({}), AT, UTC_ZONE)
    for tool in ("query", "range", "metrics", "logs", "docs", "page", "alerts"):
        said = (await empty.call(tool, "x")).text
        assert "configured" in said or "indexed" in said or "cannot be read" in said


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("promql: up\nminutes: 5", {"promql": "up", "minutes": "5"}),
        ('{"promql": "up", "minutes": 5}', {"promql": "up", "minutes": "5"}),
        ('promql="up", \nminutes=5', {"promql": "up", "minutes": "5"}),
        ("`up`", {"promql": "up"}),
        ("```\npromql: rate(\n  x[5m])\n```", {"promql": "rate(\n  x[5m])"}),
        ('up{job="node"} == 0', {"promql": 'up{job="node"} == 0'}),
        ("none", {}),
        ("", {}),
    ],
)
def test_arguments_are_read_as_models_write_them(text: str, read: dict[str, str]) -> None:
    assert read_arguments(text, ["promql", "minutes"]) == read


def test_minutes_stay_within_a_week() -> None:
    assert [minutes_of(text, default=60) for text in ("5 min", "0", "99999999999999", "soon")] == [5, 1, 10_080, 60]


def test_a_long_text_keeps_whole_lines() -> None:
    assert lines_of("one\ntwo\nthree", 8) == "one\ntwo\n… 6 more characters, not shown"
