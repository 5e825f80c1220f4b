"""Which words of a command must be a host, a guest, a container or a systemd unit.

Only tools whose arguments are read with certainty are listed, with their options that take a value, so that no value passes for
a name. kubectl is left out: what it names lives in a cluster, not in the inventory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from pipeline.page_commands import PLACEHOLDER, SSH, Command, arguments

Kind = Literal["host", "guest", "container", "unit"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SYSTEM_UNITS: Mapping[str, tuple[str, ...]] = {
    "systemd's own": _words(
        "systemd-* dbus* *getty* user@* user-runtime-dir@* init.scope rc-local console-* kmod* logind"
    ),
    "part of every distribution": _words(
        "ssh sshd cron crond atd anacron rsyslog syslog-ng networking network networkmanager* netplan* ifup* resolvconf wpa_supplicant*"
        " apparmor auditd acpid polkit* snapd* unattended-upgrades apt-* dnf-* packagekit* fwupd* logrotate man-db fstrim e2scrub*"
        " lvm2* mdadm* mdmonitor multipathd iscsi* open-iscsi blk-availability udisks2 rpcbind rpc-* rpc.* nfs nfs-* nfsd autofs"
        " smbd nmbd winbind avahi-daemon bluetooth cups* accounts-daemon irqbalance tuned* tlp haveged rng* keyboard-setup cloud-*"
        " qemu-guest-agent open-vm-tools postfix* exim4 sendmail firewalld nftables iptables* ip6tables* ufw"
    ),
    "they keep the clock": _words("chrony* ntp* openntpd ptp4l"),
    "they run the containers and guests": _words(
        "docker* containerd* podman* crio lxc* lxd* incus* libvirt* virt* kubelet k3s* k0s* microk8s*"
    ),
    "they watch disks, power and pools": _words(
        "smartd smartmontools zfs* zed zfs-zed nut-* upsd upsmon apcupsd hdparm"
    ),
    "part of Proxmox": _words("pve* corosync* proxmox-* qmeventd spiceproxy ksmtuned ceph* vzdump"),
    "agents that run on every machine, which the inventory takes for part of the system": _words(
        "*node-exporter* *node_exporter* *cadvisor* *-exporter *_exporter promtail* alloy grafana-agent* telegraf netdata vector"
        " fluent* filebeat metricbeat collectd zabbix-agent* wazuh-agent* check*mk* beszel* fail2ban crowdsec* tailscaled wg-quick"
        " wireguard* zerotier-one openvpn* keepalived snmpd lldpd cockpit* watchdog* auto-cpufreq monit"
    ),
}
"""Patterns of unit names, lower case, by why the inventory leaves them out."""

UNWATCHED = frozenset(
    _words(
        "router gateway gw switch ap accesspoint modem fritz fritzbox firewall opnsense pfsense unifi printer camera cam phone laptop"
        " desktop workstation pc mac macbook ipmi idrac ilo bmc kvm pikvm pdu tv"
    )
)
"""Machines that people name in pages and seldom scrape."""

_GENERIC = frozenset(
    _words(
        "app apps web www server api backend frontend db database cache worker workers proxy main core client agent cron scheduler job"
        " redis postgres mysql mariadb mongo nginx"
    )
)
"""What compose files call their parts; the containers have other names."""
_BLANKS = frozenset(
    _words(
        "host hostname node nodename name container containername service servicename svc unit user username ip ipaddress address domain"
        " target remote destination source foo bar baz foobar something whatever nnn xxx xyz abc vmid ctid id guest vm ct machine myhost"
        " myserver myservice mycontainer placeholder fqdn all self none bridge ingress"
    )
)
_BLANK_STARTS = ("your", "my-", "my_", "example", "some-", "some_", "new-", "the-", "test-", "demo-", "xx")
_RESERVED = (".example", ".test", ".invalid", ".example.com", ".example.org", ".example.net", "localhost")
_LONGEST = 63
"""Characters of a host name's label (RFC 1035); whatever is longer is no name."""
_SELF = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "host.docker.internal", "gateway.docker.internal"})  # noqa: S104 - compared with, never bound
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")
_UNIT_NAME = re.compile(r"(?=.*[A-Za-z])[\w.-]+(?:@[\w.:\\-]*)?")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_CONTAINER_ID = re.compile(r"[0-9a-f]{12}(?:[0-9a-f]{52})?")
_REMOTE_PATH = re.compile(r"(?:[\w.-]+@)?([A-Za-z0-9][\w.-]+):.*")
_OTHER_UNIT = re.compile(r"\.(?:timer|socket|target|mount|automount|path|slice|scope|device|swap)$")

