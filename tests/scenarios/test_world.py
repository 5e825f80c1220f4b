import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from scenarios.schema import load_scenario
from scenarios.topology import load_homelab
from scenarios.world import World

START = datetime(2026, 11, 20, 19, tzinfo=UTC)
HOMELAB = load_homelab()


def world(scenario=None, **options):
    return World(HOMELAB, load_scenario(scenario) if scenario else None, start=START, **options)


def key(name, labels):
    return name, tuple(sorted(labels.items()))


def scraped(there, t):
    """What Prometheus would store: samples with the target's labels on top, empty ones dropped."""
    found = {}
    for target in there.targets():
        text = there.scrape(target, t)
        attached = {**target.labels, "job": target.job}
        found[key("up", attached)] = 0.0 if text is None else 1.0
        for line in (text or "").splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")
            own = {f"exported_{k}" if k in attached else k: v for k, v in pairs if v}
            assert key(name, {**own, **attached}) not in found
            found[key(name, {**own, **attached})] = float(value)
    return found


def test_there_are_thousands_of_series_each_once():
    names = [key(name, labels) for name, labels, _ in world().sample(START.timestamp())]
    assert len(names) == len(set(names)) == 6887


@pytest.mark.parametrize("scenario", [None, "paperless-crash-loop", "dns-outage"])
def test_the_series_are_what_scraping_would_have_stored(scenario):
    there = world(scenario)
    moment = START.timestamp() + 1500.25
    stored = {key(name, labels): value for name, labels, value in there.sample(moment)}
    assert stored == scraped(world(scenario), moment)


def test_values_are_a_pure_function_of_time():
    t = START.timestamp()
    times = np.array([t + 4000, t - 90_000, t + 1300.5])
    together = {key(n, labels): values for n, labels, values in world("jellyfin-memory-leak").series(times)}
    for column, moment in enumerate(times):
        alone = {key(n, labels): value for n, labels, value in world("jellyfin-memory-leak").sample(moment)}
        seen = {name: values[column] for name, values in together.items() if not np.isnan(values[column])}
        assert alone.keys() == seen.keys()
        assert all(value == pytest.approx(seen[name], rel=1e-12, abs=1e-9) for name, value in alone.items())


def test_the_seed_changes_values_but_no_names():
    first, second = ({key(n, labels): v for n, labels, v in world(seed=s).sample(START.timestamp())} for s in (1, 2))
    moved = [name for name, value in first.items() if name in second and second[name] != value]
    assert {name for name, _ in first} == {name for name, _ in second}
    assert len(moved) > 3000


def test_nothing_before_the_onset_tells_of_the_fault():
    calm, broken = world(), world("dns-outage")
    moment = broken.onset.timestamp() - 1
    assert calm.sample(moment) == broken.sample(moment)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_can_read_every_exporter():
    there = world()
    seen = {}
    for target in there.targets():
        seen.setdefault(target.job, there.scrape(target, START.timestamp()))
    assert len(seen) == 11
    for job, text in seen.items():
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        # Exit code 3 is lint: the real exporters' names break conventions too (camelCase, _total on gauges).
        assert done.returncode in (0, 3), f"{job}: {done.stderr}"


def test_prometheus_client_can_read_every_exporter():
    there = world("paperless-crash-loop")
    for target in there.targets():
        families = list(text_string_to_metric_families(there.scrape(target, START.timestamp() + 1300)))
        assert all(family.documentation for family in families)
        assert len({family.name for family in families}) == len(families) > 3


def test_the_real_names_are_there():
    names = {name for name, *_ in world().sample(START.timestamp())}
    assert names >= {
        "node_cpu_seconds_total", "node_memory_MemAvailable_bytes", "node_filesystem_avail_bytes", "node_vmstat_oom_kill",
        "node_nfs_rpc_retransmissions_total", "node_network_address_info", "container_memory_working_set_bytes",
        "container_start_time_seconds", "probe_success", "probe_ssl_earliest_cert_expiry", "pve_up", "pve_cpu_usage_ratio",
        "pve_guest_info", "node_zfs_zpool_state", "node_netstat_Tcp_CurrEstab", "smartctl_device_smart_status", "network_ups_tools_ups_status", "adguard_queries",
        "unbound_queries_total", "traefik_service_requests_total", "traefik_service_request_duration_seconds_bucket", "up",
    }  # fmt: skip


def test_containers_carry_the_labels_of_docker_compose():
    found = {
        labels["name"]: labels for name, labels, _ in world().sample(START.timestamp()) if name == "container_last_seen"
    }
    immich = found["immich-server"]
    assert immich["container_label_com_docker_compose_project"] == "photos"
    assert immich["container_label_com_docker_compose_service"] == "immich-server"
    assert immich["container_label_com_docker_compose_depends_on"].startswith("immich-postgres:service_started:false,")
    assert immich["instance"] == "photos:8080"


def test_a_target_is_found_by_what_a_proxy_sees():
    there = world()
    for target in there.targets():
        assert there.target_for(target.address, target.path, dict(target.params)) is target
    assert there.target_for("media:9100", "/other", {}) is None


