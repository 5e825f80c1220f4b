from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.fault_kinds import load_fault_kinds, traits
from scenarios.injection import affected
from scenarios.schema import Fault, Scenario, load_scenario
from scenarios.topology import load_homelab
from scenarios.world import World

START = datetime(2026, 11, 20, 19, tzinfo=UTC)
HOMELAB = load_homelab()
STEP_S = 15.0


class Seen:
    """Everything a world reports over three hours from its start."""

    def __init__(self, scenario, *, hours=3.0):
        self.times = START.timestamp() + np.arange(0, hours * 3600, STEP_S)
        self.world = World(HOMELAB, scenario, start=START)
        self.series = [*self.world.series(self.times)]

    def get(self, metric, **labels):
        """The one series with these labels."""
        found = [v for n, own, v in self.series if n == metric and labels.items() <= own.items()]
        assert len(found) == 1, f"{metric} {labels}: {len(found)} series"
        return found[0]

    def cpu(self, host, mode):
        """Share of one mode, per step."""
        return np.diff(self.get("node_cpu_seconds_total", instance=f"{host}:9100", cpu="0", mode=mode)) / STEP_S

    def rate(self, metric, **labels):
        return np.diff(self.get(metric, **labels)) / STEP_S

    def share(self, top, bottom, **labels):
        return self.get(top, **labels) / self.get(bottom, **labels)

    def minute(self, minutes):
        return int(minutes * 60 / STEP_S)


def fault(kind, entity, **fields):
    return Scenario(name="x", summary="x", fault=Fault(kind=kind, entity=entity, at="+20m", **fields))


def test_cpu_hog_takes_the_cores_of_its_machine_and_of_no_other():
    seen = Seen(load_scenario("media-cpu-hog"), hours=1.5)
    after = seen.minute(30)
    assert seen.cpu("media", "idle")[after:].max() < 0.07
    assert seen.cpu("media", "idle")[: seen.minute(20) - 1].min() > 0.5
    assert seen.cpu("arr", "idle").min() > 0.5
    assert seen.rate("container_cpu_usage_seconds_total", name="tdarr")[after:].min() > 4
    assert seen.get("node_load1", instance="media:9100")[after:].min() > 6
    duration = seen.get("probe_duration_seconds", instance="https://jellyfin.home.lan")
    assert duration[after:].mean() > 3 * duration[: seen.minute(19)].mean()


@pytest.mark.parametrize("entity", ["git", "pve2", "nas", "sonarr"])
def test_cpu_hog_on_any_kind_of_machine(entity):
    seen = Seen(fault("cpu_hog", entity), hours=1)
    assert seen.cpu(HOMELAB.host_of(entity), "idle")[seen.minute(30) :].max() < 0.1


def test_memory_leak_ends_in_an_oom_kill_and_begins_again():
    seen = Seen(load_scenario("jellyfin-memory-leak"))
    free = seen.share("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes", instance="media:9100")
    own = seen.get("container_memory_working_set_bytes", name="jellyfin")
    kills = seen.get("node_vmstat_oom_kill", instance="media:9100")
    killed = np.flatnonzero(np.diff(kills))
    assert kills.max() == 2
    assert np.array_equal(np.flatnonzero(np.diff(seen.get("container_oom_events_total", name="jellyfin"))), killed)
    assert np.array_equal(np.flatnonzero(np.diff(seen.get("container_start_time_seconds", name="jellyfin"))), killed)
    for moment in killed:
        # HostHighMemory needs 5 minutes above 90 %.
        assert free[moment - seen.minute(6) : moment].max() < 0.10
        assert free[moment + 2] > 0.6
        assert own[moment + 2] < 0.2 * own[moment]
    cpu = seen.get("container_cpu_usage_seconds_total", name="jellyfin")
    assert cpu[killed[0] + 1] < cpu[killed[0]]
    assert seen.get("node_vmstat_oom_kill", instance="photos:9100").max() == 0


def test_a_container_with_a_limit_leaks_up_to_its_limit():
    seen = Seen(fault("memory_leak", "immich-machine-learning"), hours=1.5)
    limit = seen.get("container_spec_memory_limit_bytes", name="immich-machine-learning")
    used = seen.get("container_memory_working_set_bytes", name="immich-machine-learning")
    assert 0.95 < (used / limit).max() < 1
    free = seen.share("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes", instance="photos:9100")
    assert free.min() > 0.2