_REACHING = {
    "ssh": SSH,
    "ping": "cFIilmMpQsStTwW",
    "ping6": "cFIilmMpQsStTwW",
    "ssh-copy-id": "ipoFt",
    "telnet": "belnXSk",
}
"""Tools whose first positional word is a host, with their options that take a value."""
_COPYING = {"scp": "cDFiJloPSX", "sftp": "BbcDFiJloPRSsX", "rsync": "eBMTf"}
_RSYNC = _words(
    "--rsh --exclude --include --filter --files-from --exclude-from --include-from --bwlimit --timeout --port --chown --chmod --info"
    " --log-file --partial-dir --temp-dir --link-dest --compare-dest --copy-dest --backup-dir --suffix --rsync-path --usermap --groupmap"
)
_DOCKER = {
    "restart": "st", "stop": "st", "start": "", "kill": "s", "logs": "n", "pause": "", "unpause": "", "attach": "", "wait": "",
    "update": "cm", "exec": "euw", "top": "", "port": "", "stats": "",
}  # fmt: skip
"""Verbs whose positional words are containers, with their short options that take a value."""
_FIRST_ONLY = ("exec", "top", "port")
_DOCKER_LONG = _words(
    "--signal --time --timeout --since --until --tail --env --env-file --user --workdir --detach-keys --format --index --scale --pull"
    " --wait-timeout --attach --no-attach --exit-code-from --cpus --cpu-shares --cpu-period --cpu-quota --cpuset-cpus --cpuset-mems"
    " --memory --memory-swap --memory-reservation --pids-limit --restart --blkio-weight --checkpoint --filter --status"
)
_COMPOSE = {
    "restart": "t", "stop": "t", "start": "", "kill": "s", "logs": "n", "pause": "", "unpause": "", "up": "t", "exec": "euw",
    "top": "", "pull": "", "ps": "",
}  # fmt: skip
_COMPOSE_LONG = _words("--file --project-name --project-directory --profile --env-file --ansi --parallel --progress")
_SYSTEMCTL = frozenset(
    _words(
        "start stop restart try-restart reload reload-or-restart status is-active is-failed show cat kill reset-failed"
    )
)
_SYSTEMCTL_LONG = _words(
    "--type --property --lines --output --host --machine --state --signal --job-mode --root --what --kill-whom"
)
_GUEST_VERBS = frozenset(
    _words(
        "start stop shutdown reboot reset resume suspend status enter exec push pull resize migrate unlock config pending set mount"
        " unmount guest agent snapshot rollback listsnapshot monitor terminal console"
    )
)


@dataclass(frozen=True, slots=True)
class Named:
    """A name that a command needs to exist. `on` is where the command runs, `project` the compose project it is about.

    `login` marks a host that somebody logs in to: such a machine is somebody's own.
    """

    kind: Kind
    name: str
    on: str = ""
    project: str = ""
    login: bool = False

    @property
    def written(self) -> str:
        return f"guest {self.name}" if self.kind == "guest" else self.name


def named_by(command: Command) -> Iterator[Named]:
    """What `command` names; nothing for a tool that is not known here."""
    tool, *words = command.words
    if tool in ("docker", "podman") and words[:1] == ["compose"]:
        yield from _compose(command, words[1:])
    elif tool == "docker-compose":
        yield from _compose(command, words)
    elif tool in ("docker", "podman"):
        verb, *rest = words[1:] if words[:1] == ["container"] else words or [""]
        if verb in _DOCKER:
            positional = arguments(rest, _DOCKER[verb], _DOCKER_LONG)[1]
            names = positional[:1] if verb in _FIRST_ONLY else positional
            yield from (Named("container", name, command.on) for name in names if _is_container(name))
    elif tool in ("systemctl", "journalctl", "service"):
        yield from (Named("unit", unit, command.on) for unit in _units(tool, words) if _is_judged(unit))
    elif tool in ("pct", "qm"):
        if len(words) > 1 and words[0] in _GUEST_VERBS and words[1].isdigit():
            yield Named("guest", words[1])
    else:
        hosts = (Named("host", host, login=tool in ("ssh", *_COPYING)) for host in _hosts(tool, words))
        yield from (host for host in hosts if _NAME.fullmatch(host.name) or _ADDRESS.fullmatch(host.name))