def test_counters_only_rise_except_where_a_container_restarted():
    there = world("jellyfin-memory-leak")
    times = START.timestamp() + np.arange(0, 3 * 3600, 13.7)
    fell = set()
    for name, labels, values in there.series(times):
        if name.endswith(("_total", "_bucket", "_count", "_sum")) and not name.startswith(("pve_", "smartctl_")):
            seen = values[~np.isnan(values)]
            assert (seen >= 0).all()
            if (np.diff(seen) < 0).any():
                fell.add(labels.get("name", name))
    assert fell == {"jellyfin"}


@pytest.mark.parametrize("count", [1, 40])
def test_a_scrape_and_its_neighbours_agree_on_the_rate(count):
    there = world()
    t = START.timestamp()
    times = np.array([t, t + 300 * count])
    rates, usage = {}, {}
    for name, labels, values in there.series(times):
        if name == "container_cpu_usage_seconds_total":
            rates[labels["name"]] = np.diff(values)[0] / (300 * count)
    for name, service in HOMELAB.services.items():
        usage[name] = service.cpu
    assert all(0.5 * usage[name] < rate < 1.6 * usage[name] for name, rate in rates.items())


LIMITS = {
    "node_timex_offset_seconds": (-0.01, 0.01),
    "probe_duration_seconds": (0.0, 0.5),
    "probe_success": (1, 1),
    "up": (1, 1),
    "pve_up": (1, 1),
    "pve_cpu_usage_ratio": (0.0, 0.6),
    "node_vmstat_oom_kill": (0, 0),
    "node_netstat_Tcp_CurrEstab": (10, 250),
    "network_ups_tools_battery_charge": (90, 100),
    "smartctl_device_smart_status": (1, 1),
    "container_oom_events_total": (0, 0),
}
MODES = {"idle": (0.4, 1.0), "iowait": (0.0, 0.05), "steal": (0.0, 0.011)}


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), hour=st.integers(0, 23))
def test_an_ordinary_week_is_far_from_every_alert(seed, hour):
    there = World(HOMELAB, None, start=START.replace(hour=hour), seed=seed)
    times = START.timestamp() + np.arange(-5 * 86400, 2 * 86400, 2700.0)
    series = [*there.series(times)]
    wholes = {}
    for name, labels, values in series:
        assert np.isfinite(values).all()
        low, high = LIMITS.get(name, (-np.inf, np.inf))
        assert ((values >= low) & (values <= high)).all(), (name, labels)
        if name == "node_cpu_seconds_total":
            low, high = MODES.get(labels["mode"], (0.0, 0.5))
            share = np.diff(values) / np.diff(times)
            assert ((share >= low) & (share <= high)).all(), (name, labels)
        if name in ("node_memory_MemTotal_bytes", "node_filesystem_size_bytes"):
            wholes[labels["instance"], labels.get("mountpoint")] = values
        if name == "probe_ssl_earliest_cert_expiry":
            assert (values - times > 20 * 86400).all()
    for name, labels, values in series:
        if name in ("node_memory_MemAvailable_bytes", "node_filesystem_avail_bytes"):
            free = values / wholes[labels["instance"], labels.get("mountpoint")]
            assert (free > (0.25 if "mountpoint" not in labels else 0.41)).all(), (name, labels)
        if name == "container_memory_working_set_bytes" and (limit := HOMELAB.services[labels["name"]].limit):
            assert (values < 0.8 * limit * 2**20).all(), labels


def test_the_day_has_a_rhythm():
    times = START.timestamp() + np.arange(0, 86400, 600.0)
    for name, labels, values in world().series(times):
        if name == "pve_cpu_usage_ratio" and labels["id"] == "node/pve1":
            assert np.ptp(values) > 0.05


def test_logs_are_in_order_and_the_same_whatever_is_asked_first():
    there = world("dns-outage")
    whole = list(there.logs(START, there.end))
    middle = START + timedelta(minutes=33)
    assert whole == [*there.logs(START, middle), *world("dns-outage").logs(middle, there.end)]
    assert [line.at for line in whole] == sorted(line.at for line in whole)
    assert sum(line.level in ("error", "critical") for line in whole) == 5
    assert {line.host for line in whole} <= set(HOMELAB.hosts)


def test_a_service_that_is_down_logs_nothing_ordinary():
    there = world("dns-outage")
    lines = [line for line in there.logs(there.onset, there.end) if line.entity == "adguard"]
    assert [line.level for line in lines] == ["error"]


def test_a_speedup_brings_forward_what_follows_the_onset_and_nothing_before():
    slow, fast = world("dns-outage"), world("dns-outage", speedup=20)
    assert fast.onset == slow.onset
    assert fast.moment(timedelta(minutes=10)) == START + timedelta(minutes=10)
    assert fast.moment(timedelta(minutes=40)) == fast.onset + timedelta(minutes=1)
    late = slow.onset + timedelta(minutes=4, seconds=1)
    soon = fast.onset + timedelta(seconds=13)
    for there, moment in ((slow, late), (fast, soon)):
        down = [v for n, labels, v in there.sample(moment.timestamp()) if n == "probe_success" and v == 0]
        assert len(down) > 80
    before = slow.sample((slow.onset + timedelta(seconds=13)).timestamp())
    assert sum(n == "probe_success" and v == 0 for n, _, v in before) == 1
