"""rank_changes: the right change first, decoys not blamed, and nothing blamed where nothing explains it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.vocabulary import Change
from pipeline.rank import RankedChange, Shift, rank_changes

ONSET = datetime(2026, 3, 2, 3, 10, tzinfo=UTC)
TOPOLOGY = {
    "shop": ["db", "cache", "vm1"],
    "db": ["vm2"],
    "cache": ["vm1"],
    "wiki": ["db", "vm3"],
    "vm1": ["node1"],
    "vm2": ["node1", "nas"],
    "vm3": ["node2"],
}


def change(id_: str, minutes_before: float, kind: str, entity: str | None, title: str, **more: object) -> Change:
    return Change(id=id_, at=ONSET - timedelta(minutes=minutes_before), kind=kind, entity=entity, title=title, **more)  # type: ignore[arg-type]


def shift(series: str, score: float = 40, after_s: float = 0, before: float = 1.0, after: float = 4.0) -> Shift:
    return Shift(series, score, "up" if after > before else "down", ONSET + timedelta(seconds=after_s), before, after)


def line(entity: str | None, text: str, after_s: float = 20) -> tuple[datetime, str | None, str]:
    return ONSET + timedelta(seconds=after_s), entity, text


def first(ranked: list[RankedChange]) -> str | None:
    """The id of the cause, None when no change explains the symptom."""
    return ranked[0].change.id if ranked and ranked[0].clears_bar else None


POOL = change(
    "pool", 25, "ansible_task", "db", "postgres : deploy postgresql.conf (changed)",
    files=("roles/postgres/templates/postgresql.conf.j2",), diff="-max_connections = 200\n+max_connections = 20",
)  # fmt: skip
HEADERS = change("headers", 2, "config_commit", "shop", "Reword the footer", files=("shop/README.md",))
WIKI = change("wiki", 1, "image_update", "wiki", "wiki 2.4 → 2.5")
FULL_POOL = [
    line("shop", "FATAL: sorry, too many clients already (max_connections reached)"),
    line("wiki", "could not get a connection from the pool: timeout"),
]


def test_the_option_that_the_errors_name_wins_over_what_is_more_recent() -> None:
    ranked = rank_changes(
        [WIKI, HEADERS, POOL],
        ONSET,
        symptoms=[shift("shop_errors"), shift("db_connections", 20)],
        log_lines=FULL_POOL,
        topology=TOPOLOGY,
    )
    assert first(ranked) == "pool"
    assert any("max_connections" in reason for reason in ranked[0].reasons)
    assert len(ranked) == 3


def test_a_change_after_the_onset_is_never_the_cause() -> None:
    late = POOL.model_copy(update={"at": ONSET + timedelta(seconds=90)})
    ranked = rank_changes([late], ONSET, symptoms=[shift("db_connections")], log_lines=FULL_POOL, topology=TOPOLOGY)
    assert first(ranked) is None
    assert ranked[0].reasons == ("after the onset",)


def test_a_commit_counts_from_when_it_reached_the_machine() -> None:
    carried = POOL.model_copy(update={"at": ONSET - timedelta(hours=9), "effective_at": ONSET - timedelta(minutes=2)})
    assert (
        first(rank_changes([carried], ONSET, symptoms=[shift("db_errors")], log_lines=FULL_POOL, topology=TOPOLOGY))
        == "pool"
    )
    later = POOL.model_copy(update={"effective_at": ONSET + timedelta(minutes=5)})
    assert (
        first(rank_changes([later], ONSET, symptoms=[shift("db_errors")], log_lines=FULL_POOL, topology=TOPOLOGY))
        is None
    )


def test_what_moved_before_the_change_exonerates_it() -> None:
    early = [shift("db_connections", 40, after_s=-45 * 60)]
    ranked = rank_changes([POOL], ONSET, symptoms=early, log_lines=FULL_POOL, topology=TOPOLOGY)
    assert first(ranked) is None
    assert "moved before it" in ranked[0].reasons[0]


def test_a_leak_may_be_hours_old() -> None:
    leak = change("leak", 400, "image_update", "cache", "cache 7.2 → 7.4")
    decoy = change("decoy", 5, "config_commit", "wiki", "Enable dark mode by default", files=("wiki/config.yaml",))
    oom = [line("vm1", "Out of memory: Killed process 4711 (cache) anon-rss:8123004kB")]
    symptoms = [shift("cache_memory_bytes", 60, after_s=-380 * 60), shift("vm1_memory_used", 30, after_s=-300 * 60)]
    assert first(rank_changes([decoy, leak], ONSET, symptoms=symptoms, log_lines=oom, topology=TOPOLOGY)) == "leak"


def test_docs_and_styles_on_the_same_host_are_not_blamed() -> None:
    docs = change("docs", 3, "config_commit", "shop", "Document the checkout flow", files=("shop/docs/checkout.md",))
    style = change("style", 4, "config_commit", "shop", "New theme colours", files=("shop/theme.css",))
    assert first(rank_changes([docs, style], ONSET, symptoms=[shift("shop_latency")], topology=TOPOLOGY)) is None


def test_a_change_elsewhere_is_not_blamed_however_recent() -> None:
    assert first(rank_changes([WIKI], ONSET, symptoms=[shift("cache_cpu")], topology=TOPOLOGY)) is None


def test_a_release_of_the_affected_service_is_blamed_without_a_word_in_common() -> None:
    release = change("release", 4, "image_update", "shop", "shop 3.1.0 → 3.2.0")
    ranked = rank_changes(
        [WIKI, release],
        ONSET,
        symptoms=[shift("shop_errors")],
        log_lines=[line("shop", "NullPointerException in CheckoutService")],
        topology=TOPOLOGY,
    )
    assert first(ranked) == "release"


BUSY_DAY = [
    change("c1", 12, "config_commit", "nas", "Raise the snapshot schedule to hourly", files=("nas/snapshots.yaml",)),
    change("c2", 8, "package_update", "vm2", "unattended-upgrades: 4 packages"),
    change("c3", 3, "ansible_task", "vm2", "base : update motd (changed)", files=("roles/base/templates/motd.j2",)),
]
OUTSIDE = {
    "a dying disk": ([shift("nas_read_wait"), shift("vm2_iowait", 25)], [line("nas", "ata3.00: error: { UNC } Medium Error, sector 8812"), line("nas", "smartd: 8 Currently unreadable (pending) sectors")]),
    "the mains": ([shift("ups_on_battery", 30), shift("ups_input_voltage", 20, before=230.0, after=0.5)], [line("nas", "upsmon: UPS ups@localhost on battery")]),
    "the provider": ([shift("wan_probe_duration", 30), shift("shop_latency", 15)], [line("router", "pppd: LCP terminated by peer; modem hangup")]),
    "more visitors": ([shift("shop_requests", 60), shift("shop_cpu", 25, 30), shift("shop_latency", 12, 60)], [line("shop", "warning: 429 too many requests from crawler")]),
    "a memory error": ([shift("node1_edac_errors", 30)], [line("node1", "EDAC MC0: 1 CE memory read error on DIMM_A1; mce: hardware error")]),
}  # fmt: skip


@pytest.mark.parametrize("what", OUTSIDE)
def test_what_comes_from_outside_is_no_changes_fault(what: str) -> None:
    symptoms, lines = OUTSIDE[what]
    assert (
        first(rank_changes([*BUSY_DAY, WIKI, HEADERS], ONSET, symptoms=symptoms, log_lines=lines, topology=TOPOLOGY))
        is None
    )


def test_an_alert_or_an_annotation_of_the_symptom_is_no_cause() -> None:
    alert = change("alert", 1, "alert", "shop", "ShopSlow: pending → firing")
    assert first(rank_changes([alert], ONSET, symptoms=[shift("shop_latency")], topology=TOPOLOGY)) is None


def test_with_nothing_known_but_times_nothing_is_blamed_lightly() -> None:
    assert first(rank_changes([WIKI, HEADERS, *BUSY_DAY], ONSET)) is None
    assert rank_changes([], ONSET) == []


def test_every_candidate_is_returned_with_reasons() -> None:
    ranked = rank_changes([*BUSY_DAY, POOL, WIKI], ONSET, symptoms=[shift("db_connections")], topology=TOPOLOGY)
    assert {each.change.id for each in ranked} == {"c1", "c2", "c3", "pool", "wiki"}
    assert all(each.reasons and 0 <= each.score <= 1 for each in ranked)
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)


STOPPED = change("stopped", 1, "restart", "cache", "docker compose up --no-start in /opt/stacks/cache")
GONE = [shift("cache_up", 30, before=1.0, after=0.0)]


def test_what_says_that_it_stopped_the_service_needs_no_other_sign() -> None:
    ranked = rank_changes(
        [STOPPED, change("commit", 0, "config_commit", "cache", "Move the password")], ONSET, symptoms=GONE
    )
    assert first(ranked) == "stopped"
    assert "stopped it, by its title" in ranked[0].reasons


def test_a_stop_explains_nothing_where_the_service_still_runs() -> None:
    assert first(rank_changes([STOPPED], ONSET, symptoms=[shift("cache_latency")], topology=TOPOLOGY)) is None


def test_two_candidates_that_nothing_tells_apart_are_both_doubtful() -> None:
    """Each of them alone is the likely cause; side by side neither is."""
    tidy = change("tidy", 8, "image_update", "db", "db 16.3 → 16.4")
    other = change("other", 8, "image_update", "db", "db-exporter 0.15 → 0.16")
    symptoms = [shift("db_errors")]
    for alone in (tidy, other):
        assert first(rank_changes([alone], ONSET, symptoms=symptoms, topology=TOPOLOGY)) == alone.id
    both = rank_changes([tidy, other], ONSET, symptoms=symptoms, topology=TOPOLOGY)
    assert first(both) is None
    assert sum(each.score for each in both) < 1


def test_who_takes_more_of_what_all_share_is_blamed_though_others_fail() -> None:
    greedy = change("greedy", 5, "config_commit", "wiki", "wiki: more workers", diff="+DB_POOL_SIZE: 15\n")
    ranked = rank_changes(
        [greedy, change("prefix", 9, "ansible_task", "db", "db : prefix with the name (changed)")],
        ONSET,
        symptoms=[shift("shop_errors", 60), shift("wiki_errors"), shift("cache_errors")],
        log_lines=[line("db", "FATAL: remaining connection slots are reserved"), line("shop", "error: pool timed out")],
        topology=TOPOLOGY,
        affected={"db": 1.0, "shop": 0.7, "wiki": 0.4, "cache": 0.4},
    )
    assert first(ranked) == "greedy"


@pytest.mark.parametrize(("kind", "blamed"), [("manual", "smart"), ("config_commit", None)])
def test_only_by_hand_does_anybody_bring_about_what_else_comes_from_outside(kind: str, blamed: str | None) -> None:
    tests = change("smart", 5, kind, "nas", "zpool scrub and a long SMART self-test of all disks")
    ranked = rank_changes(
        [tests],
        ONSET,
        symptoms=[shift("nas_iowait")],
        log_lines=[line("nas", "WARNING zed: ZFS event delay vdev=sdc: I/O error after 31 s")],
        affected={"nas": 1.0},
    )
    assert first(ranked) == blamed


def test_what_expires_by_itself_is_no_releases_fault() -> None:
    release = change("release", 6, "image_update", "shop", "shop 3.4 → 3.5")
    lines = [line("shop", "error: 401 Unauthorized: token expired")]
    assert first(rank_changes([release], ONSET, log_lines=lines, affected={"shop": 1.0})) is None
    assert first(rank_changes([release], ONSET, affected={"shop": 1.0})) == "release"
