"""Against a real Prometheus whose past was backfilled."""

from __future__ import annotations

import asyncio
import math
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from core.errors import BadResponse, InvalidQuery, SourceRefused, SourceUnavailable
from core.vocabulary import Window
from tools.http import Source
from tools.prometheus import ALLOWED, Prometheus

STEP_S = 15
RULES = """
groups:
  - name: hosts
    interval: 1s
    rules:
      - {record: "job:up:sum", expr: "sum by (job) (up)"}
      - alert: HostHighCpu
        expr: host_cpu_ratio > 0.9
        for: 5m
        labels: {severity: warning}
        annotations: {summary: "CPU of {{ $labels.instance }} is at {{ $value }}", runbook: host-cpu.md}
      - alert: HostDown
        expr: up{job="nothing"} == 0
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} is down"}
      - alert: TargetMissing
        expr: up == 0
        labels: {severity: warning}
        annotations: {summary: "{{ $labels.instance }} gives {{ $value }}"}
      - {alert: Patient, expr: "vector(1)", for: 1h}
"""
CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
  - job_name: gone
    static_configs: [{{targets: ["127.0.0.1:1"]}}]
"""

pytestmark = pytest.mark.skipif(
    not shutil.which("prometheus") or not shutil.which("promtool"), reason="needs the prometheus and promtool binaries"
)


@dataclass(frozen=True)
class Server:
    url: str
    now: datetime
    """When the backfilled past ends, to the minute."""

    def ago(self, minutes: float) -> datetime:
        return self.now - timedelta(minutes=minutes)

    def last(self, minutes: float) -> Window:
        return Window(start=self.ago(minutes), end=self.now)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("prometheus")
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    (directory / "past.om").write_text(past(now))
    backfill = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=192h", "openmetrics", "past.om", "data"]
    subprocess.run(backfill, cwd=directory, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (directory / "rules.yml").write_text(RULES)
    (directory / "prometheus.yml").write_text(CONFIG.format(port=port))
    flags = ["--storage.tsdb.path=data", "--storage.tsdb.retention.time=30d", f"--web.listen-address=127.0.0.1:{port}"]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", *flags], cwd=directory, stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_it_alerts(url, process, directory / "log")
        yield Server(url, now)
    finally:
        process.terminate()
        process.wait(20)


def wait_until_it_alerts(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            data = httpx.get(f"{url}/api/v1/query", params={"query": 'ALERTS{alertname="TargetMissing"}'}).json()[
                "data"
            ]
            if data["result"]:
                return
        except (httpx.HTTPError, ValueError, KeyError):
            pass
        time.sleep(0.1)
    pytest.fail(f"Prometheus did not come up: {log.read_text()[-2000:]}")


def past(now: datetime) -> str:
    """Two hours of hosts, and five of alerts, in OpenMetrics."""
    lines: list[str] = []

    def series(name: str, labels: str, first: float, last: float, value) -> None:
        start, end = (int((now - timedelta(minutes=minutes)).timestamp()) for minutes in (first, last))
        lines.extend(f"{name}{{{labels}}} {value((at - start) / 60)} {at}" for at in range(start, end + 1, STEP_S))

    def gauge(name: str) -> None:
        lines.append(f"# TYPE {name} gauge")

    gauge("host_cpu_ratio")
    series("host_cpu_ratio", 'instance="media:9100"', 120, 0, lambda minute: 0.8 if minute >= 90 else 0.2)
    series("host_cpu_ratio", 'instance="db:9100"', 120, 0, lambda minute: 0.1)
    gauge("host_memory_bytes")
    series("host_memory_bytes", 'instance="media:9100"', 120, 0, lambda minute: 4e9 + 1e7 * minute)
    gauge("host_gone")
    series("host_gone", 'instance="nvr:9100"', 120, 60, lambda minute: 1)
    gauge("host_odd")
    for number, value in enumerate(("NaN", "+Inf", "7")):
        series("host_odd", f'number="{number}"', 60, 0, lambda _, value=value: value)
    gauge("host_many")
    for number in range(70):
        series("host_many", f'number="{number}"', 60, 0, lambda _, number=number: number)
    gauge("ALERTS")
    cpu = 'alertname="HostHighCpu",instance="media:9100",severity="warning"'
    down = 'alertname="HostDown",instance="nas:9100",severity="critical"'
    series("ALERTS", f'alertstate="firing",{cpu}', 240, 60, lambda _: 1)
    series("ALERTS", f'alertstate="firing",{down}', 100, 90, lambda _: 1)
    series("ALERTS", f'alertstate="firing",{down}', 50, 40, lambda _: 1)
    series("ALERTS", f'alertstate="pending",{down}', 52, 50, lambda _: 1)
    gauge("ALERTS_FOR_STATE")
    series("ALERTS_FOR_STATE", cpu, 245, 60, lambda _: int((now - timedelta(minutes=245)).timestamp()))
    return "\n".join([*lines, "# EOF\n"])


@pytest.fixture
async def prometheus(server: Server) -> AsyncIterator[Prometheus]:
    source = Source("prometheus", server.url, allowed=ALLOWED)
    yield Prometheus(source, external_url="https://me:secret@prometheus.home.lan/")
    await source.aclose()


async def test_an_instant_query_at_a_past_moment(prometheus: Prometheus, server: Server) -> None:
    samples = await prometheus.instant("host_cpu_ratio", server.ago(60))
    by_instance = {sample.labels["instance"]: sample for sample in samples}
    assert {name: sample.value for name, sample in by_instance.items()} == {"media:9100": 0.2, "db:9100": 0.1}
    assert by_instance["db:9100"].labels["__name__"] == "host_cpu_ratio"
    assert await prometheus.instant("host_cpu_ratio", server.ago(60 * 24)) == []


async def test_now_is_the_default_and_a_scalar_is_one_sample(prometheus: Prometheus) -> None:
    (one,) = await prometheus.instant("time()")
    assert one.labels == {}
    assert abs(one.value - time.time()) < 60
    assert [sample.value for sample in await prometheus.instant('up{job="gone"}')] == [0.0]


async def test_queries_asked_together_get_what_each_would_get_alone(prometheus: Prometheus, server: Server) -> None:
    queries = [
        "host_cpu_ratio",
        "time()",
        "sum(host_cpu_ratio)",
        "host_cpu_ratio > 0.15",
        "host_gone",
        "-host_cpu_ratio",
    ]
    at = server.ago(60)
    together = await asyncio.gather(*(prometheus.instant(query, at) for query in queries))
    alone = [await prometheus.instant(query, at) for query in queries]
    assert together == alone
    rate = await asyncio.gather(*(prometheus.instant(query, at) for query in queries if query != "time()"))
    assert rate == [vector for query, vector in zip(queries, alone, strict=True) if query != "time()"]


async def test_nan_is_no_value_and_infinity_is_one(prometheus: Prometheus, server: Server) -> None:
    samples = await prometheus.instant("host_odd", server.ago(30))
    assert sorted(sample.value for sample in samples) == [7.0, math.inf]
    assert samples.warnings == ("1 series without a value (NaN) left out",)


async def test_a_query_too_long_for_a_url(prometheus: Prometheus, server: Server) -> None:
    names = "|".join(["media:9100", *(f"host{number}:9100" for number in range(1000))])
    (sample,) = await prometheus.instant(f'host_cpu_ratio{{instance=~"{names}"}}', server.now)
    assert sample.value == 0.8


async def test_a_range_is_summarised_the_shifted_series_first(prometheus: Prometheus, server: Server) -> None:
    result = await prometheus.range("host_cpu_ratio", server.last(120))
    assert (result.returned, result.available, result.step_s) == (2, 2, 60)
    media, database = result.series
    assert (media.labels["instance"], media.before, media.after, media.last) == ("media:9100", 0.2, 0.8, 0.8)
    assert media.onset == server.ago(30)
    assert media.points[-1] == (server.now.timestamp(), 0.8), "the last point lies at the window's end"
    assert (database.onset, database.minimum, database.maximum, database.samples) == (None, 0.1, 0.1, 121)


async def test_a_trend_and_a_gap(prometheus: Prometheus, server: Server) -> None:
    (memory,) = (await prometheus.range("host_memory_bytes", server.last(120))).series
    assert memory.trend_per_hour == pytest.approx(6e8, rel=0.01)
    assert memory.onset is None
    (gone,) = (await prometheus.range("host_gone", server.last(120))).series
    assert gone.gaps == 1


async def test_a_cut_range_keeps_the_largest_and_says_how_many_there_were(
    prometheus: Prometheus, server: Server
) -> None:
    result = await prometheus.range("host_many", server.last(60), max_series=5)
    assert [series.last for series in result.series] == [69, 68, 67, 66, 65]
    assert (result.returned, result.available) == (5, 70)


async def test_series_without_a_finite_value_are_named_as_left_out(prometheus: Prometheus, server: Server) -> None:
    result = await prometheus.range("host_odd", server.last(30))
    assert [series.last for series in result.series] == [7.0]
    assert result.warnings == ("2 series without a finite value left out",)


@pytest.mark.parametrize(("minutes", "step_s"), [(1, 1), (60, 30), (180, 60), (60 * 24, 600), (60 * 24 * 30, 14400)])
async def test_the_step_gives_at_most_240_points(
    prometheus: Prometheus, server: Server, minutes: float, step_s: float
) -> None:
    result = await prometheus.range("vector(1)", server.last(minutes))
    assert result.step_s == step_s
    assert result.series[0].samples <= 240


async def test_a_matrix_is_raw_and_a_step_too_fine_is_widened(prometheus: Prometheus, server: Server) -> None:
    matrix = await prometheus.matrix('host_cpu_ratio{instance="media:9100"}', server.last(60), 15)
    (series,) = matrix.series
    assert series.times.size == series.values.size == 241
    assert series.times[-1] == server.now.timestamp()
    (wide,) = (await prometheus.matrix("vector(1)", server.last(60 * 24 * 7), 1)).series
    assert 10_900 < wide.times.size <= 11_000
    assert wide.times[-1] == server.now.timestamp()


async def test_a_query_that_does_not_parse_names_near_metrics(prometheus: Prometheus) -> None:
    with pytest.raises(InvalidQuery, match=r"unclosed left parenthesis.*did you mean host_cpu_ratio"):
        await prometheus.instant("sum(host_cpu_ration")
    with pytest.raises(InvalidQuery, match="is a range of samples"):
        await prometheus.range("up[5m]", Window(start=datetime.now(UTC), end=datetime.now(UTC)))


async def test_the_parser_speaks_even_when_the_server_does_not() -> None:
    down = Prometheus(Source("prometheus", "http://127.0.0.1:1", allowed=ALLOWED, timeout_s=0.5))
    with pytest.raises(InvalidQuery, match="unclosed left parenthesis"):
        await down.instant("sum(host_cpu_ration")
    with pytest.raises(SourceUnavailable, match="connection refused"):
        await down.instant("up")


async def test_an_empty_answer_is_explained_by_a_missing_metric(prometheus: Prometheus) -> None:
    hint = await prometheus.suggest("rate(host_cpu_ration[5m]) > 0")
    assert hint is not None
    assert hint.startswith("no metric is called host_cpu_ration; did you mean host_cpu_ratio")
    assert await prometheus.suggest('host_cpu_ratio{instance="nobody"}') is None


async def test_what_it_knows_of_itself(prometheus: Prometheus, server: Server) -> None:
    assert (await prometheus.ready())[0].isdigit()
    assert {"host_cpu_ratio", "ALERTS", "up"} <= set(await prometheus.metric_names())
    label_sets = await prometheus.series('host_cpu_ratio{instance=~"media.*"}', server.last(60))
    assert label_sets == [{"__name__": "host_cpu_ratio", "instance": "media:9100"}]
    metadata = await prometheus.metadata("prometheus_build_info")
    assert metadata["prometheus_build_info"].type == "gauge"


async def test_targets_say_why_they_are_down(prometheus: Prometheus) -> None:
    targets = {target.job: target for target in await prometheus.targets()}
    assert targets["prometheus"].health == "up"
    assert (targets["gone"].health, targets["gone"].instance) == ("down", "127.0.0.1:1")
    assert "connection refused" in targets["gone"].last_error


async def test_rules_carry_what_they_see(prometheus: Prometheus) -> None:
    rules = {rule.name: rule for rule in await prometheus.rules()}
    assert set(rules) == {"HostHighCpu", "HostDown", "TargetMissing", "Patient"}
    assert (rules["HostHighCpu"].duration_s, rules["HostHighCpu"].labels) == (300, {"severity": "warning"})
    assert rules["HostHighCpu"].query == "host_cpu_ratio > 0.9"
    assert (rules["Patient"].state, rules["Patient"].alerts[0].state) == ("pending", "pending")
    assert rules["TargetMissing"].alerts[0].annotations == {"summary": "127.0.0.1:1 gives 0"}


async def test_what_fires_now(prometheus: Prometheus) -> None:
    (alert,) = await prometheus.alerts()
    assert (alert.name, alert.state, alert.severity, alert.source) == (
        "TargetMissing",
        "firing",
        "warning",
        "prometheus",
    )
    assert alert.labels["instance"] == "127.0.0.1:1"
    assert alert.summary == "127.0.0.1:1 gives 0"
    assert alert.link is not None
    assert alert.link.startswith("https://prometheus.home.lan/graph?g0.expr=up+%3D%3D+0")


async def test_the_history_of_alerts_has_each_episode(prometheus: Prometheus, server: Server) -> None:
    history = await prometheus.alert_history(Window(start=server.ago(120), end=server.ago(30)))
    assert [(alert.name, alert.starts_at, alert.ends_at, alert.state) for alert in history] == [
        # 240 minutes ago: active since 245, and `for` is five.
        ("HostHighCpu", server.ago(240), server.ago(60), "resolved"),
        ("HostDown", server.ago(100), server.ago(90), "resolved"),
        ("HostDown", server.ago(50), server.ago(40), "resolved"),
    ]
    assert history[0].annotations == {"runbook": "host-cpu.md"}, "the summary needs the value, which is not recorded"
    assert history[1].summary == "nas:9100 is down"
    assert history[1].labels == {"alertname": "HostDown", "instance": "nas:9100", "severity": "critical"}


async def test_a_long_history_is_read_in_steps(prometheus: Prometheus, server: Server) -> None:
    history = await prometheus.alert_history(Window(start=server.ago(60 * 24 * 7), end=server.ago(30)))
    assert [alert.name for alert in history] == ["HostHighCpu", "HostDown", "HostDown"]
    for alert, start, end in zip(history, (240, 100, 50), (60, 90, 40), strict=True):
        assert alert.ends_at is not None
        assert abs(alert.starts_at - server.ago(start)) <= timedelta(minutes=2)
        assert abs(alert.ends_at - server.ago(end)) <= timedelta(minutes=2)


async def test_what_was_firing_at_a_past_moment(prometheus: Prometheus, server: Server) -> None:
    at_95, at_80, at_51, at_35 = await asyncio.gather(
        *(prometheus.alerts_at(server.ago(minutes)) for minutes in (95, 80, 51, 35))
    )
    assert [(alert.name, alert.starts_at) for alert in at_95] == [
        ("HostHighCpu", server.ago(240)),
        ("HostDown", server.ago(100)),
    ]
    assert [alert.name for alert in at_80] == ["HostHighCpu"]
    assert at_51 == [], "pending is not firing"
    assert at_35 == []


async def test_links_open_the_same_query(prometheus: Prometheus, server: Server) -> None:
    window = Window(start=server.ago(90), end=server.now)
    link = urlsplit(prometheus.link('up{job="a b"} == 0', window))
    assert f"{link.scheme}://{link.netloc}{link.path}" == "https://prometheus.home.lan/graph"
    assert parse_qs(link.query) == {
        "g0.expr": ['up{job="a b"} == 0'],
        "g0.tab": ["0"],
        "g0.range_input": ["1h30m"],
        "g0.end_input": [server.now.strftime("%Y-%m-%d %H:%M:%S")],
    }
    assert parse_qs(urlsplit(prometheus.link("up")).query) == {"g0.expr": ["up"], "g0.tab": ["1"]}


async def test_nothing_else_may_be_asked(server: Server) -> None:
    source = Source("prometheus", server.url, allowed=ALLOWED)
    for path in ("/api/v1/admin/tsdb/delete_series", "/-/reload", "/api/v1/status/config"):
        with pytest.raises(SourceRefused, match="allow-list"):
            await source.get_json(path)
    await source.aclose()


async def test_another_server_behind_the_url_is_recognised(server: Server) -> None:
    """Prometheus answers any unknown path with its page; so does much else."""

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{"hello": true}')
        writer.close()

    listener = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    with pytest.raises(BadResponse, match="/api/v1/query: the answer is not that of Prometheus's API"):
        await Prometheus(Source("prometheus", url, allowed=ALLOWED)).instant("up")
    listener.close()