def test_a_leak_on_a_machine_kills_but_does_not_reboot():
    seen = Seen(fault("memory_leak", "photos"), hours=2)
    assert seen.get("node_vmstat_oom_kill", instance="photos:9100").max() == 1
    assert np.ptp(seen.get("node_boot_time_seconds", instance="photos:9100")) == 0


def test_disk_fill_reaches_the_file_system_through_what_the_service_wrote():
    seen = Seen(load_scenario("nvr-disk-fill"))
    where = {"instance": "nvr:9100", "mountpoint": "/"}
    free = seen.share("node_filesystem_avail_bytes", "node_filesystem_size_bytes", **where)
    assert free[0] > 0.4
    assert 0.02 < free[-1] < 0.05
    written = seen.get("container_fs_usage_bytes", name="frigate")
    avail = seen.get("node_filesystem_avail_bytes", **where)
    assert written[-1] - written[0] == pytest.approx(avail[0] - avail[-1], rel=0.02)
    assert seen.rate("container_fs_writes_bytes_total", name="frigate")[seen.minute(25) :].min() > 1e7


def test_disk_fill_on_the_nas_shows_on_every_mount():
    seen = Seen(fault("disk_fill", "nas"))
    for instance, mount in (("nas:9100", "/tank"), ("media:9100", "/mnt/media")):
        where = {"instance": instance, "mountpoint": mount}
        assert seen.share("node_filesystem_avail_bytes", "node_filesystem_size_bytes", **where)[-1] < 0.06


def test_crash_loop_restarts_every_minute_and_the_proxy_answers_502():
    seen = Seen(load_scenario("paperless-crash-loop"), hours=1)
    started = seen.get("container_start_time_seconds", name="paperless")
    assert len(np.unique(started[~np.isnan(started)])) > 25
    assert 0.3 < np.isnan(started[seen.minute(20) :]).mean() < 0.8
    probe = {"instance": "https://paperless.home.lan"}
    assert seen.get("probe_success", **probe)[seen.minute(21) :].max() == 0
    assert set(seen.get("probe_http_status_code", **probe)[seen.minute(21) :]) == {502.0}
    bad = seen.rate("traefik_service_requests_total", service="paperless@docker", code="502")[seen.minute(21) :]
    assert bad.mean() > 0.05
    others = [v for n, labels, v in seen.series if n == "probe_success" and "paperless" not in labels["instance"]]
    assert min(v.min() for v in others) == 1


def test_a_database_in_a_crash_loop_takes_its_clients_down():
    seen = Seen(fault("crash_loop", "mariadb"), hours=0.6)
    for client in ("bookstack", "firefly", "photoprism"):
        assert seen.get("probe_success", instance=f"https://{client}.home.lan")[-1] == 0
    assert seen.get("probe_success", instance="https://gitea.home.lan").min() == 1


def test_one_resolver_down_makes_names_slow():
    seen = Seen(fault("dns_outage", "adguard"), hours=0.6)
    assert seen.get("probe_success", service="adguard")[-1] == 0
    assert seen.get("probe_success", service="adguard-secondary").min() == 1
    jellyfin = {"instance": "https://jellyfin.home.lan"}
    assert seen.get("probe_duration_seconds", **jellyfin)[-1] > 2
    assert seen.get("probe_success", **jellyfin)[-1] == 1
    unit = {"instance": "dns1:9100", "name": "AdGuardHome.service"}
    assert seen.get("node_systemd_unit_state", state="failed", **unit)[-1] == 1
    assert seen.get("adguard_running", instance="dns1:9618")[-1] == 0


def test_both_resolvers_down_fail_everything_that_has_a_name():
    seen = Seen(load_scenario("dns-outage"), hours=0.6)
    probes = [(labels, v) for n, labels, v in seen.series if n == "probe_success"]
    assert len(probes) > 80
    assert all(values[-1] == 0 for _, values in probes)
    middle = seen.minute(22)
    assert sum(values[middle] == 0 for _, values in probes) == 1
    assert seen.get("probe_http_duration_seconds", instance="https://grafana.home.lan", phase="resolve")[middle] > 2


def test_a_recursor_down_takes_its_resolver_along():
    seen = Seen(fault("dns_outage", "unbound"), hours=0.6)
    assert seen.get("unbound_up", instance="dns1:9167")[-1] == 0
    assert seen.get("probe_success", service="adguard")[-1] == 0


