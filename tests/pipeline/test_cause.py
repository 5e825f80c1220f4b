"""The walk from a symptom to what explains it."""

from __future__ import annotations

from pipeline.cause import affected_by, all_symptoms, conclude, explain_all, explain_symptom, find_symptom
from pipeline.signals import load_domain

DOMAIN = load_domain()


def names(chain):
    return [(step.finding.signal.name, step.finding.entity) for step in chain]


def test_memory_of_a_host_is_explained_by_the_service_that_grew(homelab, finding) -> None:
    host = finding("memory_used", "media", 0.96, 0.40)
    leak = finding("container_memory", "jellyfin", 9e9, 1.4e9)
    other = finding("container_memory", "tdarr", 0.8e9, 0.7e9)
    chain = explain_symptom(host, [host, leak, other], homelab, DOMAIN)
    assert names(chain) == [("memory_used", "media"), ("container_memory", "jellyfin")]
    cause = conclude(chain, ())
    assert (cause.entity, cause.kind) == ("jellyfin", "memory_leak")
    assert cause.confidence >= 0.7


def test_a_rise_that_is_spread_over_services_blames_none_of_them(homelab, finding) -> None:
    host = finding("cpu_used", "media", 0.95, 0.30)
    half = [finding("container_cpu", name, 1.5, 0.1) for name in ("jellyfin", "tdarr")]
    third = finding("container_cpu", "minecraft", 9.0, 0.1)
    chain = explain_symptom(host, [host, *half, third], homelab, DOMAIN)
    assert names(chain)[-1][1] in {"jellyfin", "tdarr"}, "minecraft runs elsewhere and cannot be it"
    even = [finding("container_cpu", name, 0.15, 0.1) for name in ("jellyfin", "tdarr")]
    assert names(explain_symptom(host, [host, *even], homelab, DOMAIN)) == [("cpu_used", "media")]


def test_stolen_cpu_leads_to_the_noisy_neighbour_and_its_service(homelab, finding) -> None:
    steal = finding("cpu_steal", "media", 0.35, 0.0)
    guest = finding("guest_cpu", "games", 0.98, 0.2)
    own = finding("guest_cpu", "media", 0.30, 0.3)
    hog = finding("container_cpu", "minecraft", 3.8, 0.5)
    chain = explain_symptom(steal, [steal, guest, own, hog], homelab, DOMAIN)
    assert names(chain) == [("cpu_steal", "media"), ("guest_cpu", "games"), ("container_cpu", "minecraft")]
    assert conclude(chain, ()).kind == "noisy_neighbour"


def test_a_failing_resolver_explains_everything_that_fails_behind_it(homelab, finding) -> None:
    dns = finding("dns", "adguard", 0, 1)
    probes = [finding("probe", name, 0, 1) for name in ("jellyfin", "tdarr", "minecraft")]
    slow = finding("container_cpu", "tdarr", 1.6, 0.1)
    findings = [*probes, dns, slow]
    chains = explain_all(all_symptoms(findings), findings, homelab, DOMAIN)
    assert names(chains[0])[-1] == ("dns", "adguard")
    assert affected_by(dns, probes, homelab) == ("jellyfin", "tdarr", "minecraft")


def test_iowait_is_traced_to_the_storage_upstream(homelab, finding) -> None:
    waiting = finding("iowait", "media", 0.5, 0.01)
    storage = finding("disk_busy", "nas", 0.99, 0.2)
    assert names(explain_symptom(waiting, [waiting, storage], homelab, DOMAIN))[-1] == ("disk_busy", "nas")


def test_what_was_bad_last_week_as_well_explains_nothing_new(homelab, finding) -> None:
    probe = finding("probe", "jellyfin", 0, 1)
    chronic = finding("dns", "adguard", 0, 0)
    assert names(explain_symptom(probe, [probe, chronic], homelab, DOMAIN)) == [("probe", "jellyfin")]


def test_the_symptom_is_the_abnormal_signal_that_the_family_names_first(homelab, finding) -> None:
    cpu = finding("cpu_used", "media", 0.99, 0.2)
    memory = finding("memory_used", "media", 0.97, 0.4)
    calm = finding("memory_used", "games", 0.30, 0.3)
    order = ["memory_used", "cpu_used"]
    assert find_symptom(["games", "media"], order, [cpu, memory, calm]) is memory
    assert find_symptom(["games"], order, [cpu, memory, calm]) is None


def test_a_chain_of_circular_rules_ends(homelab, finding) -> None:
    everything = [
        finding(
            name,
            entity,
            0 if DOMAIN.signals[name].bad == "down" else 1e9,
            1 if DOMAIN.signals[name].bad == "down" else 0,
        )
        for name in DOMAIN.signals
        for entity in homelab.entities
    ]
    for symptom in everything:
        chain = names(explain_symptom(symptom, everything, homelab, DOMAIN))
        assert len(chain) <= 6
        assert len(set(chain)) == len(chain)


def test_what_says_why_comes_before_what_only_shows_that(homelab, finding) -> None:
    """A crash loop whose link to the failing services is not known is still the better lead than the failures themselves."""
    failing = [finding("probe", name, 0, 1) for name in ("jellyfin", "tdarr")]
    crash = finding("container_restarts", "minecraft", 6, 0)
    chains = explain_all([*failing, crash], [*failing, crash], homelab, DOMAIN)
    assert names(chains[0]) == [("container_restarts", "minecraft")]
    assert conclude(chains[1], ()).confidence < 0.5