def _compose(command: Command, words: Sequence[str]) -> Iterator[Named]:
    place = next((place for place, word in enumerate(words) if word in _COMPOSE), None)
    if place is None:
        return
    options, before = arguments(words[:place], "fp", _COMPOSE_LONG)
    verb = words[place]
    names = arguments(words[place + 1 :], _COMPOSE[verb], _DOCKER_LONG)[1][: 1 if verb == "exec" else None]
    if not before:  # else a word that only looks like the verb
        project = " ".join((command.inside, *(value for _, value in options)))
        for name in names:
            if _is_container(name) and name.lower() not in _GENERIC:
                yield Named("container", name, command.on, project)


def _is_container(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and not _CONTAINER_ID.fullmatch(name)


def _units(tool: str, words: Sequence[str]) -> Sequence[str]:
    if tool == "service":
        return words[:1] if words[1:] and words[1] in _SYSTEMCTL else ()
    if tool == "journalctl":
        options, _ = arguments(words, "uptoSUgDcnM", ("--unit", "--user-unit", "--machine"))
        values = [value for option, value in options if option in ("-u", "--unit")]
    else:
        options, values = arguments(words, "tpnoHMsP", _SYSTEMCTL_LONG)
        values = values[1:] if values and values[0] in _SYSTEMCTL else []
    elsewhere = {"--user", "--user-unit", "--global", "--machine", "-M", "--host", "-H", "--root"}
    return () if elsewhere & {option for option, _ in options} else values


def _is_judged(unit: str) -> bool:
    return bool(_UNIT_NAME.fullmatch(unit)) and not _OTHER_UNIT.search(unit) and not _is_system_unit(unit)


def _is_system_unit(unit: str) -> bool:
    name = unit.lower().removesuffix(".service").partition("@")[0]
    return any(
        fnmatchcase(each, pattern)
        for patterns in SYSTEM_UNITS.values()
        for pattern in patterns
        for each in (name, f"{name}@")
    )


def _hosts(tool: str, words: Sequence[str]) -> Iterator[str]:
    if tool in _REACHING:
        positional = arguments(words, _REACHING[tool])[1]
        yield from (word.rpartition("@")[2] for word in positional[:1])
    elif tool in _COPYING:
        for word in arguments(words, _COPYING[tool], _RSYNC)[1]:
            if remote := _REMOTE_PATH.fullmatch(word):
                yield remote[1]
    elif tool in ("nc", "ncat", "netcat"):
        options, positional = arguments(words, "IiMmOPpqsTVWwXxec")
        if len(positional) > 1 and not {"-l", "-U"} & {option for option, _ in options}:
            yield positional[0]
    elif tool in ("dig", "kdig", "drill"):
        yield from (word[1:] for word in words if word.startswith("@"))
    elif tool in ("ansible-playbook", "ansible"):
        limits = [
            value
            for option, value in arguments(
                words, "iulemMfTtacps", ("--limit", "--inventory", "--extra-vars", "--tags")
            )[0]
            if option in ("-l", "--limit")
        ]
        # A bare word may be a group, which no inventory of machines knows; groups seldom end in a number.
        yield from (host for limit in limits for host in re.split(r"[,:]", limit) if host[-1:].isdigit() or "." in host)


def is_placeholder(name: str) -> bool:
    """Whether a reader is meant to put something of their own in its place, or it means nobody in particular."""
    lower = name.lower()
    first = lower.partition(".")[0]
    return (
        bool(set(name) & set("<>{}$*?[]%" + PLACEHOLDER))
        or not 1 < len(first) <= _LONGEST
        or lower in _SELF
        or lower.endswith(_RESERVED)
        or first.startswith(_BLANK_STARTS)
        or first.rstrip("0123456789-_").replace("-", "").replace("_", "") in _BLANKS
        or (name.isupper() and len(name) > 2)
    )
