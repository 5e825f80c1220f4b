"""Which words are ordinary English or the trade's own, so that what is left may be a name; and which words carry content."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache

from tools.knowledge.embedding import model_directory

_TRADE = frozenset(
    """
    alertmanager annotation annotations ansible autoscaling backend backends backlog backoff backpressure backtrace bandwidth binlog bottleneck bottlenecked
    bottlenecks cadvisor cgroup cgroups checksum checksums cli cluster coredump cpu cron crash crashloop crashlooping crashloops cronjob daemon
    daemons dashboard dashboards datastore debian deadlock deadlocked debug dns docker dockerd downtime dropout dropouts egress endpoint
    endpoints errored exporter exporters failover failovers fallback filesystem filesystems firewall firmware fsync goroutine goroutines
    grafana handshake handshakes hardcoded healthcheck healthchecks hostname hostnames hotfix housekeeping http https hypervisor
    hypervisors idempotent ingress inode inodes iowait jitter journald kernel keepalive killer kubelet latencies latency leak leaks lifecycle
    linux localhost lockup login logins logline loglines loki lookup lookups lxc malloc memtable metadata middleware misbehaves
    misconfiguration misconfigured misconfigurations mountpoint mountpoints namespace nameserver nameservers nfs offline offload
    oom oomkilled outage outages outlier outliers overcommit overcommitted overload overloaded overloads overprovisioned packet paging
    passthrough patch permissions playbook playbooks pod pods pool postmortem prometheus promql proxied proxies proxmox quorum
    quota quotas readonly reachability reachable readahead reboot rebooted rebooting reboots rebuild rebuilt recheck redeploy redeployed refcount
    regression regressions reload reloaded reloads replica replicas resilver resilvered resilvering resolver resolvers restart restarts
    retransmission retransmissions retransmits retries retry retrying rollback rollout rollouts rotate runbook runbooks runtime
    runaway saturate saturated saturates saturating saturation scrape scraped scraper scrapes scraping scrub scrubbed scrubs sensor sensors setpoint
    shutdown slowdown slowdowns smart snapshot snapshots spike spiked spikes ssh stalled stalls startup stderr stdout subdomain subnet subsystem swap
    swapped swappiness swapping swaps syslog systemd tablespace teardown telemetry temp tempfile thermal thrash thrashed thrashes thrashing
    threshold thresholds throttle throttled throttles throttling throughput timeout timeouts timestamp timestamps tls tmpfs toolchain
    transcode transcodes transcoded transcoding troubleshoot troubleshooting unavailability unavailable unhealthy uninterruptible
    unmounted unmount unreachable unreadable unresponsive unresolved unusable upgrade upgraded upgrades uplink upstream uptime usage utilisation utilization
    vacuum virtualised virtualized vm vms volume volumes wal watchdog webhook webhooks workaround workarounds workload workloads
    writeback zfs symptom symptoms onset alert alerts inventory homelab evidence culprit plausible corroborate corroborates corroborated
    rollbacks hung hang hangs hanging stuck sluggish spiking coincide coincides coincided coinciding correlate correlates correlated
    dwarf dwarfs dwarfed remediation mitigation mitigate mitigates mitigated mitigating diagnose diagnosed reconnect reconnects reconnected
    disconnect disconnected disconnects unplugged misbehaving overheat overheating overheats overheated uptick footprint headroom readings
    """.split()
)  # fmt: skip
_STOP = frozenset(
    """
    a about above after again all also although an and any are as at be because been before being below between both but by can cannot
    could did do does doing done down during each either else few first for from further get gets had has have having he her here his how i if in into is
    it its itself just keep kept last least less let like look looked looks made make makes many may me might more most much must my near
    need needed needs never next no nor not now of off on once one only onto or other others our out over own per same see seen
    shall she should since so some still such take taken takes than that the their them then there these they this those through thus to
    together too under until up upon us use used uses using very was way we well went were what when where whether which while who
    whom why will with within without would yet you your itself please whose via
    """.split()
)  # fmt: skip
_PREFIXES = ("un", "re", "mis", "over", "under", "non", "pre", "out", "sub", "inter", "auto")
_ENDINGS = (
    ("ies", "y"), ("es", ""), ("s", ""), ("ied", "y"), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ly", ""), ("er", ""),
    ("er", "e"), ("ers", ""), ("ness", ""), ("able", ""), ("able", "e"), ("ment", ""), ("ation", "e"), ("ations", "ate"), ("ation", "ate"), ("ion", ""), ("ion", "e"), ("ity", ""),
    ("ised", "ized"), ("ising", "izing"), ("isation", "ization"), ("ise", "ize"),
)  # fmt: skip
WORD = re.compile(r"[A-Za-z]{3,40}")


@cache
def _vocabulary() -> frozenset[str]:
    """The whole words that the embedding model's tokenizer knows: the 20,000 most frequent of English, in lower case."""
    parsed = json.loads((model_directory() / "tokenizer.json").read_text(encoding="utf-8"))
    return frozenset(word for word in parsed["model"]["vocab"] if word.isalpha() and len(word) > 1)


@lru_cache(maxsize=20_000)
def is_ordinary(word: str) -> bool:
    """Whether a word is English or the trade's own, in any of its forms."""
    lower = word.lower().removesuffix("'s").removesuffix("’s")
    return _is_known(lower) or any(
        lower.startswith(prefix) and len(lower) > len(prefix) + 3 and _is_known(lower[len(prefix) :])
        for prefix in _PREFIXES
    )


def _is_known(word: str) -> bool:
    known = _vocabulary()
    if len(word) < 3 or word in known or word in _TRADE:
        return True
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)] + instead
            doubled = len(stem) > 3 and stem[-1] == stem[-2] and (stem[:-1] in known or stem[:-1] in _TRADE)
            if stem in known or stem in _TRADE or (doubled and ending in ("ed", "ing", "er")):
                return True
    return False


def content_words(text: str) -> set[str]:
    """The stems of the words that carry content, each once."""
    return {stem(word) for word in WORD.findall(text.lower()) if word not in _STOP}


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Crude, and the same for every form of a regular word: restart, restarts, restarted, restarting."""
    for ending in ("ingly", "edly", "ations", "ation", "ings", "ing", "ied", "ies", "ed", "es", "ly", "er", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + ("y" if ending in ("ied", "ies") else "")  # noqa: PLW2901  the one word
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word.removesuffix("e")