def test_noisy_neighbour_saturates_the_node_and_steals_from_the_others():
    seen = Seen(load_scenario("noisy-neighbour"), hours=1)
    after = seen.minute(25)
    assert seen.get("pve_cpu_usage_ratio", id="node/pve3")[after:].min() > 0.94
    assert seen.get("pve_cpu_usage_ratio", id="qemu/112")[after:].min() > 0.93
    assert seen.cpu("home", "steal")[after:].min() > 0.2
    assert seen.cpu("nvr", "steal")[after:].max() < 0.02
    assert seen.cpu("cloud", "steal").max() < 0.02
    duration = seen.get("probe_duration_seconds", instance="https://homeassistant.home.lan")
    assert duration[after:].mean() > 6 * duration[: seen.minute(19)].mean()


def test_nfs_stall_makes_the_clients_wait():
    seen = Seen(load_scenario("nfs-stall"), hours=1)
    after, before = slice(seen.minute(25), None), slice(0, seen.minute(19))
    disk = {"instance": "nas:9100", "device": "sda"}
    assert seen.rate("node_disk_io_time_seconds_total", **disk)[after].min() > 0.95
    waited, done = (seen.rate(f"node_disk_{what}_total", **disk) for what in ("write_time_seconds", "writes_completed"))
    assert (waited[after] / done[after]).min() > 0.2
    assert (waited[before] / done[before]).max() < 0.03
    for client in ("media", "photos", "backup"):
        assert seen.cpu(client, "iowait")[after].min() > 0.3
        assert seen.rate("node_nfs_rpc_retransmissions_total", instance=f"{client}:9100")[after].mean() > 4
    assert seen.cpu("home", "iowait").max() < 0.05
    assert seen.get("probe_duration_seconds", instance="https://jellyfin.home.lan")[after].min() > 3
    assert seen.get("probe_duration_seconds", instance="https://gitea.home.lan").max() < 1


def test_certificate_expired_or_about_to():
    seen = Seen(load_scenario("certificate-expiry"), hours=1)
    expiry = seen.get("probe_ssl_earliest_cert_expiry", instance="https://vaultwarden.home.lan") - seen.times
    assert expiry[-1] < 0 < expiry[0]
    soon = Seen(fault("certificate_expiry", "grafana"), hours=1)
    left = soon.get("probe_ssl_earliest_cert_expiry", instance="https://grafana.home.lan") - soon.times
    assert 2.9 * 86400 < left[-1] < 3 * 86400


def test_a_guest_that_no_packet_reaches_still_runs():
    seen = Seen(load_scenario("cloud-wrong-vlan"), hours=0.6)
    after = seen.minute(22)
    assert seen.get("up", instance="cloud:9100")[after:].max() == 0
    assert np.isnan(seen.get("container_last_seen", name="nextcloud")[after:]).all()
    assert seen.get("pve_up", id="qemu/107").min() == 1
    assert seen.get("pve_cpu_usage_ratio", id="qemu/107")[after:].min() > 0.05
    assert seen.get("pve_uptime_seconds", id="qemu/107")[-1] > 86400
    assert seen.get("probe_success", instance="https://nextcloud.home.lan")[-1] == 0
    assert seen.get("probe_success", instance="https://gitea.home.lan").min() == 1


def test_a_machine_that_is_off_takes_along_whoever_needs_it_elsewhere():
    seen = Seen(load_scenario("pve2-power-supply"), hours=0.6)
    assert seen.get("pve_up", id="node/pve2")[-1] == seen.get("pve_up", id="lxc/110")[-1] == 0
    assert seen.get("pve_cpu_usage_ratio", id="lxc/110")[-1] == 0
    # Authelia asks PostgreSQL on db; nobody needs the second resolver, which ran there too, as long as the first answers.
    assert seen.get("probe_success", instance="https://authelia.home.lan")[-1] == 0
    for service in ("jellyfin", "homeassistant"):
        expected = 0 if "postgres" in HOMELAB.services[service].needs else 1
        assert seen.get("probe_success", instance=f"https://{service}.home.lan")[-1] == expected


def test_an_exporter_that_is_refused_has_nothing_to_tell_but_runs():
    seen = Seen(load_scenario("pve-token-expired"), hours=0.6)
    assert seen.get("up", job="pve")[-1] == 0
    assert not np.isnan(seen.get("container_last_seen", name="pve-exporter")).any()
    assert len(np.unique(seen.get("container_start_time_seconds", name="pve-exporter"))) == 1
    assert seen.get("probe_success", service="pve-exporter").min() == 1


def test_without_the_internet_names_of_the_house_still_resolve():
    seen = Seen(load_scenario("internet-line-down"), hours=0.6)
    assert seen.get("probe_success", service="adguard")[-1] == 0
    assert seen.get("probe_success", service="adguard-secondary")[-1] == 0
    assert seen.get("adguard_running", instance="dns1:9618")[-1] == 1
    assert seen.get("unbound_recursion_time_seconds_avg", instance="dns1:9167")[-1] > 5
    web = [v for n, own, v in seen.series if n == "probe_success" and own["job"] == "blackbox-http"]
    assert min(values.min() for values in web) == 1
    received = seen.rate("container_network_receive_bytes_total", name="gluetun")
    assert received[seen.minute(26) :].mean() < 0.05 * received[: seen.minute(24)].mean()


def test_a_surge_is_busy_and_slow_and_without_errors():
    seen = Seen(load_scenario("phones-upload"), hours=1)
    after, before = slice(seen.minute(25), None), slice(0, seen.minute(14))
    where = {"service": "immich-server@docker"}
    good = seen.rate("traefik_service_requests_total", code="200", method="GET", **where)
    assert good[after].mean() > 6 * good[before].mean()
    bad = seen.rate("traefik_service_requests_total", code="502", **where)
    assert bad[after].mean() < 0.01 * good[after].mean()
    assert seen.cpu("photos", "idle")[after].max() < 0.1
    assert seen.get("probe_success", instance="https://immich-server.home.lan").min() == 1


def test_a_database_out_of_connections_fails_its_clients_now_and_then():
    seen = Seen(load_scenario("postgres-pool-too-large"), hours=0.8)
    held = seen.get("node_netstat_Tcp_CurrEstab", instance="db:9100")
    assert held[-1] > held[0] + 100
    assert np.ptp(seen.get("node_netstat_Tcp_CurrEstab", instance="cloud:9100")) < 30
    assert seen.get("probe_success", service="postgres").min() == 1
    probe = seen.get("probe_success", instance="https://gitea.home.lan")[seen.minute(28) :]
    assert 0.2 < probe.mean() < 0.9
    assert seen.get("probe_success", instance="https://bookstack.home.lan").min() == 1


def test_a_failing_disk_is_one_of_its_machine_and_says_so_late():
    seen = Seen(load_scenario("nas-disk-failing"), hours=1.5)
    worst = {"instance": "nas:9633", "device": "sdd"}
    pending = seen.get("smartctl_device_attribute", attribute_name="Current_Pending_Sector", **worst)
    status = seen.get("smartctl_device_smart_status", **worst)
    assert pending[seen.minute(40)] > 100
    assert status[seen.minute(40)] == 1
    assert status[-1] == 0
    assert seen.get("smartctl_device_smart_status", instance="nas:9633", device="sda").min() == 1


def test_a_pool_that_misses_a_disk_is_degraded_and_online_no_more():
    seen = Seen(load_scenario("tank-degraded"), hours=0.6)
    states = {state: seen.get("node_zfs_zpool_state", state=state) for state in ("online", "degraded", "faulted")}
    assert {state: values[0] for state, values in states.items()} == {"online": 1, "degraded": 0, "faulted": 0}
    assert {state: values[-1] for state, values in states.items()} == {"online": 0, "degraded": 1, "faulted": 0}


def test_a_clock_is_shared_with_the_containers_of_the_node_and_not_with_its_machines():
    seen = Seen(load_scenario("pve2-unstable-clock"), hours=1)
    offsets = {host: seen.get("node_timex_offset_seconds", instance=f"{host}:9100")[-1] for host in HOMELAB.hosts}
    assert {host for host, offset in offsets.items() if abs(offset) > 1} == {"pve2", "dns2", "git", "db", "docs"}


def test_a_backup_fills_the_link_and_not_more_than_it():
    seen = Seen(load_scenario("hourly-backup"), hours=0.8)
    received = seen.rate("node_network_receive_bytes_total", instance="backup:9100")[seen.minute(20) :]
    speed = seen.get("node_network_speed_bytes", instance="backup:9100")[0]
    assert 0.9 * speed < received.min()
    assert received.max() < speed
    assert seen.cpu("backup", "iowait")[seen.minute(20) :].min() > 0.25


def test_a_proxy_that_is_misconfigured_fails_all_of_its_pages():
    seen = Seen(load_scenario("traefik-login-address"), hours=0.6)
    after = slice(seen.minute(23), None)
    for service in ("gitea", "grafana", "immich-server"):
        bad = seen.rate("traefik_service_requests_total", service=f"{service}@docker", code="502")
        assert bad[after].mean() > 0.3
        assert bad[: seen.minute(20)].mean() < 0.01
    assert seen.get("container_last_seen", name="traefik")[-1] > 0


def test_a_flapping_service_works_in_between():
    seen = Seen(load_scenario("sabnzbd-impatient-healthcheck"), hours=1)
    started = seen.get("container_start_time_seconds", name="sabnzbd")[seen.minute(21) :]
    assert 8 < len(np.unique(started[~np.isnan(started)])) < 14
    assert 0.8 < seen.get("probe_success", instance="https://sabnzbd.home.lan")[seen.minute(21) :].mean() < 1


def test_the_battery_empties_and_is_full_again_when_the_mains_is_back():
    seen = Seen(load_scenario("mains-outage"), hours=1.5)
    charge = seen.get("network_ups_tools_battery_charge", instance="ups")
    assert charge[seen.minute(60)] == 58
    assert charge[0] == charge[-1] == 100
    voltage = seen.get("network_ups_tools_input_voltage", instance="ups")
    assert voltage[seen.minute(30)] == 0 < voltage[-1]


def test_a_duration_ends_the_fault():
    seen = Seen(fault("crash_loop", "gitea", duration="+10m"), hours=1)
    probe = seen.get("probe_success", instance="https://gitea.home.lan")
    assert probe[seen.minute(25)] == 0
    assert probe[seen.minute(31) :].min() == 1
    started = seen.get("container_start_time_seconds", name="gitea")
    assert started[-1] == pytest.approx((START + timedelta(minutes=30)).timestamp(), abs=1)


def test_the_reach_of_effects():
    assert affected(HOMELAB, "jellyfin", "host") == ["media"]
    assert affected(HOMELAB, "jellyfin", "node") == ["pve1"]
    assert {"media", "plex"} <= set(affected(HOMELAB, "jellyfin", "colocated"))
    assert "jellyfin" not in affected(HOMELAB, "jellyfin", "colocated")
    neighbours = affected(HOMELAB, "nvr", "neighbours")
    assert {"home", "mon", "homeassistant", "vpn"} <= set(neighbours)
    assert not {"nvr", "frigate", "pve3", "cloud"} & set(neighbours)
    assert affected(HOMELAB, "nas", "node") == []
    assert affected(HOMELAB, "dns2", "users") == []
    assert {"authelia", "nextcloud"} <= set(affected(HOMELAB, "db", "users"))
    assert not {"pgadmin", "jellyfin", "traefik"} & set(affected(HOMELAB, "db", "users"))


SUITABLE = [
    (kind, entity)
    for kind, what in load_fault_kinds().items()
    for entity in HOMELAB.entities
    if traits(HOMELAB, entity) & set(what.applies_to)
]


@settings(max_examples=12, deadline=None)
@given(
    pair=st.sampled_from(SUITABLE), strong=st.booleans(), seed=st.integers(0, 999), speedup=st.sampled_from([1.0, 30.0])
)
def test_no_fault_uses_more_than_there_is(pair, strong, seed, speedup):
    kind, entity = pair
    what = load_fault_kinds()[kind]
    magnitude = what.magnitude_range[1] if strong else None
    scenario = fault(kind, entity, magnitude=magnitude, scope=what.scopes[-1])
    there = World(HOMELAB, scenario, start=START, seed=seed, speedup=speedup)
    times = START.timestamp() + np.arange(600, 3 * 3600, 97.3)
    for name, _, values in there.series(times):
        seen = values[~np.isnan(values)]
        if name in ("node_cpu_seconds_total", "node_disk_io_time_seconds_total"):
            assert (np.diff(seen) >= -1e-6).all()
            assert (np.diff(seen) <= 97.4).all()
        if name == "pve_cpu_usage_ratio":
            assert (seen <= 1).all()
        if name.endswith("_bytes"):
            assert (seen >= 0).all()
